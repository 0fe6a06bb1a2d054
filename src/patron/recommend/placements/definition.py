"""A placement: what is offered at one place of a page or mail, from what, and by which rules.

    {"key": "bought_together", "name": "Bought together", "purpose": "…",
     "chain": ["together"], "fallback": ["similar", "best_sellers"], "count": 6,
     "filters": ["price < 200"], "boosts": ["1.5 if margin > 40% else 1"],
     "pins": [{"product": "SKU-1", "place": 2}],
     "apart": [{"one": "brand = \\"Acme\\"", "other": "brand = \\"Brio\\""}],
     "exclude": {"bought": {"days": 90, "unless": "bought_again >= 20%"}}}

Amounts are in the shop's currency as people write them (49.90), ages in days, shares from 0 to 1.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from patron.kit.money import minor
from patron.recommend.placements.reading import Misset, read
from patron.recommend.rules.grammar import LONGEST, Misspoken
from patron.recommend.rules.language import read_boost, read_filter
from patron.recommend.rules.ruleset import Apart, Pin, Rules
from patron.recommend.rules.types import Goods, Strategy

MOST_PLACES = 50
_HIGHEST = 1e12

Rule = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=LONGEST,
        description="In the language of rules: `price < 20 and in_stock`.",
    ),
]
Share = Annotated[float, Meta(ge=0, le=1)]
Weight = Annotated[float, Meta(ge=-1, le=10)]
Days = Annotated[float, Meta(ge=0, le=3650)]
Amount = Annotated[float, Meta(ge=0, le=_HIGHEST, description="In the shop's currency: 49.9.")]


class Shows(StrEnum):
    PRODUCTS = "products"
    CATEGORIES = "categories"


class Area(StrEnum):
    """Among what popularity is counted."""

    SHOP = "shop"
    CATEGORY = "category"
    COUNTRY = "country"
    SEGMENT = "segment"


class PinSaid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    product: Annotated[str, Meta(min_length=1, max_length=255, description="Its id in the shop.")]
    place: Annotated[int, Meta(ge=1, le=MOST_PLACES, description="Counted from 1.")]


class ApartSaid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is never shown beside each other: in one answer, beside the product looked at or the
    cart."""

    one: Rule
    other: Rule


class PriceRange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without a price a product is outside every range."""

    at_least: Amount | None = None
    at_most: Amount | None = None


class Bought(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What she bought in the last `days` is left out, unless the rule holds."""

    days: Annotated[float, Meta(gt=0, le=3650)]
    unless: Rule | None = None


class Exclude(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out. The product looked at and the cart are meant with their variants."""

    current: bool = True
    cart: bool = True
    viewed: Annotated[bool, Meta(description="What she looked at in this visit.")] = False
    bought: Bought | None = None


class Diversity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The most of a kind in one answer; without a number, any."""

    one_per_parent: Annotated[bool, Meta(description="One variant of a product.")] = True
    per_brand: Annotated[int, Meta(ge=1, le=MOST_PLACES)] | None = None
    per_category: Annotated[int, Meta(ge=1, le=MOST_PLACES)] | None = None


class Weights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Relevance is multiplied by 1 + weight × share: of margin, and of the greatest popularity."""

    margin: Weight = 0
    popularity: Weight = 0


class Explore(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The share of places where products younger than `days` are tried."""

    share: Share = 0
    days: Annotated[float, Meta(gt=0, le=3650)] = 30


class Ignored(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What showing without a click does to relevance: times `factor` each time; after so many times
    it is left out."""

    factor: Share = 1
    hidden_after: Annotated[int, Meta(ge=1, le=1000)] | None = None


class Sees(StrEnum):
    """What somebody sees who is held out."""

    BEST_SELLERS = "best_sellers"
    NOTHING = "nothing"


class Holdout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The share of people who are not offered what the placement says, but what everybody buys, or
    nothing: by them one sees what it earns."""

    share: Annotated[float, Meta(ge=0, le=0.5)] = 0
    sees: Sees = Sees.BEST_SELLERS


class Placement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One placement, as it is saved and answered."""

    key: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$",
            description="What pages and mails ask for.",
        ),
    ]
    name: Annotated[str, Meta(min_length=1, max_length=100, description="For people.")]
    purpose: Annotated[str, Meta(max_length=500, description="What it is for.")] = ""
    on: Annotated[bool, Meta(description="Off, it answers nothing.")] = True
    shows: Shows = Shows.PRODUCTS
    count: Annotated[int, Meta(ge=1, le=MOST_PLACES, description="Places, unless asked for more.")]
    longed_first: Annotated[
        bool,
        Meta(description="Of categories: first what she looks at often and never bought."),
    ] = False
    chain: Annotated[
        list[Strategy],
        Meta(min_length=1, max_length=6, description="Where offers come from, the first first."),
    ]
    fallback: Annotated[
        list[Strategy],
        Meta(max_length=6, description="What fills up when the chain has too little."),
    ] = []
    blend: Annotated[
        list[Strategy],
        Meta(
            max_length=5,
            description="What may have a say beside the first of the chain, in the order in which"
            " it is tried; each night tells whether it is better so.",
        ),
    ] = []
    popular_in: Annotated[
        Area,
        Meta(
            description="Whether best-sellers and trends are those of the shop, of the category of"
            " the product looked at, of her country, or of the smallest of her segments."
        ),
    ] = Area.SHOP
    filters: Annotated[list[Rule], Meta(max_length=20)] = []
    boosts: Annotated[list[Rule], Meta(max_length=20)] = []
    bury: Annotated[list[Rule], Meta(max_length=20, description="What stands last.")] = []
    pins: Annotated[list[PinSaid], Meta(max_length=20)] = []
    apart: Annotated[list[ApartSaid], Meta(max_length=20)] = []
    in_stock: Annotated[bool, Meta(description="Only what can be bought now.")] = True
    price: PriceRange = PriceRange()
    exclude: Exclude = Exclude()
    diversity: Diversity = Diversity()
    weights: Weights = Weights()
    min_relevance: Annotated[
        Share,
        Meta(description="What has less, as a share of the best of its strategy, is left out."),
    ] = 0
    rotation: Annotated[
        Share, Meta(description="How much of its relevance chance may take from a product.")
    ] = 0
    explore: Explore = Explore()
    ignored: Ignored = Ignored()
    holdout: Holdout = Holdout()


def parse(data: Any) -> Placement:
    """A placement out of JSON data; raises Misset, which names path, found and allowed. Its rules
    are read, too: of a wrong one the problem names line and column."""
    found = read(data, Placement)
    for path, text, is_boost in _rules(found):
        try:
            read_boost(text) if is_boost else read_filter(text)
        except Misspoken as wrong:
            where = f"line {wrong.line}, column {wrong.column}: {wrong.problem}"
            raise Misset(path, wrong.found, wrong.allowed, where, wrong.nearest) from None
    _refuse_repeated("$.chain", [*found.chain, *found.fallback], len(found.chain))
    _refuse_unblendable(found)
    _refuse_categories(found)
    for name, problem in (("place", "another pin stands there"), ("product", "is pinned already")):
        said = [getattr(pin, name) for pin in found.pins]
        for number, one in enumerate(said):
            if one in said[:number]:
                raise Misset(f"$.pins[{number}].{name}", one, [], problem)
    low, high = found.price.at_least, found.price.at_most
    if low is not None and high is not None and low > high:
        raise Misset("$.price.at_most", high, [], f"is less than at_least, {low:g}")
    return found


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a placement. What rules may say it cannot tell: that is in the
    list of fields."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **msgspec.json.schema(Placement),
    }


def ranking(placement: Placement, goods: Goods) -> Rules:
    """The placement's rules, ready for the products of a shelf. Pins of products that the shelf
    does not have are passed over; `unknown_pins` names them."""
    exclude, diversity, weights = placement.exclude, placement.diversity, placement.weights
    bought, currency = exclude.bought, goods.currency
    low, high = placement.price.at_least, placement.price.at_most
    return Rules(
        filters=tuple(map(read_filter, placement.filters)),
        boosts=tuple(map(read_boost, placement.boosts)),
        buried=tuple(map(read_filter, placement.bury)),
        apart=tuple(
            Apart(read_filter(pair.one), read_filter(pair.other)) for pair in placement.apart
        ),
        pins=tuple(
            Pin(goods.numbers[pin.product], pin.place)
            for pin in placement.pins
            if pin.product in goods.numbers
        ),
        in_stock=placement.in_stock,
        price_from=None if low is None else minor(low, currency),
        price_to=None if high is None else minor(high, currency),
        exclude_current=exclude.current,
        exclude_cart=exclude.cart,
        exclude_viewed=exclude.viewed,
        exclude_bought_days=bought.days if bought else 0,
        exclude_bought_unless=read_filter(bought.unless) if bought and bought.unless else None,
        one_per_parent=diversity.one_per_parent,
        most_per_brand=diversity.per_brand or 0,
        most_per_category=diversity.per_category or 0,
        min_relevance=placement.min_relevance,
        margin_weight=weights.margin,
        popularity_weight=weights.popularity,
        rotation=placement.rotation,
        explore_share=placement.explore.share,
        explore_days=placement.explore.days,
        ignored_factor=placement.ignored.factor,
        ignored_hidden_after=placement.ignored.hidden_after or 0,
    )


def unknown_pins(placement: Placement, goods: Goods) -> list[str]:
    """Ids of pinned products that the shelf does not have."""
    return [pin.product for pin in placement.pins if pin.product not in goods.numbers]


def _rules(placement: Placement) -> Iterable[tuple[str, str, bool]]:
    """(path, text, whether it is a boost) of every rule."""
    for name in ("filters", "boosts", "bury"):
        for number, text in enumerate(getattr(placement, name)):
            yield f"$.{name}[{number}]", text, name == "boosts"
    for number, pair in enumerate(placement.apart):
        yield f"$.apart[{number}].one", pair.one, False
        yield f"$.apart[{number}].other", pair.other, False
    bought = placement.exclude.bought
    if bought and bought.unless is not None:
        yield "$.exclude.bought.unless", bought.unless, False


def _refuse_unblendable(found: Placement) -> None:
    """Categories are no products, and what begins the chain has its say already."""
    link = [found.chain[0], *found.blend]
    for number, strategy in enumerate(found.blend):
        if strategy in link[: number + 1] or strategy is Strategy.CATEGORIES:
            allowed = [one.value for one in Strategy if one not in (*link, Strategy.CATEGORIES)]
            problem = "is no list of products" if strategy not in link[: number + 1] else (
                "has a say already"
            )  # fmt: skip
            raise Misset(f"$.blend[{number}]", strategy.value, allowed, problem)


def _refuse_categories(found: Placement) -> None:
    """Where products are shown an order of categories would leave the answer empty."""
    if found.shows is Shows.CATEGORIES:
        return
    for name in ("chain", "fallback"):
        for number, strategy in enumerate(getattr(found, name)):
            if strategy is Strategy.CATEGORIES:
                allowed = [one.value for one in Strategy if one is not Strategy.CATEGORIES]
                problem = 'is no list of products, unless "shows" is "categories"'
                raise Misset(f"$.{name}[{number}]", strategy.value, allowed, problem)


def _refuse_repeated(path: str, strategies: list[Strategy], chained: int) -> None:
    for number, strategy in enumerate(strategies):
        if strategy in strategies[:number]:
            where = f"{path}[{number}]" if number < chained else f"$.fallback[{number - chained}]"
            allowed = [one.value for one in Strategy if one not in strategies]
            raise Misset(where, strategy.value, allowed, "stands there twice")

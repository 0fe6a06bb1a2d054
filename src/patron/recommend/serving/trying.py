"""A draft of a placement, tried for anybody: what it would answer, what it leaves out, and why."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from patron.kit.problems import Problem, bad_request, not_found
from patron.recommend.placements.definition import Placement, Shows, parse, unknown_pins
from patron.recommend.rules.types import NONE, Goods, Objection, Touch
from patron.recommend.rules.words import EMPTY, OFF, explained, left_out, why_empty
from patron.recommend.serving.answering import answer, categories, due, shown
from patron.recommend.serving.asking import CategoryItem, Fact, Item, ProductId, Products, Question
from patron.recommend.serving.engine import Engine
from patron.recommend.serving.visitors import Asked, Visitor
from patron.segments.rules.reading import Misread

TRIED = "try"


class Trial(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A `definition`, or the `key` of a placement, and for whom it is tried: a `profile` (an id, or
    `email:…`, `user_id:…`), a `product`, a `cart`. What is left out is a new visitor's."""

    definition: dict[str, Any] | None = None
    key: Annotated[str, Meta(max_length=60)] | None = None
    profile: Annotated[str, Meta(max_length=255)] | None = None
    product: ProductId | None = None
    cart: Products | None = None
    cart_value: Annotated[int, Meta(ge=0)] | None = None
    free_shipping_from: Annotated[int, Meta(ge=0)] | None = None
    viewed: Products | None = None
    exclude: Products = []
    count: Annotated[int, Meta(ge=1, le=50)] | None = None
    params: dict[str, Fact] = {}
    country: Annotated[str, Meta(max_length=2)] | None = None
    seed: Annotated[int, Meta(ge=0, le=2**60)] = 0


class Dropped(msgspec.Struct, frozen=True):
    """How many products a rule kept out; `rule` of filters with their place: `filter[0]`."""

    rule: str
    count: int
    words: str


class TriedItem(msgspec.Struct, frozen=True):
    """An offered product, and why, for the owner."""

    item: Item
    why: list[str]


class KnownOf(msgspec.Struct, frozen=True):
    """What of the visitor was used: how many products of each."""

    viewed: int
    cart: int
    bought: int
    ignored: int
    facts: dict[str, Any]


class Tried(msgspec.Struct, frozen=True):
    """The effect of a placement; where it offers nothing or is off, `why`, and that in `words`. The
    catalog has neither the `unknown_pins` of the placement nor
    the `unknown` products of the trial's cart, visit and exclusions; `kept_out_pins` are pinned,
    but a rule keeps them out, or the answer has no such place."""

    placement: str
    items: list[TriedItem]
    categories: list[CategoryItem]
    dropped: list[Dropped]
    fallback_share: float
    known: KnownOf
    unknown_pins: list[str]
    model: str
    unknown: list[str] = []
    kept_out_pins: list[str] = []
    why: str = ""
    words: str = ""


async def tried(engine: Engine, trial: Trial) -> Tried:
    """What a draft would answer. Raises Problem 400 for a draft that cannot be read, 404 for an
    unknown placement, person or product."""
    placement = drafted(engine, trial)
    visitor = Visitor()
    if trial.profile is not None:
        visitor = await engine.visitors.find(Asked(profile=trial.profile, trusted=True))
        if not visitor.origins:
            raise not_found("profile", trial.profile)
    question = asking(placement, trial)
    await engine.stock.understand(question.named())
    if trial.product is not None and engine.stock.number(trial.product) == NONE:
        raise not_found("product", trial.product)
    return effect(engine, placement, trial, visitor)


def drafted(engine: Engine, trial: Trial) -> Placement:
    """The placement that is tried."""
    if trial.definition is not None:
        return read({"key": trial.key or TRIED, **trial.definition})
    if not trial.key:
        raise bad_request(
            "the trial names nothing to try",
            remedy="give a definition, or the key of a placement",
            path="definition",
        )
    found = engine.book.placements.get(trial.key)
    if found is None:
        raise not_found("placement", trial.key)
    return found


def read(definition: dict[str, Any]) -> Placement:
    """A definition; Problem 400 with the place of what is wrong in it."""
    try:
        return parse(definition)
    except Misread as error:
        raise refused(error) from error


def refused(error: Misread) -> Problem:
    """What is wrong with a placement, as an answer."""
    return bad_request(str(error), remedy=error.remedy, path=f"definition{error.path[1:]}")


def asking(placement: Placement, trial: Trial) -> Question:
    """The question of a trial."""
    return Question(
        placements=[placement.key], product=trial.product, cart=trial.cart,
        cart_value=trial.cart_value, free_shipping_from=trial.free_shipping_from,
        viewed=trial.viewed, exclude=trial.exclude, count=trial.count, params=trial.params,
        country=trial.country,
    )  # fmt: skip


def effect(engine: Engine, placement: Placement, trial: Trial, visitor: Visitor) -> Tried:
    """What a placement answers to a visitor, and what it leaves out."""
    scene = engine.scene(asking(placement, trial), visitor)
    stock, n = engine.stock, trial.count or placement.count
    known = KnownOf(
        len(scene.seen.viewed), len(scene.cart), len(scene.seen.bought), len(scene.seen.ignored),
        dict(scene.customer),
    )  # fmt: skip
    pins, model = unknown_pins(placement, stock.goods), engine.models.version
    asked = [*(trial.cart or ()), *(trial.viewed or ()), *trial.exclude]
    unknown = stock.unknown(asked)
    if placement.shows is Shows.CATEGORIES:
        order = categories(placement, scene, engine.strategies, stock.goods, n)
        fallen = float(any(Touch.FALLBACK in one.codes for one in order))
        why = _why(placement, bool(order), {}, stock.goods)
        return Tried(
            placement.key, [], order, [], fallen, known, pins, model, unknown,
            why=why, words=EMPTY.get(why, ""),
        )  # fmt: skip
    rules = engine.rules(placement)
    found = answer(placement, rules, scene, engine.strategies, stock, n, trial.seed)
    dates = due(found, scene, engine.strategies)
    said = shown(placement, found, stock, "", model, dates)
    why = _why(placement, bool(said.items), found.dropped, stock.goods)
    return Tried(
        placement=placement.key,
        items=[TriedItem(item, explained(item.codes)) for item in said.items],
        categories=[],
        dropped=[
            Dropped(rule, many, _words(rule, placement)) for rule, many in found.dropped.items()
        ],
        fallback_share=found.fallback_share,
        known=known,
        unknown_pins=pins,
        model=model,
        unknown=unknown,
        kept_out_pins=_kept_out(placement, pins, {item.id for item in said.items}),
        why=why,
        words=EMPTY.get(why, ""),
    )


def _why(placement: Placement, is_any: bool, dropped: dict[str, int], goods: Goods) -> str:
    if not placement.on:
        return OFF
    return "" if is_any else why_empty(dropped, goods)


def _words(rule: str, placement: Placement) -> str:
    """Why products are left out, with the rule that does it."""
    name, _, number = rule.rstrip("]").partition("[")
    if name == Objection.FILTER:
        return f"This filter does not let it pass: {placement.filters[int(number)]}"
    if name == Objection.APART:
        pair = placement.apart[int(number)]
        return f"It is never shown beside what is there: {pair.one} – {pair.other}"
    return left_out(rule)


def _kept_out(placement: Placement, unknown: list[str], offered: set[str]) -> list[str]:
    pinned = dict.fromkeys(pin.product for pin in placement.pins)
    return [one for one in pinned if one not in offered and one not in unknown]

"""From a question, the visitor and the goods of this moment to an answer."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np

from patron.recommend.blend.link import Blended, blended
from patron.recommend.placements.definition import Placement
from patron.recommend.rules import rank as ranking
from patron.recommend.rules.rank import rank
from patron.recommend.rules.ruleset import Rules
from patron.recommend.rules.types import NONE, Context, Goods, Offer, Plain, Ranked, Strategy, Touch
from patron.recommend.rules.words import HERS, KEPT_OUT, told
from patron.recommend.serving.asking import (
    Answered,
    CategoryItem,
    Item,
    Question,
    Wired,
    plain,
)
from patron.recommend.serving.goods import Stock
from patron.recommend.serving.strategies import NO_ITEMS, Items, Moment, Strategies
from patron.recommend.serving.visitors import Seen, Visitor, seen

OFFERED = ranking.MOST_PLACES
SPARE, LEAST_OFFERED = 3, 40
"""A chain ends when it has offered so many times what is asked for, for rules take some away; when
they take too many, the rest of the chain is asked after all."""
MOST_CATEGORIES = 1_000


class Scene(msgspec.Struct, frozen=True, eq=False):
    """What all placements of one question share."""

    seen: Seen
    visit: Items
    visit_name: str | None
    ages: "np.ndarray[Any, np.dtype[np.float64]]"
    cart: Items
    cart_value: int
    product: int
    excluded: Items
    customer: Mapping[str, Plain]
    params: Mapping[str, Plain]
    free_shipping_from: int
    now: float


def scene_of(
    question: Question, visitor: Visitor, stock: Stock, now: float, free_shipping_from: int = NONE
) -> Scene:
    """What is known at this moment: what the log says of the visit, then what the page adds."""
    known = seen(visitor, stock.numbers, stock.generation)
    visit, ages = known.visit(now)
    told_views = _numbers(question.viewed or (), stock)
    product = NONE if question.product is None else stock.number(question.product)
    if product != NONE and (not len(visit) or visit[-1] != product):
        told_views = np.append(told_views, np.int32(product))
    if len(told_views):
        visit = np.concatenate([visit, told_views])
        ages = np.concatenate([ages, np.zeros(len(told_views))])
    cart = known.cart if question.cart is None else _numbers(question.cart, stock)
    customer: dict[str, Plain] = dict(visitor.facts)
    if question.country:
        customer["country"] = question.country.upper()
    asked_from = question.free_shipping_from
    return Scene(
        seen=known,
        visit=visit[-50:],
        visit_name=visitor.visit,
        ages=ages[-50:],
        cart=cart,
        cart_value=_value(question, visitor, cart, stock.goods),
        product=product,
        excluded=_numbers(question.exclude, stock),
        customer=customer,
        params=plain(question.params),
        free_shipping_from=free_shipping_from if asked_from is None else asked_from,
        now=now,
    )


def answer(
    placement: Placement,
    rules: Rules,
    scene: Scene,
    strategies: Strategies,
    stock: Stock,
    n: int,
    seed: int,
    taken: Items = NO_ITEMS,
) -> Ranked:
    """The placement's products for this moment, in order, none of them `taken`."""
    known = scene.seen
    context = Context(
        now=scene.now,
        n=n,
        seed=seed,
        product=scene.product,
        cart=scene.cart,
        cart_value=scene.cart_value,
        free_shipping_from=scene.free_shipping_from,
        viewed=scene.visit,
        bought=known.bought,
        bought_at=known.bought_at,
        excluded=np.concatenate([scene.excluded, taken]) if len(taken) else scene.excluded,
        ignored=known.ignored,
        ignored_times=known.ignored_times,
        fresh=strategies.fresh(scene.now) if rules.explore_share > 0 else NO_ITEMS,
        customer=scene.customer,
        params=scene.params,
    )
    moment = Moment(context, known, scene.visit, scene.ages, placement.popular_in, scene.visit_name)
    offers: list[Offer] = []
    left = chained(placement)
    blend = _blend(placement, strategies, moment)
    if blend is not None:
        offers.append(blend.offer)
        left = [(one, fallback) for one, fallback in left if fallback or one not in blend.link]
    offered = sum(len(offer.scored) for offer in offers)
    while left and offered < max(n * SPARE, LEAST_OFFERED):
        strategy, fallback = left.pop(0)
        offer = strategies.propose(strategy, moment, OFFERED, fallback=fallback)
        if offer is not None:
            offers.append(offer)
            offered += len(offer.scored)
    found = rank(offers, stock.goods, rules, context)
    if len(found.items) < n and left:
        # The rules took more away than was to spare.
        more = [
            offer
            for strategy, fallback in left
            if (offer := strategies.propose(strategy, moment, OFFERED, fallback=fallback))
        ]
        found = rank([*offers, *more], stock.goods, rules, context) if more else found
    if blend is not None:
        blend.tell(found)
    return found


def _blend(placement: Placement, strategies: Strategies, moment: Moment) -> Blended | None:
    """What the first link of the chain offers where several strategies have a say in it."""
    blends = strategies.models.blend
    decision = None if blends is None or not placement.blend else blends.of(placement)
    if blends is None or decision is None:
        return None
    return blended(strategies, decision, moment, blends.forests.get(placement.key))


def chained(placement: Placement) -> list[tuple[Strategy, bool]]:
    """The strategies of a placement in order, and which are its fallback."""
    return [
        *((strategy, False) for strategy in placement.chain),
        *((strategy, True) for strategy in placement.fallback),
    ]


Due = Mapping[int, str]
"""By product when somebody is expected to need it again, as a date."""


def due(found: Ranked, scene: Scene, strategies: Strategies) -> Due:
    """The dates of what is offered because she bought it before."""
    if not len(scene.seen.bought) or not any(Strategy.AGAIN in one for one in found.reasons):
        return {}
    context = Context(now=scene.now, n=0)
    dates = strategies.due_dates(Moment(context, scene.seen, scene.visit, scene.ages))
    return {
        item: datetime.fromtimestamp(dates[item], UTC).date().isoformat()
        for item in found.items.tolist()
        if item in dates
    }


def shown(
    placement: Placement, found: Ranked, stock: Stock, rec_id: str, model: str, dates: Due,
    why: str = "",
) -> Answered:  # fmt: skip
    """The answer as it goes out."""
    columns = (found.items.tolist(), found.scores.tolist(), found.because.tolist())
    items = [
        _item(stock, item, score, because, codes, dates.get(item))
        for item, score, because, codes in zip(*columns, found.reasons, strict=True)
    ]
    dropped = found.dropped if why == KEPT_OUT else {}
    return Answered(placement.key, rec_id, items, [], found.fallback_share, model, why, dropped)


def wired(
    placement: Placement, found: Ranked, stock: Stock, rec_id: str, model: str, dates: Due,
    why: str = "",
) -> Wired:  # fmt: skip
    """The same, written: what never changes of a product is written once and not each time."""
    scores = _written([round(score, 6) for score in found.scores.tolist()])[1:-1].split(b",")
    columns = (found.items.tolist(), scores, found.because.tolist(), found.reasons)
    parts: list[bytes] = []
    between, wire = b"[", stock.wire
    for item, score, because, codes in zip(*columns):  # noqa: B905 - hot, and of one length
        title = tail = None
        if because != NONE:
            speaker = stock.face(because)
            title, tail = speaker.title, speaker.id
        parts += (between, wire(item), _why(tuple(codes), title, tail), score)
        if item in dates:
            parts += (b',"due":', _written(dates[item]))
        between = b"},"
    items = msgspec.Raw(b"".join(parts) + b"}]" if parts else b"[]")
    dropped = found.dropped if why == KEPT_OUT else {}
    return Wired(placement.key, rec_id, items, [], found.fallback_share, model, why, dropped)


class _Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an answer says of a product besides its face and its score."""

    reason: str = ""
    codes: list[str] = msgspec.field(default_factory=list)
    because: str | None = None


_written = msgspec.json.Encoder().encode


@lru_cache(4_096)
def _why(codes: tuple[str, ...], title: str | None, because: str | None) -> bytes:
    """The middle of an item's JSON, up to its score: a few of them make up most answers."""
    said = _written(_Said(told(codes, title), list(codes), because))[1:-1]
    return b"," + said + b',"score":' if said else b',"score":'


def categories(
    placement: Placement, scene: Scene, strategies: Strategies, goods: Goods, n: int
) -> list[CategoryItem]:
    """Her own order of categories, of those that have something to buy; of a shop without a past
    the order of its newest products."""
    context = Context(now=scene.now, n=n, cart=scene.cart, viewed=scene.visit)
    moment = Moment(context, scene.seen, scene.visit, scene.ages)
    found = strategies.categories(moment, MOST_CATEGORIES, longed_first=placement.longed_first)
    strategy, codes, scores = Strategy.CATEGORIES.value, found.items.tolist(), found.scores.tolist()
    reasons = [strategy]
    if not codes:
        offer = strategies.propose(Strategy.BEST_SELLERS, moment, OFFERED, fallback=True)
        items = NO_ITEMS if offer is None else offer.scored.items
        codes = list(dict.fromkeys(goods.category.codes[items].tolist()))
        scores = [1.0 / (place + 1) for place in range(len(codes))]
        reasons = [Strategy.BEST_SELLERS.value, Touch.FALLBACK.value]
    seen = scene.seen
    deeds = np.concatenate([seen.views, seen.bought, scene.visit, scene.cart])
    hers = set(goods.category.codes[deeds].tolist())
    there = np.unique(goods.category.codes[goods.shown & goods.in_stock])
    pairs = zip(codes, scores, strict=True)
    kept = [(code, score) for code, score in pairs if code != NONE and code in there][:n]
    return [
        CategoryItem(
            goods.category.words[code],
            HERS if code in hers else told(reasons),
            reasons,
            round(score, 6),
        )
        for code, score in kept
    ]


def _item(
    stock: Stock, item: int, score: float, because: int, codes: list[str], date: str | None
) -> Item:
    face = stock.face(item)
    speaker = stock.face(because) if because != NONE else None
    return Item(
        id=face.id,
        title=face.title,
        url=face.url,
        image_url=face.image_url,
        price=face.price,
        compare_at=face.compare_at,
        currency=face.currency,
        price_text=face.price_text,
        brand=face.brand,
        category=face.category,
        reason=told(codes, None if speaker is None else speaker.title),
        codes=codes,
        because=None if speaker is None else speaker.id,
        score=round(score, 6),
        due=date,
    )


def _numbers(ids: Sequence[str], stock: Stock) -> Items:
    if not ids:
        return NO_ITEMS
    known = [stock.numbers[id] for id in ids if id in stock.numbers]
    if len(known) < len(ids):
        known = [number for id in ids if (number := stock.number(id)) != NONE]
    return np.array(known, np.int32)


def _value(question: Question, visitor: Visitor, cart: Items, goods: Goods) -> int:
    """What the cart is worth in minor units; NONE where nobody says and a price is unknown."""
    if question.cart_value is not None:
        return question.cart_value
    if question.cart is None:
        return NONE if visitor.cart_value is None and visitor.cart else visitor.cart_value or 0
    prices = goods.price[cart]
    known = len(cart) == len(question.cart) and bool((prices >= 0).all())
    return int(prices.sum()) if known else NONE

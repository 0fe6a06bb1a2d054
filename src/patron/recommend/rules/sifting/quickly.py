"""`rank` by compiled loops: hands them columns, asks the rules that are of this moment, and puts
their numbers into words. Needs numba."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend.rules.ruleset import Rules
from patron.recommend.rules.scene import Scene
from patron.recommend.rules.sifting.keeping import Kept, kept_for
from patron.recommend.rules.sifting.objections import apart_from, shown_beside
from patron.recommend.rules.sifting.placing import answered, placed
from patron.recommend.rules.sifting.pool import MOST_OFFERED, MOST_OFFERS
from patron.recommend.rules.sifting.pooling import pooled
from patron.recommend.rules.sifting.shapes import (
    EXPLORED,
    MOST_PLACES,
    PINNED,
    Judged,
    Moment,
    Offered,
    Pooled,
    Said,
)
from patron.recommend.rules.sifting.weights import faded, weighing
from patron.recommend.rules.types import (
    NONE,
    Context,
    Goods,
    Objection,
    Offer,
    Ranked,
    Touch,
    Words,
)
from patron.recommend.types import Scored

_ALL = 0xFFFFFFFFFFFFFFFF
_MOST_RULES = 100
_LOW, _HIGH = -(2**62), 2**62
_NO_ITEMS = np.empty(0, np.int32)
_NO_TIMES = np.empty(0, np.int64)
_NO_SHARES = np.empty(0, np.float64)
_NO_SCORES = np.empty(0, np.float32)
_NO_BYTES = np.empty(0, np.uint8)
_NO_FALLBACK = np.ones(1, np.bool_), np.zeros(1, np.bool_)
_NOBODY = np.full(MOST_PLACES, NONE, np.int32)
_NO_TRUTHS = np.empty(0, np.bool_)
_NO_WEIGHTS = np.empty((0, 0), np.float64)
_NO_PAIRS = np.empty((0, 0), np.bool_)
_NOTHING = (
    _NO_BYTES, _NO_TRUTHS, _NO_TRUTHS, _NO_BYTES, _NO_SHARES, _NO_WEIGHTS, _NO_PAIRS, _NO_PAIRS
)  # fmt: skip
_EARLY = (
    Objection.NOT_SHOWN,
    Objection.OUT_OF_STOCK,
    Objection.CURRENT,
    Objection.IN_CART,
    Objection.EXCLUDED,
    Objection.VIEWED,
    Objection.BOUGHT,
    Objection.IGNORED,
    Objection.PRICE,
)
_LATE = (Objection.RELEVANCE, Objection.PARENT, Objection.BRAND, Objection.CATEGORY)


class Plan(msgspec.Struct, frozen=True):
    """What is the same for every answer under the same rules."""

    said: Said
    pins: NDArray[np.int32]
    pin_places: NDArray[np.int64]
    objections: list[str]
    asks: bool
    """Whether any rule is of the moment."""


def possible(rules: Rules) -> bool:
    """Whether the loops can count so many rules."""
    return max(len(rules.filters), len(rules.apart)) <= _MOST_RULES


def rank(offers: Sequence[Offer], goods: Goods, rules: Rules, context: Context) -> Ranked:
    """See `rank.rank`."""
    kept = kept_for(goods, rules)
    plan: Plan | None = rules.kept.get("plan")
    if plan is None:
        plan = rules.kept["plan"] = _plan(rules, kept)
    offers = list(offers)
    said, offered = plan.said, _offered(offers, plan, context)
    moment = _moment(rules, context)
    if plan.asks:
        found = _asking(kept, plan, offered, moment, context)
    else:
        judged = Judged(kept.bits, kept.factors, *_NOTHING)
        found = answered(offered, kept.columns, said, moment, judged)
        if found[1][-1]:
            kept.learn(offered.items)
            kept.learn(plan.pins)
            kept.learn(offered.fresh)
            found = answered(offered, kept.columns, said, moment, judged)
    return _told(offers, offered, plan, found)


def _asking(
    kept: Kept, plan: Plan, offered: Offered, moment: Moment, context: Context
) -> tuple[Any, ...]:
    """The same where rules of the moment are to be asked."""
    pool: Pooled = pooled(offered, kept.columns, plan.said, moment, kept.bits)
    if pool.strange:
        kept.learn(pool.items)
    judged = _judged(kept, pool, context)
    found = placed(pool, kept.columns, plan.said, moment, offered, judged)
    return found, (pool.unknown, pool.repeated, pool.strange)


def warm() -> None:
    """Have everything compiled."""
    none, one = np.full(1, NONE, np.int32), np.ones(1, np.bool_)
    nothing = Words(none, [])
    goods = Goods(
        currency="EUR",
        price=none.astype(np.int64),
        compare_at=none.astype(np.int64),
        in_stock=one,
        stock=none,
        brand=nothing,
        category=nothing,
        parent=none,
        margin=none.astype(np.float32),
        first_seen=none.astype(np.int64),
        popularity=none.astype(np.float32),
        repeat=none.astype(np.float32),
        shown=one,
        kind=nothing,
    )
    scored = Scored(np.zeros(1, np.int32), np.ones(1, np.float32))
    for rules in (Rules(), Rules(margin_weight=1)):
        rank([Offer("together", scored)], goods, rules, Context(now=0.0, n=1))


def _plan(rules: Rules, kept: Kept) -> Plan:
    pins = sorted(rules.pins, key=lambda pin: pin.place)
    split = kept.split
    low, high = rules.price_from, rules.price_to
    filters = [f"{Objection.FILTER}[{n}]" for n in range(len(rules.filters))]
    apart = [f"{Objection.APART}[{n}]" for n in range(len(rules.apart))]
    return Plan(
        Said(
            in_stock=rules.in_stock,
            siblings=rules.one_per_parent,
            exclude_current=rules.exclude_current,
            exclude_cart=rules.exclude_cart,
            exclude_viewed=rules.exclude_viewed,
            bought_days=float(rules.exclude_bought_days),
            hidden_after=int(rules.ignored_hidden_after),
            has_price=low is not None or high is not None,
            price_from=_LOW if low is None else low,
            price_to=_HIGH if high is None else high,
            min_relevance=float(rules.min_relevance),
            ignored_factor=rules.ignored_factor < 1,
            rotation=float(rules.rotation),
            explore_share=float(rules.explore_share),
            explore_days=float(rules.explore_days),
            filters=len(filters),
            apart=len(apart),
            caps=(int(rules.one_per_parent), rules.most_per_brand, rules.most_per_category),
        ),
        np.array([pin.item for pin in pins], np.int32),
        np.array([pin.place for pin in pins], np.int64),
        [*(one.value for one in _EARLY), *filters, *apart, *(one.value for one in _LATE)],
        bool(
            split.filters_now or split.buried_now or split.boosts_now or split.unless_now
            or rules.apart or rules.margin_weight or rules.popularity_weight
        ),
    )  # fmt: skip


def _offered(offers: list[Offer], plan: Plan, context: Context) -> Offered:
    if len(offers) == 1:  # as most answers are made
        scored = offers[0].scored
        items = _plain(scored.items[:MOST_OFFERED], _NO_ITEMS)
        scores = scored.scores[:MOST_OFFERED].astype(np.float64)
        starts, judged = np.array([0, len(items)]), _NO_FALLBACK[int(offers[0].is_fallback)]
    else:
        parts = [offer.scored for offer in offers[:MOST_OFFERS]]
        lists = [part.items[:MOST_OFFERED] for part in parts]
        items = np.concatenate(lists or [_NO_ITEMS], dtype=np.int32)
        shares = [part.scores[:MOST_OFFERED] for part in parts] or [_NO_SCORES]
        scores = np.concatenate(shares, dtype=np.float64)
        starts = np.array([0, *accumulate(map(len, lists))], np.int64)
        judged = np.array([not offer.is_fallback for offer in offers[:MOST_OFFERS]], np.bool_)
    return Offered(
        items,
        scores,
        starts,
        judged,
        plan.pins,
        plan.pin_places,
        _plain(context.fresh, _NO_ITEMS) if plan.said.explore_share > 0 else _NO_ITEMS,
    )


def _moment(rules: Rules, context: Context) -> Moment:
    viewed = bought = ignored = ignored_times = _NO_ITEMS
    bought_at, fading = _NO_TIMES, _NO_SHARES
    if rules.exclude_viewed:
        viewed = _plain(context.viewed, _NO_ITEMS)
    if rules.exclude_bought_days > 0 and len(context.bought):
        bought, bought_at = _plain(context.bought, _NO_ITEMS), _plain(context.bought_at, _NO_TIMES)
    if len(context.ignored) and (rules.ignored_hidden_after or rules.ignored_factor < 1):
        ignored = _plain(context.ignored, _NO_ITEMS)
        ignored_times = _plain(context.ignored_times, _NO_ITEMS)
        if rules.ignored_factor < 1:
            fading = faded(rules, ignored_times)
    return Moment(
        float(context.now),
        int(context.n),
        np.uint64(context.seed & _ALL),
        int(context.product),
        _plain(context.cart, _NO_ITEMS) if rules.exclude_cart else _NO_ITEMS,
        viewed,
        bought,
        bought_at,
        _plain(context.excluded, _NO_ITEMS),
        ignored,
        ignored_times,
        fading,
    )


def _plain(found: NDArray[Any], none: NDArray[Any]) -> NDArray[Any]:
    """The same in the one form that loops are compiled for."""
    if not len(found):
        return none
    flags = found.flags
    if flags.writeable and flags.c_contiguous and found.dtype == none.dtype:
        return found
    return np.array(found, none.dtype)


def _judged(kept: Kept, pool: Pooled, context: Context) -> Judged:
    """What the rules say."""
    scene, rules, split = Scene(kept.goods, context, pool.items), kept.rules, kept.split
    filtered = np.zeros(len(pool.items) if split.filters_now else 0, np.uint8)
    for number, rule in reversed(split.filters_now):
        filtered[~rule.mask(scene)] = number + 1
    buried = np.zeros(len(pool.items) if split.buried_now else 0, np.bool_)
    for rule in split.buried_now:
        buried |= rule.mask(scene)
    factor = _NO_SHARES
    if split.boosts_now:
        factor = kept.factors[pool.items] if split.boosts else np.ones(len(pool.items))
        for boost in split.boosts_now:
            factor = factor * boost.factors(scene)
    apart = np.zeros(len(pool.items) if rules.apart else 0, np.uint8)
    ones = others = _NO_PAIRS
    if rules.apart:
        beside = shown_beside(kept.goods, context)
        for number, pair in reversed(list(enumerate(rules.apart))):
            apart[apart_from(pair, scene, beside)] = number + 1
        ones = np.array([pair.one.mask(scene) for pair in rules.apart])
        others = np.array([pair.other.mask(scene) for pair in rules.apart])
    weights = list(weighing(scene, rules))
    return Judged(
        kept.bits,
        kept.factors,
        filtered,
        _NO_TRUTHS if split.unless_now is None else split.unless_now.mask(scene),
        buried,
        apart,
        factor,
        np.array(weights) if weights else _NO_WEIGHTS,
        ones,
        others,
    )


def _told(offers: list[Offer], offered: Offered, plan: Plan, found: Any) -> Ranked:
    (items, numbers, sources, touches, scores, lifted, dropped), counts = found
    columns = (numbers.tolist(), sources.tolist(), touches.tolist(), lifted.tolist())
    said: dict[tuple[int, int, bool], list[str]] = {}
    reasons: list[list[str]] = []
    for number, _, touch, is_lifted in zip(*columns):  # noqa: B905 - hot, and of one length
        kind = number, touch, is_lifted
        if kind not in said:
            said[kind] = _codes(offers[number] if number >= 0 else None, touch, is_lifted)
        reasons.append(said[kind].copy())
    because = _NOBODY[: len(items)].copy()
    if any(offer.because is not None for offer in offers):
        for place, (number, source, _, _) in enumerate(zip(*columns, strict=True)):
            named = offers[number].because if number >= 0 else None
            if named is not None:
                because[place] = named[source - offered.starts[number]]
    many = {
        plan.objections[number]: count for number, count in enumerate(dropped.tolist()) if count
    }
    unknown, repeated, _ = counts
    if unknown:
        many[Objection.NO_PRODUCT.value] = unknown
    if repeated:
        many[Objection.TWICE.value] = repeated
    return Ranked(items, scores, reasons, because, many)


def _codes(offer: Offer | None, touch: int, is_lifted: bool) -> list[str]:
    """Why a product stands there, see `rank._answer`."""
    codes = []
    if offer is not None and touch != EXPLORED:
        codes.append(str(offer.strategy))
        if offer.is_fallback:
            codes.append(Touch.FALLBACK.value)
        if is_lifted:
            codes.append(Touch.BOOSTED.value)
    if touch == PINNED:
        codes.append(Touch.PINNED.value)
    elif touch == EXPLORED:
        codes.append(Touch.EXPLORED.value)
    return codes

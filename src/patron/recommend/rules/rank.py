"""From what strategies offer to an answer: filtered, weighed, placed, with its reasons.

Strategies come in the order of the chain: what a later one offers stands after what an earlier one
does. Within one, relevance (share of the offer's best) is multiplied by boosts and weights.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patron.recommend import compiling
from patron.recommend.rules.ruleset import Rules
from patron.recommend.rules.scene import Bools, Floats, Scene
from patron.recommend.rules.sifting.objections import objections, times_ignored
from patron.recommend.rules.sifting.pool import Pool, chance, drawn, gathered
from patron.recommend.rules.sifting.taken import Taken
from patron.recommend.rules.sifting.weights import faded, weighing
from patron.recommend.rules.types import Context, Goods, Objection, Offer, Ranked, Touch

MOST_PLACES = 200
_OTHER = 0x5851F42D4C957F2D
"""Makes another seed of a seed, so that which place is tried says nothing about which product."""


def rank(offers: Sequence[Offer], goods: Goods, rules: Rules, context: Context) -> Ranked:
    """The answer: at most `context.n` products (200 at most), none against the rules.

    The same input gives the same answer. A pin stands at its place unless it is kept out or there
    is too little to stand before it.
    """
    quickly = _quickly() if Compiled.is_ready else None
    if quickly is not None and quickly.possible(rules):
        found: Ranked = quickly.rank(offers, goods, rules, context)
        return found
    return plainly(offers, goods, rules, context)


class Compiled:
    """Whether the loops have been compiled: until then numpy does the same."""

    is_ready = False


def warm() -> None:
    """Have the loops compiled, or read from their cache; takes seconds at the very first start."""
    quickly = _quickly()
    if quickly is not None and not Compiled.is_ready:
        quickly.warm()
        Compiled.is_ready = True


@cache
def _quickly() -> Any:
    """The compiled ranking, None without numba."""
    if not compiling.possible():
        return None
    return import_module("patron.recommend.rules.sifting.quickly")


def plainly(offers: Sequence[Offer], goods: Goods, rules: Rules, context: Context) -> Ranked:
    """`rank` in numpy."""
    offers = list(offers)
    pool = gathered(offers, goods, rules, context)
    scene = Scene(goods, context, pool.items)
    before = {Objection.NO_PRODUCT: pool.unknown, Objection.TWICE: pool.repeated}
    dropped = {name.value: many for name, many in before.items() if many}
    is_alive = _alive(scene, pool, offers, rules, dropped)
    weighed = _scores(scene, pool, rules)
    order = _order(scene, pool, weighed[0], is_alive, rules)
    taken = Taken(scene, rules)
    rows, touched = _placed(order, is_alive, pool, rules, context, taken)
    for name, many in taken.refused.items():
        dropped[name] = dropped.get(name, 0) + many
    return _answer(pool, offers, weighed, rows, touched, dropped)


def _alive(
    scene: Scene, pool: Pool, offers: list[Offer], rules: Rules, dropped: dict[str, int]
) -> Bools:
    """What nothing speaks against; `dropped` is told the rest."""
    alive = np.ones(len(pool), np.bool_)
    fresh = pool.is_fresh if rules.explore_share > 0 else None

    def object_to(name: str, found: Bools) -> None:
        hit = alive & found
        if not hit.any():
            return
        alive[hit] = False
        # Of new products a few were drawn, whether they fit or not: that tells nobody anything.
        if many := int(np.count_nonzero(hit if fresh is None else hit & ~fresh)):
            dropped[name] = dropped.get(name, 0) + many

    for name, found in objections(scene, rules):
        object_to(name, found)
    if rules.min_relevance > 0:
        # What fills up is there because nothing relevant is left.
        judged = [n for n, offer in enumerate(offers) if not offer.is_fallback]
        low = np.isin(pool.offer, judged) & (pool.relevance < rules.min_relevance)
        object_to(Objection.RELEVANCE, low)
    return alive


def _scores(scene: Scene, pool: Pool, rules: Rules) -> tuple[Floats, Bools]:
    """Relevance times everything that weighs, and which products a boost has lifted."""
    factor = np.ones(len(pool))
    for boost in rules.boosts:
        factor = factor * boost.factors(scene)
    is_boosted = factor > 1
    scores = pool.relevance * factor
    for weight in weighing(scene, rules):
        scores *= weight
    if rules.ignored_factor < 1 and len(scene.context.ignored):
        scores *= faded(rules, times_ignored(scene.context, pool.items))
    if rules.rotation > 0:
        scores *= 1 - rules.rotation * chance(scene.context.seed, pool.items)
    return scores, is_boosted


def _order(
    scene: Scene, pool: Pool, scores: Floats, is_alive: Bools, rules: Rules
) -> NDArray[np.int64]:
    """Rows that may be placed, best first: the buried after all others, then by the chain."""
    buried = np.zeros(len(pool), np.bool_)
    for rule in rules.buried:
        buried |= rule.mask(scene)
    best_first = np.lexsort((pool.items, -scores, pool.offer, buried))
    return best_first[(is_alive & (pool.offer >= 0))[best_first]]


def _placed(
    order: NDArray[np.int64],
    is_alive: Bools,
    pool: Pool,
    rules: Rules,
    context: Context,
    taken: Taken,
) -> tuple[list[int], set[tuple[int, Touch]]]:
    """Rows in the order of the answer, and which of them were pinned or are tried out."""
    places: list[int | None] = [None] * max(0, min(context.n, MOST_PLACES))
    touched: set[tuple[int, Touch]] = set()
    used: set[int] = set()

    def put(row: int, place: int, touch: Touch | None = None) -> bool:
        if row in used or not taken.allows(row):
            return False
        places[place] = row
        used.add(row)
        if touch:
            touched.add((row, touch))
        return True

    if rules.pins:
        for pin in sorted(rules.pins, key=lambda pin: pin.place):
            pinned = np.flatnonzero((pool.items == pin.item) & is_alive).tolist()
            free = [n for n in range(max(pin.place, 1) - 1, len(places)) if places[n] is None]
            if pinned and free:
                put(pinned[0], free[0], Touch.PINNED)
    rows = order.tolist()
    if len(pool.young):
        # What stands high by itself keeps its place: what is tried gets places of its own.
        tried = _tried(places, rules, context)
        _fill(places, rows, put, tried)
        row_of = {item: row for row, item in enumerate(pool.items.tolist())}
        rows_of_young = [row_of[item] for item in pool.young.tolist()]
        young = iter([row for row in rows_of_young if is_alive[row]])
        for place in tried:
            next((row for row in young if put(row, place, Touch.EXPLORED)), None)
    _fill(places, rows, put)
    return [row for row in places if row is not None], touched


def _fill(
    places: list[int | None],
    order: Iterable[int],
    put: Callable[[int, int], bool],
    but: Sequence[int] = (),
) -> None:
    free = iter([n for n, row in enumerate(places) if row is None and n not in but])
    place = next(free, None)
    for row in order:
        if place is None:
            return
        if put(row, place):
            place = next(free, None)


def _tried(places: list[int | None], rules: Rules, context: Context) -> list[int]:
    """The places for new products: their share of all, the rest of it rounded by chance; never the
    first place, unless there is but one."""
    many = int(len(places) * min(rules.explore_share, 1.0) + drawn(context.seed, -1))
    free = [n for n, row in enumerate(places) if row is None and (n or len(places) == 1)]
    return sorted(sorted(free, key=lambda place: drawn(context.seed ^ _OTHER, place))[:many])


def _answer(
    pool: Pool,
    offers: list[Offer],
    weighed: tuple[Floats, Bools],
    rows: list[int],
    touched: set[tuple[int, Touch]],
    dropped: dict[str, int],
) -> Ranked:
    scores, is_boosted = weighed
    reasons = []
    for row in rows:
        number = int(pool.offer[row])
        codes = []
        is_tried = (row, Touch.EXPLORED) in touched
        if number >= 0 and not is_tried:
            codes.append(offers[number].strategy)
            if offers[number].is_fallback:
                codes.append(Touch.FALLBACK.value)
            if is_boosted[row]:
                codes.append(Touch.BOOSTED.value)
        codes += [
            touch.value for touch in (Touch.PINNED, Touch.EXPLORED) if (row, touch) in touched
        ]
        reasons.append(codes)
    return Ranked(
        pool.items[rows], scores[rows].astype(np.float32), reasons, pool.because[rows], dropped
    )

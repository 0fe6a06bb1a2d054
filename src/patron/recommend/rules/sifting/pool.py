"""All products that may stand in one answer: what strategies offer, what is pinned, what is new."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend.rules.ruleset import Rules
from patron.recommend.rules.scene import Bools, Floats
from patron.recommend.rules.types import NONE, Context, Goods, Offer

MOST_OFFERED = 200
MOST_OFFERS = 12
MOST_FRESH = 50
_DAY = 86_400
_ALL = 0xFFFFFFFFFFFFFFFF
_STEP = np.uint64(0x9E3779B97F4A7C15)
_ROUNDS = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)
_LAST, _SPARE = np.uint64(31), np.uint64(11)
_NONE = np.empty(0, np.int32)
PINNED_ONLY, FRESH_ONLY = -1, -2
"""Instead of an offer's number: nothing but a pin, or nothing but its newness, speaks for it."""


class Pool(msgspec.Struct, frozen=True, eq=False):
    """Products in columns, none twice. `relevance` is the share of the best of the same offer."""

    items: NDArray[np.int32]
    relevance: Floats
    offer: NDArray[np.int32]  # its number, PINNED_ONLY or FRESH_ONLY
    because: NDArray[np.int32]
    unknown: int  # offered, but not in the catalogue's columns
    repeated: int  # offered more than once
    young: NDArray[np.int32]  # new products that may be tried, in the order of chance

    def __len__(self) -> int:
        return len(self.items)

    @property
    def is_fresh(self) -> Bools:
        found: Bools = self.offer == FRESH_ONLY
        return found


def gathered(offers: list[Offer], goods: Goods, rules: Rules, context: Context) -> Pool:
    """The first MOST_OFFERED of each offer, the pins, and some new products. Of what is offered
    twice the first stays."""
    columns = [
        _column(
            offer.scored.items[:MOST_OFFERED],
            number,
            _relevance(offer.scored.scores[:MOST_OFFERED]),
            None if offer.because is None else offer.because[:MOST_OFFERED],
        )
        for number, offer in enumerate(offers[:MOST_OFFERS])
    ]
    offered = sum(len(items) for items, *_ in columns)
    if rules.pins:
        pinned = np.array([pin.item for pin in rules.pins], np.int32)
        columns.append(_column(pinned, PINNED_ONLY))
    young = _NONE
    if rules.explore_share > 0 and len(context.fresh):
        young = _fresh(goods, rules, context)
        columns.append(_column(young, FRESH_ONLY))
    if not columns:
        columns.append(_column(np.empty(0, np.int32), PINNED_ONLY))
    every, numbers, relevance, because = (
        np.concatenate(parts) if len(parts) > 1 else parts[0]
        for parts in zip(*columns, strict=True)
    )
    listed = every.tolist()
    is_known, is_first = (every >= 0) & (every < len(goods)), np.ones(len(every), np.bool_)
    if len(set(listed)) < len(listed):
        _, first = np.unique(every, return_index=True)
        is_first[:] = False
        is_first[first] = True
    kept = is_known & is_first
    if kept.all():
        return Pool(every, relevance, numbers, because, unknown=0, repeated=0, young=young)
    return Pool(
        every[kept],
        relevance[kept],
        numbers[kept],
        because[kept],
        unknown=int(np.count_nonzero(~is_known[:offered])),
        repeated=int(np.count_nonzero(is_known[:offered] & ~is_first[:offered])),
        young=young,
    )


def _column(
    items: NDArray[np.int32],
    number: int,
    relevance: Floats | None = None,
    because: NDArray[np.int32] | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.int32], Floats, NDArray[np.int32]]:
    many = len(items)
    return (
        np.asarray(items, np.int32),
        np.full(many, number, np.int32),
        np.zeros(many) if relevance is None else relevance,
        np.full(many, NONE, np.int32) if because is None else np.asarray(because, np.int32),
    )


def chance(seed: int, items: NDArray[np.int32]) -> Floats:
    """A number from 0 to 1 for each product: the same for the same seed, whatever else is offered.

    SplitMix64's finaliser (G. Steele, D. Lea, C. Flood: Fast splittable pseudorandom number
    generators, OOPSLA 2014, doi:10.1145/2660193.2660195) over seed and number.
    """
    mixed = (items.astype(np.int64) + 2).astype(np.uint64)
    mixed *= _STEP
    mixed ^= np.uint64(seed & _ALL)
    for shift, factor in _ROUNDS:
        mixed ^= mixed >> shift
        mixed *= factor
    mixed ^= mixed >> _LAST
    return np.ldexp((mixed >> _SPARE).astype(np.float64), -53, dtype=np.float64)


def drawn(seed: int, number: int) -> float:
    """`chance` of one number."""
    mixed = (((number + 2) * int(_STEP)) & _ALL) ^ (seed & _ALL)
    for shift, factor in _ROUNDS:
        mixed = ((mixed ^ (mixed >> int(shift))) * int(factor)) & _ALL
    return ((mixed ^ (mixed >> int(_LAST))) >> int(_SPARE)) * 2.0**-53


def _relevance(scores: NDArray[np.float32]) -> Floats:
    """Scores as shares of the best. Where some are below zero, all are lifted first; what is no
    number is 0, and where nothing differs all are 1."""
    if not len(scores):
        return np.empty(0)
    found = scores.astype(np.float64)
    finite = np.isfinite(found)
    if not finite.all():
        found[~finite] = 0.0
    least, best = found.min(), found.max()
    if least < 0:
        found, best = found - least, best - least
    return found / best if best > 0 else np.ones(len(found))


def _fresh(goods: Goods, rules: Rules, context: Context) -> NDArray[np.int32]:
    """New products in the order in which chance lets them be tried."""
    known = context.fresh[(context.fresh >= 0) & (context.fresh < len(goods))].astype(np.int32)
    seen = goods.first_seen[known]
    young = known[(seen >= 0) & (seen >= context.now - rules.explore_days * _DAY)]
    return young[np.argsort(chance(context.seed, young), kind="stable")[:MOST_FRESH]]

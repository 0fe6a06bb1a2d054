"""What to offer again, with a date; and the next basket. One customer's purchases, oldest first."""

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from patron.recommend.again.basket import baskets as baskets_of
from patron.recommend.again.chance import look, probability
from patron.recommend.again.intervals import Habits, pairs
from patron.recommend.again.model import DAY, Index
from patron.recommend.again.purchases import Purchases, of_columns
from patron.recommend.types import Scored

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Due(msgspec.Struct, frozen=True):
    """Products that somebody buys time and again, in rising order of their numbers."""

    items: "NDArray[np.int32]"
    at: "NDArray[np.int64]"  # second at which she is expected to need it: past, if overdue
    chance: "NDArray[np.float64]"  # probability that she buys it within the horizon from now


def due(
    index: Index,
    items: "NDArray[np.int32]",
    times_s: "NDArray[np.int64]",
    baskets: "NDArray[np.int32]",
    now_s: int,
    n: int,
) -> Scored:
    """Up to `n` of what she bought, by the probability that she buys it again within the index'
    horizon (seven days, if nothing else was asked for). What nobody buys twice is not offered."""
    known = dates(index, items, times_s, now_s, baskets)
    score = known.chance.astype(np.float32)
    best = np.argsort(-score, kind="stable")[:n]
    return Scored(known.items[best], score[best])


def dates(
    index: Index,
    items: "NDArray[np.int32]",
    times_s: "NDArray[np.int64]",
    now_s: int,
    baskets: "NDArray[np.int32] | None" = None,
) -> Due:
    """When each product that she may need again is due. A product that nobody buys twice has no
    date, nor has one the index does not know. Without `baskets` one moment is one basket."""
    return everybody(index, _lines(index, items, times_s, baskets), now_s)[1]


def everybody(index: Index, lines: Purchases, now_s: int) -> "tuple[NDArray[np.int32], Due]":
    """The dates of all people at once: who each row belongs to, and the rows, by person."""
    found = pairs(lines)
    habits = Habits(
        index.bought_again, index.repeat, index.gap, index.spread, index.pause
    )  # fmt: skip
    seen = look(lines, found, habits, now_s, index.horizon_days)
    chance = probability(
        seen.features, index.weights, (index.low, index.high), (index.said, index.held)
    )
    offered = index.bought_again[found.item]
    at = found.last + (np.exp(seen.mean) * DAY).astype(np.int64)
    return found.person[offered], Due(found.item[offered], at[offered], chance[offered])


def basket(
    index: Index,
    items: "NDArray[np.int32]",
    times_s: "NDArray[np.int64]",
    baskets: "NDArray[np.int32]",
    n: int,
    *,
    compiled: bool | None = None,
) -> Scored:
    """Up to `n` products of her next basket, new ones among them."""
    lines = _lines(index, items, times_s, baskets)
    if len(lines) == 0:
        return Scored(np.zeros(0, np.int32), np.zeros(0, np.float32))
    found, scores = baskets_of(index, lines, n, compiled=compiled)
    filled = found[0] >= 0
    return Scored(found[0][filled], scores[0][filled])


def _lines(
    index: Index,
    items: "NDArray[np.int32]",
    times_s: "NDArray[np.int64]",
    baskets: "NDArray[np.int32] | None",
) -> Purchases:
    known = (items >= 0) & (items < index.items)
    orders = np.full(len(items), -1, np.int32) if baskets is None else baskets
    return of_columns(
        np.zeros(int(known.sum()), np.int32), items[known], times_s[known], orders[known],
        1, index.items,
    )  # fmt: skip

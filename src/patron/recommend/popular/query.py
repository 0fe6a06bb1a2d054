"""Best-sellers, trends, what is new, stars – and the best among whatever a caller allows."""

import numpy as np
from numpy.typing import NDArray

from patron.recommend.popular.types import Index
from patron.recommend.types import Scored

DAY_S = 86_400
NONE = Scored(np.zeros(0, np.int32), np.zeros(0, np.float32))


def top(index: Index, n: int, group: int | None = None) -> Scored:
    """The most popular products, of everybody or of a group. A group that is not known has none."""
    row = _row(index, group)
    return NONE if row is None else _rows(index.start, index.item, index.score, row, n)


def trending(index: Index, n: int, group: int | None = None) -> Scored:
    """What is wanted more than it was; the score is how many times as much."""
    row = _row(index, group)
    if row is None:
        return NONE
    return _rows(index.rising_start, index.rising_item, index.rising_score, row, n)


def among(index: Index, allowed: NDArray[np.bool_], n: int) -> Scored:
    """The most popular of the products that `allowed` (one flag a product) says: on sale, say.

    What nobody has asked for yet comes last, lower numbers first.
    """
    size = min(len(allowed), len(index.popularity))
    return _best(np.flatnonzero(allowed[:size]), index.popularity, n)


def new(
    index: Index, n: int, now_s: int, *, days: float = 30.0, first: NDArray[np.int64] | None = None
) -> Scored:
    """What came within the last `days`, the day's most wanted first, the last day first.

    `first` is when each product was first there (seconds, -1 unknown), as the catalogue knows it;
    without it the first act counts. The score is between 0 and 1: how much of the time is left.
    """
    began = index.first if first is None else first[: len(index.popularity)]
    item = np.flatnonzero((began >= 0) & (began > now_s - days * DAY_S) & (began <= now_s))
    day = began[item] // DAY_S
    best = item[np.lexsort((item, -index.popularity[item], -day))][:n]
    left = 1.0 - (now_s - began[best]) / (days * DAY_S)
    return Scored(best.astype(np.int32), left.astype(np.float32))


def star(index: Index, margin: NDArray[np.float32], n: int) -> Scored:
    """What earns most: popularity times margin (share of the price, nan where it is unknown).

    An unknown margin counts as the middle one of those that are known; without any, popularity
    alone decides. What earns nothing is no star.
    """
    size = min(len(margin), len(index.popularity))
    known = margin[:size][np.isfinite(margin[:size])]
    usual = float(np.median(known)) if len(known) else 1.0
    earned = index.popularity[:size] * np.nan_to_num(
        margin[:size], nan=usual, posinf=usual, neginf=usual
    )
    return _best(np.flatnonzero(earned > 0), earned, n)


def _row(index: Index, group: int | None) -> int | None:
    if group is None:
        return 0
    return group + 1 if 0 <= group < index.groups else None


def _rows(
    start: NDArray[np.int64],
    item: NDArray[np.int32],
    score: NDArray[np.float32],
    row: int,
    n: int,
) -> Scored:
    first = int(start[row])
    last = min(int(start[row + 1]), first + max(n, 0))
    return Scored(np.asarray(item[first:last]), np.asarray(score[first:last]))


def _best(item: NDArray[np.int64], score: NDArray[np.float32], n: int) -> Scored:
    """The `n` best of `item` by `score`, which has one value a product."""
    values = np.asarray(score[item])
    if len(item) > n > 0:
        least = np.partition(values, len(values) - n)[len(values) - n]
        item, values = item[values >= least], values[values >= least]
    best = np.argsort(-values, kind="stable")[: max(n, 0)]
    return Scored(item[best].astype(np.int32), values[best].astype(np.float32))

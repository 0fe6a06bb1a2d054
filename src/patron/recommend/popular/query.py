"""Best-sellers and trends, of everybody and of groups of people."""

import numpy as np
from numpy.typing import NDArray

from patron.recommend.popular.types import Index
from patron.recommend.types import Scored

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


def _row(index: Index, group: int | None) -> int | None:
    if group is None:
        return 0
    return group + 1 if 0 <= group < len(index.names) else None


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

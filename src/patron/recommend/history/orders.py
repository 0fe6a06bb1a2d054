"""Orders out of their tellings: one that was told twice, or changed, counts once.

An order is who told of it first, when it was placed by its earliest telling, and what was bought by
the latest telling that says so. Numbers of orders rise with their time.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend.history.deeds import MICROS, UNTOLD, Ids, united
from patron.recommend.history.shaping import Rows
from patron.recommend.types import Kind


class Tellings(msgspec.Struct):
    """Of some orders: `origin` and `item` as in Rows, the other columns as in Deeds."""

    key: Ids
    position: NDArray[np.int64]
    at: NDArray[np.int64]  # microseconds
    origin: NDArray[np.int64]
    lines: NDArray[np.int32]
    item: NDArray[np.int32]


def bought(some: Sequence[Tellings]) -> Rows:
    """What was bought in orders."""
    if not some:
        return Rows.none()
    told = Tellings(
        *(np.concatenate([getattr(one, f) for one in some]) for f in Tellings.__struct_fields__)
    )
    if not len(told.key):
        return Rows.none()
    ids, (order,) = united([told.key])
    place = np.lexsort((told.position, order))
    first = np.searchsorted(order[place], np.arange(len(ids)))
    owner = told.origin[place[first]]
    at = np.minimum.reduceat(told.at[place], first)
    says = place[told.lines[place] > UNTOLD]
    latest = np.full(len(ids), -1, np.int64)
    latest[order[says]] = says  # of each the last that is put there
    lines = np.maximum(told.lines, 0).astype(np.int64)
    begin = np.cumsum(lines) - lines
    held = np.flatnonzero(latest >= 0)
    ranked = held[np.lexsort((held, owner[held], at[held]))]
    of = latest[ranked]
    count = lines[of]
    basket = np.repeat(np.arange(len(of), dtype=np.int32), count)
    inside = np.arange(len(basket)) - np.repeat(np.cumsum(count) - count, count)
    rows = np.repeat(begin[of], count) + inside
    return Rows(
        np.repeat(owner[ranked], count),
        told.item[rows],
        np.repeat(at[ranked] // MICROS, count),
        np.full(len(rows), Kind.BUY, np.int8),
        basket,
    )

"""The deeds of some people at a time, out of all that is kept.

Sorting everything at once would take five times the memory of what comes of it, and wait for that
memory most of the time.
"""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend.history.deeds import Deeds
from patron.recommend.history.shaping import Rows, joined

AT_ONCE = 500_000
"""Deeds of a portion, about; of one person all are in the same."""


class Placed(msgspec.Struct):
    """Deeds, where among all ids their origins stand, and the number of the product that each of
    their names is, negative for none."""

    deeds: Deeds
    place: NDArray[np.int64]
    number: NDArray[np.int32]


def portions(
    parts: Sequence[Placed], bought: Rows, root: NDArray[np.int64], since: int
) -> Iterator[Rows]:
    """All views and carts from the second `since` on, and what was bought: person after person by
    her number in `root`."""
    stacks = [_Stack(part, root) for part in parts]
    buyer = root[bought.origin]
    orders = np.argsort(buyer, kind="stable")
    buyer = buyer[orders]
    size = np.bincount(buyer, minlength=len(root))
    for stack in stacks:
        size += np.bincount(stack.person, stack.rows, len(root)).astype(np.int64)
    turn = np.maximum(np.cumsum(size) - 1, 0) // AT_ONCE
    ends = [*(np.flatnonzero(np.diff(turn)) + 1).tolist(), len(root)]
    first = 0
    for last in ends:
        theirs = orders[slice(*np.searchsorted(buyer, [first, last]))]
        some = [stack.rows_of(first, last, since) for stack in stacks]
        yield joined([*some, bought.at_places(theirs)])
        first = last


class _Stack:
    """The views and carts of one part, found by person."""

    def __init__(self, part: Placed, root: NDArray[np.int64]) -> None:
        self._part = part
        person = root[part.place]
        counts = np.bincount(part.deeds.who, minlength=len(person))
        alive = np.flatnonzero((person >= 0) & (counts > 0))
        order = alive[np.argsort(person[alive], kind="stable")]
        begin = np.cumsum(counts) - counts
        self.person, self.rows = person[order], counts[order]
        self._begin = begin[order]

    def rows_of(self, first: int, last: int, since: int) -> Rows:
        """The rows of the people from `first` to before `last`."""
        theirs = slice(*np.searchsorted(self.person, [first, last]))
        begin, rows = self._begin[theirs], self.rows[theirs]
        before = np.cumsum(rows) - rows
        place = np.repeat(begin - before, rows) + np.arange(int(rows.sum()))
        deeds = self._part.deeds
        place = place[deeds.at[place] >= since]
        item = self._part.number[deeds.said[place]]
        place, item = place[item >= 0], item[item >= 0]
        return Rows(
            self._part.place[deeds.who[place]],
            item,
            deeds.at[place].astype(np.int64),
            deeds.kind[place].astype(np.int8),
            np.full(len(place), -1, np.int32),
        )

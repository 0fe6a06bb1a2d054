"""Rows as they were read become Interactions: people merged, sorted, bounded, cut into visits."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend.sorting import order_of_runs
from patron.recommend.types import Interactions

VISIT_SECONDS = 30 * 60
"""A pause after which a new visit begins, as in the log's own sessions."""
MOST_OF_ONE = 5_000
"""The latest deeds of one person that count. Who does more is a machine, and would outweigh the
rest."""
NOBODY = -1


class Rows(msgspec.Struct):
    """Deeds in any order. `origin` and `item` are numbers; those of an item that is not sold, and
    of an origin that was erased, are negative. `basket` is -1 where there is no order."""

    origin: NDArray[np.int64]
    item: NDArray[np.int32]
    at: NDArray[np.int64]  # seconds
    kind: NDArray[np.int8]
    basket: NDArray[np.int32]

    @staticmethod
    def none() -> "Rows":
        return Rows(
            np.empty(0, np.int64),
            np.empty(0, np.int32),
            np.empty(0, np.int64),
            np.empty(0, np.int8),
            np.empty(0, np.int32),
        )

    def __len__(self) -> int:
        return len(self.item)


def joined(parts: list[Rows]) -> Rows:
    """All rows of `parts`."""
    if not parts:
        return Rows.none()
    return Rows(
        *(np.concatenate([getattr(part, f) for part in parts]) for f in Rows.__struct_fields__)
    )


def shaped(rows: Rows, root: NDArray[np.int64], items: int) -> Interactions:
    """The interactions of `rows`. `root[origin]` numbers the person an origin belongs to, negative
    for nobody; people are numbered anew without gaps.

    A deed that is told twice within a second counts once.
    """
    owner = np.where(rows.origin >= 0, root[rows.origin], NOBODY) if len(rows) else rows.origin
    good = np.flatnonzero((owner >= 0) & (rows.item >= 0))
    people, person = _numbered(owner[good])
    place = _by_person_and_time(person, rows, good)
    good, person = good[place], person[place]
    keep = np.ones(len(good), np.bool_)
    if len(good):
        keep[1:] = person[1:] != person[:-1]
        for column in (rows.item, rows.kind, rows.at, rows.basket):
            keep[1:] |= column[good[1:]] != column[good[:-1]]
    good, person = good[keep], person[keep]
    keep = _last(person, MOST_OF_ONE)
    good, person = good[keep], person[keep]
    at = rows.at[good]
    return Interactions(
        person=person.astype(np.int32),
        item=rows.item[good],
        at=at,
        kind=rows.kind[good],
        basket=_renumbered(rows.basket[good]),
        session=_visits(person, at),
        people=people,
        items=items,
    )


def _numbered(owner: NDArray[np.int64]) -> tuple[int, NDArray[np.int64]]:
    """How many there are, and their numbers without gaps."""
    there = np.zeros(int(owner.max(initial=-1)) + 1, np.bool_)
    there[owner] = True
    return int(there.sum()), (np.cumsum(there) - 1)[owner]


def _by_person_and_time(
    person: NDArray[np.int64], rows: Rows, good: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The order of the rows `good`: by person, second, kind, product, order. Kept deeds are so for
    the most part, since the ids of people rise with the time they came."""
    at = rows.at[good]
    if not len(at):
        return np.empty(0, np.int64)
    early, late = int(at.min()), int(at.max())
    key = (person << ((late - early).bit_length() + 2)) | ((at - early) << 2) | rows.kind[good]
    return order_of_runs(key, (rows.item[good].astype(np.int64) << 32) + rows.basket[good] + 1)


def remaining(rows: Rows, root: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which person of `root` each person of `shaped` is."""
    owner = root[rows.origin[(rows.origin >= 0) & (rows.item >= 0)]]
    there = np.zeros(int(root.max(initial=-1)) + 1, np.bool_)
    there[owner[owner >= 0]] = True
    return np.flatnonzero(there)


def _last(person: NDArray[np.int64], most: int) -> NDArray[np.bool_]:
    """The last `most` rows of each person; rows are sorted by person."""
    if len(person) <= most or not (person[most:] == person[:-most]).any():
        return np.ones(len(person), np.bool_)
    ends = np.searchsorted(person, person, "right")
    return np.asarray(ends - np.arange(len(person)) <= most)


def _visits(person: NDArray[np.int64], at: NDArray[np.int64]) -> NDArray[np.int32]:
    if not len(person):
        return np.empty(0, np.int32)
    new = (person[1:] != person[:-1]) | (at[1:] - at[:-1] > VISIT_SECONDS)
    return np.concatenate([[0], np.cumsum(new)]).astype(np.int32)


def _renumbered(basket: NDArray[np.int32]) -> NDArray[np.int32]:
    """Orders numbered from 0 without gaps; -1 stays."""
    there = np.zeros(int(basket.max(initial=-1)) + 2, np.bool_)
    there[basket + 1] = True
    there[0] = False
    numbers = np.cumsum(there) - 1
    return numbers[basket + 1].astype(np.int32)

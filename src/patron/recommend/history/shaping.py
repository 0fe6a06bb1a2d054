"""Rows as they were read become Interactions: people merged, sorted, bounded, cut into visits."""

from typing import Any

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

    def columns(self) -> list[NDArray[Any]]:
        return [getattr(self, name) for name in self.__struct_fields__]

    def at_places(self, places: NDArray[Any]) -> "Rows":
        """The rows at these places, or of which it is true."""
        if places.dtype == np.bool_ and places.all():
            return self
        return Rows(*(column[places] for column in self.columns()))


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
    shaping = Shaping(len(rows), items)
    shaping.add(rows, root)
    return shaping.done()[0]


class Shaping:
    """Interactions of some people after others, in the order of their numbers. Memory is taken for
    what there is in the end and for one portion; `room` is how many rows are added at most."""

    def __init__(self, room: int, items: int) -> None:
        self._items, self._count, self._visits = items, 0, 0
        self._people: list[NDArray[np.int64]] = []
        self._known = 0
        self._columns = {name: np.empty(room, kind) for name, kind in _KINDS.items()}

    def add(self, rows: Rows, root: NDArray[np.int64]) -> None:
        """All rows of some people, as `shaped` takes them; each has a higher number than whoever
        was added before."""
        owner = np.where(rows.origin >= 0, root[rows.origin], NOBODY) if len(rows) else rows.origin
        good = (owner >= 0) & (rows.item >= 0)
        people, person = _numbered(owner if good.all() else owner[good])
        told = Rows(person, *rows.at_places(good).columns()[1:])
        told = told.at_places(_by_person_and_time(told))
        keep = np.ones(len(told), np.bool_)
        if len(told):
            keep[1:] = told.at[1:] != told.at[:-1]
            for column in (told.item, told.origin, told.kind, told.basket):
                keep[1:] |= column[1:] != column[:-1]
        told = told.at_places(keep)
        told = told.at_places(_last(told.origin, MOST_OF_ONE))
        some = slice(self._count, self._count + len(told))
        visits = _visits(told.origin, told.at)
        for name in ("item", "at", "kind", "basket"):
            self._columns[name][some] = getattr(told, name)
        self._columns["person"][some] = told.origin + self._known
        self._columns["session"][some] = visits + self._visits
        self._visits += int(visits[-1]) + 1 if len(visits) else 0
        self._known += len(people)
        self._people.append(people)
        self._count = some.stop

    def done(self) -> tuple[Interactions, NDArray[np.int64]]:
        """All of them, and the number in `root` of each person."""
        columns = {name: column[: self._count] for name, column in self._columns.items()}
        columns["basket"] = _renumbered(columns["basket"])
        people = np.concatenate([np.empty(0, np.int64), *self._people])
        return Interactions(**columns, people=len(people), items=self._items), people


_KINDS = {
    "person": np.int32, "item": np.int32, "at": np.int64, "kind": np.int8, "basket": np.int32,
    "session": np.int32,
}  # fmt: skip


def _numbered(owner: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Who they are, and for each the place in that, without gaps."""
    low = int(owner.min()) if len(owner) else 0
    there = np.zeros(int(owner.max(initial=low - 1)) + 1 - low, np.bool_)
    there[owner - low] = True
    return np.flatnonzero(there) + low, (np.cumsum(there) - 1)[owner - low]


def _by_person_and_time(rows: Rows) -> NDArray[np.int64]:
    """The order of the rows of people: by person, second, kind, product, order. Kept deeds are so
    for the most part, since the ids of people rise with the time they came."""
    if not len(rows):
        return np.empty(0, np.int64)
    early, late = int(rows.at.min()), int(rows.at.max())
    key = rows.origin << ((late - early).bit_length() + 2)
    key |= ((rows.at - early) << 2) | rows.kind
    return order_of_runs(
        key, lambda some: (rows.item[some].astype(np.int64) << 32) + rows.basket[some] + 1
    )


def _last(person: NDArray[np.int64], most: int) -> NDArray[np.bool_]:
    """The last `most` rows of each person; rows are sorted by person."""
    keep = np.ones(len(person), np.bool_)
    keep[: max(len(person) - most, 0)] = person[most:] != person[:-most]
    return keep


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

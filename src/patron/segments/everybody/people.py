"""All people of a shop, by numbers from 0 on.

A person is looked up by the last eight bytes of an id of hers: of UUIDs of version 7 these are 62
bits of chance, and whether they tell all there are apart is looked at.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from patron.segments.live.columns import Longs

Tails = NDArray[np.uint64]
_ROW = np.dtype([("tail", ">u8"), ("head", ">u8"), ("root", ">u8")])


class Alike(Exception):
    """Two origins end in the same eight bytes."""


class Everybody:
    """`packed`: of every origin the last eight bytes of its id, and the id of its root. Raises
    Alike where that does not tell them apart."""

    def __init__(self, packed: bytes) -> None:
        rows = np.frombuffer(packed, _ROW)
        order = np.argsort(rows["tail"], kind="stable")
        self._tails: Tails = rows["tail"][order].astype(np.uint64)
        if (self._tails[1:] == self._tails[:-1]).any():
            raise Alike
        own = rows["tail"] == rows["root"]
        self._roots = rows[["head", "root"]][own]
        root_tails = self._roots["root"].astype(np.uint64)
        by_tail = np.argsort(root_tails)
        found = np.searchsorted(root_tails[by_tail], rows["root"][order].astype(np.uint64))
        self._place: Longs = by_tail[np.minimum(found, max(0, len(by_tail) - 1))]

    @property
    def count(self) -> int:
        return len(self._roots)

    def numbers(self, tails: Tails) -> Longs:
        """Whose these ids are; -1 for who is not there."""
        if not len(self._tails):
            return np.full(len(tails), -1)
        at = np.minimum(np.searchsorted(self._tails, tails), len(self._tails) - 1)
        return np.where(self._tails[at] == tails, self._place[at], -1)

    def packed(self, tails: bytes) -> Longs:
        """The same of ids that lie beside each other."""
        return self.numbers(np.frombuffer(tails, ">u8").astype(np.uint64))

    def of(self, origins: Iterable[UUID]) -> Longs:
        """The numbers of those of these origins who are there."""
        found = self.numbers(np.array([one.int & (2**64 - 1) for one in origins], np.uint64))
        return found[found >= 0]

    def roots(self, numbers: Sequence[int] | Longs) -> list[UUID]:
        some = self._roots[np.asarray(numbers, np.int64)]
        return [
            UUID(int=(head << 64) | tail)
            for head, tail in zip(some["head"].tolist(), some["root"].tolist(), strict=True)
        ]

    def drawn(self, numbers: Longs, most: int) -> list[UUID]:
        """Some of them, at random but the same each time."""
        tails = self._roots["root"][numbers].astype(np.uint64)
        mixed = tails * np.uint64(0x9E3779B97F4A7C15)
        return self.roots(numbers[np.argsort(mixed)[:most]])

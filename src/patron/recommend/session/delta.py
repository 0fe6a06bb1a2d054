"""Visits that came after the index was counted: they have a say from their second step on.

They are kept in memory, the newest of them only, and are candidates beside those of the index: the
same similarity, the same choice of neighbours, as if the index had them. What follows a product in
them does not change the index's transitions.
"""

from collections import OrderedDict
from itertools import accumulate
from threading import Lock
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from patron.recommend.session.fit import DAY, fastest
from patron.recommend.session.index import LONGEST, Index
from patron.recommend.session.plain import Fresh
from patron.recommend.session.query import NOTHING, asked, ready_for
from patron.recommend.types import Scored

VISITS = 20_000
PER_ITEM = 200
AHEAD = 60.0
"""E-folds by which a fresh visit may outweigh the index's newest: an old index stays finite."""

NOBODY = np.zeros(0, np.int32)

Click = tuple[str, int, int]
"""Visit, product, second."""


class Recent:
    """The newest visits of a shop, those still going on among them; for one index.

    A visit is named by whoever tells of it. Products keep the index's numbers; one that is newer
    than the index may have any number from `index.items` on. All methods may be called by several
    threads. Memory: at most `visits` visits of 50 steps and 200 visits a product, 18 MB by default.
    """

    def __init__(self, index: Index, visits: int = VISITS) -> None:
        self._index = index
        self._most = visits
        self._lock = Lock()
        self._slot: OrderedDict[str, int] = OrderedDict()  # of each visit, the oldest first
        self._free = list(range(visits))[::-1]
        self._below = index.items
        self._by_item: dict[int, dict[int, None]] = {}
        self._leading: dict[int, NDArray[np.int32]] = {}  # `_by_item` as it was asked for last
        self._moved: dict[int, None] = {}  # visits whose weight is not known any more
        self._known = len(index.session_start) - 1
        self._since = index.newest if self._known else 0
        self._weight = np.zeros(visits, np.float32)
        self._steps = np.zeros((visits, LONGEST), np.int32)
        self._at = np.zeros((visits, LONGEST), np.int64)
        self._length = np.zeros(visits, np.int64)

    def __len__(self) -> int:
        return len(self._slot)

    def seen(self, visit: str, item: int, at_s: int) -> None:
        """A step of a visit. What the index has counted already, by its time, is left out."""
        if item < 0 or at_s <= self._index.newest:
            return
        with self._lock:
            slot = self._slot.get(visit)
            if slot is None:
                slot = self._opened(visit)
            length = int(self._length[slot])
            if length == LONGEST:
                self._forget_first(slot)
                length -= 1
            self._steps[slot, length] = item
            self._at[slot, length] = at_s
            self._length[slot] = length + 1
            self._moved[slot] = None
            self._since = self._since or at_s  # of an index without visits the first one told
            self._below = max(self._below, item + 1)
            leads = self._by_item.setdefault(item, {})
            leads[slot] = None
            self._leading.pop(item, None)
            if len(leads) > PER_ITEM:
                del leads[next(iter(leads))]

    def forget(self, visit: str) -> None:
        """Drop a visit, as when a person is erased."""
        with self._lock:
            if visit in self._slot:
                self._closed(visit)

    def clicks(self) -> list[Click]:
        """All steps that are kept, oldest visit first, for the delta of the next index."""
        with self._lock:
            return [
                (visit, int(item), int(at))
                for visit, slot in self._slot.items()
                for item, at in zip(
                    self._steps[slot, : self._length[slot]].tolist(),
                    self._at[slot, : self._length[slot]].tolist(),
                    strict=True,
                )
            ]

    def next_items(
        self,
        items: "NDArray[np.int32]",
        ages_s: "NDArray[np.float64]",
        n: int,
        visit: str | None = None,
        kernels: ModuleType | None = None,
    ) -> Scored:
        """As `query.next_items`, told by the fresh visits besides; `visit` is the one that asks,
        which does not tell itself."""
        ready = ready_for(self._index)
        question = asked(self._index, ready, (items, ages_s), self._below)
        if not len(question.items) or n < 1:
            return NOTHING
        with self._lock:  # nobody writes meanwhile: copies would cost more than the answer
            fresh = self._fresh(question.items.tolist(), visit)
            found = (kernels or fastest()).told(ready.source, fresh, question, ready.knobs, n)
        return Scored(*found)

    def _fresh(self, items: list[int], visit: str | None) -> Fresh:
        """The visits that the products lead to."""
        own = self._slot.get(visit, -1) if visit is not None else -1
        lists = [self._leads(item) for item in items]
        if self._moved:
            self._weigh()
        start = np.array([0, *accumulate(map(len, lists))], np.int64)
        return Fresh(
            start,
            np.concatenate(lists),
            self._weight,
            self._steps,
            self._length,
            -1 if own < 0 else own + self._known,
        )

    def _leads(self, item: int) -> "NDArray[np.int32]":
        """The visits that a product leads to, numbered from the index's last on."""
        found = self._leading.get(item)
        if found is None:
            slots = self._by_item.get(item)
            if slots is None:
                return NOBODY
            found = self._leading[item] = np.array([*slots], np.int32) + np.int32(self._known)
        return found

    def _weigh(self) -> None:
        """Works out anew what those visits weigh that went on."""
        slots = np.array([*self._moved], np.int64)
        self._moved.clear()
        index, length = self._index, self._length[slots]
        weight = length.astype(np.float64) ** -index.length
        if index.recency > 0:
            ended = self._at[slots, length - 1]
            weight *= np.exp(np.minimum((ended - self._since) / (index.recency * DAY), AHEAD))
        self._weight[slots] = weight

    def _opened(self, visit: str) -> int:
        if not self._free:
            self._closed(next(iter(self._slot)))
        slot = self._slot[visit] = self._free.pop()
        self._length[slot] = 0
        return slot

    def _closed(self, visit: str) -> None:
        slot = self._slot.pop(visit)
        self._moved.pop(slot, None)
        for item in set(self._steps[slot, : self._length[slot]].tolist()):
            self._unlink(item, slot)
        self._length[slot] = 0
        self._free.append(slot)

    def _forget_first(self, slot: int) -> None:
        """Make room for one more step of a visit that is as long as can be."""
        item = int(self._steps[slot, 0])
        self._steps[slot, :-1] = self._steps[slot, 1:].copy()
        self._at[slot, :-1] = self._at[slot, 1:].copy()
        if item not in self._steps[slot, :-1]:
            self._unlink(item, slot)

    def _unlink(self, item: int, slot: int) -> None:
        leads = self._by_item.get(item, {})
        leads.pop(slot, None)
        self._leading.pop(item, None)
        if not leads:
            self._by_item.pop(item, None)

"""Products by the names a catalog knows besides their ids: of variants, SKUs, GTINs, ids of feeds.

Nothing is read, and no memory taken, until a page uses such a name. From then on there are twelve
bytes for each: a 64-bit hash of it, and whose it is. That two of ten million names have one hash
happens once in two hundred thousand shops.
"""

import asyncio
from array import array
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from patron.catalog.keys import candidates
from patron.catalog.watching import store
from patron.catalog.watching.store import Name
from patron.kit.clock import monotonic
from patron.kit.db import Database
from patron.kit.log import logger

log = logger(__name__)

AT_ONCE = 50_000
"""Names of one look, a fifth of a second: prices are not to wait for all of them."""
MOST = 10_000_000
MOST_NEWER = 100_000
PATIENCE = 1.0
"""Seconds that questions wait for the names, once; later ones find them."""


class Names:
    """The names of one shop's products; belongs to one event loop."""

    def __init__(self, db: Database, schema: str) -> None:
        self._db, self._schema = db, schema
        self._are_read = asyncio.Event()
        self._is_wanted = self._is_reading = False
        self._until = 0.0
        self._newer: dict[int, str] = {}  # said since the last reading began, …
        self._older: dict[int, str] = {}  # … since the one before it
        self._known: tuple[NDArray[np.int64], NDArray[np.int32], Sequence[str]] = (
            np.empty(0, np.int64), np.empty(0, np.int32), [],
        )  # fmt: skip
        self._hashes, self._owners = array("q"), array("i")
        self._ids: Sequence[str] = []
        self._places: dict[str, int] = {}
        self._after = ""

    @property
    def are_read(self) -> bool:
        return self._are_read.is_set()

    async def wait(self) -> None:
        """Have them read at the next looks; who asks first, or a moment later, waits for it."""
        if not self._is_wanted:
            self._is_wanted = self._is_reading = True
            self._until = monotonic() + PATIENCE
        left = self._until - monotonic()
        if left > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._are_read.wait()

    def product(self, name: str) -> str | None:
        """The id of the product that is called so; None where nobody knows."""
        if not self._is_wanted:
            return None
        found = self._find(name)
        if found is None:
            spellings = candidates(name)
            found = next((one for one in map(self._find, spellings) if one is not None), None)
        return found

    async def look(self, changed: Sequence[str], ids: Sequence[str]) -> None:
        """Take over what products are called that have `changed`; and while all are being read,
        some more of them. `ids` are the catalog's of this moment."""
        if not self._is_wanted:
            return
        async with self._db.unit(self._schema) as tx:
            for first in range(0, len(changed), AT_ONCE):
                for one in await store.names_of(tx, changed[first : first + AT_ONCE]):
                    self._newer[hash(one.value)] = one.product
            if not self._is_reading:
                if len(self._newer) > MOST_NEWER:
                    self._older, self._newer, self._is_reading = self._newer, {}, True
                return
            if not self._places:
                self._ids, self._places = ids, {id: place for place, id in enumerate(ids)}
            some = await store.names(tx, self._after, AT_ONCE)
        self._take(some)
        if len(self._hashes) >= MOST:
            log.warning("not all names of products are known", extra={"most": MOST})
        if len(some) < AT_ONCE or len(self._hashes) >= MOST:
            await self._finish()

    def _take(self, some: Sequence[Name]) -> None:
        for one in some:
            place = self._places.get(one.product)
            if place is None:  # a product of this moment, without a number yet
                self._newer.setdefault(hash(one.value), one.product)
            else:
                self._hashes.append(hash(one.value))
                self._owners.append(place)
        if some:
            self._after = some[-1].value

    async def _finish(self) -> None:
        hashes, owners = np.array(self._hashes, np.int64), np.array(self._owners, np.int32)
        order = await asyncio.to_thread(np.argsort, hashes)
        self._known = hashes[order], owners[order], self._ids
        self._hashes, self._owners = array("q"), array("i")
        self._places, self._after, self._older = {}, "", {}
        self._is_reading = False
        self._are_read.set()

    def _find(self, name: str) -> str | None:
        code = hash(name)
        newer = self._newer.get(code) or self._older.get(code)
        if newer is not None:
            return newer
        hashes, owners, ids = self._known
        place = int(np.searchsorted(hashes, np.int64(code)))
        if place < len(hashes) and hashes[place] == code:
            found: str = ids[int(owners[place])]
            return found
        return None

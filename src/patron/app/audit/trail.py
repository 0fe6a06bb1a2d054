"""The way of entries into the audit log: changes before they are made, reads soon after.

A change waits until it is on disk that it begins; what came of it follows with the next batch.
Reads are written down within `SOON` of their answer, many in one transaction. The decision record
on the audit log says what a crash can lose.
"""

import asyncio
from collections.abc import Iterable
from uuid import UUID

import msgspec
import psycopg
from psycopg_pool import PoolTimeout

from patron.app.audit.notes import Note
from patron.carts import store as carts
from patron.journeys import store as journeys
from patron.kit.db import Database, Tx
from patron.kit.log import logger
from patron.messages import store as messages
from patron.profiles import store as profiles
from patron.shops.audit import store
from patron.shops.audit.types import ERASED, Entry, Outcome, profile
from patron.shops.types import Shop

log = logger(__name__)

SOON = 0.2  # seconds an entry about a read waits for others
AGAIN = 1.0  # seconds until the next try when the database is away
MOST_WAITING = 20_000


class Trail:
    """Takes notes of one web process; belongs to one event loop."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._reads: list[Note] = []
        self._ends: list[Note] = []
        self._task: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()

    @property
    def full(self) -> bool:
        """Whether so much waits to be written that nothing more should be read or changed."""
        return len(self._reads) + len(self._ends) >= MOST_WAITING

    async def begin(self, note: Note) -> None:
        """Write down that a change begins; on disk when it returns."""
        async with self._db.unit(note.shop.schema) as tx:
            await write(tx, note.shop, [note])

    def end(self, note: Note) -> None:
        """What came of a change that was begun."""
        self._ends.append(note)
        self._wake()

    def read(self, note: Note) -> None:
        """A read that was answered."""
        self._reads.append(note)
        self._wake()

    async def close(self) -> None:
        """Write down what waits."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        try:
            await self._flush()
        except (psycopg.Error, PoolTimeout) as error:
            lost = len(self._reads)
            log.error("reads are missing in the audit log", extra={"reads": lost, "why": error})

    def _wake(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._soon())

    async def _soon(self) -> None:
        pause = SOON
        while self._reads or self._ends:
            await asyncio.sleep(pause)
            try:
                await self._flush()
                pause = SOON
            except (psycopg.Error, PoolTimeout) as error:
                log.warning("audit log waits", extra={"reason": str(error)})
                pause = AGAIN

    async def _flush(self) -> None:
        async with self._writing:
            reads, ends = len(self._reads), len(self._ends)
            for shop in {n.shop.schema: n.shop for n in (*self._reads, *self._ends)}.values():
                async with self._db.unit(shop.schema) as tx:
                    await write(tx, shop, _of(shop, self._reads[:reads]))
                    over = [note.entry for note in _of(shop, self._ends[:ends])]
                    await store.finish(
                        tx, [e.id for e in over], [e.outcome for e in over], [e.count for e in over]
                    )
            # Not before all are on disk: what is written a second time is known by its id.
            del self._reads[:reads], self._ends[:ends]


def _of(shop: Shop, notes: Iterable[Note]) -> list[Note]:
    return [note for note in notes if note.shop.schema == shop.schema]


async def write(tx: Tx, shop: Shop, notes: list[Note]) -> None:
    """Write notes down, each with the person it is about as its subject."""
    if not notes:
        return
    await store.share(tx)
    known: dict[object, UUID | None] = {}
    entries: list[Entry] = []
    for note in notes:
        asked = note.term or note.thing
        if asked is None:
            entries.append(note.entry)
            continue
        if asked not in known:
            known[asked] = await _root(tx, shop, note)
        entries.append(_about(note, known[asked]))
    await store.write(tx, entries)


def _about(note: Note, root: UUID | None) -> Entry:
    entry = note.entry
    if root is not None:
        return msgspec.structs.replace(entry, subject=profile(root))
    if entry.outcome is Outcome.DONE:
        # It was answered, and she is not there any more.
        return msgspec.structs.replace(entry, subject=ERASED, detail={})
    return entry


async def _root(tx: Tx, shop: Shop, note: Note) -> UUID | None:
    """The person whom a request named, or whose thing it named."""
    if note.term is not None:
        region = shop.settings.phone_region
        terms = [note.term] if ":" in note.term else [note.term, f"email:{note.term}"]
        terms += [] if ":" in note.term else [f"phone:{note.term}"]
        for term in terms:
            if (root := await profiles.find(tx, term, region)) is not None:
                return root
        return None
    assert note.thing is not None
    owner = await _owner(tx, *note.thing)
    return None if owner is None else (await profiles.roots(tx, [owner])).get(owner)


async def _owner(tx: Tx, kind: str, text: str) -> UUID | None:
    """The origin that a cart, message or run was written under."""
    try:
        thing = UUID(text)
    except ValueError:
        return None
    found = (
        await carts.cart(tx, thing)
        if kind == "cart_id"
        else await messages.find(tx, thing)
        if kind == "message_id"
        else await journeys.run(tx, thing)
    )
    return None if found is None else found.origin_id

"""Fills what new segments need: reads history for their rules, then asks everybody once.

History up to a log position is read here while the walk leaves the records of what comes after it;
so nothing is missed and nothing counts twice. Where the lake ends, PostgreSQL goes on.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from patron.events.lake import store as lake_store
from patron.events.sorted.layout import Manifest, folder_of
from patron.kit.clock import Clock
from patron.kit.db import Database, Tx
from patron.kit.lake import Lake
from patron.kit.pauses import reach
from patron.profiles import store as profiles
from patron.segments import anew, saving
from patron.segments import store as log
from patron.segments.anew import Filled, Heard
from patron.segments.full.history import history
from patron.segments.full.listened import Event, left_by
from patron.segments.full.scan import covers
from patron.segments.keeping import Asked, Left, Touch, keep
from patron.segments.live.book import needed_of
from patron.segments.live.listening import NOTHING, Listener
from patron.segments.live.opened import book_of
from patron.segments.live.program import made_ready
from patron.segments.live.streams import Stream
from patron.segments.members.types import Change
from patron.segments.population import keeping as population
from patron.segments.predictions import nightly
from patron.segments.predictions import store as predictions
from patron.segments.rules.dates import micros
from patron.segments.rules.language import parse
from patron.segments.saved import store as saved
from patron.segments.saved.types import KeptStream, Status
from patron.shops.types import Shop

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Busy", "Filled", "Heard", "fill", "nobody", "work_waits"]

AT_ONCE = 500
ROWS_AT_ONCE = 100_000
EVENTS_AT_ONCE = 20_000

_COLUMNS = ("position", "origin_id", "ts", "name", "channel", "device", "body")


class _Body(msgspec.Struct):
    properties: dict[str, Any] = {}
    catalog: list[Any] | None = None


_read_body = msgspec.json.Decoder(_Body).decode


async def work_waits(tx: Tx, shop: Shop, now: datetime) -> bool:
    """Whether there is anything to fill, to settle or to ask anew."""
    for one in await saved.every(tx):
        if one.status in (Status.FILLING, Status.SETTLING):
            return True
    if (before := await saved.terms(tx)) is not None and before != saving.terms_of(shop):
        return True
    if await predictions.unasked(tx) or await nightly.is_due(tx, shop, now):
        return True
    return await population.work_waits(tx, shop, now)


class Busy(Exception):
    """Another process is filling this shop's segments."""


def nobody(what: str, done: int, of: int) -> None:
    """Hears how far filling is, and keeps it to himself."""


async def fill(
    db: Database, shop: Shop, lake: Lake | None, clock: Clock, heard: Heard = nobody
) -> Filled:
    """Do all that waits. Raises Busy: only one process at a time does so for a shop."""
    async with db.session() as connection:
        if not await saved.try_lock(connection, shop.schema):
            raise Busy(f"the segments of shop {shop.slug} are being filled by another process")
        try:
            return await _fill(db, shop, lake, clock, heard)
        finally:
            await saved.unlock(connection, shop.schema)


async def _fill(db: Database, shop: Shop, lake: Lake | None, clock: Clock, heard: Heard) -> Filled:
    did = Filled()
    async with db.unit(shop.schema) as tx:
        await saving.heed_terms(tx, shop)
        streams = await saving.number_streams(tx, shop)
    if streams:
        await _read_history(db, shop, lake, clock, streams, did, heard)
    async with db.unit(shop.schema) as tx:
        await saved.set_status(tx, await saving.ready(tx, shop), Status.SETTLING)
        await saved.turn_page(tx)
    await anew.compare(db, shop, clock, did, heard)
    await anew.foretell(db, shop, clock, did, heard)
    await _settle(db, shop, clock, did, heard)
    async with db.unit(shop.schema) as tx:
        await saving.number_streams(tx, shop)  # drops what nobody asks for any more
    return did


# --- history ------------------------------------------------------------------------------------


async def _read_history(
    db: Database,
    shop: Shop,
    lake: Lake | None,
    clock: Clock,
    streams: Sequence[KeptStream],
    did: Filled,
    heard: Heard,
) -> None:
    """Leave the records of everything up to the position behind which the walk leaves them."""
    upto = max(one.since_position for one in streams)
    specs = await _specs(db, shop, streams)
    listener = Listener(specs)
    left = Left([], NOTHING)
    done = after = far = 0
    if lake is not None and (there := await _copy_of(db, shop, lake, specs, upto)) is not None:
        kept = {one.id: needed_of(one) for one in streams}
        parts = history(folder_of(lake.uri), there, specs, kept, micros(clock.now()))
        while (part := await asyncio.to_thread(next, parts, None)) is not None:
            await _leave(db, shop, part[0], clock)
            done, after = done + part[1], there.position
            heard("reading history", done, 0)
            far = after * done // max(1, there.rows)
            await _say(db, shop, far, upto)
    async for events in _history(db, shop, lake, specs, after, upto):
        left = left.joined(await asyncio.to_thread(left_by, listener, events))
        done += len(events)
        if len(left.records) >= ROWS_AT_ONCE:
            await _leave(db, shop, left, clock)
            left = Left([], NOTHING)
        if events:
            heard("reading history", done, 0)
            far = max(far, max(position for position, *_ in events))  # files lie by month
            await _say(db, shop, far, upto)
    await _leave(db, shop, left, clock)
    did.streams, did.events = len(streams), done
    async with db.unit(shop.schema) as tx:
        await saved.filled(tx, [one.id for one in streams])
        await saved.turn_page(tx)
    await reach("segments.filled")


async def _specs(
    db: Database, shop: Shop, streams: Sequence[KeptStream]
) -> list[tuple[int, Stream]]:
    async with db.unit(shop.schema) as tx:
        every = await saved.every(tx)
    zone = ZoneInfo(shop.time_zone)
    known: dict[str, Stream] = {}
    for one in every:
        found = made_ready(parse(one.rule), zone).streams
        known |= {key: stream for key, (stream, _) in found.items()}
    return [(one.id, known[one.key]) for one in streams if one.key in known]


async def _copy_of(
    db: Database, shop: Shop, lake: Lake, specs: Sequence[tuple[int, Stream]], upto: int
) -> Manifest | None:
    """The sorted copy, where it holds all that the streams ask for."""
    there = folder_of(lake.uri).manifest()
    if there is None or there.position > upto:
        return None
    async with db.unit(shop.schema) as tx:
        state = await lake_store.state(tx)
    whole = there.epoch == str(state.epoch) and covers(there, [one for _, one in specs])
    return there if whole else None


async def _history(
    db: Database,
    shop: Shop,
    lake: Lake | None,
    specs: Sequence[tuple[int, Stream]],
    after: int,
    upto: int,
) -> AsyncIterator[list[Event]]:
    """Events that any of the streams may want, of the log positions behind `after` and up to
    `upto`: the lake's, then the log's."""
    names = sorted({name for _, stream in specs for name in stream.names})
    touches = any(stream.kind != "event" for _, stream in specs)
    if lake is not None:
        begin = after
        async with db.unit(shop.schema) as tx:
            after = max(after, min(await log.lake_position(tx), upto))
        for batch in lake.columns(_COLUMNS, None if touches else names, after, begin):
            yield await asyncio.to_thread(_events, batch)
    while after < upto:
        async with db.unit(shop.schema) as tx:
            last = min(after + EVENTS_AT_ONCE, upto)
            events = await log.logged(tx, after, last, None if touches else names)
        yield events  # without holding a connection: whoever reads them writes with one
        after = last


def _told(body: str) -> dict[str, Any]:
    read = _read_body(body)
    return log.whole(read.properties, read.catalog)


def _events(batch: "pa.RecordBatch") -> list[Event]:
    columns = [batch.column(name).to_pylist() for name in _COLUMNS]
    return [
        (position, UUID(origin), ts, name, channel, device, _told(body))
        for position, origin, ts, name, channel, device, body in zip(*columns, strict=True)
    ]


async def _leave(db: Database, shop: Shop, left: Left, clock: Clock) -> None:
    """Have the records kept; the same origin may stand in `left` several times."""
    origins = sorted(set(left.origins))
    number = {origin: n for n, origin in enumerate(origins)}
    who = np.array([number[origin] for origin in left.origins], np.int64)[left.records.who]
    records = msgspec.structs.replace(left.records, who=who).take(np.argsort(who, kind="stable"))
    for start in range(0, len(origins), AT_ONCE):
        some = origins[start : start + AT_ONCE]
        first, last = np.searchsorted(records.who, (start, start + AT_ONCE))
        part = records.take(slice(int(first), int(last)))
        theirs = Left(some, msgspec.structs.replace(part, who=part.who - start))

        async def write(tx: Tx, some: list[UUID] = some, theirs: Left = theirs) -> None:
            roots = await profiles.roots(tx, some)
            people = sorted(set(roots.values()))
            await profiles.lock(tx, people)
            people = sorted(set((await profiles.roots(tx, some)).values()))
            book = await book_of(tx, shop)
            asked = Asked.of(people, book, Touch.NONE, Touch.NONE)
            await keep(tx, shop, book, asked, theirs, clock.now())

        await db.run(shop.schema, write)


async def _say(db: Database, shop: Shop, done: int, total: int) -> None:
    """How far history is read, by positions of the log."""
    async with db.unit(shop.schema) as tx:
        waiting = [one.id for one in await saved.every(tx) if one.status != Status.ON]
        await saved.progress(tx, waiting, done, total)


# --- everybody is asked -------------------------------------------------------------------------


async def _settle(db: Database, shop: Shop, clock: Clock, did: Filled, heard: Heard) -> None:
    """Ask everybody about the segments that nobody was asked about."""
    async with db.unit(shop.schema) as tx:
        every = await saved.every(tx)
        total = await log.how_many(tx)
    settling = [one for one in every if one.status == Status.SETTLING]
    if not settling:
        return
    after: UUID | None = None
    done = 0
    while True:

        async def ask(tx: Tx, after: UUID | None = after) -> tuple[list[UUID], list[Change]]:
            book = await book_of(tx, shop)
            roots = await log.people(tx, after, book.at_once)
            await profiles.lock(tx, roots)
            asked = Asked.of(roots, book, Touch.NONE, Touch.DEFINITION)
            for number, entry in enumerate(book.entries):
                if entry.settling:
                    asked.touches[:, number] = Touch.DEFINITION
            return roots, await keep(tx, shop, book, asked, None, clock.now())

        roots, changes = await db.run(shop.schema, ask)
        anew.count(did, changes)
        done += len(roots)
        heard("asking everybody", done, max(done, total))
        if not roots:
            break
        after = roots[-1]
        async with db.unit(shop.schema) as tx:
            await saved.progress(tx, [one.id for one in settling], done, max(done, total))
    did.segments += [one.key for one in settling]
    async with db.unit(shop.schema) as tx:
        # What was changed meanwhile is settled by the next run.
        now_there = {one.id: one for one in await saved.every(tx)}
        done_with = [
            one.id for one in settling
            if one.id in now_there and now_there[one.id].changed_at == one.changed_at
            and now_there[one.id].status == Status.SETTLING
        ]  # fmt: skip
        await saved.set_status(tx, done_with, Status.ON)
        await saved.asked(tx, done_with, clock.now())
        await saved.turn_page(tx)

"""Counts the people a rule holds for from the sorted copy, as long as it suffices."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from patron.events.lake import store as lake_store
from patron.events.sorted.layout import Folder
from patron.kit.clock import monotonic
from patron.kit.db import Database, Tx
from patron.segments import store
from patron.segments.facts import Loaded, Subject, load_many
from patron.segments.full.answering import ROWS_AT_ONCE, Full, Since
from patron.segments.full.scan import covers
from patron.segments.keeping import Left
from patron.segments.listened import left_by
from patron.segments.live.columns import Columns, Longs
from patron.segments.live.kernels import Asking
from patron.segments.live.listening import NOTHING, Listener
from patron.segments.live.program import Chunk, Program, made_ready
from patron.segments.live.streams import NotLive
from patron.segments.rules.language import Rule
from patron.shops.types import Shop

ROWS_BESIDE = 250_000
"""So many events are looked at together where others work beside it: in the web process."""

FACTS_AT_ONCE = 500
SHOWN = 10


class Counted(msgspec.Struct):
    """`sample` are the roots of some of them, the same each time."""

    count: int
    looked_at: int
    complete: bool
    sample: list[UUID]


async def open_full(
    tx: Tx,
    folder: Folder,
    programs: list[Program],
    position: int | None = None,
    rows: int = ROWS_AT_ONCE,
) -> Full | None:
    """The copy, with what the log has after it, up to `position` if given. None where there is no
    copy of this log, or rules ask for what it does not hold."""
    there = folder.manifest()
    state = await lake_store.state(tx)
    if there is None or there.epoch != str(state.epoch) or there.position > state.position:
        return None
    streams = {key: stream for p in programs for key, (stream, _) in p.streams.items()}
    if not covers(there, list(streams.values())):
        return None
    numbered = list(enumerate(streams.values()))
    listener = Listener(numbered)
    names = None if listener.kinds else sorted(listener.names)
    events = await store.logged(tx, there.position, position or state.position, names)
    left = await asyncio.to_thread(left_by, listener, events) if events else Left([], NOTHING)
    gone = await lake_store.erasures(tx)
    since = Since(left.origins, left.records, await store.merged(tx), gone)
    return await asyncio.to_thread(Full, folder, there, programs, since, rows)


async def count(
    db: Database,
    shop: Shop,
    rule: Rule,
    now: datetime,
    folder: Folder,
    *,
    of: int,
    until: float | None,
    told: Callable[[int, int], None],
) -> Counted | None:
    """For how many of the `of` people a rule holds; None where it takes more than the copy to tell.

    What else a rule asks is loaded of those only about whom events do not decide. At `until` (on
    the monotonic clock) the count is what it is.
    """
    zone = ZoneInfo(shop.time_zone)
    try:
        program = made_ready(rule, zone)
    except NotLive:
        return None
    asking = Asking(now, zone, changes=False)
    async with db.unit(shop.schema) as tx:
        full = await open_full(tx, folder, [program], rows=ROWS_BESIDE)
    if full is None:
        return None
    ((least, most),) = full.empty(asking)
    if least != most:
        return None
    found = Counted(0, 0, True, [])
    drawn = np.empty(0, np.int64)
    async for held, asked, whole in holders(db, shop, full, program, asking, until):
        found.count += len(held)
        found.looked_at += len(asked)
        found.complete = whole
        drawn = np.concatenate((drawn, held))
        drawn = drawn[np.argsort(_drawn(drawn))][:SHOWN]
        told(found.looked_at, of)
    if found.complete:
        found.count += max(0, of - found.looked_at) if least else 0
        found.looked_at = of
    found.sample = full.origin(drawn)
    return found


async def holders(
    db: Database,
    shop: Shop,
    full: Full,
    program: Program,
    asking: Asking,
    until: float | None = None,
) -> AsyncIterator[tuple[Longs, Longs, bool]]:
    """Of some people at a time the numbers of those for whom it holds, of those who were asked, and
    whether time sufficed; nobody follows those for whom it did not."""
    chunks = full.chunks(asking.at)
    while (chunk := await asyncio.to_thread(_next, chunks)) is not None:
        if until is not None and monotonic() >= until:
            yield np.empty(0, np.int64), np.empty(0, np.int64), False
            return
        columns, numbers = chunk
        held, opened = await asyncio.to_thread(_bounds, full, program, columns, numbers, asking)
        whole = True
        if len(opened):
            rest = _Open(full, program, columns, numbers, asking)
            more, whole = await rest.decide(db, shop, opened, until)
            held = np.concatenate((held, more))
        yield held, numbers[numbers >= 0], whole
        if not whole:
            return


def _next(
    chunks: Iterator[tuple[Columns, Longs]],
) -> tuple[Columns, Longs] | None:
    return next(chunks, None)


def _bounds(
    full: Full, program: Program, columns: Columns, numbers: Longs, asking: Asking
) -> tuple[Longs, Longs]:
    """Who holds, and who may."""
    least, most = program.bounds(Chunk(columns, []), asking, full.numbers)
    here = numbers >= 0
    return numbers[least & here], np.flatnonzero(most & ~least & here)


def _drawn(numbers: Longs) -> Longs:
    """Places in an order that looks random and is always the same (a multiplicative hash)."""
    return (numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)).view(np.int64)


class _Open:
    """People of a chunk about whom events do not decide."""

    def __init__(
        self, full: Full, program: Program, columns: Columns, numbers: Longs, asking: Asking
    ) -> None:
        self._full, self._program = full, program
        self._columns, self._numbers, self._asking = columns, numbers, asking

    async def decide(
        self, db: Database, shop: Shop, places: Longs, until: float | None
    ) -> tuple[Longs, bool]:
        """The numbers of those for whom it holds, and whether all could be asked in time."""
        facts: list[Loaded | None] = [None] * self._columns.count
        asked = np.zeros(len(facts), np.bool_)
        complete = True
        for start in range(0, len(places), FACTS_AT_ONCE):
            if until is not None and monotonic() >= until:
                complete = False
                break
            some = places[start : start + FACTS_AT_ONCE]
            roots = self._full.origin(self._numbers[some])
            async with db.unit(shop.schema) as tx:
                subjects = [Subject(root) for root in roots]
                found = await load_many(tx, subjects, self._program.needs, self._asking.now, shop)
            for place, one in zip(some.tolist(), found, strict=True):
                facts[place] = one
            asked[some] = True
        held = await asyncio.to_thread(self._answered, facts)
        return self._numbers[held & asked], complete

    def _answered(self, facts: list[Loaded | None]) -> "np.typing.NDArray[np.bool_]":
        inside = {
            key: np.array([one is not None and key in one.segments for one in facts])
            for key in self._program.needs.segments
        }
        chunk = Chunk(self._columns, facts, inside)
        return self._program.answer(chunk, self._asking, self._full.numbers)[0]

"""Opens the sorted copy for rules, where it suffices."""

import asyncio

from patron.events.lake import store as lake_store
from patron.events.sorted.layout import Folder
from patron.kit.db import Tx
from patron.segments import store
from patron.segments.full.answering import ROWS_AT_ONCE, Full, Since
from patron.segments.full.listened import left_by
from patron.segments.full.scan import covers
from patron.segments.keeping import Left
from patron.segments.live.listening import NOTHING, Listener
from patron.segments.live.program import Program

ROWS_BESIDE = 250_000
"""So many events are looked at together where others work beside it: in the web process."""


async def open_full(
    tx: Tx,
    folder: Folder,
    programs: list[Program],
    rows: int = ROWS_AT_ONCE,
) -> Full | None:
    """The copy, with what the log has after it. None where there is no copy of this log, or rules
    ask for what it does not hold."""
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
    events = await store.logged(tx, there.position, state.position, names)
    left = await asyncio.to_thread(left_by, listener, events) if events else Left([], NOTHING)
    gone = await lake_store.erasures(tx)
    since = Since(left.origins, left.records, await store.merged(tx), gone)
    return await asyncio.to_thread(Full, folder, there, programs, since, rows)

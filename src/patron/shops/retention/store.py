"""The SQL of what went by age, and of what an erasure leaves to the night."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from patron.kit.db import Tx, execute, rows, tuples
from patron.kit.ids import id_at


class Swept(msgspec.Struct, frozen=True):
    """The last look at a kind of data; `gone` counts from the beginning. It is `finished` unless
    there was more than goes at once."""

    kind: str
    last_at: datetime
    last_gone: int
    gone: int
    finished: bool


async def swept(tx: Tx) -> dict[str, Swept]:
    """The last look at each kind that was looked at."""
    found = await rows(tx, Swept, "SELECT kind, last_at, last_gone, gone, finished FROM retention")
    return {one.kind: one for one in found}


async def note(tx: Tx, kind: str, gone: int, finished: bool, now: datetime) -> None:
    """Write down how much of a kind went. Looks that go on with one which was not finished count
    as one."""
    await execute(
        tx,
        "INSERT INTO retention AS r (kind, last_at, last_gone, gone, finished)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (kind) DO UPDATE SET last_at = excluded.last_at,"
        " last_gone = CASE WHEN r.finished THEN 0 ELSE r.last_gone END + excluded.last_gone,"
        " gone = r.gone + excluded.gone, finished = excluded.finished",
        (kind, now, gone, gone, finished),
    )


class Traces(msgspec.Struct, frozen=True):
    """Erasures whose rows still stand in PostgreSQL's files, the oldest of them, and the tables
    that only some need to have written anew."""

    ids: list[UUID]
    since: datetime
    tables: list[str]


async def leave_trace(tx: Tx, tables: Sequence[str], now: datetime) -> None:
    """An erasure has deleted rows, of the log in these partitions."""
    await execute(
        tx,
        "INSERT INTO erasure_trace (id, erased_at, tables) VALUES (%s, %s, %s)",
        (id_at(now), now, list(tables)),
    )


async def traces(tx: Tx) -> Traces | None:
    found = await tuples(tx, "SELECT id, erased_at, tables FROM erasure_trace ORDER BY erased_at")
    if not found:
        return None
    tables = sorted({table for _, _, some in found for table in some})
    return Traces([id for id, _, _ in found], found[0][1], tables)


async def written_over(tx: Tx, ids: Sequence[UUID]) -> None:
    await execute(tx, "DELETE FROM erasure_trace WHERE id = ANY(%s)", (list(ids),))

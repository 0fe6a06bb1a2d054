"""The SQL of arms that are not told yet."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from patron.kit.db import Tx, execute, rows


class Entry(msgspec.Struct, frozen=True):
    """A run that was given its arm."""

    run_id: UUID
    journey: str
    origin_id: UUID
    arm: str
    at: datetime


async def note(tx: Tx, entries: Sequence[Entry]) -> None:
    if entries:
        columns = [list(one) for one in zip(*map(msgspec.structs.astuple, entries), strict=True)]
        await execute(
            tx,
            "INSERT INTO run_entry (run_id, journey, origin_id, arm, at) SELECT * FROM"
            " unnest(%s::uuid[], %s::text[], %s::uuid[], %s::text[], %s::timestamptz[])"
            " ON CONFLICT DO NOTHING",
            columns,
        )


async def untold(tx: Tx, limit: int) -> list[Entry]:
    """The longest untold first."""
    return await rows(
        tx,
        Entry,
        "SELECT run_id, journey, origin_id, arm, at FROM run_entry ORDER BY at, run_id LIMIT %s",
        (limit,),
    )


async def told(tx: Tx, run_ids: Sequence[UUID]) -> None:
    await execute(tx, "DELETE FROM run_entry WHERE run_id = ANY(%s)", (list(run_ids),))


async def erase(tx: Tx, origins: Sequence[UUID]) -> None:
    await execute(tx, "DELETE FROM run_entry WHERE origin_id = ANY(%s)", (list(origins),))

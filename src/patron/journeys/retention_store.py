"""The SQL of runs that are old: why goes, what counts stays."""

from datetime import datetime

from patron.kit.db import Tx, execute, value


async def empty(tx: Tx, before: datetime, limit: int) -> int:
    """Take story and context out of runs that ended before that; how many."""
    return await execute(
        tx,
        "UPDATE run SET story = '[]', context = '{}' WHERE id IN (SELECT id FROM run"
        " WHERE ended_at < %s AND story <> '[]' ORDER BY ended_at LIMIT %s FOR UPDATE SKIP LOCKED)",
        (before, limit),
    )


async def oldest(tx: Tx) -> datetime | None:
    """When the oldest run ended that still tells its story."""
    found: datetime | None = await value(
        tx, "SELECT min(ended_at) FROM run WHERE ended_at IS NOT NULL AND story <> '[]'"
    )
    return found

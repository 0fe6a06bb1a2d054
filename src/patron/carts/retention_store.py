"""The SQL of carts that are closed for long."""

from datetime import datetime

from patron.kit.db import Tx, execute, tuples, value


async def delete_closed(tx: Tx, before: datetime, limit: int) -> int:
    """Delete carts that were closed before that, with their keys; how many."""
    gone = await tuples(
        tx,
        "DELETE FROM cart WHERE id IN (SELECT id FROM cart WHERE closed_at < %s"
        " ORDER BY closed_at LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING id",
        (before, limit),
    )
    await execute(tx, "DELETE FROM cart_key WHERE cart_id = ANY(%s)", ([id for (id,) in gone],))
    return len(gone)


async def oldest_closed(tx: Tx) -> datetime | None:
    found: datetime | None = await value(
        tx, "SELECT min(closed_at) FROM cart WHERE closed_at IS NOT NULL"
    )
    return found

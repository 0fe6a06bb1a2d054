"""The SQL of the outbox after a restore."""

from datetime import datetime

from patron.kit.db import Tx, as_json, execute, value
from patron.messages.types import Line, State, before


async def mark(tx: Tx, at: datetime) -> None:
    """Remember that this shop was restored at `at`."""
    await execute(tx, "INSERT INTO restored (at) VALUES (%s)", (at,))


async def last(tx: Tx) -> datetime | None:
    """When this shop was last restored; None for never."""
    at: datetime | None = await value(tx, "SELECT max(at) FROM restored")
    return at


async def turn(tx: Tx, line: Line) -> int:
    """Move every row that may come to `line.state` there; how many these were."""
    final = line.at if line.state is State.CANCELLED else None
    return await execute(
        tx,
        "UPDATE outbox SET state = %s, reason = %s, done_at = %s, lease_until = NULL,"
        " story = story || %s::jsonb WHERE state = ANY(%s)",
        (
            line.state,
            line.reason,
            final,
            as_json(line),
            [state.value for state in before(line.state)],
        ),
    )

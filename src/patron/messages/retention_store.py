"""The SQL of messages that are old: what they say of a person goes, what counts stays."""

from datetime import datetime

from patron.kit.db import Tx, execute, value


async def empty(tx: Tx, before: datetime, limit: int) -> int:
    """Take address, story and content out of messages that ended before that; how many.

    State, times, arm, journey and cart stay, and whether it was a rehearsal: results still add up.
    """
    return await execute(
        tx,
        "UPDATE outbox SET address = NULL, address_key = NULL, condition = NULL, untold = NULL,"
        " provider_id = NULL, story = '[]',"
        " context = jsonb_strip_nulls(jsonb_build_object('cart_id', context -> 'cart_id')),"
        " detail = jsonb_strip_nulls(jsonb_build_object('rehearsal', detail -> 'rehearsal'))"
        " WHERE id IN (SELECT id FROM outbox WHERE done_at < %s AND story <> '[]'"
        " ORDER BY done_at LIMIT %s FOR UPDATE SKIP LOCKED)",
        (before, limit),
    )


async def oldest(tx: Tx) -> datetime | None:
    """When the oldest message ended that still says whom it was for."""
    found: datetime | None = await value(
        tx, "SELECT min(done_at) FROM outbox WHERE done_at IS NOT NULL AND story <> '[]'"
    )
    return found

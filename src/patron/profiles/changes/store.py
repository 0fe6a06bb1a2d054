"""The list of people about whom something became known, or untrue, outside the walk.

The walk tells the rooms above itself whom it touched. A consent given by API, a suppression, a tag
or an undone merge is written here in the same transaction; who answers questions about people takes
the list up within a second.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from patron.kit.db import Tx, execute, tuples


async def note(tx: Tx, origins: Iterable[UUID], now: datetime) -> None:
    """Something about the people of these origins changed; origins that do not exist are left out.

    Several changes of one origin are one until they are taken.
    """
    await execute(
        tx,
        "INSERT INTO profile_change (origin_id, at)"
        " SELECT id, %s FROM origin WHERE id = ANY(%s) ORDER BY id ON CONFLICT DO NOTHING",
        (now, sorted(set(origins))),
    )


async def note_addresses(tx: Tx, addresses: Iterable[str], now: datetime) -> None:
    """Something about these normalised addresses or phone numbers changed, whoever holds them."""
    await execute(
        tx,
        "INSERT INTO profile_change (origin_id, at)"
        " SELECT DISTINCT origin_id, %s::timestamptz FROM identifier"
        " WHERE value = ANY(%s) AND kind IN ('email', 'phone') ORDER BY origin_id"
        " ON CONFLICT DO NOTHING",
        (now, sorted(set(addresses))),
    )


async def waiting(tx: Tx, limit: int) -> list[UUID]:
    """The origins that waited longest, at most `limit`."""
    found = await tuples(
        tx, "SELECT origin_id FROM profile_change ORDER BY at, origin_id LIMIT %s", (limit,)
    )
    return [origin for (origin,) in found]


async def take(tx: Tx, origins: Iterable[UUID]) -> list[UUID]:
    """Those of these origins that nobody else took; they are off the list with this transaction.

    Lock the people first: whoever writes about somebody holds her already when she is noted here,
    and would wait for the taker who waits for her.
    """
    found = await tuples(
        tx,
        "DELETE FROM profile_change WHERE origin_id IN (SELECT origin_id FROM profile_change"
        " WHERE origin_id = ANY(%s) ORDER BY origin_id FOR UPDATE SKIP LOCKED) RETURNING origin_id",
        (sorted(set(origins)),),
    )
    return sorted(origin for (origin,) in found)

"""The list of people about whom something became known, or untrue, outside the walk.

The walk tells the rooms above itself whom it touched. A consent given by API, a suppression, a tag
or an undone merge is written here in the same transaction; who answers questions about people takes
the list up within a second.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import IntEnum
from uuid import UUID

from patron.kit.db import Tx, execute, tuples, value
from patron.profiles.batch.store import LOCK


class Why(IntEnum):
    """What made somebody change; of several the greatest counts."""

    DEFINITION = 1
    THRESHOLDS = 2
    MERGE = 3
    BACKFILL = 4
    CLOCK = 5
    EVENT = 6


async def note(tx: Tx, origins: Iterable[UUID], now: datetime, why: Why = Why.EVENT) -> None:
    """Something about the people of these origins changed; origins that do not exist are left out.

    Several changes of one origin are rows of their own until they are taken.
    """
    await execute(
        tx,
        "INSERT INTO profile_change (origin_id, at, why)"
        " SELECT id, %s, %s FROM origin WHERE id = ANY(%s) ORDER BY id",
        (now, int(why), sorted(set(origins))),
    )


async def note_once(tx: Tx, origins: Iterable[UUID], now: datetime, why: Why) -> None:
    """As `note`, but who waits already, because of as much, is not written again. The caller holds
    these people's locks: whoever takes somebody holds hers, so who stands here was not taken."""
    await execute(
        tx,
        "INSERT INTO profile_change (origin_id, at, why)"
        " SELECT id, %s, %s FROM origin o WHERE id = ANY(%s) AND NOT EXISTS"
        " (SELECT FROM profile_change c WHERE c.origin_id = o.id AND c.why >= %s) ORDER BY id",
        (now, int(why), sorted(set(origins)), int(why)),
    )


async def note_addresses(
    tx: Tx, addresses: Iterable[str], now: datetime, why: Why = Why.EVENT
) -> None:
    """Something about these normalised addresses or phone numbers changed, whoever holds them, or
    is just being given them."""
    await execute(
        tx,
        "INSERT INTO address_change (address, why, at)"
        " SELECT address, %s, %s FROM unnest(%s::text[]) AS a (address)",
        (int(why), now, sorted(set(addresses))),
    )


async def waiting(tx: Tx, limit: int) -> list[UUID]:
    """The origins that waited longest, at most `limit`; first of all in the caller's transaction.

    Who holds a changed address is found here, when the change is committed and nobody is given an
    address just now: before, whoever changes it and whoever is given it would not see each other.
    """
    if await value(tx, "SELECT EXISTS (SELECT FROM address_change)"):
        await execute(tx, LOCK)
        await execute(
            tx,
            "WITH gone AS (DELETE FROM address_change WHERE number IN (SELECT number"
            " FROM address_change ORDER BY number LIMIT %s FOR UPDATE SKIP LOCKED)"
            " RETURNING address, why, at)"
            " INSERT INTO profile_change (origin_id, at, why)"
            " SELECT i.origin_id, min(g.at), g.why FROM gone g JOIN identifier i"
            " ON i.value = g.address AND i.kind IN ('email', 'phone')"
            " GROUP BY i.origin_id, g.why",
            (limit,),
        )
    found = await tuples(
        tx,
        "SELECT origin_id FROM profile_change GROUP BY origin_id"
        " ORDER BY min(at), origin_id LIMIT %s",
        (limit,),
    )
    return [origin for (origin,) in found]


async def take(tx: Tx, origins: Iterable[UUID]) -> dict[UUID, Why]:
    """Why those of these origins changed that nobody else took; they are off the list with this
    transaction.

    Lock the people first: whoever writes about somebody holds her already when she is noted here,
    and would wait for the taker who waits for her.
    """
    found = await tuples(
        tx,
        "DELETE FROM profile_change WHERE number IN (SELECT number FROM profile_change"
        " WHERE origin_id = ANY(%s) ORDER BY number FOR UPDATE SKIP LOCKED)"
        " RETURNING origin_id, why",
        (sorted(set(origins)),),
    )
    taken: dict[UUID, Why] = {}
    for origin, why in sorted(found):
        taken[origin] = Why(why)
    return taken


async def erase(tx: Tx, origins: Iterable[UUID], addresses: Iterable[str]) -> None:
    """Forget that somebody changed."""
    await execute(tx, "DELETE FROM profile_change WHERE origin_id = ANY(%s)", (list(origins),))
    await execute(tx, "DELETE FROM address_change WHERE address = ANY(%s)", (list(addresses),))

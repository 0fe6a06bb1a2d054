"""The list of addresses that get nothing more: looked through, added to, shortened."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from patron.kit.db import Tx, execute, tuples, value
from patron.kit.ids import id_at
from patron.profiles.changes import store as changes
from patron.profiles.consents.types import Lifted
from patron.profiles.types import Suppression, SuppressionReason

_STOP = "channel, address_key, reason, at, source"
_LIFTED = "channel, address_key, reason, suppressed_at, lifted_at, why"


class Wanted(msgspec.Struct, frozen=True):
    """Which suppressions a list shows; None means all."""

    channel: str | None = None
    reason: str | None = None
    address_key: str | None = None


async def listed(
    tx: Tx, wanted: Wanted, after: tuple[datetime, str, str, str] | None, limit: int
) -> list[Suppression]:
    """The newest first; `after` is (at, address_key, channel, reason) of the last one seen."""
    last = after or (None, None, None, None)
    found = await tuples(
        tx,
        f"SELECT {_STOP} FROM suppression WHERE (%s::text IS NULL OR channel = %s)"
        " AND (%s::text IS NULL OR reason = %s) AND (%s::text IS NULL OR address_key = %s)"
        " AND (%s::timestamptz IS NULL OR (at, address_key, channel, reason) < (%s, %s, %s, %s))"
        " ORDER BY at DESC, address_key DESC, channel DESC, reason DESC LIMIT %s",
        (
            *(wanted.channel, wanted.channel, wanted.reason, wanted.reason),
            *(wanted.address_key, wanted.address_key, last[0], *last, limit),
        ),
    )
    return [_suppression(one) for one in found]


async def find(tx: Tx, channel: str, address_key: str, reason: str) -> Suppression | None:
    found = await tuples(
        tx,
        f"SELECT {_STOP} FROM suppression WHERE channel = %s AND address_key = %s AND reason = %s"
        " FOR UPDATE",
        (channel, address_key, reason),
    )
    return _suppression(found[0]) if found else None


async def said_yes_since(tx: Tx, channel: str, address_key: str, at: datetime) -> bool:
    """Whether she agreed to anything over the channel later than `at`, by her own word."""
    return bool(
        await value(
            tx,
            "SELECT EXISTS (SELECT FROM consent WHERE address_key = %s AND channel = %s"
            " AND state = 'granted' AND at > %s)",
            (address_key, channel, at),
        )
    )


async def lift(tx: Tx, stop: Suppression, why: str, now: datetime) -> None:
    """Take a suppression away for good, and write down why."""
    await execute(
        tx,
        "DELETE FROM suppression WHERE channel = %s AND address_key = %s AND reason = %s",
        (stop.channel, stop.address_key, stop.reason),
    )
    await execute(
        tx,
        f"INSERT INTO suppression_lifted (id, {_LIFTED}) VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (id_at(now), stop.channel, stop.address_key, stop.reason, stop.at, now, why),
    )
    await changes.note_addresses(tx, [stop.address_key], now)


async def lift_unsubscription(tx: Tx, channel: str, address_key: str, now: datetime) -> bool:
    """She wants letters of some kind again; whether she had unsubscribed from all."""
    found = await execute(
        tx,
        "DELETE FROM suppression WHERE channel = %s AND address_key = %s"
        " AND reason = 'unsubscribe' AND at <= %s",
        (channel, address_key, now),
    )
    return bool(found)


async def lifted_of(tx: Tx, keys: Sequence[str]) -> list[Lifted]:
    """What was lifted of these addresses, oldest first."""
    found = await tuples(
        tx,
        f"SELECT {_LIFTED} FROM suppression_lifted WHERE address_key = ANY(%s) ORDER BY id",
        (list(keys),),
    )
    return [Lifted(f[0], f[1], SuppressionReason(f[2]), *f[3:]) for f in found]


async def add(tx: Tx, stops: Sequence[Suppression], now: datetime) -> int:
    """Add what is not on the list yet; how many that were. An unsubscription from before a later
    yes of hers is none."""
    if not stops:
        return 0
    found = await tuples(
        tx,
        f"INSERT INTO suppression ({_STOP}) SELECT {_STOP} FROM unnest(%s::text[], %s::text[],"
        " %s::text[], %s::timestamptz[], %s::text[]) AS n (channel, address_key, reason, at,"
        " source) WHERE n.reason <> 'unsubscribe' OR NOT EXISTS (SELECT FROM consent c"
        " WHERE c.address_key = n.address_key AND c.channel = n.channel"
        " AND c.purpose = 'marketing' AND c.state = 'granted' AND c.at > n.at)"
        " ON CONFLICT DO NOTHING RETURNING address_key",
        (
            [stop.channel for stop in stops],
            [stop.address_key for stop in stops],
            [str(stop.reason) for stop in stops],
            [stop.at for stop in stops],
            [stop.source for stop in stops],
        ),
    )
    await changes.note_addresses(tx, [key for (key,) in found], now)
    return len(found)


def _suppression(row: tuple[Any, ...]) -> Suppression:
    return Suppression(row[0], row[1], SuppressionReason(row[2]), row[3], row[4])

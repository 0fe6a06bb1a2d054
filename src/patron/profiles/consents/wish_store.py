"""How often somebody wants to hear from the shop."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from patron.kit.db import Tx, execute, tuples
from patron.profiles.consents.types import Frequency, Wish

_WISH = "address_key, channel, frequency, paused_until, said_at, place, origin_id"


async def of(tx: Tx, any_origin: UUID, channel: str, address_key: str | None) -> Wish | None:
    """The strictest wish for any address of the person of an origin, and for `address_key`."""
    found = await tuples(
        tx,
        f"SELECT {_WISH} FROM contact_wish WHERE channel = %s AND (address_key = %s"
        " OR address_key IN (SELECT i.value FROM identifier i JOIN origin o ON o.id = i.origin_id"
        " WHERE o.root_id = (SELECT root_id FROM origin WHERE id = %s)))",
        (channel, address_key, any_origin),
    )
    return strictest([_wish(one) for one in found])


def strictest(wishes: Sequence[Wish]) -> Wish | None:
    """The seldomest of the frequencies and the longest of the pauses; the rest is the latest's."""
    if not wishes:
        return None
    latest = max(wishes, key=lambda w: w.said_at)
    frequency = max((w.frequency for w in wishes), key=list(Frequency).index)
    pause = max((w.paused_until for w in wishes if w.paused_until), default=None)
    return Wish(
        latest.address_key,
        latest.channel,
        frequency,
        pause,
        latest.said_at,
        latest.place,
        latest.origin_id,
    )


async def of_addresses(tx: Tx, keys: Sequence[str]) -> list[Wish]:
    """Every wish for these addresses."""
    found = await tuples(
        tx,
        f"SELECT {_WISH} FROM contact_wish WHERE address_key = ANY(%s)"
        " ORDER BY address_key, channel",
        (list(keys),),
    )
    return [_wish(one) for one in found]


async def keep(tx: Tx, wish: Wish) -> None:
    """Write a wish down in place of an earlier one."""
    await execute(
        tx,
        f"INSERT INTO contact_wish AS w ({_WISH}) VALUES (%s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (address_key, channel) DO UPDATE SET frequency = excluded.frequency,"
        " paused_until = excluded.paused_until, said_at = excluded.said_at,"
        " place = excluded.place, origin_id = excluded.origin_id"
        " WHERE excluded.said_at >= w.said_at",
        (
            wish.address_key,
            wish.channel,
            wish.frequency,
            wish.paused_until,
            wish.said_at,
            wish.place,
            wish.origin_id,
        ),
    )


async def erase(tx: Tx, keys: Sequence[str], origins: Sequence[UUID]) -> None:
    """Forget what was wished for these addresses, or under these origins."""
    await execute(
        tx,
        "DELETE FROM contact_wish WHERE address_key = ANY(%s) OR origin_id = ANY(%s)",
        (list(keys), list(origins)),
    )


def _wish(row: tuple[Any, ...]) -> Wish:
    return Wish(row[0], row[1], Frequency(row[2]), *row[3:])

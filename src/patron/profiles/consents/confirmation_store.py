"""Double opt-in: the yes that was said, the mail that asks, the answer from the mailbox."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from patron.events.types import Trust
from patron.kit.db import Tx, execute, tuples, value
from patron.kit.ids import id_at
from patron.profiles.consent import CHANNEL_KIND, obstacle
from patron.profiles.consents.types import Confirmation
from patron.profiles.reach_store import reached
from patron.profiles.types import ConsentState, ConsentWord, Identifier, Reach
from patron.shops.types import ShopSettings

VALID = timedelta(days=7)
"""How long the link works, and how long no second mail goes to the same address."""

MOST_AN_HOUR = 500
"""Mails asked for by pages; who posts a million addresses writes to nobody in a shop's name."""

ASKABLE = ("email",)
"""Channels over which Patron itself can ask."""

Key = tuple[str, str, str]
"""An address, a channel and a purpose."""

_NOBODY = UUID(int=0)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_UNSEEN = (Trust.PUBLIC, False, _LONG_AGO, _LONG_AGO)
_COLUMNS = (
    "id, origin_id, address, address_key, channel, purpose, asked_at, expires_at, text_shown,"
    " place, mailed_at, confirmed_at"
)


async def ask(
    tx: Tx, words: Sequence[ConsentWord], settings: ShopSettings, now: datetime
) -> list[UUID]:
    """Have a mail sent for each pending word among `words` to whom one is due; their ids.

    Nobody is asked twice within seven days, nor who agreed already, nor at a blocked address. The
    number of queries does not grow with that of the words: a page may bring thousands.
    """
    due = {
        (word.address_key, word.channel, word.purpose): word
        for word in words
        if word.state is ConsentState.PENDING
        and word.channel in ASKABLE
        and word.origin_id is not None
        and now - word.at <= VALID
    }
    if not due:
        return []
    found = await _reaches(tx, due, settings)
    lately = await _asked_lately(tx, due, now)
    room = MOST_AN_HOUR - await _asked_since(tx, now)
    asked: list[tuple[Any, ...]] = []
    for key, word in due.items():
        reach = found[key]
        if obstacle(reach, word.purpose) is None or reach.suppressed not in (None, "unsubscribe"):
            continue
        if key in lately or (word.trust < Trust.SERVER and room <= 0):
            continue
        room -= word.trust < Trust.SERVER
        asked.append(_row(word, reach.address or word.address_key, now))
    cursor = tx.cursor()
    await cursor.executemany(
        f"INSERT INTO confirmation ({_COLUMNS})"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, NULL, NULL)",
        asked,
    )
    return [row[0] for row in asked]


def _row(word: ConsentWord, address: str, now: datetime) -> tuple[Any, ...]:
    # What a page says was shown stays as proof; a mail of ours does not repeat it.
    shown = word.text_shown if word.trust >= Trust.SERVER else None
    return (
        id_at(now), word.origin_id, address, word.address_key, word.channel, word.purpose, now,
        now + VALID, shown, word.place,
    )  # fmt: skip


async def reach_of(
    tx: Tx, address_key: str, channel: str, purpose: str, settings: ShopSettings
) -> Reach:
    """How this one address can be reached, whoever holds it, and if nobody does."""
    key = (address_key, channel, purpose)
    return (await _reaches(tx, [key], settings))[key]


async def _reaches(tx: Tx, keys: Collection[Key], settings: ShopSettings) -> dict[Key, Reach]:
    """How each address can be reached over its channel for its purpose."""
    kinds = {channel: CHANNEL_KIND.get(channel, "") for _, channel, _ in keys}
    wanted = sorted({(address, kinds[channel]) for address, channel, _ in keys})
    found = await tuples(
        tx,
        "SELECT kind, value, origin_id, address, trust, verified, first_seen, last_seen"
        " FROM identifier WHERE (value, kind) IN (SELECT * FROM unnest(%s::text[], %s::text[]))",
        ([address for address, _ in wanted], [kind for _, kind in wanted]),
    )
    held = {
        (r[1], r[0]): Identifier(r[0], r[1], r[2], r[3], Trust(r[4]), r[5], r[6], r[7])
        for r in found
    }
    names = {
        one: [held.get(one) or Identifier(one[1], one[0], _NOBODY, None, *_UNSEEN)]
        for one in wanted
    }
    ways = sorted({(channel, purpose) for _, channel, purpose in keys})
    reaches = await reached(tx, names, ways, settings)
    return {key: reaches[key[0], kinds[key[1]]][key[1], key[2]] for key in keys}


async def _asked_lately(tx: Tx, keys: Collection[Key], now: datetime) -> set[Key]:
    found = await tuples(
        tx,
        "SELECT address_key, channel, purpose FROM confirmation WHERE address_key = ANY(%s)"
        " AND expires_at > %s AND confirmed_at IS NULL",
        (sorted({key for key, _, _ in keys}), now),
    )
    return set(found)


async def _asked_since(tx: Tx, now: datetime) -> int:
    hour_ago = now - timedelta(hours=1)
    return int(
        await value(tx, "SELECT count(*) FROM confirmation WHERE asked_at > %s", (hour_ago,))
    )


async def unmailed(tx: Tx, limit: int) -> list[Confirmation]:
    """Those for which no message was written yet, oldest first; locked."""
    found = await tuples(
        tx,
        f"SELECT {_COLUMNS} FROM confirmation WHERE mailed_at IS NULL"
        " ORDER BY asked_at LIMIT %s FOR UPDATE SKIP LOCKED",
        (limit,),
    )
    return [Confirmation(*one) for one in found]


async def mailed(tx: Tx, ids: Sequence[UUID], now: datetime) -> None:
    """A message was written for each of these."""
    await execute(tx, "UPDATE confirmation SET mailed_at = %s WHERE id = ANY(%s)", (now, list(ids)))


async def find(tx: Tx, confirmation_id: UUID) -> Confirmation | None:
    found = await tuples(
        tx, f"SELECT {_COLUMNS} FROM confirmation WHERE id = %s", (confirmation_id,)
    )
    return Confirmation(*found[0]) if found else None


async def confirm(tx: Tx, confirmation_id: UUID, now: datetime) -> Confirmation | None:
    """Note her answer; None when there is nothing to confirm (any more), or it was confirmed."""
    found = await tuples(
        tx,
        "UPDATE confirmation SET confirmed_at = %s WHERE id = %s AND confirmed_at IS NULL"
        f" AND expires_at > %s RETURNING {_COLUMNS}",
        (now, confirmation_id, now),
    )
    return Confirmation(*found[0]) if found else None


async def of(tx: Tx, keys: Sequence[str], origins: Sequence[UUID]) -> list[Confirmation]:
    """All that were asked of these addresses or under these origins, oldest first."""
    found = await tuples(
        tx,
        f"SELECT {_COLUMNS} FROM confirmation WHERE address_key = ANY(%s) OR origin_id = ANY(%s)"
        " ORDER BY id",
        (list(keys), list(origins)),
    )
    return [Confirmation(*one) for one in found]


async def erase(tx: Tx, keys: Sequence[str], origins: Sequence[UUID]) -> None:
    """Forget what was asked of these addresses, or under these origins."""
    await execute(
        tx,
        "DELETE FROM confirmation WHERE address_key = ANY(%s) OR origin_id = ANY(%s)",
        (list(keys), list(origins)),
    )

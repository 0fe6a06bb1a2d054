"""Double opt-in: the yes that was said, the mail that asks, the answer from the mailbox."""

from collections.abc import Sequence
from datetime import datetime, timedelta
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

_COLUMNS = (
    "id, origin_id, address, address_key, channel, purpose, asked_at, expires_at, text_shown,"
    " place, mailed_at, confirmed_at"
)


async def ask(
    tx: Tx, words: Sequence[ConsentWord], settings: ShopSettings, now: datetime
) -> list[UUID]:
    """Have a mail sent for each pending word among `words` to whom one is due; their ids.

    Nobody is asked twice within seven days, nor who agreed already, nor at a blocked address.
    """
    asked: list[UUID] = []
    for word in words:
        if word.state is not ConsentState.PENDING or word.channel not in ASKABLE:
            continue
        if word.origin_id is None or now - word.at > VALID:
            continue
        reach = await reach_of(tx, word.address_key, word.channel, word.purpose, settings)
        if obstacle(reach, word.purpose) is None or reach.suppressed not in (None, "unsubscribe"):
            continue
        if await _asked_lately(tx, word, now):
            continue
        if word.trust < Trust.SERVER and await _asked_since(tx, now) >= MOST_AN_HOUR:
            continue
        confirmation_id = id_at(now)
        await execute(
            tx,
            f"INSERT INTO confirmation ({_COLUMNS})"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, NULL, NULL)",
            (
                confirmation_id,
                word.origin_id,
                reach.address or word.address_key,
                word.address_key,
                word.channel,
                word.purpose,
                now,
                now + VALID,
                # What a page says was shown stays as proof; a mail of ours does not repeat it.
                word.text_shown if word.trust >= Trust.SERVER else None,
                word.place,
            ),
        )
        asked.append(confirmation_id)
    return asked


async def reach_of(
    tx: Tx, address_key: str, channel: str, purpose: str, settings: ShopSettings
) -> Reach:
    """How this one address can be reached, whoever holds it, and if nobody does."""
    kind = CHANNEL_KIND.get(channel, "")
    found = await tuples(
        tx,
        "SELECT kind, value, origin_id, address, trust, verified, first_seen, last_seen"
        " FROM identifier WHERE value = %s AND kind = %s",
        (address_key, kind),
    )
    held = [Identifier(r[0], r[1], r[2], r[3], Trust(r[4]), r[5], r[6], r[7]) for r in found]
    if not held:
        epoch = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
        held = [Identifier(kind, address_key, _NOBODY, None, Trust.PUBLIC, False, epoch, epoch)]
    way = channel, purpose
    return (await reached(tx, {address_key: held}, [way], settings))[address_key][way]


_NOBODY = UUID(int=0)


async def _asked_lately(tx: Tx, word: ConsentWord, now: datetime) -> bool:
    return bool(
        await value(
            tx,
            "SELECT EXISTS (SELECT FROM confirmation WHERE address_key = %s AND channel = %s"
            " AND purpose = %s AND expires_at > %s AND confirmed_at IS NULL)",
            (word.address_key, word.channel, word.purpose, now),
        )
    )


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

"""Refused events walked again, after what refused them was mended."""

import asyncio
from collections.abc import Awaitable, Sequence

import msgspec

from patron.events.inbox import Inbox
from patron.events.reading.heard import replayed
from patron.events.refused import store
from patron.kit.db import Database
from patron.shops.types import Shop

MOST_AT_ONCE = 1_000


class Replayed(msgspec.Struct, frozen=True):
    """How many went back into the inbox, and which cannot: their payload is no JSON at all.

    `more`: as many as may go at once went; ask again for the rest.
    """

    replayed: int
    unreadable: list[int]
    more: bool


async def replay(
    db: Database,
    shop: Shop,
    inbox: Inbox,
    kind: store.Kind,
    *,
    ids: Sequence[int] | None = None,
    reason: str | None = None,
) -> Replayed:
    """Append refusals to the inbox as they came, with their first receipt, and drop them here.

    `ids` or `reason` choose; neither means all. What fails again is listed anew. Should the process
    die in between, the walk knows the second try of the same refusal and takes it once. Raises
    InboxFull and InboxDown, after which everything is still listed.
    """
    async with db.unit(shop.schema) as tx:
        letters = await store.chosen(tx, kind, ids=ids, reason=reason, limit=MOST_AT_ONCE)
        written: list[Awaitable[None]] = []
        unreadable, gone = [], []
        for letter in letters:
            envelope = replayed(letter.payload, f"{kind}-{letter.id}")
            if envelope is None:
                unreadable.append(letter.id)
                continue
            written.append(inbox.append_raw(shop, envelope, 1, reserved=True))
            gone.append(letter.id)
        await asyncio.gather(*written)
        await store.discard(tx, kind, gone)
    return Replayed(len(gone), unreadable, len(letters) == MOST_AT_ONCE)

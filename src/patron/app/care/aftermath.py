"""After a restore: nothing that may have left is said again, and who said no since is heard.

The database is as old as its backup. What left, and who unsubscribed, between the backup and the
restore is not in it; the lake, if it was kept, has the events of that time.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from patron.delivery.hand import BOUNCED
from patron.delivery.types import Reason
from patron.events.lake import copying
from patron.events.lake import store as lake_store
from patron.events.lake.store import COLUMNS
from patron.events.types import Event, EventType, Source, Trust
from patron.journeys.switch import end_restored
from patron.kit.db import Database, Tx
from patron.kit.lake import Lake
from patron.messages import outbox
from patron.profiles import store as profiles
from patron.profiles.address import normalise_email, normalise_phone
from patron.profiles.consent import CHANNEL_KIND, MARKETING, WORDS, asked, words
from patron.profiles.types import SuppressionReason
from patron.shops.types import Shop

HARD, UNSUBSCRIBED = SuppressionReason.HARD_BOUNCE, SuppressionReason.UNSUBSCRIBE


class Calmed(msgspec.Struct, frozen=True):
    """How many runs and messages of a backup ended, and how many messages are ambiguous now."""

    runs: int = 0
    messages: int = 0
    ambiguous: int = 0


async def calm(db: Database, shop: Shop, now: datetime) -> Calmed:
    """End what was waiting in the backup, in one transaction. Doing it twice changes nothing."""

    async def work(tx: Tx) -> Calmed:
        runs = await end_restored(tx, now)
        return Calmed(runs, *await outbox.restored(tx, now))

    return await db.run(shop.schema, work)


async def look(db: Database, shop: Shop, lake: Lake, now: datetime) -> bool:
    """Whether the database is older than the lake; if so, it is calmed and the lake's words heeded.

    To be called before the lake is cut back, and again if that was interrupted.
    """
    async with db.unit(shop.schema) as tx:
        state = await lake_store.state(tx)
        behind = await copying.restored_at(tx, lake, state)
    if behind is None:
        return False
    await calm(db, shop, now)
    said, region = _said(lake, behind), shop.settings.phone_region
    await db.run(shop.schema, lambda tx: _heed(tx, said, region, now))
    return True


def _said(lake: Lake, position: int) -> list[Event]:
    """Events behind `position` that say no, or answer a message of ours, in log order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found: list[dict[str, Any]] = []
    for batch in lake.rows_after(position):
        names = batch["name"].cast(pa.string())
        heeded = batch.filter(pc.is_in(names, pa.array([*WORDS, BOUNCED], pa.string())))
        found += heeded.select(list(COLUMNS)).to_pylist()
    said = [_event(row) for row in sorted(found, key=lambda row: int(row["position"]))]
    # Another's yes waits for the import of what is cut off; a no does not.
    return [e for e in said if e.source is Source.PATRON or not _yes(e)]


def _event(row: dict[str, Any]) -> Event:
    body = msgspec.json.decode(row["body"])
    return Event(
        type=EventType.TRACK,
        name=row["name"],
        ts=row["ts"],
        received_at=row["received_at"],
        message_id=row["message_id"],
        properties=body.get("properties", {}),
        context=body.get("context", {}),
        trust=Trust(row["trust"]),
        source=Source(row["source"]),
        origin_id=UUID(row["origin_id"]),
    )


def _yes(event: Event) -> bool:
    said = asked(event)
    return said is not None and said.granted


async def _heed(tx: Tx, events: list[Event], region: str, now: datetime) -> None:
    """Write down what `events` say about addresses, as it was when they were heard first."""
    for event in events:
        if event.properties.get("rehearsal"):
            continue
        names = await profiles.identifiers(tx, await profiles.origins(tx, event.origin_id))
        if event.name == BOUNCED:
            if event.source is Source.PATRON and event.properties.get("reason") == Reason.BOUNCED:
                reach = await profiles.reach(tx, event.origin_id, "email", MARKETING)
                if reach.address_key is not None:
                    await _stop(tx, "email", reach.address_key, HARD, event)
            continue
        said = asked(event)
        if said is None:
            continue
        kind = CHANNEL_KIND[said.channel]
        given = event.properties.get(kind)
        named = _normal(kind, given, region) if isinstance(given, str) else None
        held = [name.value for name in names if name.kind == kind]
        heard = words(event, said, named, held)
        await profiles.set_consents(tx, heard, now)
        if event.source is Source.PATRON and not said.granted and said.purpose == MARKETING:
            for word in heard:
                await _stop(tx, word.channel, word.address_key, UNSUBSCRIBED, event)


def _normal(kind: str, given: str, region: str) -> str | None:
    if kind == "email":
        found = normalise_email(given)
        return found[1] if found else None
    return normalise_phone(given, region)


async def _stop(tx: Tx, channel: str, key: str, reason: SuppressionReason, event: Event) -> None:
    source = f"message {event.properties.get('message_id')}"
    await profiles.suppress(tx, channel, key, reason, event.ts, source)

"""What the worker does for people: it tells, as events, what was written on them by hand."""

from typing import Any

from patron.events.inbox import Inbox
from patron.events.types import Source, Trust
from patron.kit.db import Database
from patron.kit.pauses import reach
from patron.profiles.untold import store
from patron.profiles.untold.store import Untold
from patron.shops.types import Shop

AT_ONCE = 500


async def tell(db: Database, shop: Shop, inbox: Inbox) -> int:
    """Append the events about what was written; how many these were. One that is appended twice,
    because we stopped in between, carries the same id and counts once."""
    told = 0
    while True:
        async with db.unit(shop.schema) as tx:
            untold = await store.oldest(tx, AT_ONCE)
        if not untold:
            return told
        some = [about(one) for one in untold]
        await inbox.append(shop, some, trust=Trust.SERVER, source=Source.PATRON)
        await reach("profiles.told")
        async with db.unit(shop.schema) as tx:
            await store.told(tx, [one.number for one in untold])
        told += len(untold)
        if len(untold) < AT_ONCE:
            return told


def about(one: Untold) -> dict[str, Any]:
    """The event that says it, as a track call of our own."""
    return {
        "type": "track",
        "event": one.name,
        "messageId": f"patron-{one.id}",
        "timestamp": one.at.isoformat(),
        "properties": one.properties,
        "context": {"patron": {"origin_id": str(one.origin_id)}},
    }

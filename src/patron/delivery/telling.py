"""What happened to messages comes back through the front door, as events.

A message remembers which event about it is still untold. Events carry ids made of the message's,
so one that is appended twice, because we stopped in between, counts once.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from patron.events.inbox import Inbox
from patron.events.types import Source, Trust
from patron.kit.db import Database
from patron.kit.pauses import reach
from patron.messages import store
from patron.messages.links import Ticket, long
from patron.messages.types import Message, State
from patron.shops.types import Shop

AT_ONCE = 500


async def tell(db: Database, shop: Shop, inbox: Inbox) -> int:
    """Append the events about messages that are still untold; how many these were."""
    told = 0
    while True:
        async with db.unit(shop.schema) as tx:
            untold = await store.untold(tx, AT_ONCE)
        if not untold:
            return told
        await append(inbox, shop, [about(message, name) for message, name in untold])
        await reach("delivery.told")
        async with db.unit(shop.schema) as tx:
            await store.told(tx, [message.id for message, _ in untold])
        told += len(untold)
        if len(untold) < AT_ONCE:
            return told


async def append(inbox: Inbox, shop: Shop, events: list[dict[str, Any]]) -> None:
    await inbox.append(shop, events, trust=Trust.SERVER, source=Source.PATRON)


def about(message: Message, name: str) -> dict[str, Any]:
    """The event `name` about `message`, at the time it was done."""
    properties: dict[str, Any] = {
        "message_id": str(message.id),
        "journey": message.journey,
        "step": message.step_visit,
        "template": message.template,
        "channel": message.channel,
        "arm": message.arm.value,
        "cart_id": message.context.get("cart_id"),
        "reason": message.reason,
        "rehearsal": bool(message.detail.get("rehearsal")),
    }
    at = message.done_at or message.queued_at
    if message.state is State.SENT and message.reason is not None and message.story:
        at = message.story[-1].at  # it came back after it had left
    slug = name.lower().replace(" ", "-")
    return event(name, f"patron-{message.id}-{slug}", message.origin_id, at, properties)


def clicked(ticket: Ticket, name: str, suffix: str, at: datetime, more: Mapping[str, Any]) -> Any:
    """The event `name` that a link of ours brought back."""
    message_id = long(ticket.message)
    properties = {
        "message_id": str(message_id),
        "journey": ticket.journey,
        "step": ticket.step,
        "template": ticket.template,
        "channel": "email",
        "cart_id": str(long(ticket.cart)) if ticket.cart else None,
        "rehearsal": ticket.rehearsal,
        **more,
    }
    return event(name, f"patron-{message_id}-{suffix}", long(ticket.origin), at, properties)


def event(
    name: str, message_id: str, origin: UUID, at: datetime, properties: Mapping[str, Any]
) -> dict[str, Any]:
    """A Segment track call of our own; it names its person by origin."""
    return {
        "type": "track",
        "event": name,
        "messageId": message_id,
        "timestamp": at.isoformat(),
        "properties": {key: value for key, value in properties.items() if value is not None},
        "context": {"patron": {"origin_id": str(origin)}},
    }

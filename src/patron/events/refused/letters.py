"""An accepted event back in the form in which it came, so that it can be walked again."""

from typing import Any

import msgspec

from patron.events.types import Event, EventType


def letter(event: Event) -> bytes:
    """The envelope of `event` with its call alone in it."""
    milliseconds = int(event.received_at.timestamp() * 1000)
    envelope = {
        "r": milliseconds,
        "t": int(event.trust),
        "s": int(event.source),
        "f": event.backfill,
        "b": call(event),
    }
    return msgspec.json.encode(envelope)


def call(event: Event) -> dict[str, Any]:
    """The tracking call that says what `event` says."""
    said = {
        "type": event.type.value,
        "messageId": event.message_id,
        "userId": event.user_id,
        "anonymousId": event.anonymous_id,
        "previousId": event.previous_id,
        "groupId": event.group_id,
        "timestamp": event.ts.isoformat(),
        "properties": event.properties,
        "traits": event.traits,
        "context": event.context,
    }
    if event.type is EventType.TRACK:
        said["event"] = event.name
    return {name: value for name, value in said.items() if value is not None}

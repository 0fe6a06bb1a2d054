"""How others hear who entered and left a segment: as events, which come through the inbox."""

from typing import Any

from patron.events.types import Event, Source
from patron.segments.last.reading import ENTERED as GIVEN_AN_ARM
from patron.segments.members.types import Cause, Told

ENTERED, LEFT = "Segment Entered", "Segment Left"
OF_OURS = frozenset([ENTERED, LEFT])
_STARTING = frozenset([Cause.EVENT, Cause.CLOCK])


def about(change: Told) -> dict[str, Any]:
    """The event that says it, as a track call of our own. Its id is the change's, so that one that
    is appended twice counts once."""
    return {
        "type": "track",
        "event": ENTERED if change.entered else LEFT,
        "messageId": f"patron-{change.id}",
        "timestamp": change.at.isoformat(),
        "properties": {
            "segment": change.key,
            "segment_name": change.name,
            "cause": change.cause,
        },
        "context": {"patron": {"origin_id": str(change.origin_id)}},
    }


def starts_something(event: Event) -> bool:
    """Whether an event may start a journey: of those about segments only what we said ourselves,
    and not when two people turned out to be one; that she was given an arm never."""
    if event.name == GIVEN_AN_ARM:
        return False
    if event.name not in OF_OURS:
        return True
    return event.source is Source.PATRON and event.properties.get("cause") in _STARTING

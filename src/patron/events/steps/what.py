"""What happened, in the words and sizes the log keeps."""

from typing import Any

import msgspec

from patron.events.door.calls import BATCH_EVENTS
from patron.events.ecommerce import canonical, tidy
from patron.events.reading.heard import Refusal
from patron.events.reading.values import depth, holds_nul, shown, widest
from patron.events.steps.draft import OURS, Draft, Setting
from patron.events.types import TRACK, Drop, EventType

EVENT_BYTES = 32 << 10
OWNERS_EVENT_BYTES = 512 << 10  # an import or a connector may bring an order of a thousand lines
DEEPEST = 64
MOST_KEYS = 1_000  # in one object

_NAMES = {
    EventType.PAGE: "Page Viewed",
    EventType.SCREEN: "Screen Viewed",
    EventType.IDENTIFY: "Identified",
    EventType.GROUP: "Grouped",
    EventType.ALIAS: "Aliased",
}
# Said once on arrival and of no use later; the raw User-Agent is kept as browser and os.
_NOT_LOGGED = ("userAgent", "userAgentData", "library", "ip", "userHash", "plugins", "integrations")
_encode = msgspec.json.Encoder().encode


class Logged(msgspec.Struct, omit_defaults=True, gc=False):
    """The JSON beside the columns of a logged event."""

    properties: dict[str, Any] = {}
    traits: dict[str, Any] = {}
    context: dict[str, Any] = {}
    previous_id: str | None = None
    group_id: str | None = None


def drop_nameless(draft: Draft, _: Setting) -> Refusal | None:
    if draft.event.type is not TRACK:
        return None
    if draft.call.event and draft.call.event.strip():
        return None
    return Refusal(
        Drop.NO_EVENT_NAME,
        f"track has the event name {shown(draft.call.event)};"
        ' name what happened in "event", for example "Order Completed"',
    )


def put_name(draft: Draft, setting: Setting) -> None:
    event, call = draft.event, draft.call
    if event.type is TRACK:
        given = call.event or ""
        # The owner's word on what her events mean counts before everybody's.
        meant = setting.own_names.get(given.strip())
        event.name = given.strip() if meant else canonical(given)
        if event.name != given:
            event.context["named"] = given
        tidy(meant or event.name, event.properties, setting.currency)
        return
    event.name = _NAMES[event.type]
    if event.type in (EventType.PAGE, EventType.SCREEN):
        if call.name:
            event.properties.setdefault("name", call.name)
        if call.category:
            event.properties.setdefault("category", call.category)


def drop_surplus(draft: Draft, _: Setting) -> Refusal | None:
    if draft.heard.place[2] < BATCH_EVENTS:
        return None
    return Refusal(
        Drop.TOO_LARGE,
        f"it stands behind the first {BATCH_EVENTS:,} events of its batch, which are the most:"
        " send smaller batches",
    )


def drop_bad_text(draft: Draft, _: Setting) -> Refusal | None:
    if not draft.heard.suspect:
        return None
    event, call = draft.event, draft.call
    texts = (event.user_id, event.anonymous_id, event.previous_id, event.group_id, event.message_id)
    named = (call.event, call.name, call.category)
    where = [texts, named, event.properties, event.traits, event.context]
    if not any(holds_nul(value) for value in where):
        return None
    return Refusal(
        Drop.BAD_TEXT,
        "a text of the event holds the character NUL (\\u0000), which cannot be kept; remove it",
    )


def put_body(draft: Draft, _: Setting) -> None:
    event, context = draft.event, draft.event.context
    for name in _NOT_LOGGED:
        if name in context:
            del context[name]
    event.body = _encode(
        Logged(event.properties, event.traits, context, event.previous_id, event.group_id)
    )


def drop_too_large(draft: Draft, _: Setting) -> Refusal | None:
    size = len(draft.event.body)
    most = OWNERS_EVENT_BYTES if draft.event.source in OURS else EVENT_BYTES
    if size <= most:
        return None
    return Refusal(
        Drop.TOO_LARGE, f"the event has {size:,} bytes; {most:,} are the most: send less with it"
    )


def drop_crowded(draft: Draft, _: Setting) -> Refusal | None:
    event = draft.event
    # A key takes five bytes at least. Counting in the text is fifty times cheaper than looking.
    if len(event.body) < 5 * MOST_KEYS or event.body.count(b'":') <= MOST_KEYS:
        return None
    most = widest([event.properties, event.traits, event.context])
    if most <= MOST_KEYS:
        return None
    return Refusal(
        Drop.TOO_MANY_PROPERTIES,
        f"an object of the event has {most:,} properties; {MOST_KEYS:,} are the most:"
        " send lists as lists",
    )


def drop_too_deep(draft: Draft, _: Setting) -> Refusal | None:
    event = draft.event
    if event.body.count(b"{") + event.body.count(b"[") <= DEEPEST:
        return None
    levels = depth([event.properties, event.traits, event.context]) - 1
    if levels <= DEEPEST:
        return None
    return Refusal(
        Drop.TOO_DEEP,
        f"the event is nested {levels} levels deep; {DEEPEST} are the most: flatten it",
    )

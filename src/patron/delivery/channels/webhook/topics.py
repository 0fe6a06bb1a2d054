"""Which events are told, under which topic, and in which words. Decides; does no I/O."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from patron.delivery.channels.webhook.types import TEST, Draft, Topic
from patron.events.types import LoggedEvent, Source, Trust
from patron.profiles.consent import WORDS
from patron.profiles.types import Identifier, Merge
from patron.profiles.untold.store import (
    CONSENT,
    LIFTED,
    NOTED,
    SUPPRESSED,
    TAGGED,
    UNNOTED,
    UNTAGGED,
)

_NAMED = {
    "Identified": Topic.PROFILE_UPDATED,
    **dict.fromkeys(WORDS, Topic.CONSENT_CHANGED),
    "Checkout Started": Topic.CHECKOUT_STARTED,
    "Order Completed": Topic.ORDER_COMPLETED,
    "Order Updated": Topic.ORDER_UPDATED,
    "Order Refunded": Topic.ORDER_REFUNDED,
    "Order Cancelled": Topic.ORDER_CANCELLED,
}
_OURS = {
    **dict.fromkeys((CONSENT, SUPPRESSED, LIFTED), Topic.CONSENT_CHANGED),
    **dict.fromkeys((TAGGED, UNTAGGED, NOTED, UNNOTED), Topic.PROFILE_UPDATED),
    "Preferences Updated": Topic.PROFILE_UPDATED,
    "Segment Entered": Topic.SEGMENT_ENTERED,
    "Segment Left": Topic.SEGMENT_LEFT,
    "Email Sent": Topic.MESSAGE_SENT,
    "Email Delivered": Topic.MESSAGE_DELIVERED,
    "Email Opened": Topic.MESSAGE_OPENED,
    "Email Link Clicked": Topic.MESSAGE_CLICKED,
    "Email Bounced": Topic.MESSAGE_BOUNCED,
    "Email Marked as Spam": Topic.MESSAGE_COMPLAINED,
}
"""Events that only Patron, or for messages the shop's own server, is believed about."""

_WRITTEN = {TAGGED: "tags", UNTAGGED: "tags", NOTED: "notes", UNNOTED: "notes"}
_KINDS = {"user_id": "user_ids", "email": "emails", "phone": "phones"}
_encode = msgspec.json.Encoder().encode


def topic_of(event: LoggedEvent, own: Mapping[str, str]) -> Topic | None:
    """The topic of an event; None when it is not told, as history never is. `own` are the shop's
    own names of events, and what each means."""
    if event.backfill:
        return None
    ours = _OURS.get(event.name)
    if ours is not None and not ours.startswith("message."):
        return ours if event.source is Source.PATRON else None
    if ours is not None:
        return ours if event.trust >= Trust.SERVER else None
    topic = _NAMED.get(own.get(event.name, event.name))
    if topic is Topic.PROFILE_UPDATED and not event.traits:
        return None
    return topic


class Told(msgspec.Struct, frozen=True):
    """The person of an event as she is known now."""

    root: UUID
    names: Sequence[Identifier]
    traits: Mapping[str, Any]
    tags: Sequence[str] = ()


def of_event(shop: str, event: LoggedEvent, topic: Topic, her: Told) -> Draft:
    """What an event is told as."""
    data: dict[str, Any] = {"shop": shop, "profile": _profile(her)}
    if topic is Topic.PROFILE_UPDATED:
        data["profile"] |= {"traits": dict(her.traits), "tags": list(her.tags)}
        written = _WRITTEN.get(event.name)
        data["changed"] = [written] if written else sorted(event.traits or event.properties)
    else:
        data["event"] = {
            "name": event.name,
            "message_id": event.message_id,
            "trust": event.trust.name.lower(),
            "properties": event.properties,
        }
    message_id = _id(shop, event.message_id, event.ts.isoformat(), str(event.origin_id), topic)
    body = _body(topic, event.ts, data)
    return Draft(message_id, topic, her.root, event.origin_id, body)


def of_merge(shop: str, merge: Merge, her: Told) -> Draft:
    """That two profiles are one: `profile` is who stays, `merged` the id that is no more."""
    data = {
        "shop": shop,
        "profile": _profile(her),
        "merged": {"id": merge.loser, "into": merge.winner, "reason": merge.reason},
    }
    message_id = _id(shop, str(merge.id), Topic.PROFILE_MERGED)
    body = _body(Topic.PROFILE_MERGED, merge.merged_at, data)
    return Draft(message_id, Topic.PROFILE_MERGED, her.root, merge.winner, body)


def of_erasure(shop: str, root: UUID, origins: Sequence[UUID], now: datetime) -> Draft:
    """That somebody is forgotten, by the ids alone that she was ever told under."""
    former = [one for one in origins if one != root]
    data = {"shop": shop, "profile": {"id": root, "former_ids": former}}
    message_id = _id(shop, str(root), now.isoformat(), Topic.PROFILE_ERASED)
    return Draft(
        message_id, Topic.PROFILE_ERASED, root, None, _body(Topic.PROFILE_ERASED, now, data)
    )


def of_test(shop: str, key: str, id: UUID, now: datetime) -> Draft:
    """A message that says nothing, to try an endpoint."""
    body = _body(TEST, now, {"shop": shop, "webhook": key})
    return Draft(_id(shop, str(id), TEST), TEST, id, None, body)


def _profile(her: Told) -> dict[str, Any]:
    found: dict[str, Any] = {"id": her.root} | {name: [] for name in _KINDS.values()}
    for one in her.names:
        if one.kind in _KINDS:
            found[_KINDS[one.kind]].append(one.address or one.value)
    return found


def _body(topic: str, at: datetime, data: Mapping[str, Any]) -> str:
    stamp = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return _encode({"type": topic, "timestamp": stamp, "data": data}).decode()


def _id(*parts: str) -> str:
    """The `webhook-id`. It follows from what is told, so telling it once more has the same."""
    digest = hashlib.blake2b("\n".join(parts).encode(), digest_size=16, person=b"webhook-id")
    return f"msg_{digest.hexdigest()}"

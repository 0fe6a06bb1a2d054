"""Whose call it is, and which one."""

import hashlib
import hmac

import msgspec

from patron.events.log.dedup import key
from patron.events.reading.heard import Refusal
from patron.events.reading.values import identifier, shown
from patron.events.steps.draft import Draft, Setting
from patron.events.types import GROUP, IMPORT, Drop, Event, EventType, Source, Trust

LONGEST_ID = 255
HEARD_FROM_A_PAGE = ("public", "verified")
_NAMES_OF_IDS = ("userId", "anonymousId", "previousId", "groupId", "messageId", "event")
TYPES = {kind.value: kind for kind in EventType}


def drop_unknown_type(draft: Draft, _: Setting) -> Refusal | None:
    given = draft.stamp.y or draft.call.type
    kind = TYPES.get(given) if given else None
    if kind is None:
        return Refusal(
            Drop.UNKNOWN_TYPE,
            f"type {shown(given)} is no call; use one of {', '.join(TYPES)}",
        )
    draft.event.type = kind
    return None


def put_identifiers(draft: Draft, _: Setting) -> None:
    event, call = draft.event, draft.call
    if call.user_id is not None:
        event.user_id = identifier(call.user_id)
    if call.anonymous_id is not None:
        event.anonymous_id = identifier(call.anonymous_id)
    if call.previous_id is not None:
        event.previous_id = identifier(call.previous_id)
    if call.group_id is not None:
        event.group_id = identifier(call.group_id)
    event.message_id = identifier(call.message_id) or ""


def put_context(draft: Draft, _: Setting) -> None:
    """What the whole batch said comes under what the call said; only Patron speaks as Patron.

    `context.traits` describe the person on any call but group, whose own traits are the group's.
    """
    event = draft.event
    if shared := draft.heard.shared_context:
        event.context = {**shared, **event.context}
    context = event.context
    if "patron" in context and event.source is not Source.PATRON:
        del context["patron"]
    if "traits" in context and not event.traits and event.type is not GROUP:
        traits = context["traits"]
        if isinstance(traits, dict):
            event.traits = context.pop("traits")


def drop_without_id(draft: Draft, _: Setting) -> Refusal | None:
    event = draft.event
    if event.user_id or event.anonymous_id or _known_otherwise(event):
        return None
    return Refusal(
        Drop.NO_ID,
        f"{event.type.value} has neither userId nor anonymousId"
        f" (userId is {shown(draft.call.user_id)}); send one of them",
    )


def drop_long_id(draft: Draft, _: Setting) -> Refusal | None:
    event = draft.event
    ids = (
        event.user_id, event.anonymous_id, event.previous_id, event.group_id, event.message_id,
        draft.call.event,
    )  # fmt: skip
    for value in ids:
        if value and len(value) > LONGEST_ID:
            return Refusal(
                Drop.MALFORMED,
                f"{_NAMES_OF_IDS[ids.index(value)]} {shown(value)} has {len(value)} characters;"
                f" {LONGEST_ID} are the most",
            )
    return None


def put_trust(draft: Draft, setting: Setting) -> None:
    """A browser's identity is verified by `context.userHash`: the hex HMAC-SHA256 of the userId
    under the shop's identity secret, which only the shop's server can make.

    An import is the owner's word, but for rows that say in `context.trust` that a page had said
    them: what a restore cut off the lake is believed no more than when it was heard first.
    """
    event = draft.event
    if event.source is IMPORT and (said := event.context.get("trust")) in HEARD_FROM_A_PAGE:
        event.trust = Trust[str(said).upper()]
        del event.context["trust"]
        return
    given = event.context.get("userHash")
    if given is None or event.trust is not Trust.PUBLIC or not event.user_id:
        return
    digest = hmac.new(setting.identity_secret, event.user_id.encode(), hashlib.sha256).hexdigest()
    if (
        setting.identity_secret
        and isinstance(given, str)
        and hmac.compare_digest(given.lower().encode(), digest.encode())
    ):
        event.trust = Trust.VERIFIED


def put_message_id(draft: Draft, _: Setting) -> None:
    """An imported row without an id gets one from its content, so that the file brings nothing
    twice; any other call gets the place where the inbox keeps it."""
    event = draft.event
    if event.message_id:
        return
    if event.source is IMPORT:
        content = (
            event.type,
            draft.call.event,
            [event.user_id, event.anonymous_id, event.previous_id, event.group_id],
            str(draft.original),
            [event.properties, event.traits, event.context],
        )
        digest = hashlib.blake2b(msgspec.json.encode(content, order="sorted"), digest_size=16)
        event.message_id = f"row-{digest.hexdigest()}"
    elif draft.stamp.x:
        event.message_id = draft.stamp.x
    else:
        event.message_id = f"at-{draft.heard.row}-{draft.heard.place[1]}-{draft.heard.place[2]}"


def put_key(draft: Draft, _: Setting) -> None:
    """What tells a repeat, after which it is looked for among those that were taken in before."""
    event = draft.event
    if draft.original is not None:
        draft.client_ms = max(0, int(draft.original.timestamp() * 1000))
    again = draft.stamp.x
    if again and event.source is IMPORT and not again.startswith("dead-letter"):
        # Refused, a row was never taken in: it is the one that the same file brings another time.
        again = None
    message = f"{again}/{event.message_id}" if again else event.message_id
    draft.key = key(draft.client_ms, event.trust, event.source, message)


def _known_otherwise(event: Event) -> bool:
    """Whether the owner names the person by other means: a guest's order has only an address."""
    if event.source is Source.PATRON and isinstance(event.context.get("patron"), dict):
        return True
    if event.trust is not Trust.SERVER:
        return False
    traits = event.context.get("traits")
    holders = (event.traits, event.properties, traits if isinstance(traits, dict) else {})
    return any(isinstance(holder.get("email"), str) for holder in holders) or bool(
        event.context.get("externalIds")
    )

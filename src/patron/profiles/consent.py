"""Consent: who may be written to. It belongs to an address, not to a person.

The latest explicit word about an address wins by event time, and a tie means withdrawn. A grant
that only a public key claims is kept as proof and counts for nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from patron.events.types import Event, Source, Trust
from patron.profiles.types import (
    ConsentState,
    ConsentWord,
    Identifier,
    Obstacle,
    Reach,
    Suppression,
    SuppressionReason,
)

CHANNEL_KIND = {"email": "email", "sms": "phone", "whatsapp": "phone", "viber": "phone"}
"""Which identifier a channel writes to."""

WORDS = {
    "Email Subscribed": ("email", True),
    "Email Unsubscribed": ("email", False),
    "Unsubscribed": ("email", False),
    "SMS Subscribed": ("sms", True),
    "SMS Unsubscribed": ("sms", False),
}
"""Events that are a word about consent: their default channel, and whether it is a yes."""

MARKETING = "marketing"
_MAX_TEXT = 2_000
_WEIGHT = [
    SuppressionReason.UNSUBSCRIBE,
    SuppressionReason.MANUAL,
    SuppressionReason.HARD_BOUNCE,
    SuppressionReason.COMPLAINT,
    SuppressionReason.ERASED,
]


class Said(msgspec.Struct, frozen=True):
    """An explicit word as it is kept: what, and when (event time)."""

    address_key: str
    state: ConsentState
    at: datetime


class Asked(msgspec.Struct, frozen=True):
    """A consent event, read: the addresses it names are not decided yet."""

    channel: str
    purpose: str
    granted: bool


def asked(event: Event) -> Asked | None:
    """What a consent event says, or None when `event` is none."""
    word = WORDS.get(event.name)
    if word is None:
        return None
    channel, granted = word
    given = event.properties.get("channel")
    if isinstance(given, str) and given.lower() in CHANNEL_KIND:
        channel = given.lower()
    purpose = event.properties.get("purpose")
    return Asked(
        channel,
        purpose.lower()[:60] if isinstance(purpose, str) and purpose else MARKETING,
        granted,
    )


def words(event: Event, said: Asked, named: str | None, held: Sequence[str]) -> list[ConsentWord]:
    """The words to keep. `named` is the address the event names, `held` those of its person.

    A no without an address is about every address of the person, a yes about her only one. A
    public key's yes is a claim. A signed identity says who she is, not which mailboxes are hers:
    without a server key a word counts only for an address that the same person holds.
    """
    keys = [named] if named is not None else list(held)
    if named is None and said.granted and len(keys) > 1:
        keys = []
    if not said.granted and event.trust < Trust.SERVER:
        keys = [key for key in keys if key in held]
    return [
        ConsentWord(
            address_key=key,
            channel=said.channel,
            purpose=said.purpose,
            state=_state(said, event.trust, key in held),
            # Dated ahead by a clock that is wrong, a yes would outlast every later no.
            at=min(event.ts, event.received_at),
            source=Source(event.source).name.lower(),
            trust=event.trust,
            text_shown=_text(event.properties.get("text")),
            place=_text(event.properties.get("where")) or _page(event.context),
            origin_id=event.origin_id,
            message_id=event.message_id,
        )
        for key in keys
    ]


def _state(said: Asked, trust: Trust, hers: bool) -> ConsentState:
    if not said.granted:
        return ConsentState.WITHDRAWN
    believed = trust == Trust.SERVER or (trust == Trust.VERIFIED and hers)
    return ConsentState.GRANTED if believed else ConsentState.CLAIMED


def latest(said: Iterable[Said]) -> Said | None:
    """The word that counts about one address, channel and purpose; claims never do."""
    counting = [word for word in said if word.state is not ConsentState.CLAIMED]
    return max(counting, key=lambda w: (w.at, w.state is ConsentState.WITHDRAWN), default=None)


def heaviest(reasons: Iterable[str]) -> SuppressionReason | None:
    """The reason to name when an address is suppressed for several."""
    known = [SuppressionReason(reason) for reason in reasons]
    return max(known, key=_WEIGHT.index, default=None)


def obstacle(reach: Reach, purpose: str) -> Obstacle | None:
    """What keeps a message of this purpose from whom `reach` describes; the first that does.

    Who needs something for her order gets it although she unsubscribed from marketing.
    """
    marketing = purpose == MARKETING
    if marketing and reach.consent == "withdrawn":
        return Obstacle.WITHDRAWN
    if marketing and reach.consent != "granted":
        return Obstacle.NO_CONSENT
    if reach.suppressed and (marketing or reach.suppressed != SuppressionReason.UNSUBSCRIBE):
        return Obstacle.SUPPRESSED
    if reach.address is None:
        return Obstacle.NO_ADDRESS
    return None


def choose(
    addresses: Sequence[Identifier],
    said: Mapping[str, Sequence[Said]],
    suppressed: Sequence[Suppression],
) -> Reach:
    """The address of a person to write to, and whether one may.

    Preferred is one that may be written to, then a verified one, then the one seen last. When she
    took back her word for any of her addresses later than she gave it for this one, she meant it.
    """
    if not addresses:
        return Reach(None, None, False, "none", None)
    standing = {each.value: latest(said.get(each.value, ())) for each in addresses}
    no = max(
        (word.at for word in standing.values() if word and word.state is ConsentState.WITHDRAWN),
        default=None,
    )
    # Whoever unsubscribed or complained with one address does not want it at the other either.
    refused = max(
        (
            stop.at
            for stop in suppressed
            if stop.reason in (SuppressionReason.UNSUBSCRIBE, SuppressionReason.COMPLAINT)
        ),
        default=None,
    )
    options = []
    for each in addresses:
        word = standing[each.value]
        consent = "none" if word is None else str(word.state)
        if word is not None and any(stop is not None and stop >= word.at for stop in (no, refused)):
            consent = "withdrawn"
        reason = heaviest(s.reason for s in suppressed if s.address_key == each.value)
        rank = (
            reason is None and consent == "granted",
            reason is None,
            each.verified,
            each.trust,
            each.last_seen,
            each.value,
        )
        options.append((rank, each, consent, reason))
    _, best, consent, reason = max(options, key=lambda option: option[0])
    return Reach(best.address or best.value, best.value, best.verified, consent, reason)


def _text(value: Any) -> str | None:
    return value[:_MAX_TEXT] if isinstance(value, str) and value else None


def _page(context: dict[str, Any]) -> str | None:
    page = context.get("page")
    return _text(page.get("url")) if isinstance(page, dict) else None

"""What stands on a customer's page."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from patron.delivery.preferences.form import PAUSED
from patron.delivery.preferences.held import held
from patron.delivery.preferences.who import Her
from patron.profiles.consent import basis
from patron.profiles.consents.labels import in_short, purposes
from patron.profiles.consents.types import PAUSE, Frequency, PrivacyRequest, RequestKind
from patron.profiles.types import Reach, SuppressionReason
from patron.shops.types import Basis, Shop

_TITLES = {
    "email": ("By e-mail", "To {address}."),
    "sms": ("By SMS", "To the number {address}."),
    "whatsapp": ("By WhatsApp", "To the number {address}."),
    "viber": ("By Viber", "To the number {address}."),
}
_PACES = {
    Frequency.USUAL: "As usual",
    Frequency.WEEKLY: "At most one letter a week",
    Frequency.MONTHLY: "At most one letter a month",
}
_HERS = (SuppressionReason.UNSUBSCRIBE, SuppressionReason.COMPLAINT)
_ASKS = {
    RequestKind.EXPORT: ("Send me all of it", "You asked us to send all of it"),
    RequestKind.ERASURE: ("Forget me", "You asked us to forget you"),
}
_WHY = (
    "We use it to show you what suits you, to answer you, and to write to you as far as you allow."
)
_ANSWER = (
    "A person in the shop reads this and answers by mail. Nobody is forgotten by a click alone:"
    " mails get forwarded, and we ask first whether it was you."
)


class Shown(msgspec.Struct, frozen=True):
    """What the page is made of besides her: the catalog's categories, carts, open requests."""

    now: datetime
    action: str
    categories: Sequence[str]
    carts: int
    requests: Sequence[PrivacyRequest]
    said: str | None = None


def model(shop: Shop, her: Her, shown: Shown) -> dict[str, Any]:
    """The page's model."""
    return {
        "title": "What you get from us",
        "mailbox": in_short(her.mailbox.address or her.mailbox.value),
        "said": shown.said,
        "action": shown.action,
        "channels": _channels(shop, her),
        "paces": _paces(her, shop, shown.now),
        "interests": _interests(her, shown.categories),
        "held": held(her, shop, shown.carts) or ["Nothing but this address"],
        "why": _WHY,
        "privacy_url": _safe(shop.settings.privacy_url),
        "requests": _requests(shown.requests),
        "answer": _ANSWER,
    }


def is_on(reach: Reach, purpose: str) -> bool:
    """Whether she stands switched on: there is a ground, and no stop of hers."""
    return basis(reach, purpose) is not None and reach.suppressed not in _HERS


def ways(her: Her) -> list[str]:
    """All that she may switch, as the form names it."""
    return [f"{channel}/{purpose}" for channel, purpose in her.ways]


def _channels(shop: Shop, her: Her) -> list[dict[str, Any]]:
    words = purposes(shop.settings)
    found = []
    for channel, (title, hint) in _TITLES.items():
        choices = [
            {
                "way": f"{channel}/{purpose}",
                "words": words[purpose],
                "on": is_on(reach, purpose),
                "note": _note(reach, purpose),
            }
            for (one, purpose), reach in her.ways.items()
            if one == channel
        ]
        if choices:
            one = her.addresses(channel)[0]
            hint = hint.format(address=in_short(one.address or one.value))
            found.append({"title": title, "hint": hint, "choices": choices})
    return found


def _note(reach: Reach, purpose: str) -> str | None:
    if reach.suppressed == SuppressionReason.HARD_BOUNCE:
        return "Our mails to this address came back."
    if reach.suppressed == SuppressionReason.MANUAL:
        return "We were asked not to write to this address."
    if reach.consent == "pending":
        return "Waits for your answer to the mail we sent you."
    if basis(reach, purpose) is Basis.EXISTING_CUSTOMER and is_on(reach, purpose):
        return "Because you are a customer. You may say no at any time."
    return None


def _paces(her: Her, shop: Shop, now: datetime) -> list[dict[str, Any]]:
    zone = ZoneInfo(shop.time_zone)
    wish = her.wish
    paused = wish is not None and wish.paused_until is not None and wish.paused_until > now
    standing = wish.frequency if wish else Frequency.USUAL
    found: list[dict[str, Any]] = [
        {
            "name": str(one),
            "words": words,
            "on": one is standing and not paused,
            "note": None,
        }
        for one, words in _PACES.items()
    ]
    until = wish.paused_until if wish and paused and wish.paused_until else now + PAUSE
    day = until.astimezone(zone)
    found.append(
        {
            "name": PAUSED,
            "words": "A pause of 30 days",
            "on": paused,
            "note": f"Nothing until {day:%B} {day.day}",
        }
    )
    return found


def _interests(her: Her, categories: Sequence[str]) -> list[dict[str, Any]]:
    """What is offered, and what she chose earlier although it is offered no more."""
    kept = her.person.traits.get("interests")
    chosen = [one for one in kept if isinstance(one, str)] if isinstance(kept, list) else []
    offered = list(dict.fromkeys([*categories, *chosen]))
    return [{"name": name, "on": name in chosen} for name in offered]


def _requests(asked: Collection[PrivacyRequest]) -> list[dict[str, Any]]:
    waiting = {one.kind for one in asked if one.state == "open"}
    return [
        {"kind": str(kind), "words": words[kind in waiting], "asked": kind in waiting}
        for kind, words in _ASKS.items()
    ]


def _safe(url: str | None) -> str | None:
    return url if url and url.startswith(("https://", "http://")) else None

"""Consent: who may be written to. It belongs to an address, not to a person.

The latest explicit word about an address wins by event time, and a tie means withdrawn. A grant
that only a public key claims is kept as proof and counts for nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from patron.catalog.types import Item
from patron.events.types import Event, Source, Trust
from patron.profiles.types import (
    ConsentState,
    ConsentWord,
    Customer,
    Identifier,
    Obstacle,
    Reach,
    Suppression,
    SuppressionReason,
)
from patron.shops.types import MARKETING as MARKETING
from patron.shops.types import Basis, ShopSettings

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

FOR_AN_ORDER = frozenset({"transactional", "orders"})
"""Purposes that a contract asks for, unless the shop says otherwise: nobody has to agree."""

_MAX_TEXT = 2_000
_HERS = (ConsentState.GRANTED, ConsentState.WITHDRAWN)
_WEIGHT = [
    SuppressionReason.UNSUBSCRIBE,
    SuppressionReason.MANUAL,
    SuppressionReason.HARD_BOUNCE,
    SuppressionReason.COMPLAINT,
    SuppressionReason.ERASED,
]


class Said(msgspec.Struct, frozen=True):
    """A word as it is kept: what, and when (event time)."""

    address_key: str
    state: ConsentState
    at: datetime
    confirmed: bool = False
    country: str | None = None
    categories: list[str] | None = None


class Grounds(msgspec.Struct, frozen=True):
    """What a shop accepts as reason to write, over one channel for one purpose; None: its default.
    `countries` are those where a sale is one."""

    accepts: list[Basis] | None = None
    countries: frozenset[str] = frozenset()


def grounds(settings: ShopSettings, channel: str, purpose: str) -> Grounds:
    """The legal grounds that the shop's settings name for a channel and a purpose."""
    set_by_hand = settings.legal_basis
    accepts = set_by_hand.get(f"{channel}/{purpose}", set_by_hand.get(f"any/{purpose}"))
    countries = frozenset(settings.existing_customer_countries)
    if accepts is None and countries and purpose == MARKETING:
        accepts = [*_WORD_OF_HERS, Basis.EXISTING_CUSTOMER]
    if accepts is None and purpose in settings.purposes:
        accepts = _WORD_OF_HERS
    return Grounds(accepts, countries)


_ANY = Grounds()
_WORD_OF_HERS = [Basis.CONSENT, Basis.DOUBLE_OPT_IN]


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


def words(
    event: Event,
    said: Asked,
    named: str | None,
    held: Sequence[str],
    asks: frozenset[str] = frozenset(),
) -> list[ConsentWord]:
    """The words to keep. `named` is the address the event names, `held` those of its person.

    A no without an address is about every address of the person, a yes about her only one. A
    public key's yes is a claim. A signed identity says who she is, not which mailboxes are hers:
    without a server key a word counts only for an address that the same person holds. Over the
    channels in `asks` a yes waits until she confirms it; history and our own pages' words do not.
    """
    ours = event.backfill or event.source in (Source.PATRON, Source.IMPORT)
    confirmed = said.granted and event.trust >= Trust.SERVER
    confirmed = confirmed and event.properties.get("confirmed") is True
    wait = said.channel in asks and not (ours or confirmed)
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
            state=_state(said, event.trust, key in held, wait),
            # Dated ahead by a clock that is wrong, a yes would outlast every later no.
            at=min(event.ts, event.received_at),
            source=Source(event.source).name.lower(),
            trust=event.trust,
            text_shown=_text(event.properties.get("text")),
            place=_text(event.properties.get("where")) or _page(event.context),
            origin_id=event.origin_id,
            message_id=event.message_id,
            confirmed=confirmed,
        )
        for key in keys
    ]


def _state(said: Asked, trust: Trust, hers: bool, wait: bool) -> ConsentState:
    if not said.granted:
        return ConsentState.WITHDRAWN
    if wait:
        return ConsentState.PENDING
    believed = trust == Trust.SERVER or (trust == Trust.VERIFIED and hers)
    return ConsentState.GRANTED if believed else ConsentState.CLAIMED


def latest(said: Iterable[Said]) -> Said | None:
    """Her word that counts about one address, channel and purpose: a yes or a no of hers."""
    counting = [word for word in said if word.state in _HERS]
    return max(counting, key=lambda w: (w.at, w.state is ConsentState.WITHDRAWN), default=None)


def heaviest(reasons: Iterable[str]) -> SuppressionReason | None:
    """The reason to name when an address is suppressed for several."""
    known = [SuppressionReason(reason) for reason in reasons]
    return max(known, key=_WEIGHT.index, default=None)


def basis(reach: Reach, purpose: str) -> Basis | None:
    """On what ground a message of this purpose may go to whom `reach` describes, if on any.

    Silence is never a yes over a no of hers: who withdrew once is no existing customer.
    """
    accepts = reach.accepts
    if accepts is None:
        accepts = [Basis.CONTRACT] if purpose in FOR_AN_ORDER else _WORD_OF_HERS
    if Basis.CONTRACT in accepts:
        return Basis.CONTRACT
    if reach.consent == "granted":
        if reach.confirmed and Basis.DOUBLE_OPT_IN in accepts:
            return Basis.DOUBLE_OPT_IN
        if Basis.CONSENT in accepts:
            return Basis.CONSENT
    if reach.consent != "withdrawn" and reach.customer and Basis.EXISTING_CUSTOMER in accepts:
        return Basis.EXISTING_CUSTOMER
    return None


def obstacle(reach: Reach, purpose: str) -> Obstacle | None:
    """What keeps a message of this purpose from whom `reach` describes; the first that does.

    Who needs something for her order gets it although she unsubscribed from marketing.
    """
    ground = basis(reach, purpose)
    if ground is None:
        if reach.consent == "withdrawn":
            return Obstacle.WITHDRAWN
        unconfirmed = reach.consent in ("pending", "granted")
        return Obstacle.NOT_CONFIRMED if unconfirmed else Obstacle.NO_CONSENT
    contract = ground is Basis.CONTRACT
    if reach.suppressed and not (contract and reach.suppressed == SuppressionReason.UNSUBSCRIBE):
        return Obstacle.SUPPRESSED
    if reach.address is None:
        return Obstacle.NO_ADDRESS
    return None


def choose(
    addresses: Sequence[Identifier],
    said: Mapping[str, Sequence[Said]],
    suppressed: Sequence[Suppression],
    shops: Grounds = _ANY,
) -> Reach:
    """The address of a person to write to, and whether one may.

    Preferred is one that may be written to, then a verified one, then the one seen last. When she
    took back her word for any of her addresses later than she gave it for this one, she meant it.
    """
    if not addresses:
        return Reach(None, None, False, "none", None, accepts=shops.accepts)
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
        word, every = standing[each.value], said.get(each.value, ())
        consent = "none" if word is None else str(word.state)
        if word is not None and any(stop is not None and stop >= word.at for stop in (no, refused)):
            consent = "withdrawn"
        elif word is None and any(one.state is ConsentState.PENDING for one in every):
            consent = "pending"
        sold = None if no or refused else _customer(every, shops.countries)
        reach = Reach(
            each.address or each.value,
            each.value,
            each.verified,
            consent,
            heaviest(s.reason for s in suppressed if s.address_key == each.value),
            consent == "granted" and _confirmed(every),
            None if word is None else word.at,
            sold,
            shops.accepts,
        )
        rank = (
            reach.suppressed is None and consent == "granted",
            reach.suppressed is None and sold is not None,
            reach.suppressed is None,
            each.verified,
            each.trust,
            each.last_seen,
            each.value,
        )
        options.append((rank, reach))
    return max(options, key=lambda option: option[0])[1]


def uppermost(items: Iterable[Item]) -> frozenset[str]:
    """The uppermost categories of products, in small letters: what "similar" is judged by."""
    return frozenset(item.categories[0].lower() for item in items if item.categories)


def _confirmed(words: Sequence[Said]) -> bool:
    """Whether a yes among them was confirmed since the last no."""
    no = max((w.at for w in words if w.state is ConsentState.WITHDRAWN), default=None)
    return any(
        word.confirmed and word.state is ConsentState.GRANTED and (no is None or word.at > no)
        for word in words
    )


def _customer(words: Sequence[Said], countries: frozenset[str]) -> Customer | None:
    """The sales in these countries at which she could have refused, as one."""
    sales = [w for w in words if w.state is ConsentState.CUSTOMER and w.country in countries]
    if not sales:
        return None
    categories = {name for sale in sales for name in sale.categories or ()}
    return Customer(max(sale.at for sale in sales), sorted(categories))


def _text(value: Any) -> str | None:
    return value[:_MAX_TEXT] if isinstance(value, str) and value else None


def _page(context: dict[str, Any]) -> str | None:
    page = context.get("page")
    return _text(page.get("url")) if isinstance(page, dict) else None

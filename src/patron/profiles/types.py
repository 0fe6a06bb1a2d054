"""A person, the names she goes by, and what was said about her addresses."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from patron.events.types import Event, Trust
from patron.shops.types import Basis


class Total(msgspec.Struct, frozen=True):
    """How often an event happened to somebody, over all history; event times."""

    count: int
    first: datetime
    last: datetime


class TraitValue(msgspec.Struct, frozen=True):
    """A trait as it was written: value, event time, and how far the writer is believed."""

    v: Any
    ts: datetime
    trust: int


class Identifier(msgspec.Struct, frozen=True):
    """One name of a person. `value` is normalised; `address` is the e-mail address as it was given.

    `last_seen` is kept to the day. `verified` is false while only public keys have said it.
    """

    kind: str
    value: str
    origin_id: UUID
    address: str | None
    trust: Trust
    verified: bool
    first_seen: datetime
    last_seen: datetime


class Person(msgspec.Struct, frozen=True):
    """Everything kept about one person. `origins` are oldest first; event times in UTC.

    `traits` holds plain values, `email` and `phone` among them when an identifier tells them.
    """

    id: UUID
    known: bool
    origins: list[UUID]
    identifiers: list[Identifier]
    traits: dict[str, Any]
    totals: dict[str, Total]
    first_seen: datetime
    last_seen: datetime


class Claim(msgspec.Struct, frozen=True, array_like=True):
    """An identifier that an event claims. `address` is given for e-mail only."""

    kind: str
    value: str
    address: str | None = None


class Refusal(StrEnum):
    """Why an identifier was kept away from a person."""

    TWO_KNOWN = "two_known_people"
    UNVERIFIED = "unverified_claim"
    SHARED_DEVICE = "shared_device"
    LIMIT = "limit"
    PARTED = "parted_by_undo"
    DISPLACED = "displaced_by_trusted_claim"


class Merge(msgspec.Struct, frozen=True):
    """`moved` are the origins that belonged to `loser` and belong to `winner` since."""

    id: UUID
    winner: UUID
    loser: UUID
    moved: list[UUID]
    reason: str  # stitch | alias
    message_id: str | None
    event_at: datetime
    merged_at: datetime
    undone_at: datetime | None = None


class Refused(msgspec.Struct, frozen=True):
    """Identifier `kind:value` was kept away from `origin_id`, `count` times."""

    origin_id: UUID
    kind: str
    value: str
    reason: Refusal
    first_at: datetime
    last_at: datetime
    count: int


class ConsentState(StrEnum):
    """`claimed`: a public key said that it was granted; no marketing follows from it.
    `pending`: a yes that waits for its confirmation. `customer`: no word of hers, but a sale at
    which she could have refused."""

    GRANTED = "granted"
    WITHDRAWN = "withdrawn"
    CLAIMED = "claimed"
    PENDING = "pending"
    CUSTOMER = "customer"


class ConsentWord(msgspec.Struct, frozen=True, kw_only=True):
    """One word about one address, with its proof. `at` is the event time.

    `confirmed`: she answered from the mailbox. `country` (ISO 3166), `categories`, the uppermost
    ones of what she bought, and `order_id` belong to a sale.
    """

    address_key: str
    channel: str
    purpose: str
    state: ConsentState
    at: datetime
    source: str
    trust: Trust
    text_shown: str | None = None
    place: str | None = None
    origin_id: UUID | None = None
    message_id: str | None = None
    confirmed: bool = False
    country: str | None = None
    categories: list[str] | None = None
    order_id: str | None = None


class SuppressionReason(StrEnum):
    UNSUBSCRIBE = "unsubscribe"
    COMPLAINT = "complaint"
    HARD_BOUNCE = "hard_bounce"
    MANUAL = "manual"
    ERASED = "erased"


class Suppression(msgspec.Struct, frozen=True):
    """Nothing more is sent to this address over this channel."""

    channel: str
    address_key: str
    reason: SuppressionReason
    at: datetime
    source: str


class Customer(msgspec.Struct, frozen=True):
    """A sale at which she could have refused letters and did not; `categories` in small letters."""

    at: datetime
    categories: list[str]


class Reach(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a person can be reached; `consent` is granted, withdrawn, pending or none.

    `address` is None when nothing is known that this channel could use. `since` is when she said
    what stands, `accepts` are the legal grounds of the shop for this channel and purpose; None
    stands for those of a shop that has set none.
    """

    address: str | None
    address_key: str | None
    verified: bool
    consent: str
    suppressed: str | None
    confirmed: bool = False
    since: datetime | None = None
    customer: Customer | None = None
    accepts: list[Basis] | None = None


class Obstacle(StrEnum):
    """What keeps a message from somebody, as far as she is concerned; in the order it is asked."""

    WITHDRAWN = "withdrawn"
    NOT_CONFIRMED = "not_confirmed"
    NO_CONSENT = "no_consent"
    SUPPRESSED = "suppressed"
    NO_ADDRESS = "no_address"


class People(msgspec.Struct, frozen=True):
    """What identity made of a batch: the root of each origin touched, merges, dropped events, and
    the roots of whom more became known than that something happened."""

    roots: dict[UUID, UUID]
    merged: list[Merge]
    erased: list[Event]
    told: frozenset[UUID] = frozenset()


class Erased(msgspec.Struct, frozen=True):
    """What an erased person was called, for the other rooms to forget."""

    root: UUID
    origins: list[UUID]
    identifiers: list[tuple[str, str]]
    addresses: list[str]
    erased_at: datetime


class Tombstone(msgspec.Struct, frozen=True):
    """A keyed hash of what an erased person was called; `suppressed` has (channel, reason, at)."""

    digest: bytes
    erased_at: datetime
    suppressed: list[tuple[str, str, datetime]]

"""Wishes about letters, confirmations that are asked for, requests about data, lifted stops."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from patron.profiles.types import SuppressionReason


class Frequency(StrEnum):
    """How often she wants to hear from the shop."""

    USUAL = "usual"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


PACES = {Frequency.WEEKLY: timedelta(days=7), Frequency.MONTHLY: timedelta(days=30)}
"""The least time between two letters."""

PAUSE = timedelta(days=30)


class Wish(msgspec.Struct, frozen=True):
    """What she wished for one address and channel. `place` says where she said so."""

    address_key: str
    channel: str
    frequency: Frequency
    paused_until: datetime | None
    said_at: datetime
    place: str
    origin_id: UUID | None = None


class Confirmation(msgspec.Struct, frozen=True):
    """A yes that waits for her answer from the mailbox; `text_shown` is what she agreed to."""

    id: UUID
    origin_id: UUID
    address: str
    address_key: str
    channel: str
    purpose: str
    asked_at: datetime
    expires_at: datetime
    text_shown: str | None = None
    place: str | None = None
    mailed_at: datetime | None = None
    confirmed_at: datetime | None = None


class RequestKind(StrEnum):
    """What somebody asks about the data that is kept of her."""

    EXPORT = "export"
    ERASURE = "erasure"


class RequestState(StrEnum):
    """Where such a request stands."""

    OPEN = "open"
    DONE = "done"
    DECLINED = "declined"


class PrivacyRequest(msgspec.Struct, frozen=True):
    """`origin_id` and `address_key` are None once she is erased."""

    id: UUID
    kind: RequestKind
    state: RequestState
    origin_id: UUID | None
    address_key: str | None
    asked_at: datetime
    place: str
    closed_at: datetime | None = None
    note: str | None = None


class Lifted(msgspec.Struct, frozen=True):
    """A suppression that somebody at the shop took away, and why."""

    channel: str
    address_key: str
    reason: SuppressionReason
    suppressed_at: datetime
    lifted_at: datetime
    why: str

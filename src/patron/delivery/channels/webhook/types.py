"""Whom we tell what, and how far that is."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec


class Topic(StrEnum):
    """What can be told. The list is closed; docs/webhooks.md says when each is."""

    PROFILE_UPDATED = "profile.updated"
    PROFILE_MERGED = "profile.merged"
    PROFILE_ERASED = "profile.erased"
    CONSENT_CHANGED = "consent.changed"
    SEGMENT_ENTERED = "segment.entered"
    SEGMENT_LEFT = "segment.left"
    CHECKOUT_STARTED = "checkout.started"
    ORDER_COMPLETED = "order.completed"
    ORDER_UPDATED = "order.updated"
    ORDER_REFUNDED = "order.refunded"
    ORDER_CANCELLED = "order.cancelled"
    MESSAGE_SENT = "message.sent"
    MESSAGE_DELIVERED = "message.delivered"
    MESSAGE_OPENED = "message.opened"
    MESSAGE_CLICKED = "message.clicked"
    MESSAGE_BOUNCED = "message.bounced"
    MESSAGE_COMPLAINED = "message.complained"


TEST = "webhook.test"
"""The topic of a delivery that only tries an endpoint."""


class Status(StrEnum):
    ON = "on"
    OFF = "off"


class State(StrEnum):
    """Of a delivery. `sending` with an expired lease is sent again: a receiver may hear twice."""

    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Endpoint(msgspec.Struct, frozen=True):
    """An address that is told. `position` is the log position it has been told up to; `reason` why
    it is off; `failing_since` when the row of failures began that no success has ended."""

    id: UUID
    key: str
    url: str
    topics: list[str]
    description: str
    status: Status
    reason: str | None
    created_at: datetime
    position: int
    merged_after: UUID
    generation: int
    rotated_at: datetime | None
    failures: int
    failing_since: datetime | None
    paused_until: datetime | None
    succeeded_at: datetime | None
    waiting: int = 0


class Delivery(msgspec.Struct, frozen=True):
    """One message for one endpoint. `message_id` is its `webhook-id`, the same at each attempt;
    `answer` is the beginning of what came back last, or what went wrong."""

    id: UUID
    number: int
    message_id: str
    topic: str
    queued_at: datetime
    state: State
    due_at: datetime
    attempts: int
    first_at: datetime | None
    done_at: datetime | None
    status_code: int | None
    answer: str | None


class Draft(msgspec.Struct, frozen=True):
    """A message to be told. `origin_id` is the person it is about, `subject` her root."""

    message_id: str
    topic: str
    subject: UUID
    origin_id: UUID | None
    body: str


class Claimed(msgspec.Struct, frozen=True):
    """A delivery that is ours until its lease ends."""

    id: UUID
    token: UUID
    message_id: str
    topic: str
    body: str
    attempts: int
    first_at: datetime


class Heard(msgspec.Struct, frozen=True):
    """What came of an attempt. No `status_code`: nobody answered; `answer` says why."""

    status_code: int | None
    answer: str
    retry_after: float | None = None
    milliseconds: int = 0

    @property
    def ok(self) -> bool:
        return self.status_code is not None and 200 <= self.status_code < 300

    @property
    def gone(self) -> bool:
        return self.status_code == 410

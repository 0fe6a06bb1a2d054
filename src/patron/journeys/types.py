"""A journey, one person's run through it, and the story of that run."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec


class Status(StrEnum):
    DRAFT = "draft"  # never was on
    ON = "on"
    OFF = "off"


class RunState(StrEnum):
    """Where a run stands. Only `waiting` goes on; there is one such run per journey and key."""

    WAITING = "waiting"
    DONE = "done"  # reached its end
    EXITED = "exited"  # left before its end; `exit_reason` says why
    FAILED = "failed"  # a step raised; the story says what


class ExitReason(StrEnum):
    """Why a run ended early, where the journey itself does not name the reason."""

    ORDERED = "ordered"
    EMPTIED = "emptied"
    CART_CLOSED = "cart_closed"
    EVENT = "event"
    CONDITION = "condition"
    DUPLICATE = "duplicate"
    JOURNEY_OFF = "journey_off"
    RESTORED = "restored"


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that happened to a run. `words` and `why` are for the owner and name no address."""

    at: datetime
    words: str
    step: str | None = None
    why: list[str] = []


class Journey(msgspec.Struct, frozen=True):
    """`definition` is the newest version's JSON, as `definition.parse` reads it."""

    id: UUID
    key: str
    name: str
    status: Status
    version: int
    definition: dict[str, Any]
    created_at: datetime
    changed_at: datetime


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One walk of one person through a journey.

    `key` is what may have only one active run: the cart, or where an event starts it the origin
    that did it; the walk sees to it that a person of several origins has no two.
    `step` is the index of the step it stands on (-1 before the first), `visit` the lap. While it
    waits, `due_at` = `waits_from` + `wait_seconds`. `arm` is given when it first has something to
    say. `started_at` is event time, `started_received_at` the time of receipt.
    """

    id: UUID
    journey_id: UUID
    version: int
    origin_id: UUID
    key: str
    state: RunState
    step: int
    visit: int
    due_at: datetime | None
    waits_from: datetime
    wait_seconds: int
    started_at: datetime
    started_received_at: datetime
    arm: str | None = None
    exit_reason: str | None = None
    ended_at: datetime | None = None
    context: dict[str, Any] = {}
    story: list[Line] = []


class Alive(msgspec.Struct, frozen=True):
    """What the walk needs of a run to decide about it; `root_id` is the person today."""

    id: UUID
    journey_id: UUID
    key: str
    root_id: UUID
    state: RunState
    started_at: datetime
    waits_from: datetime
    wait_seconds: int

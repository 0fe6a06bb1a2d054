"""Memberships, and why they began and ended."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec


class Cause(StrEnum):
    """`event`: what she did, or what became known of her. `clock`: a window ran out or a date came.
    `backfill`: history was imported. `definition`: the rule is new. `thresholds`: others changed,
    and with them where she stands among them. `merge`: two people turned out to be one. Only
    `event` and `clock` may start a journey."""

    EVENT = "event"
    CLOCK = "clock"
    BACKFILL = "backfill"
    DEFINITION = "definition"
    THRESHOLDS = "thresholds"
    MERGE = "merge"


class Change(msgspec.Struct, frozen=True):
    """The person with the root `origin_id` entered a segment, or left it."""

    segment_id: int
    origin_id: UUID
    entered: bool
    at: datetime
    cause: Cause


class Told(msgspec.Struct, frozen=True):
    """A change as others hear of it."""

    id: UUID
    key: str
    name: str
    origin_id: UUID
    entered: bool
    at: datetime
    cause: str


class Member(msgspec.Struct, frozen=True):
    """`left_at` is null for who is in."""

    id: UUID
    entered_at: datetime
    left_at: datetime | None
    cause: str
    left_cause: str | None


class Stay(msgspec.Struct, frozen=True):
    """One time that a person was in a segment."""

    segment: str
    name: str
    entered_at: datetime
    left_at: datetime | None
    cause: str
    left_cause: str | None


class Day(msgspec.Struct, frozen=True):
    """`count` at the end of the day, in the shop's time."""

    day: date
    count: int
    entered: int
    left: int

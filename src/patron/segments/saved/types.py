"""A saved segment."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


class Status(StrEnum):
    """`filling`: history is read for what its rule asks. `settling`: everybody is asked for the
    first time. `paused`: nobody enters or leaves."""

    FILLING = "filling"
    SETTLING = "settling"
    ON = "on"
    PAUSED = "paused"


class Segment(msgspec.Struct, frozen=True):
    """`done` of `total` says how far filling or settling is; `ready_made` names the one of ours
    that it is."""

    id: int
    key: str
    name: str
    description: str
    rule: dict[str, Any]
    ready_made: str | None
    status: Status
    done: int
    total: int
    created_at: datetime
    changed_at: datetime
    asked_at: datetime | None


class KeptStream(msgspec.Struct, frozen=True):
    """A stream as the database numbers it; what of it is kept, `back` in microseconds."""

    id: int
    key: str
    newest: int
    oldest: int
    back: int | None
    since_position: int
    filled: bool

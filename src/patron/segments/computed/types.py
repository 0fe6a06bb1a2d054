"""A computed trait, and what it is for somebody."""

from datetime import datetime
from typing import Any

import msgspec


class ComputedTrait(msgspec.Struct, frozen=True):
    """`definition` as it was given; the documentation of profiles describes it."""

    key: str
    name: str
    definition: dict[str, Any]
    created_at: datetime
    changed_at: datetime


class Outcome(msgspec.Struct, frozen=True):
    """What a definition is for somebody: `value` out of `events` of hers, the last of them at
    `last_at`. Of no events a count and a sum are 0, a list is empty and anything else is null."""

    value: Any
    events: int
    last_at: datetime | None


class Computed(msgspec.Struct, frozen=True):
    """A computed trait of a person, with what it stems from."""

    key: str
    name: str
    value: Any
    events: int
    last_at: datetime | None

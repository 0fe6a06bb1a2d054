"""A static list and who is on it."""

from datetime import datetime
from uuid import UUID

import msgspec

ADDED = "Added to List"
"""The event that puts a person on a list: properties `list_id`, `list` (its key) and `source`. Only
an import by the owner is believed."""


class StaticList(msgspec.Struct, frozen=True):
    """`members` are people: whoever was put on it twice before she was known as one counts once."""

    id: UUID
    key: str
    name: str
    description: str
    created_at: datetime
    changed_at: datetime
    members: int = 0


class Membership(msgspec.Struct, frozen=True):
    """A row of a list: the origin it was written under, whose that is today, and since when.
    `source` says how she came onto it: "api", "patron list", or the name of an imported file."""

    origin_id: UUID
    profile_id: UUID
    added_at: datetime
    source: str


class ListOfHers(msgspec.Struct, frozen=True):
    """A list that a person is on."""

    key: str
    name: str
    added_at: datetime
    source: str

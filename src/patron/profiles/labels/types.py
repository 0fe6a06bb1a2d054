"""Tags and notes as they are read."""

from datetime import datetime
from uuid import UUID

import msgspec


class Tag(msgspec.Struct, frozen=True):
    """`by` is the name of the key that it was written with, or of the user of the command line."""

    tag: str
    by: str
    at: datetime


class Note(msgspec.Struct, frozen=True):
    """`by` as for a tag."""

    id: UUID
    text: str
    by: str
    at: datetime


class TagCount(msgspec.Struct, frozen=True):
    """`people` who have the tag today."""

    tag: str
    people: int

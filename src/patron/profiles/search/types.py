"""People as a search lists them."""

from datetime import datetime
from uuid import UUID

import msgspec


class Match(msgspec.Struct, frozen=True):
    """What she was found by: an identifier's kind with its value, `order` with its number, `tag`,
    or `name`, whose value is the name as names are compared."""

    kind: str
    value: str


class Found(msgspec.Struct, frozen=True):
    """One person. `orders` that stand and what they are worth in minor units of `currency`, the
    shop's; orders in another currency count and add nothing. Times are event times in UTC."""

    id: UUID
    known: bool
    name: str | None
    email: str | None
    phone: str | None
    first_seen: datetime
    last_seen: datetime
    tags: list[str]
    orders: int
    value: int
    currency: str
    matched: Match | None = None

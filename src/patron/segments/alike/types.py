"""People who are alike, as they are shown."""

from datetime import datetime
from uuid import UUID

import msgspec


class Alike(msgspec.Struct, frozen=True):
    """Somebody who is like her. `name` as she gave it, else her e-mail address, else null;
    `likeness` from 0 to 1, `why` in words, what weighs most first."""

    id: UUID
    name: str | None
    likeness: float
    why: list[str]


class Turn(msgspec.Struct, frozen=True):
    """A category or brand that so many of those like her turn to, and she has not. `times` is how
    much more often they do than everybody."""

    value: str
    people: int
    times: float


class Product(msgspec.Struct, frozen=True):
    """A product that so many of those like her looked at, put into the cart or ordered, and she has
    not; `ordered` by so many of them."""

    product_id: str
    title: str | None
    people: int
    ordered: int


class Interest(msgspec.Struct, frozen=True):
    """What those like her turn to, what most of them do first; `of` is how many were looked at."""

    of: int
    categories: list[Turn]
    brands: list[Turn]
    products: list[Product]


class Similar(msgspec.Struct, frozen=True):
    """Who is like a person. `said` puts it in a sentence, also why there is nobody; `made_at` is
    when people were last compared, null before the first night, and `compared` how many."""

    id: UUID
    said: str
    made_at: datetime | None
    compared: int
    people: list[Alike]
    interested_in: Interest

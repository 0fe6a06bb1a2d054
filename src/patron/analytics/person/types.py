"""The page about one person. Money in minor units; times are event times in UTC."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from patron.analytics.person.habits import Habits
from patron.carts.types import Cart
from patron.profiles.consents.types import Wish
from patron.profiles.labels.types import Note, Tag
from patron.profiles.types import ConsentWord, Merge, Reach, Refused, Total
from patron.segments.computed.types import Computed
from patron.segments.last.types import Place
from patron.segments.liking.affinity import Affinity
from patron.segments.lists.types import ListOfHers
from patron.segments.members.types import Stay
from patron.segments.predictions.types import PredictionOfHers


class Deed(msgspec.Struct, frozen=True):
    """An event as the page reads it. `said_by` is how far the caller is believed: `public`,
    `verified` or `server`."""

    position: int
    ts: datetime
    name: str
    said_by: str
    properties: dict[str, Any]


class Named(msgspec.Struct, frozen=True):
    """Something she goes by, and the most believed of those who said so. `last_seen` is kept to the
    day."""

    kind: str
    value: str
    address: str | None
    said_by: str
    verified: bool
    first_seen: datetime
    last_seen: datetime


class Told(msgspec.Struct, frozen=True):
    """A trait, who said it and when."""

    name: str
    value: Any
    said_by: str
    at: datetime


class Answer(msgspec.Struct, frozen=True):
    """What she answered when she was asked; the last answer to a question stands."""

    question: str
    answer: Any
    form: str | None
    said_by: str
    at: datetime


class Way(msgspec.Struct, frozen=True):
    """Whether a message of this purpose over this channel would reach her, and if not, why."""

    channel: str
    purpose: str
    reachable: bool
    obstacle: str | None
    reach: Reach


class Campaign(msgspec.Struct, frozen=True):
    """As the address of the page, or the page's own words, told it."""

    source: str | None = None
    medium: str | None = None
    name: str | None = None


class Session(msgspec.Struct, frozen=True):
    """One visit; it ends after thirty minutes of silence."""

    id: UUID
    began_at: datetime
    ended_at: datetime
    events: int
    pages: int
    channel: str | None
    device: str | None
    campaign: Campaign | None = None
    landed_on: str | None = None
    came_from: str | None = None


class Sessions(msgspec.Struct, frozen=True):
    """`number` of visits in the log, the newest ones in `last`. `first_touch` is the visit that
    brought her, `last_touch` the last one that did not come by itself, else the last."""

    number: int
    last: list[Session]
    first_touch: Session | None
    last_touch: Session | None


class Order(msgspec.Struct, frozen=True):
    """`net` is what is left of `revenue` after refunds. An order `stands` unless it was cancelled
    or refunded in whole. `said_by` is who placed it."""

    order_id: str
    at: datetime
    revenue: int
    refunded: int
    net: int
    currency: str
    cancelled: bool
    stands: bool
    said_by: str = "server"


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """`number`, `value` and `average` are of the orders that stand, refunds taken back, in
    `currency`; those `in_other_currencies` count in `number` only. `refunded` money and `cancelled`
    orders are of all; `last` has up to twenty orders, the newest first, with those that fell."""

    number: int
    value: int
    average: int | None
    currency: str
    in_other_currencies: int
    refunded: int
    cancelled: int
    first_at: datetime | None
    last_at: datetime | None
    last: list[Order]


class CouponUsed(msgspec.Struct, frozen=True):
    """On `orders` that stand."""

    code: str
    orders: int
    first_at: datetime
    last_at: datetime
    said_by: str


class Wished(msgspec.Struct, frozen=True, kw_only=True):
    """`ordered_at` when she ordered it after she had put it on the list."""

    product_id: str | None
    sku: str | None
    title: str | None
    url: str | None
    image_url: str | None
    added_at: datetime
    said_by: str
    ordered_at: datetime | None = None


class Affinities(msgspec.Struct, frozen=True, kw_only=True):
    """The ten strongest of each kind."""

    half_life_days: int
    categories: list[Affinity]
    brands: list[Affinity]
    price_bands: list[Affinity]


class Heard(msgspec.Struct, frozen=True):
    """Messages that left for her, and how many of them she opened or clicked herself; those sent to
    the owner in rehearsal do not count."""

    sent: int
    opened: int
    clicked: int
    last_sent_at: datetime | None


class PersonPage(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known about one person. What comes out of the log knows the months that it keeps:
    sessions, wish list, coupons, answers, affinities and habits, of her newest 10,000 events.
    `segments` are those she is in now."""

    id: UUID
    name: str | None
    known: bool
    origins: list[UUID]
    first_seen: datetime
    last_seen: datetime
    identifiers: list[Named]
    merges: list[Merge]
    refused: list[Refused]
    traits: list[Told]
    computed: list[Computed]
    predictions: list[PredictionOfHers]
    place: Place
    tags: list[Tag]
    notes: list[Note]
    segments: list[Stay]
    lists: list[ListOfHers]
    answers: list[Answer]
    consents: list[ConsentWord]
    ways: list[Way]
    wishes: list[Wish]
    sessions: Sessions
    habits: Habits
    cart: Cart | None
    wish_list: list[Wished]
    orders: Orders
    coupons: list[CouponUsed]
    affinities: Affinities
    messages: Heard
    totals: dict[str, Total]

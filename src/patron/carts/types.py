"""A cart as the shop knows it, what an event does to one, and the orders that close them."""

from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from uuid import UUID

import msgspec


class CartItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line. `price` is for one piece, in minor units of the cart's currency."""

    product_id: str | None = None
    variant_id: str | None = None
    sku: str | None = None
    title: str | None = None
    price: int | None = None
    quantity: int | float = 1
    image_url: str | None = None
    url: str | None = None
    added_at: datetime | None = None


class Act(IntEnum):
    """What an event does to a cart."""

    ADD = 0
    REMOVE = 1
    SET = 2  # the event tells the whole cart
    CHECKOUT = 3  # the same, and a step forward even when nothing differs
    LINK = 4  # says only which keys belong together
    ORDER = 5


class Op(msgspec.Struct, frozen=True, array_like=True):
    """A deed kept with its cart, so that a late one finds its place in time."""

    at: datetime
    id: str  # the event's message id
    act: Act
    keys: list[int]  # places in the history's `names`
    items: list[int] = []  # places in its `lines`
    currency: str = "USD"


class Deed(msgspec.Struct, kw_only=True):
    """An event in the words of this room."""

    act: Act
    at: datetime  # event time
    id: str
    position: int
    origin_id: UUID
    tokens: list[str]  # "cart:…" and "checkout:…": which cart it is
    weak: str | None  # "browser:…", or "user:…" without a browser: whose cart it is
    others: list[str]  # user, address and order keys: by these an order finds it
    items: list[CartItem] = []
    currency: str = "USD"
    url: str | None = None
    order_id: str | None = None
    backfill: bool = False
    addresses: list[str] = []  # normalised e-mail addresses and phone numbers in it


class Mark(msgspec.Struct, frozen=True):
    """An order was placed at `at` by whoever has one of `keys`."""

    at: datetime
    order_id: str | None
    keys: frozenset[str]
    origin_id: UUID


class Closed(StrEnum):
    """Why a cart takes nothing more."""

    ORDER = "order"
    MERGED = "merged"  # it turned out to be the same cart as an older one
    EXPIRED = "expired"


class History(msgspec.Struct, array_like=True):
    """What a cart remembers in order to be worked out again."""

    names: list[str] = []  # keys, by place
    lines: list[CartItem] = []  # what deeds put in or took out, by place
    ops: list[Op] = []  # in event time
    after: datetime | None = None  # the order before this cart: it owns only what came later
    after_order: str | None = None  # that order's id
    base: list[CartItem] = []  # the lines at `base_at`, from deeds that are kept no longer
    base_at: datetime | None = None
    base_keys: list[int] = []


class Draft(msgspec.Struct, kw_only=True, eq=False):
    """A cart while events are folded into it. It owns the time after `past.after`, up to
    `closed_at`. `keys` (when each was seen last), `items` and `currency` follow from `past`."""

    id: UUID
    key: str  # its strongest key
    origin_id: UUID  # of the last deed in event time
    opened_at: datetime
    changed_at: datetime
    closed_at: datetime | None = None
    closed_reason: str | None = None
    order_id: str | None = None
    url: str | None = None
    past: History
    keys: dict[str, datetime] = {}
    items: dict[str, CartItem] = {}
    currency: str = "USD"
    stored: bool = False  # there is a row of it
    dirty: bool = False
    filed: set[str] = set()  # the keys it is already filed under


class ChangeKind(StrEnum):
    OPENED = "opened"  # something is in a cart that was new or empty
    CHANGED = "changed"
    EMPTIED = "emptied"
    CLOSED = "closed"


class CartChange(msgspec.Struct, frozen=True, kw_only=True):
    """What journeys hear about. A cart that was closed before anyone saw it open is not news."""

    cart_id: UUID
    key: str
    origin_id: UUID
    kind: ChangeKind
    at: datetime  # event time
    position: int
    order_id: str | None = None
    backfill: bool = False  # history: starts nothing


class Cart(msgspec.Struct, frozen=True, kw_only=True):
    """A cart as it is read. `value` in minor units of `currency`; lines without a price count 0."""

    id: UUID
    key: str
    origin_id: UUID
    opened_at: datetime
    changed_at: datetime
    closed_at: datetime | None
    closed_reason: str | None
    order_id: str | None
    items: list[CartItem]
    value: int
    currency: str
    url: str | None


class Ordered(msgspec.Struct, frozen=True):
    """An order somebody placed; `at` is its event time."""

    origin_id: UUID
    at: datetime
    order_id: str | None


class FeedHour(msgspec.Struct):
    """One hour of one day (UTC): the orders in it, and the pauses between orders that touch it."""

    orders: int = 0
    gaps: int = 0
    long_gaps: list[int] = []  # seconds, of those longer than six hours


class Silence(msgspec.Struct, frozen=True):
    """Orders have stopped coming in. `normal_gap` is how long a pause may last at this hour."""

    last_order_at: datetime
    normal_gap: timedelta
    since: datetime


class RestoredCart(msgspec.Struct, frozen=True):
    """What a restore link opens: no word about whose cart it is."""

    state: str  # "open" or "closed"
    items: list[CartItem]
    value: int
    currency: str
    changed_at: datetime

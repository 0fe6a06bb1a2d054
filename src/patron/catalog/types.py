"""Products, who said what about them, and the names they are found by."""

from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from patron.kit.money import Money


class FactSource(StrEnum):
    """Who says something about a product."""

    GUESS = "guess"  # an order's line: its price may be after a discount
    BROWSER = "browser"
    SERVER = "server"  # an event with a server key
    IMPORT = "import"
    FEED = "feed"
    API = "api"

    @property
    def rank(self) -> int:
        """How far it is believed; of equals the later word counts."""
        return _RANKS[self]


_RANKS = {
    FactSource.GUESS: 0,
    FactSource.BROWSER: 1,
    FactSource.SERVER: 2,
    FactSource.IMPORT: 3,
    FactSource.FEED: 3,
    FactSource.API: 3,
}
THE_SHOP = 3
"""The rank from which on it is the shop itself that speaks."""


class KeyKind(IntEnum):
    PRODUCT = 0
    VARIANT = 1
    SKU = 2
    GTIN = 3
    FEED = 4
    URL = 5


class VariantIn(msgspec.Struct, kw_only=True):
    """What somebody says about a variant. UNSET: says nothing; None: says that there is none."""

    id: str
    title: str | UnsetType | None = UNSET
    price: int | UnsetType | None = UNSET  # minor units of the product's currency
    compare_at: int | UnsetType | None = UNSET
    available: bool | UnsetType | None = UNSET
    stock: int | UnsetType | None = UNSET
    image_url: str | UnsetType | None = UNSET
    url: str | UnsetType | None = UNSET
    attributes: dict[str, Any] | UnsetType = UNSET
    sku: str | None = None
    gtin: str | None = None
    feed_id: str | None = None


class ProductIn(msgspec.Struct, kw_only=True):
    """What somebody says about a product. UNSET: says nothing; None: says that there is none.

    `price` and `compare_at` in minor units of `currency`, which must be given with a price;
    `margin` as a share of the price (0.4 = 40 %).
    """

    id: str
    title: str | UnsetType | None = UNSET
    price: int | UnsetType | None = UNSET
    compare_at: int | UnsetType | None = UNSET
    currency: str | UnsetType = UNSET
    available: bool | UnsetType | None = UNSET
    stock: int | UnsetType | None = UNSET
    brand: str | UnsetType | None = UNSET
    categories: list[str] | UnsetType = UNSET
    image_url: str | UnsetType | None = UNSET
    url: str | UnsetType | None = UNSET
    attributes: dict[str, Any] | UnsetType = UNSET
    margin: float | UnsetType | None = UNSET
    shown: bool | UnsetType = UNSET
    sku: str | None = None
    gtin: str | None = None
    feed_id: str | None = None
    variants: list[VariantIn] = []


class Claim(msgspec.Struct, kw_only=True):
    """What one source says of one product, ready to be merged. `guesses` count only where nothing
    else is known."""

    product_id: str
    facts: dict[str, Any]
    guesses: dict[str, Any] = {}
    variants: dict[str, dict[str, Any]] = {}
    keys: list[tuple[KeyKind, str, str | None]] = []  # (kind, value, variant)
    source: FactSource
    at: datetime


class Known(msgspec.Struct, kw_only=True):
    """A product or variant as it is kept: `said` is (rank, epoch seconds) per field."""

    id: str
    facts: dict[str, Any]
    said: dict[str, tuple[int, float]] = {}
    variants: dict[str, "Known"] = {}
    rank: int = 0
    stored: bool = False
    changed: bool = False


class UpsertReport(msgspec.Struct):
    """How many products were new, changed and as they were; `prices` and `stocks` are changes."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    prices: int = 0
    stocks: int = 0
    resolved: int = 0  # unresolved ids that are known now


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """What an id stands for: a product, or one of its variants with what the variant has of its
    own. Money in minor units of `currency`."""

    product_id: str
    variant_id: str | None = None
    title: str | None = None
    price: int | None = None
    compare_at: int | None = None
    currency: str | None = None
    available: bool | None = None
    stock: int | None = None
    brand: str | None = None
    categories: list[str] = []
    image_url: str | None = None
    url: str | None = None
    attributes: dict[str, Any] = {}
    margin: float | None = None
    shown: bool = True


class VariantView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    title: str | None
    price: Money | None
    compare_at: Money | None
    available: bool | None
    stock: int | None
    image_url: str | None
    url: str | None
    attributes: dict[str, Any]


class ProductView(msgspec.Struct, frozen=True, kw_only=True):
    """A product as the API shows it; money as {"amount": minor units, "currency"}."""

    id: str
    title: str | None
    price: Money | None
    compare_at: Money | None
    available: bool | None
    stock: int | None
    brand: str | None
    categories: list[str]
    image_url: str | None
    url: str | None
    attributes: dict[str, Any]
    margin: float | None
    shown: bool
    told_by_the_shop: bool  # false: only seen in events
    changed_at: datetime


class ProductKey(msgspec.Struct, frozen=True):
    kind: str  # product, variant, sku, gtin, feed, url
    value: str
    variant_id: str | None


class PricePoint(msgspec.Struct, frozen=True):
    at: datetime
    variant_id: str | None
    price: Money | None
    compare_at: Money | None
    source: str


class StockPoint(msgspec.Struct, frozen=True):
    at: datetime
    variant_id: str | None
    stock: int | None
    available: bool | None
    source: str


class ProductStory(msgspec.Struct, frozen=True):
    """A product with everything known of it; histories newest first, at most 200 points each."""

    product: ProductView
    variants: list[VariantView]
    keys: list[ProductKey]
    prices: list[PricePoint]
    stocks: list[StockPoint]


class UnresolvedId(msgspec.Struct, frozen=True):
    """An id that events use and no product of the shop has. `count` is a little too low when the
    worker was killed."""

    value: str
    kind: str
    title: str | None
    first_seen: datetime
    last_seen: datetime
    count: int

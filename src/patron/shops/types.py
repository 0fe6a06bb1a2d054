"""A shop, its settings, and what a key may do."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

import msgspec

METRICS = {
    "revenue": "Order Completed",
    "refunded": "Order Refunded",
    "cancelled": "Order Cancelled",
    "viewed_product": "Product Viewed",
    "added_to_cart": "Product Added",
    "started_checkout": "Checkout Started",
}
"""What a shop's figures are counted from, and the spec's name of the event for each."""

MetricName = Annotated[str, msgspec.Meta(pattern=f"^({'|'.join(METRICS)})$")]
EventName = Annotated[str, msgspec.Meta(pattern=r"^\S(.{0,253}\S)?$")]


def own_names(metrics: Mapping[str, str]) -> dict[str, str]:
    """The names of events that are the shop's own, and what the spec calls each of them."""
    return {said: METRICS[key] for key, said in metrics.items() if said != METRICS[key]}


Host = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
"""A host name without port, such as `pictures.shop.example`."""


Locale = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")]
"""A language and perhaps a region, such as `de` or `en-GB`."""


MARKETING = "marketing"
ChannelName = Literal["email", "sms", "whatsapp", "viber"]
PurposeName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_-]{0,59}$")]
"""What a message is for, such as `marketing`."""

WayName = Annotated[
    str, msgspec.Meta(pattern=r"^(any|email|sms|whatsapp|viber)/[a-z][a-z0-9_-]{0,59}$")
]
"""A channel and a purpose, such as `email/marketing`; `any` stands for every channel."""

CountryCode = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}$")]
ShortText = Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f]*$")]


class Basis(StrEnum):
    """On what legal ground somebody is written to."""

    CONSENT = "consent"
    DOUBLE_OPT_IN = "double_opt_in"  # a consent that she confirmed from her mailbox
    EXISTING_CUSTOMER = "existing_customer"  # soft opt-in: she bought and did not refuse
    CONTRACT = "contract"  # what her order needs


class Mode(StrEnum):
    """In rehearsal every message goes to the owner; live, to the customer."""

    REHEARSAL = "rehearsal"
    LIVE = "live"


TopicName = Annotated[str, msgspec.Meta(pattern=r"^[^\W_][\w -]{0,39}$")]
Phrases = Annotated[
    list[Annotated[str, msgspec.Meta(min_length=1, max_length=60)]],
    msgspec.Meta(min_length=1, max_length=100),
]


Amount = Annotated[float, msgspec.Meta(ge=0, le=1e10)]
"""In the shop's currency as people write it, such as 49.9."""


class ShopSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the owner sets; every field has a default that is right for most shops."""

    metrics: dict[MetricName, EventName] = msgspec.field(default_factory=lambda: dict(METRICS))
    more_hosts: list[Host] = []  # of the shop's pictures, its check-out: mails may lead there
    cart_url: str | None = None  # where a restored cart opens; {token} is filled in
    account_url: str | None = None  # where a customer opens an account
    mail_from: str | None = None
    mail_from_name: str | None = None
    mail_reply_to: str | None = None
    postal_address: str | None = None
    logo_url: str | None = None
    brand_color: str = "#1f5f4a"
    locale: Locale = "en"
    phone_region: CountryCode = "US"
    topics: dict[TopicName, Phrases] = {}  # looked for in what people write
    new_session_on_campaign: bool = False
    marketing_hours_between: Annotated[int, msgspec.Meta(ge=0, le=8760)] = 16
    free_shipping_from: Amount | None = None  # None: nothing is known of it
    blocked_identifiers: list[str] = []
    identity_limits: dict[str, int] = {}
    purposes: dict[PurposeName, ShortText] = {}  # further ones she may choose, as she reads them
    legal_basis: dict[WayName, list[Basis]] = {}
    double_opt_in: list[ChannelName] = []
    existing_customer_countries: list[CountryCode] = []
    interests: list[ShortText] = []  # categories she may choose; none: the catalog's largest
    privacy_url: str | None = None
    consent_categories: dict[str, Literal["analytics", "marketing"]] = {}


class Shop(msgspec.Struct, frozen=True):
    """One shop. Its data lives in the PostgreSQL schema `schema` and nowhere else."""

    id: UUID
    slug: str
    name: str
    schema: str
    currency: str  # ISO 4217
    time_zone: str  # IANA
    locale: str
    public_url: str
    hosts: list[str]  # the only hosts links in messages may lead to
    mode: Mode
    owner_email: str
    identity_secret: bytes
    settings: ShopSettings


class ShopChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of a shop's own data changes; what is left out stays as it is. `public_url` takes the
    place of the old one among the hosts that mails may lead to."""

    name: str | None = None
    time_zone: str | None = None
    public_url: str | None = None
    owner_email: str | None = None


class Scope(StrEnum):
    """What a server key may be allowed. `shop:admin` implies the rest."""

    INGEST = "ingest"
    EVENTS_READ = "events:read"
    EVENTS_WRITE = "events:write"
    PROFILES_READ = "profiles:read"
    PROFILES_WRITE = "profiles:write"
    PROFILES_EXPORT = "profiles:export"
    CATALOG_READ = "catalog:read"
    CATALOG_WRITE = "catalog:write"
    JOURNEYS_READ = "journeys:read"
    JOURNEYS_WRITE = "journeys:write"
    MESSAGES_READ = "messages:read"
    MESSAGES_WRITE = "messages:write"
    RECOMMEND_READ = "recommend:read"
    RECOMMEND_WRITE = "recommend:write"
    ANALYTICS_READ = "analytics:read"
    ADMIN = "shop:admin"


class KeyKind(StrEnum):
    PUBLIC = "public"
    SERVER = "server"


class Access(msgspec.Struct, frozen=True):
    """What a caller may do, and in which shop."""

    shop: Shop
    key_id: UUID | None
    kind: KeyKind
    scopes: frozenset[str]
    name: str = ""  # the key's, as the owner called it

    def allows(self, scope: str) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes


class Key(msgspec.Struct, frozen=True):
    """A key as it is listed; a server key itself is shown once, when it is made."""

    id: UUID
    kind: KeyKind
    name: str
    hint: str
    scopes: list[str]
    created_at: str
    revoked_at: str | None


class Answer(msgspec.Struct, frozen=True):
    """The answer to a write that carried an Idempotency-Key; `status` is None while it is made.

    A `body` that is None afterwards held a secret.
    """

    digest: bytes
    began_at: datetime
    status: int | None
    content_type: str
    body: bytes | None

"""An item of a feed as a product of the catalogue: pure, with everything that is wrong in words.

Attributes are read as Google's product data specification has them
(support.google.com/merchants/answer/7052112), and kept under its names.
"""

import html
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, structs

from patron.catalog.feeds.rows import Row
from patron.catalog.feeds.types import PRODUCT, Fault, Noted, note
from patron.catalog.observe import available
from patron.catalog.parse import parse
from patron.catalog.types import ProductIn
from patron.kit.money import Money, money

LONGEST_ID = 250  # bytes
LONGEST_DESCRIPTION = 1_000
MOST_PICTURES = 10

_TEXTS = (
    "title", "description", "brand", "product_type", "google_product_category", "color", "size",
    "material", "pattern", "custom_label_0", "custom_label_1", "custom_label_2", "custom_label_3",
    "custom_label_4",
)  # fmt: skip
_KEPT = (
    "color", "size", "material", "pattern", "custom_label_0", "custom_label_1", "custom_label_2",
    "custom_label_3", "custom_label_4", "google_product_category", "condition", "gender",
    "age_group", "mpn", "shipping_weight", "mobile_link", "availability_date", "size_system",
    "size_type", "multipack", "is_bundle", "adult", "unit_pricing_measure",
    "energy_efficiency_class",
)  # fmt: skip
_COMMON = frozenset(
    {"custom_label_0", "custom_label_1", "custom_label_2", "custom_label_3", "custom_label_4",
     "google_product_category", "condition", "gender", "age_group", "description", "kind"}
)  # fmt: skip
"""Attributes that hold for all variants of a product."""
_WORDS = {
    "in_stock": "in_stock", "out_of_stock": "out_of_stock", "preorder": "preorder",
    "pre_order": "preorder", "backorder": "backorder", "back_order": "backorder",
}  # fmt: skip
_ENTITY = re.compile(r"&(?:#\d{1,6}|#x[0-9a-fA-F]{1,5}|[a-zA-Z]{2,8});")
_TAG = re.compile(r"<[^<>]{0,500}>")
_encode = msgspec.json.Encoder(order="deterministic").encode


class Terms(msgspec.Struct, frozen=True):
    """What an item is read by: `hosts` are the shop's (none: any will do), `mend` repairs a text
    that was decoded wrongly."""

    currency: str
    hosts: frozenset[str]
    zone: ZoneInfo
    kind: str
    now: datetime
    mend: Callable[[str], str]


class Made(msgspec.Struct, frozen=True):
    """An item understood. `text` is all it came to; at `turns_at` it comes to something else."""

    number: int
    item: str
    product: ProductIn
    variant: bool
    text: bytes
    turns_at: datetime | None


def make(row: Row, terms: Terms) -> tuple[Made | None, list[Noted]]:
    """What an item comes to, None when it has no usable id, and what is wrong with it."""
    return _Item(row, terms).made()


class _Item:
    """One item while it is read."""

    def __init__(self, row: Row, terms: Terms) -> None:
        self._number, self._fields = row
        self._terms = terms
        self._id: str | None = None
        self._turns: datetime | None = None
        self._told: dict[str, Any] = {}
        self._attributes: dict[str, Any] = {}
        self.notes: list[Noted] = []

    def made(self) -> tuple[Made | None, list[Noted]]:
        content = self._terms.kind != PRODUCT
        self._id = self._named(content)
        if self._id is None:
            return None, self.notes
        self._mend()
        self._common()
        if content:
            self._content()
        else:
            self._prices()
            self._availability()
            self._names()
        parsed = parse({**self._told, "attributes": self._attributes}, self._terms.currency)
        for error in parsed.errors:
            self._note(Fault.VALUE_UNREADABLE, error.field, f"{error.value}: {error.expected}")
        product = parsed.product
        if product is None:
            return None, self.notes
        variant = bool(product.variants)
        if variant:
            # What its variants have in common is counted from all of them, not told by the last.
            product = structs.replace(
                product, title=UNSET, price=UNSET, compare_at=UNSET, image_url=UNSET, url=UNSET,
                attributes={n: v for n, v in self._attributes.items() if n in _COMMON},
            )  # fmt: skip
        return self._came(product, variant), self.notes

    def _came(self, product: ProductIn, variant: bool) -> Made:
        item = self._id or product.id
        return Made(self._number, item, product, variant, _encode(product), self._turns)

    def _one(self, name: str) -> str:
        return next(iter(self._fields.get(name, ())), "")

    def _note(self, fault: Fault, field: str, value: object) -> None:
        self.notes.append(note(fault, self._number, self._id, field, value))

    def _named(self, content: bool) -> str | None:
        found = self._one("id")
        if not found and content:
            found = self._one("guid") or self._one("link")
        if not found:
            self._note(Fault.ID_MISSING, "id", self._one("title"))
            return None
        if len(found.encode()) > LONGEST_ID:
            self._note(Fault.ID_TOO_LONG, "id", found)
            return None
        return found

    def _mend(self) -> None:
        mended = None
        for name in _TEXTS:
            given = self._one(name)
            if not given:
                continue
            text = given if given.isascii() else self._terms.mend(given)
            if "&" in text and _ENTITY.search(text):
                text = html.unescape(text).replace("\0", "")
            if text != given:
                mended = mended or (name, given)
                self._fields[name] = [text, *self._fields[name][1:]]
        if mended is not None:
            self._note(Fault.TEXT_REPAIRED, *mended)

    def _common(self) -> None:
        told = self._told
        told["id"] = self._id
        if title := self._one("title"):
            told["title"] = title
        else:
            self._note(Fault.TITLE_MISSING, "title", "")
        if link := self._link("link", missing=True):
            told["url"] = link
        if picture := self._link("image_link") or self._link("enclosure"):
            told["image_url"] = picture
        text = self._one("description") or self._one("summary") or self._one("content")
        if text:
            self._attributes["description"] = _shortened(text)
        if brand := self._one("brand"):
            told["brand"] = brand

    def _link(self, name: str, *, missing: bool = False) -> str | None:
        given = self._one(name)
        if not given:
            if missing:
                self._note(Fault.LINK_MISSING, name, "")
            return None
        try:
            parts = urlsplit(given)
            host = parts.hostname or ""
        except ValueError:
            host = ""
        if not host or parts.scheme not in ("http", "https") or len(given) >= 2_000:
            self._note(Fault.LINK_UNREADABLE, name, given)
            return None
        hosts = self._terms.hosts
        if name == "link" and hosts and host.removeprefix("www.") not in hosts:
            self._note(Fault.LINK_ELSEWHERE, name, given)
        return given

    def _content(self) -> None:
        """Guides, posts, reviews: what is read and not bought."""
        self._told["available"] = True
        self._attributes["kind"] = self._terms.kind
        for name, named in (("published", "pubdate"), ("published", "published")):
            if given := self._one(named):
                self._attributes[name] = given[:40]
        if author := self._one("author"):
            self._attributes["author"] = author[:200]
        if given := self._one("product_type"):
            self._told["categories"] = given
        elif categories := self._fields.get("category"):
            self._told["categories"] = categories[:20]

    def _prices(self) -> None:
        price = self._amount("price")
        if not self._one("price"):
            self._note(Fault.PRICE_MISSING, "price", "")
        sale, cost = self._amount("sale_price"), self._amount("cost_of_goods_sold")
        if price is None:
            return
        if price.currency != self._terms.currency:
            self._note(Fault.CURRENCY_OTHER, "price", self._one("price"))
        told = {"price": price, "compare_at": None}
        if sale is not None and sale.currency == price.currency and self._on():
            if sale.amount > price.amount:
                both = f"{self._one('sale_price')} above {self._one('price')}"
                self._note(Fault.SALE_ABOVE_PRICE, "sale_price", both)
            elif sale.amount < price.amount:
                told = {"price": sale, "compare_at": price}
        if cost is not None:
            told["cost"] = cost
        for name, amount in told.items():
            self._told[name] = None if amount is None else structs.asdict(amount)

    def _amount(self, name: str) -> Money | None:
        given = self._one(name)
        if not given:
            return None
        found = money(given, self._terms.currency)
        if found is None or found.amount < 0:
            self._note(Fault.PRICE_UNREADABLE, name, given)
            return None
        return found

    def _on(self) -> bool:
        """Whether the sale price holds now; notes when that will change."""
        given = self._one("sale_price_effective_date")
        if not given:
            return True
        first, _, last = given.partition("/")
        begins, ends = self._moment(first, False), self._moment(last, True)
        if begins is None or ends is None:
            self._note(Fault.SALE_DATE_UNREADABLE, "sale_price_effective_date", given)
            return False
        now = self._terms.now
        self._turns = begins if now < begins else ends if now < ends else None
        return begins <= now < ends

    def _moment(self, given: str, end: bool) -> datetime | None:
        text = given.strip().replace(" ", "T")
        try:
            read = datetime.fromisoformat(text)
            read = read if read.tzinfo else read.replace(tzinfo=self._terms.zone)
            return read + timedelta(days=1) if end and len(text) <= 10 else read
        except (ValueError, OverflowError):
            return None

    def _availability(self) -> None:
        given = self._one("availability")
        if not given:
            self._note(Fault.AVAILABILITY_MISSING, "availability", "")
            return
        word = given.rpartition("/")[2].strip().lower().replace(" ", "_").replace("-", "_")
        found = True if word in ("pre_order", "back_order") else available(word)
        if found is None:
            self._note(Fault.AVAILABILITY_UNKNOWN, "availability", given)
            return
        self._told["available"] = found
        plain = "in_stock" if found else "out_of_stock"
        self._attributes["availability"] = _WORDS.get(word, plain)
        if quantity := self._one("quantity") or self._one("sell_on_google_quantity"):
            self._told["stock"] = quantity

    def _names(self) -> None:
        told, attributes = self._told, self._attributes
        google = self._one("google_product_category")
        path = self._one("product_type") or ("" if google.isdigit() else google)
        if path:
            told["categories"] = path
        if group := self._one("item_group_id"):
            told["item_group_id"] = group[:LONGEST_ID]
        if gtin := self._one("gtin"):
            told["gtin"] = gtin
        if sku := self._one("sku"):
            told["sku"] = sku
        for name in _KEPT:
            if given := self._one(name):
                attributes[name] = given[:500]
        more = [
            one.strip()
            for given in self._fields.get("additional_image_link", ())
            for one in given.split(",")
        ]
        pictures = [one for one in more if one.startswith(("https://", "http://"))]
        if pictures:
            attributes["additional_image_link"] = pictures[:MOST_PICTURES]


def _shortened(text: str) -> str:
    """The beginning of a description, without markup, up to a whole word."""
    text = " ".join(_TAG.sub(" ", text[: 20 * LONGEST_DESCRIPTION]).split())
    if len(text) <= LONGEST_DESCRIPTION:
        return text
    return text[:LONGEST_DESCRIPTION].rpartition(" ")[0] + " …"

"""A row of a file, or an object of the API, as a product: pure, with an error for each field that
cannot be understood.

The names of Google's product data specification (support.google.com/merchants/answer/7052112),
Shopify's and WooCommerce's exports and Segment's are understood; what is not known is kept as an
attribute. Prices are in major units ("12.34", "12,34 EUR") unless given as
`{"amount": 1234, "currency": "EUR"}`.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from patron.catalog.keys import id_key
from patron.catalog.observe import available, categories
from patron.catalog.types import ProductIn, VariantIn
from patron.kit.money import Money, currency_code, money

ALIASES: dict[str, tuple[str, ...]] = {
    "id": ("id", "product_id", "item_id", "handle"),
    "title": ("title", "name", "item_name", "product_name"),
    "price": ("price", "current_price"),
    "sale_price": ("sale_price",),
    "compare_at": ("compare_at", "compare_at_price", "regular_price", "original_price", "msrp"),
    "currency": ("currency", "currency_code"),
    "available": ("available", "availability", "in_stock", "stock_status"),
    "stock": ("stock", "quantity", "inventory_quantity", "stock_quantity", "inventory"),
    "brand": ("brand", "vendor", "manufacturer", "item_brand"),
    "categories": ("categories", "category", "product_type", "google_product_category"),
    "image_url": ("image_url", "image_link", "image", "image_src", "picture"),
    "url": ("url", "link", "permalink", "product_url"),
    "attributes": ("attributes",),
    "margin": ("margin",),
    "cost": ("cost", "cost_of_goods_sold", "cost_per_item"),
    "shown": ("shown", "published"),
    "sku": ("sku", "variant_sku"),
    "gtin": ("gtin", "barcode", "ean", "upc", "isbn"),
    "feed_id": ("feed_id",),
    "group": ("item_group_id", "parent_id"),
    "variants": ("variants",),
}
_FIELD = {alias: field for field, aliases in ALIASES.items() for alias in aliases}
MAX_VARIANTS = 500
MAX_TEXT = 2_000


class FieldError(msgspec.Struct, frozen=True):
    """`field` as the row calls it, the value as far as it can be shown, and what would be right."""

    field: str
    value: str
    expected: str


class Parsed(msgspec.Struct, frozen=True):
    """`product` is None only without an id; a field in `errors` is left out of it."""

    product: ProductIn | None
    errors: list[FieldError]


def parse(row: Mapping[str, Any], currency: str) -> Parsed:
    """`row` as a product; `currency` (ISO 4217) is for prices that name none."""
    reader = _Reader(row)
    product_id = reader.take("id", id_key, "a text of 1 to 1000 characters")
    if product_id is None:
        if not reader.errors:
            reader.errors.append(FieldError("id", "", "every product needs an id"))
        return Parsed(None, reader.errors)
    group = reader.take("group", id_key, "a text")
    told = _facts(reader, currency)
    told |= reader.plain()
    names = {f: reader.take(f, id_key, "a text") for f in ("sku", "gtin", "feed_id")}
    shown = reader.take("shown", _yes, "true or false")
    if shown is not None:
        told["shown"] = shown
    variants = _variants(reader, told.get("currency", currency))
    told |= {"attributes": attributes} if (attributes := reader.rest()) else {}
    if group is None or group == product_id:
        product = ProductIn(id=product_id, **told, **names, variants=variants)
        return Parsed(product, reader.errors)
    own = {f: told[f] for f in VariantIn.__struct_fields__ if f in told}
    variant = VariantIn(id=product_id, **own, **names)
    # The stock of one variant is not the product's.
    shared = {f: v for f, v in told.items() if f not in ("stock", "available", "attributes")}
    return Parsed(ProductIn(id=group, **shared, variants=[variant]), reader.errors)


class _Reader:
    """Takes known fields out of a row and remembers what it could not read."""

    def __init__(self, row: Mapping[str, Any], prefix: str = "") -> None:
        self.errors: list[FieldError] = []
        self._prefix = prefix
        self._found: dict[str, tuple[str, Any]] = {}
        self._rest: dict[str, Any] = {}
        for name, value in row.items():
            plain = name.strip().lower().removeprefix("g:").replace(" ", "_").replace("-", "_")
            field = _FIELD.get(plain)
            if field is None:
                self._rest[plain] = value
                continue
            first = ALIASES[field].index(plain)
            before = self._found.get(field)
            if before is None or first < ALIASES[field].index(before[0]) or before[1] in ("", None):
                self._found[field] = (plain, value)

    def has(self, field: str) -> bool:
        return field in self._found

    def take(self, field: str, read: Callable[[Any], Any], expected: str) -> Any:
        """The value of `field`, or None when it is missing, empty or an error."""
        name, value = self._found.get(field, (field, None))
        if value is None or value == "":
            return None
        found = read(value)
        if found is None:
            self.errors.append(FieldError(self._prefix + name, str(value)[:100], expected))
        return found

    def plain(self) -> dict[str, Any]:
        """The fields that need no thought, those that are given."""
        found: dict[str, Any] = {}
        for field, read, expected in _PLAIN:
            if (value := self.take(field, read, expected)) is not None:
                found[field] = value
            elif field in self._found and self._found[field][1] is None:
                found[field] = [] if field == "categories" else None
        return found

    def rest(self) -> dict[str, Any]:
        """Given attributes and everything that has no place of its own."""
        given = self.take("attributes", lambda v: v if isinstance(v, dict) else None, "an object")
        kept = {n: v for n, v in self._rest.items() if v not in (None, "") and n}
        return {**kept, **(given or {})}


def _facts(reader: _Reader, currency: str) -> dict[str, Any]:
    """Price, compare-at, currency and margin: they depend on one another."""
    named = reader.take("currency", currency_code, "an ISO 4217 code such as EUR")
    default = named or currency

    def amount(value: Any) -> Money | None:
        found = money(value, default)
        return found if found is not None and found.amount >= 0 else None

    expected = 'a price such as "12.34" or {"amount": 1234, "currency": "EUR"}'
    price, sale = (reader.take(field, amount, expected) for field in ("price", "sale_price"))
    before = reader.take("compare_at", amount, expected)
    cost = reader.take("cost", amount, expected)
    if sale is not None:
        price, before = sale, price if price is not None and price.amount > sale.amount else before
    found: dict[str, Any] = {}
    if price is not None:
        found |= {"price": price.amount, "currency": price.currency}
        if reader.has("compare_at") or reader.has("sale_price"):
            higher = before is not None and before.currency == price.currency
            found["compare_at"] = before.amount if higher and before.amount > price.amount else None
        if cost is not None and cost.currency == price.currency and price.amount:
            found["margin"] = round(1 - cost.amount / price.amount, 4)
    margin = reader.take("margin", _share, "a share such as 0.4 or 40%")
    if margin is not None:
        found["margin"] = margin
    return found


def _variants(reader: _Reader, currency: str) -> list[VariantIn]:
    given = reader.take("variants", lambda v: v if isinstance(v, list) else None, "a list")
    found = []
    for number, row in enumerate((given or [])[:MAX_VARIANTS]):
        path = f"variants[{number}]."
        if not isinstance(row, dict):
            reader.errors.append(FieldError(path[:-1], str(row)[:100], "an object"))
            continue
        own = _Reader(row, path)
        variant_id = own.take("id", id_key, "a text") or own.take("sku", id_key, "a text")
        if variant_id is None:
            reader.errors.append(FieldError(path + "id", "", "every variant needs an id"))
            continue
        told = _facts(own, currency) | own.plain()
        names = {f: own.take(f, id_key, "a text") for f in ("sku", "gtin", "feed_id")}
        if attributes := own.rest():
            told["attributes"] = attributes
        kept = {f: v for f, v in told.items() if f in VariantIn.__struct_fields__}
        found.append(VariantIn(id=variant_id, **kept, **names))
        reader.errors += own.errors
    return found


def _text(value: Any) -> str | None:
    text = id_key(value) if not isinstance(value, str) else value.strip()
    return text[:MAX_TEXT] if text else None


def _link(value: Any) -> str | None:
    text = value.strip() if isinstance(value, str) else ""
    return text if text.lower().startswith(("http://", "https://")) and len(text) < 2_000 else None


def _whole(value: Any) -> int | None:
    if isinstance(value, str):
        try:
            value = float(value.replace(",", "."))
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if -(2**31) < value < 2**31 else None


def _yes(value: Any) -> bool | None:
    return available(value)


def _share(value: Any) -> float | None:
    percent = isinstance(value, str) and value.strip().endswith("%")
    try:
        share = float(str(value).strip().rstrip("%").replace(",", ".")) / (100 if percent else 1)
    except ValueError:
        return None
    return round(share, 4) if -10 < share <= 1 else None


def _categories(value: Any) -> list[str] | None:
    return categories(value) or None


_PLAIN: tuple[tuple[str, Callable[[Any], Any], str], ...] = (
    ("title", _text, "a text"),
    ("available", available, "true, false, in_stock, out_of_stock, preorder or backorder"),
    ("stock", _whole, "a whole number"),
    ("brand", _text, "a text"),
    ("categories", _categories, 'a list of texts, or a path such as "Tea > Green"'),
    ("image_url", _link, "an address that begins with http:// or https://"),
    ("url", _link, "an address that begins with http:// or https://"),
)

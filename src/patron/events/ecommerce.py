"""The words of e-commerce: Segment's Ecommerce Spec v2, its v1 names, and GA4's.

`canonical` finds the v2 name of an event however it was spelled, `tidy` puts the properties of a
known event into the spec's shapes. Both are tolerant: what is not understood is kept as it came.

Sources: segment.com/docs/connections/spec/ecommerce/v2, …/spec/email.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from functools import lru_cache
from typing import Any

import msgspec

from patron.events.reading.dialects import CAMEL, GA4_ITEM, GA4_NAMES, GA4_PROPERTY, V1_NAMES
from patron.kit.money import currency_code, number

NAME_CACHE = 4_096
SHAPE_CACHE = 1_024
LONGEST_SHAPE = 64


class Kind(Enum):
    """What a property holds once it is tidy."""

    TEXT = "text"  # ids and names; a number becomes its digits
    NUMBER = "number"  # money in major units, counts; read from text where it can be
    PRODUCTS = "products"  # list of product objects
    LIST = "list"


TEXT, NUMBER, PRODUCTS, LIST = Kind.TEXT, Kind.NUMBER, Kind.PRODUCTS, Kind.LIST
Fields = dict[str, Kind]


def _texts(names: str) -> Fields:
    return dict.fromkeys(names.split(), TEXT)


def _numbers(names: str) -> Fields:
    return dict.fromkeys(names.split(), NUMBER)


PRODUCT: Fields = {
    **_texts("product_id sku category name brand variant coupon url image_url currency"),
    **_numbers("price quantity position value"),
}
_ORDER: Fields = {
    **_texts("checkout_id order_id affiliation coupon currency"),
    **_numbers("subtotal total revenue shipping tax discount value"),
    "products": PRODUCTS,
}
_STEP: Fields = {**_texts("checkout_id order_id shipping_method payment_method"), "step": NUMBER}
_LIST_OF_PRODUCTS: Fields = {**_texts("list_id category"), "products": PRODUCTS}
_PROMOTION: Fields = _texts("promotion_id creative name position")
_COUPON: Fields = {
    **_texts("order_id cart_id coupon_id coupon coupon_name reason"),
    "discount": NUMBER,
}
_WISHLIST: Fields = {**_texts("wishlist_id wishlist_name cart_id"), **PRODUCT}
_SHARE: Fields = _texts("share_via share_message recipient cart_id")

SPEC: dict[str, Fields] = {
    "Products Searched": {"query": TEXT, "products": PRODUCTS},
    "Product List Viewed": _LIST_OF_PRODUCTS,
    "Product List Filtered": {**_LIST_OF_PRODUCTS, "filters": LIST, "sorts": LIST},
    "Promotion Viewed": _PROMOTION,
    "Promotion Clicked": _PROMOTION,
    "Product Clicked": PRODUCT,
    "Product Viewed": PRODUCT,
    "Product Added": {"cart_id": TEXT, **PRODUCT, "products": PRODUCTS},
    "Product Removed": {"cart_id": TEXT, **PRODUCT, "products": PRODUCTS},
    "Cart Viewed": {"cart_id": TEXT, "currency": TEXT, "value": NUMBER, "products": PRODUCTS},
    "Checkout Started": _ORDER,
    "Checkout Step Viewed": _STEP,
    "Checkout Step Completed": _STEP,
    "Payment Info Entered": _STEP,
    "Order Completed": _ORDER,
    "Order Updated": _ORDER,
    "Order Refunded": _ORDER,
    "Order Cancelled": _ORDER,
    "Coupon Entered": _COUPON,
    "Coupon Applied": _COUPON,
    "Coupon Denied": _COUPON,
    "Coupon Removed": _COUPON,
    "Product Added to Wishlist": _WISHLIST,
    "Product Removed from Wishlist": _WISHLIST,
    "Wishlist Product Added to Cart": _WISHLIST,
    "Product Shared": {**_SHARE, **PRODUCT},
    "Cart Shared": {**_SHARE, "products": PRODUCTS},
    "Product Reviewed": {**_texts("product_id review_id review_body"), "rating": NUMBER},
}
"""The 28 events of the spec and the kinds of their known properties."""

EMAIL_EVENTS = (
    "Email Sent",
    "Email Delivered",
    "Email Opened",
    "Email Link Clicked",
    "Email Bounced",
    "Email Marked as Spam",
    "Email Subscribed",
    "Email Unsubscribed",
    "Unsubscribed",
)

_MONEY = _numbers("price value subtotal total revenue shipping tax discount").keys()
_TIDY: dict[Kind | None, tuple[type, ...]] = {TEXT: (str,), NUMBER: (int, float), PRODUCTS: ()}
# Events of one name mostly have the same keys with values of the same types. Of those shapes that
# leave nothing to do these are remembered: to know one costs a third of looking at each key.
_tidy_shapes: set[tuple[Any, ...]] = set()
_PROMOTED = ("name", "creative", "position")
_ONE_PRODUCT = frozenset(name for name, fields in SPEC.items() if "product_id" in fields)


def _squashed(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


_BY_SQUASHED = {_squashed(name): name for name in (*SPEC, *EMAIL_EVENTS)} | {
    _squashed(old): new for old, new in V1_NAMES.items()
}


@lru_cache(NAME_CACHE)
def canonical(name: str) -> str:
    """The spec's name for `name` ("order_completed", "Completed Order", GA4's "purchase" →
    "Order Completed"), or `name` without surrounding blanks when the spec has no such event."""
    stripped = name.strip()
    return GA4_NAMES.get(stripped) or _BY_SQUASHED.get(_squashed(stripped), stripped)


def tidy(name: str, properties: dict[str, Any], currency: str = "") -> None:
    """Put `properties` of the canonical event `name` into the spec's shapes, in place. `currency`
    is the shop's, for amounts written as text that name none.

    GA4's `items` become `products`; ids become text, amounts numbers. Unknown keys stay, and a
    value that cannot be read as its kind stays as it is.
    """
    fields = SPEC.get(name)
    if fields is None:
        return
    shape = (name, *properties, *map(type, properties.values()))
    if shape in _tidy_shapes:
        return
    if len(shape) <= LONGEST_SHAPE and _is_tidy(properties, fields):
        if len(_tidy_shapes) >= SHAPE_CACHE:
            _tidy_shapes.clear()
        _tidy_shapes.add(shape)
        return
    if "items" in properties and "products" not in properties:
        _from_ga4(name, properties)
    elif not GA4_PROPERTY.keys().isdisjoint(properties):
        _ga4_words(name, properties)
    _from_camel(properties)
    if "id" in properties and "product_id" in fields and "product_id" not in properties:
        properties["product_id"] = properties["id"]
    _coerce(properties, fields, currency)


def _is_tidy(properties: dict[str, Any], fields: Fields) -> bool:
    """Whether keys and types alone tell that nothing is to be done."""
    if "items" in properties or not CAMEL.keys().isdisjoint(properties):
        return False
    if not GA4_PROPERTY.keys().isdisjoint(properties):
        return False
    if "id" in properties and "product_id" in fields and "product_id" not in properties:
        return False
    return all(
        value is None or value.__class__ in _TIDY.get(fields.get(key), (value.__class__,))
        for key, value in properties.items()
    )


def _from_ga4(name: str, properties: dict[str, Any]) -> None:
    items = properties.pop("items")
    for key in _ga4_words(name, properties):
        del properties[key]
    if not isinstance(items, list):
        items = [items]
    properties["products"] = [_ga4_item(item) for item in items if isinstance(item, dict)]
    if name in _ONE_PRODUCT and len(properties["products"]) == 1:
        for key, value in properties.pop("products")[0].items():
            properties.setdefault(key, value)


def _ga4_words(name: str, properties: dict[str, Any]) -> list[str]:
    """Say in the spec's words what is said in GA4's, which a search, a whole refund or an order has
    without `items` too; the words that were understood."""
    heard = [key for key in GA4_PROPERTY if key in properties]
    if "creative" not in SPEC[name]:
        # On a product these are the promotion's that it stands in, and not its own.
        heard = [key for key in heard if GA4_PROPERTY[key] not in _PROMOTED]
    for key in heard:
        properties.setdefault(GA4_PROPERTY[key], properties[key])
    if name in ("Order Completed", "Order Refunded") and "value" in properties:
        properties.setdefault("revenue", properties["value"])
    return heard


def _from_camel(holder: dict[str, Any]) -> None:
    for key in CAMEL.keys() & holder.keys():
        holder.setdefault(CAMEL[key], holder[key])


def _ga4_item(item: dict[str, Any]) -> dict[str, Any]:
    return {GA4_ITEM.get(key, key): value for key, value in item.items()}


def _coerce(holder: dict[str, Any], fields: Fields, currency: str) -> None:
    if "currency" in holder:
        currency = currency_code(holder["currency"]) or currency
    for key, value in holder.items():
        kind = fields.get(key)
        if kind is None or value is None:
            continue
        # The right type already is by far the commonest case, so it is asked first.
        if kind is TEXT:
            if value.__class__ is not str:
                holder[key] = text(value)
        elif kind is NUMBER:
            if value.__class__ is not float and value.__class__ is not int:
                read = number(value, currency if key in _MONEY else "")
                holder[key] = value if read is None else read
        elif kind is PRODUCTS:
            holder[key] = _products(value, currency)


def _products(value: Any, currency: str) -> list[dict[str, Any]]:
    """A list of tidy product objects; a lone object or id is taken as a list of one."""
    given = value if isinstance(value, list) else [value]
    products = []
    for product in given:
        if isinstance(product, str | int) and not isinstance(product, bool):
            products.append({"product_id": str(product)})
        elif isinstance(product, dict):
            _from_camel(product)
            if "product_id" not in product and product.get("id") is not None:
                product["product_id"] = product["id"]
            _coerce(product, PRODUCT, currency)
            products.append(product)
    return products


def text(value: Any) -> Any:
    """A whole number as its digits (12 and 12.0 → "12"); anything else as it is."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    return value


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One product as an event tells it. Prices are in major units, as shops send them; use
    `patron.kit.money.minor` with the currency to count."""

    product_id: str | None = None
    sku: str | None = None
    variant: str | None = None
    name: str | None = None
    brand: str | None = None
    category: str | None = None
    price: float | None = None
    quantity: float = 1
    coupon: str | None = None
    position: float | None = None
    url: str | None = None
    image_url: str | None = None
    currency: str | None = None


def _as_text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _as_number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


_READERS: list[tuple[str, Callable[[Any], Any]]] = [
    (name, _as_number if PRODUCT.get(name) is NUMBER else _as_text)
    for name in Line.__struct_fields__
    if name != "quantity"
]


def line(product: Mapping[str, Any]) -> Line:
    """A tidy product object, typed; never raises: a value of another type counts as missing."""
    read = {name: reader(product[name]) for name, reader in _READERS if name in product}
    quantity = _as_number(product.get("quantity"))
    return Line(quantity=1 if quantity is None else quantity, **read)


def lines(properties: Mapping[str, Any]) -> list[Line]:
    """The products an event speaks of: those of `products`, else the one in its own properties."""
    products = properties.get("products")
    if isinstance(products, list) and products:
        return [line(product) for product in products if isinstance(product, dict)]
    if any(properties.get(key) for key in ("product_id", "sku")):
        return [line(properties)]
    return []

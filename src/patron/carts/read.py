"""What an event means for carts: pure, tolerant, and cheap for the many that mean nothing."""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from patron.carts.replay import MAX_LINES
from patron.carts.types import Act, CartItem, Deed
from patron.events.reading.allowed import refuses_marketing
from patron.events.types import Event, EventType
from patron.kit.money import currency_code, minor
from patron.profiles.address import is_placeholder, normalise_email, normalise_phone

ACTS = {
    "Product Added": Act.ADD,
    "Wishlist Product Added to Cart": Act.ADD,
    "Product Removed": Act.REMOVE,
    "Cart Viewed": Act.SET,
    "Checkout Started": Act.CHECKOUT,
    "Checkout Step Viewed": Act.LINK,
    "Checkout Step Completed": Act.LINK,
    "Payment Info Entered": Act.LINK,
    "Coupon Entered": Act.LINK,
    "Coupon Applied": Act.LINK,
    "Coupon Removed": Act.LINK,
    "Coupon Denied": Act.LINK,
    "Identified": Act.LINK,
    "Order Completed": Act.ORDER,
}
"""Everything else says nothing about a cart. A cancelled order does not bring its cart back."""

_NO_TOKEN = frozenset(
    ["", "0", "-1", "null", "undefined", "none", "nan", "true", "false", "guest", "anonymous",
     "unknown", "n/a", "[object object]"]
)  # fmt: skip
_TOKENS = (
    ("cart:", ("cart_id", "cart_token", "cartId", "cartToken")),
    ("checkout:", ("checkout_id", "checkout_token", "checkoutId", "checkoutToken")),
)
_URLS = ("cart_url", "checkout_url", "abandoned_checkout_url")
MAX_TOKEN = 200


def acts(metrics: Mapping[str, str]) -> dict[str, Act]:
    """`ACTS` with the event names a shop uses for its orders, additions and checkouts besides."""
    mapped = {
        metrics.get("revenue"): Act.ORDER,
        metrics.get("added_to_cart"): Act.ADD,
        metrics.get("started_checkout"): Act.CHECKOUT,
    }
    return {**{name: act for name, act in mapped.items() if name}, **ACTS}


def deed(event: Event, act: Act, currency: str, region: str) -> Deed | None:
    """`event` in the words of this room; None when it names neither a cart nor anybody.

    `currency` is the shop's, for prices that name none; `region` its default for phone numbers.
    """
    said = event.properties
    tokens = [
        prefix + token
        for prefix, names in _TOKENS
        for token in [_first(said, names)]
        if token is not None
    ]
    user, browser = event.user_id, event.anonymous_id
    who = f"user:{user[:MAX_TOKEN]}" if user else None
    weak = f"browser:{browser[:MAX_TOKEN]}" if browser else who
    others = [who] if who and browser else []
    order_id = _first(said, ("order_id", "orderId"))
    if order_id is not None:
        others.append(f"order:{order_id}")
    addresses = _addresses(event, region)
    others += map(digest, addresses)
    if weak is None and not tokens and not others:
        return None
    found = Deed(
        act=act,
        at=event.ts,
        id=event.message_id,
        position=event.position,
        origin_id=event.origin_id,
        tokens=tokens,
        weak=weak,
        others=others,
        order_id=order_id,
        backfill=event.backfill or refuses_marketing(event.context),
        addresses=addresses,
    )
    if act is Act.LINK or act is Act.ORDER:
        if act is Act.LINK and event.type is EventType.IDENTIFY:
            found.tokens = []
        return found
    found.currency = currency_code(said.get("currency")) or currency
    found.url = next((u for u in map(said.get, _URLS) if isinstance(u, str)), None)
    products = said.get("products")
    if act is Act.SET or act is Act.CHECKOUT:
        if isinstance(products, list):
            found.items = _items(products, found.currency)
            if found.items or not products:
                return found
        # It does not say what is in the cart, so it only tells whose it is.
        found.act = Act.LINK
        return found
    found.items = _items(products if isinstance(products, list) and products else [said],
                         found.currency, default=1 if act is Act.ADD else 0)  # fmt: skip
    if not found.items:
        found.act = Act.LINK
    return found


def _items(products: list[Any], currency: str, default: int = 1) -> list[CartItem]:
    lines = (_item(p, currency, default) for p in products[:MAX_LINES] if isinstance(p, dict))
    return [line for line in lines if line is not None]


def _item(product: dict[str, Any], currency: str, default: int) -> CartItem | None:
    """A line, or None when it names no product or a quantity of nothing."""
    get = product.get
    product_id, sku, variant = _id(get("product_id")), _id(get("sku")), _id(get("variant_id"))
    if product_id is None and sku is None:
        if variant is None:
            return None
        product_id = variant
    quantity = get("quantity")
    if quantity is None:
        quantity = default
    elif quantity.__class__ is not int:
        quantity = _quantity(quantity, default)
    if quantity < 0 or (quantity == 0 and default):
        return None
    price = get("price")
    return CartItem(
        product_id=product_id,
        variant_id=variant if variant is not None else _variant(get("variant")),
        sku=sku,
        title=_text(get("name"), 300) or _text(get("title"), 300),
        price=None if price is None else minor(price, currency),
        quantity=min(quantity, 10_000),
        image_url=_link(get("image_url")),
        url=_link(get("url")),
    )


def _quantity(value: Any, default: int) -> int | float:
    if isinstance(value, float) and 0 <= value < 1e6:
        return int(value) if value.is_integer() else round(value, 3)
    if isinstance(value, str):
        try:
            return _quantity(float(value.replace(",", ".")), default)
        except ValueError:
            return default
    return default


def _id(value: Any) -> str | None:
    if value.__class__ is str:
        text: str = value.strip()
        return text[:MAX_TOKEN] or None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return str(int(value)) if float(value).is_integer() else str(value)


def _variant(value: Any) -> str | None:
    """`variant` is a name ("Black"); it parts two lines of one product all the same."""
    return _id(value)


def _text(value: Any, limit: int) -> str | None:
    return value[:limit] if value.__class__ is str and value else None


def _link(value: Any) -> str | None:
    if value.__class__ is str and value[:8].lower().startswith(("http://", "https://")):
        return value if len(value) <= 1000 else None  # a shortened address leads nowhere
    return None


def _first(said: dict[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        if name in said:
            token = _id(said[name])
            if token is not None and token.lower() not in _NO_TOKEN:
                return token
    return None


def _addresses(event: Event, region: str) -> list[str]:
    """Every e-mail address and phone number the event carries, normalised."""
    found: list[str] = []
    traits = event.context.get("traits")
    for holder in (event.properties, event.traits, traits):
        if not holder or holder.__class__ is not dict:
            continue
        email, phone = holder.get("email"), holder.get("phone")
        known = normalise_email(email) if email.__class__ is str else None
        if known is not None and not is_placeholder(known[1]):  # tills' addresses are nobody's
            found.append(known[1])
        if phone.__class__ is str and (number := normalise_phone(phone, region)):
            found.append(number)
    return list(dict.fromkeys(found)) if len(found) > 1 else found


@lru_cache(maxsize=50_000)
def digest(address: str) -> str:
    """The key of a normalised address: a digest, so that no address lies about in this room."""
    return "address:" + hashlib.blake2b(address.encode(), digest_size=16).hexdigest()

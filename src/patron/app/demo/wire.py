"""The demo's events as they go over the wire: Segment calls as JSON bytes."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from patron.app.demo.catalogue import CURRENCY, Product

CONTEXT: Final = {"library": {"name": "demo-shop", "version": "1"}, "channel": "server"}
GENERATED: Final = CONTEXT | {"generated": True}
"""For what is not in the data set but made by us."""
CONTEXT_JSON: Final = msgspec.json.encode(CONTEXT).decode()


def facts(product: Product) -> dict[str, Any]:
    """A product as a Segment product object; the price is in dollars."""
    return {
        "product_id": product.product_id,
        "sku": product.product_id,
        "name": product.title,
        "category": product.category,
        "brand": product.brand,
        "price": product.price / 100,
    }


def order(
    order_id: str, cents: int, products: Sequence[Mapping[str, Any]], **more: Any
) -> dict[str, Any]:
    """Properties of an `Order Completed` over `cents` US cents."""
    total = cents / 100
    return {
        "order_id": order_id,
        **more,
        "currency": CURRENCY,
        "total": total,
        "revenue": total,
        "subtotal": total,
        "discount": 0,
        "products": products,
    }


def head(product: Product) -> str:
    """JSON of a product as a Segment product object, open before the value of its price."""
    said = facts(product)
    del said["price"]
    if not product.brand:
        del said["brand"]
    return msgspec.json.encode(said).decode()[:-1] + ',"price":'


def dollars(cents: int) -> str:
    """US cents as a JSON number of dollars."""
    return f"{cents // 100}.{cents % 100:02d}"


def stamp(seconds: int) -> str:
    """Seconds since 1970 as ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def track(
    event: str,
    message_id: str,
    user_id: str,
    at: int,
    properties: Mapping[str, Any],
    context: Mapping[str, Any] = CONTEXT,
) -> bytes:
    return msgspec.json.encode(
        {
            "type": "track",
            "event": event,
            "messageId": message_id,
            "userId": user_id,
            "timestamp": stamp(at),
            "properties": properties,
            "context": context,
        }
    )


def identify(
    user_id: str,
    message_id: str,
    at: int,
    traits: Mapping[str, Any],
    context: Mapping[str, Any] = CONTEXT,
) -> bytes:
    return msgspec.json.encode(
        {
            "type": "identify",
            "messageId": message_id,
            "userId": user_id,
            "timestamp": stamp(at),
            "traits": traits,
            "context": context,
        }
    )

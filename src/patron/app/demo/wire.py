"""The demo's events as they go over the wire: Segment calls as JSON bytes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from patron.app.demo.catalogue import Product

CONTEXT: Final = {"library": {"name": "demo-shop", "version": "1"}, "channel": "server"}
CONTEXT_JSON: Final = msgspec.json.encode(CONTEXT).decode()


def head(product: Product) -> str:
    """JSON of a product as a Segment product object, open before the value of its price."""
    data: dict[str, Any] = {
        "product_id": product.product_id,
        "sku": product.product_id,
        "name": product.title,
        "category": product.category,
    }
    if product.brand:
        data["brand"] = product.brand
    return msgspec.json.encode(data).decode()[:-1] + ',"price":'


def dollars(cents: int) -> str:
    """US cents as a JSON number of dollars."""
    return f"{cents // 100}.{cents % 100:02d}"


def stamp(seconds: int) -> str:
    """Seconds since 1970 as ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def track(
    event: str, message_id: str, user_id: str, at: int, properties: Mapping[str, Any]
) -> bytes:
    return msgspec.json.encode(
        {
            "type": "track",
            "event": event,
            "messageId": message_id,
            "userId": user_id,
            "timestamp": stamp(at),
            "properties": properties,
            "context": CONTEXT,
        }
    )


def identify(user_id: str, message_id: str, at: int, traits: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(
        {
            "type": "identify",
            "messageId": message_id,
            "userId": user_id,
            "timestamp": stamp(at),
            "traits": traits,
            "context": CONTEXT,
        }
    )

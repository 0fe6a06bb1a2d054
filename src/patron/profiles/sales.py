"""What a sale says about letters: she could refuse them there, and did, or did not.

An order alone says nothing, and neither does a form or a cart that was left: only the shop's own
server knows that the address was taken in a sale and that a refusal was offered beside it. A
contract that is cancelled, or undone with all the money given back, is no sale any more.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from patron.catalog.observe import categories
from patron.events.log.orders import order_id
from patron.events.types import Event, Source, Trust
from patron.profiles.types import ConsentState, ConsentWord
from patron.shops.types import MARKETING, METRICS

_TEXT = 2_000


def offered(event: Event, order: str) -> bool:
    """Whether `event` is a sale that the shop's server tells, with an offer to refuse letters;
    `order` is what the shop calls a sale."""
    return (
        event.name == order
        and event.trust >= Trust.SERVER
        and event.source is not Source.PATRON
        and event.properties.get("refusal_offered") is True
    )


def word(event: Event, address_key: str) -> ConsentWord:
    """What a sale says about one address: a no of hers, or that she is a customer."""
    told = event.properties
    refused = told.get("refused") is True
    text, where = told.get("refusal_text"), told.get("where")
    return ConsentWord(
        address_key=address_key,
        channel="email",
        purpose=MARKETING,
        state=ConsentState.WITHDRAWN if refused else ConsentState.CUSTOMER,
        at=min(event.ts, event.received_at),
        source=Source(event.source).name.lower(),
        trust=event.trust,
        text_shown=text[:_TEXT] if isinstance(text, str) and text else None,
        place=where[:_TEXT] if isinstance(where, str) and where else _order(told),
        origin_id=event.origin_id,
        message_id=event.message_id,
        country=None if refused else country(told),
        categories=None if refused else sorted(named(told)),
        order_id=None if refused else order_id(event),
    )


def taken_back(events: Sequence[Event], metrics: Mapping[str, str]) -> set[str]:
    """The orders that events say are cancelled, or refunded, in a shop of these `metrics`."""
    names = {metrics.get(key, METRICS[key]) for key in ("cancelled", "refunded")}
    return {order_id(event) for event in events if event.name in names}


def country(told: dict[str, Any]) -> str | None:
    """Where she bought: two letters (ISO 3166) of the order's address, or of the order itself."""
    for holder in (told.get("shipping_address"), told.get("billing_address"), told):
        if not isinstance(holder, dict):
            continue
        for key in ("country_code", "country"):
            code = holder.get(key)
            if isinstance(code, str) and len(code.strip()) == 2 and code.strip().isalpha():
                return code.strip().upper()
    return None


def products(events: Sequence[Event]) -> set[str]:
    """What the orders among `events` name their products by."""
    return {
        str(line[key])
        for event in events
        for line in _lines(event.properties)
        for key in ("product_id", "variant_id", "sku")
        if isinstance(line.get(key), str | int)
    }


def named(told: dict[str, Any]) -> set[str]:
    """The uppermost categories that the order itself names, in small letters."""
    paths = (categories(line.get("category")) for line in _lines(told))
    return {path[0].lower() for path in paths if path}


def _lines(told: dict[str, Any]) -> list[dict[str, Any]]:
    lines = told.get("products")
    return [one for one in lines if isinstance(one, dict)] if isinstance(lines, list) else []


def _order(told: dict[str, Any]) -> str | None:
    order = told.get("order_id")
    return f"order {order}"[:_TEXT] if isinstance(order, str | int) else None

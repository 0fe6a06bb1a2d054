"""Orders out of events: what one batch says about each order, whatever order the events are in.

Who is trusted more is believed, field by field and however late: when and by whom an order was
placed, its amount, its refunds, its cancellation.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from patron.events.ecommerce import lines
from patron.events.types import Event, Trust
from patron.kit.money import currency_code, minor
from patron.shops.types import METRICS

UPDATED = "Order Updated"
_TOLD = ("revenue", "refunded", "cancelled")


class OrderWord(msgspec.Struct):
    """What a batch says about one order. Money in minor units of `currency`; the fields stand in
    the order of the table's statement. A trust is that of whoever said the field, None unsaid."""

    order_id: str
    origin_id: UUID
    position: int
    backfill: bool
    currency: str
    placed_at: datetime | None = None
    placed_trust: Trust | None = None
    revenue: int | None = None
    amount_at: datetime | None = None  # when the revenue was said
    amount_trust: Trust | None = None
    refunded: int = 0
    refunded_whole: bool = False
    refund_trust: Trust | None = None
    cancelled_at: datetime | None = None
    cancel_trust: Trust | None = None


def spoken_of(metrics: Mapping[str, str]) -> frozenset[str]:
    """The events that say something about an order in a shop of these `metrics`."""
    return frozenset([*(metrics.get(key, METRICS[key]) for key in _TOLD), UPDATED])


def words(events: Iterable[Event], metrics: Mapping[str, str], currency: str) -> list[OrderWord]:
    """One word for each order that `events` speak of.

    `metrics` names the shop's own events for `revenue`, `refunded` and `cancelled`; `currency` is
    the shop's, for events that name none.
    """
    completed, _, cancelled = (metrics.get(key, METRICS[key]) for key in _TOLD)
    told = spoken_of(metrics)
    said: dict[str, OrderWord] = {}
    for event in events:
        if event.name not in told:
            continue
        word = _word(said, event, currency)
        if event.name == completed:
            _placed(word, event, currency)
            _amount(word, event, currency)
        elif event.name == UPDATED:
            _amount(word, event, currency)
        elif event.name == cancelled:
            _cancelled(word, event)
        else:
            _refunded(word, event)
    return list(said.values())


def order_id(event: Event) -> str:
    """The shop's own number of an order; an order that names none is one of its own."""
    named = event.properties.get("order_id") or event.properties.get("checkout_id")
    return named if isinstance(named, str) else f"message:{event.message_id}"


def revenue(properties: Mapping[str, Any], currency: str) -> int | None:
    """An order's revenue in minor units: after discounts, without shipping and tax (the spec's
    `revenue`), or the nearest thing the event has. None when it names no amount at all."""
    for name in ("revenue", "subtotal"):
        if (amount := minor(properties.get(name), currency)) is not None:
            return amount
    total = minor(properties.get("total"), currency)
    if total is not None:
        extras = (minor(properties.get(name), currency) or 0 for name in ("shipping", "tax"))
        return total - sum(extras)
    if (amount := minor(properties.get("value"), currency)) is not None:
        return amount
    return _sum_of_lines(properties, currency)


def _word(said: dict[str, OrderWord], event: Event, currency: str) -> OrderWord:
    key = order_id(event)
    word = said.get(key)
    if word is None:
        word = said[key] = OrderWord(
            key, event.origin_id, event.position, event.backfill, _currency(event, currency)
        )
    word.backfill &= event.backfill
    return word


def _placed(word: OrderWord, event: Event, currency: str) -> None:
    if word.placed_at is not None and word.placed_trust is not None:
        if event.trust < word.placed_trust:
            return
        known = (word.placed_at, word.origin_id)
        if event.trust == word.placed_trust and known <= (event.ts, event.origin_id):
            return
    word.placed_at, word.origin_id, word.placed_trust = event.ts, event.origin_id, event.trust
    if word.amount_trust is None:
        word.currency = _currency(event, currency)


def _amount(word: OrderWord, event: Event, currency: str) -> None:
    own = _currency(event, currency)
    amount = revenue(event.properties, own)
    if amount is None:
        return
    if word.amount_trust is not None:
        known = (word.amount_trust, word.amount_at, word.revenue, word.currency)
        # Of two amounts said at one moment the greater counts, so that arrival decides nothing.
        if (event.trust, event.ts, amount, own) <= known:
            return
    word.revenue, word.amount_at, word.currency = amount, event.ts, own
    word.amount_trust = event.trust


def _cancelled(word: OrderWord, event: Event) -> None:
    if word.cancelled_at is not None and word.cancel_trust is not None:
        if event.trust < word.cancel_trust:
            return
        if event.trust == word.cancel_trust and word.cancelled_at <= event.ts:
            return
    word.cancelled_at, word.cancel_trust = event.ts, event.trust


def _refunded(word: OrderWord, event: Event) -> None:
    if word.refund_trust is not None and event.trust < word.refund_trust:
        return
    if word.refund_trust is None or event.trust > word.refund_trust:
        word.refunded, word.refunded_whole, word.refund_trust = 0, False, event.trust
    back = _refund(event.properties, word.currency)
    word.refunded += back or 0
    word.refunded_whole |= back is None


def _refund(properties: Mapping[str, Any], currency: str) -> int | None:
    """What a refund gave back; None for the whole order (the spec's refund without an amount)."""
    for name in ("refund", "revenue", "total", "value"):
        if (amount := minor(properties.get(name), currency)) is not None:
            return abs(amount)
    return _sum_of_lines(properties, currency)


def _sum_of_lines(properties: Mapping[str, Any], currency: str) -> int | None:
    priced = [one for one in lines(properties) if one.price is not None]
    if not priced:
        return None
    return sum(minor((one.price or 0) * one.quantity, currency) or 0 for one in priced)


def _currency(event: Event, currency: str) -> str:
    return currency_code(event.properties.get("currency")) or currency

"""Reads interest out of deeds: events about products, and what the catalog knows of these. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from patron.catalog.observe import categories
from patron.catalog.types import Item
from patron.events.ecommerce import Line, lines
from patron.kit.money import as_decimal, currency_code
from patron.segments.liking import affinity
from patron.segments.liking.affinity import Interest

KINDS = ("category", "brand", "price_band")
Deed = tuple[str, datetime, Mapping[str, Any]]
"""Event name, time, properties."""


def weights_of(metrics: Mapping[str, str]) -> dict[str, float]:
    """What a deed is worth, by its name; by a shop's settings, beside the names of the e-commerce
    spec."""
    viewed = {"Product Viewed", metrics.get("viewed_product", "Product Viewed")}
    added = {"Product Added", metrics.get("added_to_cart", "Product Added")}
    return {
        **dict.fromkeys(viewed, affinity.VIEW),
        **dict.fromkeys(added, affinity.CART),
        metrics.get("revenue", "Order Completed"): affinity.ORDER,
    }


def order_number(properties: Mapping[str, Any]) -> str | None:
    """The shop's own number of an order, as the log reads it."""
    named = properties.get("order_id") or properties.get("checkout_id")
    return named if isinstance(named, str) else None


def fell(
    ts: datetime,
    properties: Mapping[str, Any],
    numbers: Collection[str],
    times: Collection[datetime],
) -> bool:
    """Whether an order is one of those, by number or time of placing, that were cancelled or
    refunded in whole."""
    number = order_number(properties)
    return ts in times if number is None else number in numbers


def untold(deeds: Iterable[Deed], weights: Mapping[str, float]) -> set[str]:
    """What names the products whose events do not tell everything."""
    wanted: set[str] = set()
    for name, _, properties in deeds:
        if name in weights:
            for one in lines(dict(properties)):
                if not (one.category and one.brand and one.price is not None):
                    wanted |= {name for name in (one.product_id, one.sku) if name}
    return wanted


class Liking(msgspec.Struct, frozen=True):
    """What somebody likes, worked out when it is asked for. What an event tells of a product comes
    first: the catalog, which `items` are from, knows what is so today. Deeds do not lie ahead of
    `now`."""

    deeds: Sequence[Deed]
    weights: Mapping[str, float]
    items: Mapping[str, Item]
    now: datetime
    currency: str
    made: dict[str, Interest] = msgspec.field(default_factory=dict)

    def interests(self) -> dict[str, Interest]:
        """By kind."""
        if not self.made:
            self.made.update(self._make())
        return self.made

    def _make(self) -> dict[str, Interest]:
        parts: dict[str, list[Interest]] = {kind: [] for kind in KINDS}
        for name, ts, properties in self.deeds:
            weight = self.weights.get(name)
            if weight is None:
                continue
            at = min(ts, self.now)
            told = currency_code(properties.get("currency")) or self.currency
            for one in lines(dict(properties)):
                item = self.items.get(one.product_id or "") or self.items.get(one.sku or "")
                path = categories(one.category) or (item.categories if item else [])
                brand = one.brand or (item.brand if item else None)
                price = _band(one, item, told, self.currency)
                shown = (affinity.levels(path), [brand] if brand else [], [price] if price else [])
                for kind, values in zip(KINDS, shown, strict=True):
                    parts[kind].append(affinity.shown(list(values), weight, at))
        return {kind: affinity.together(each) for kind, each in parts.items()}


def _band(one: Line, item: Item | None, told: str, currency: str) -> str | None:
    """The price band of a line in the shop's currency."""
    if one.price is not None and (currency_code(one.currency) or told) == currency:
        return affinity.band(one.price, currency)
    if one.price is not None or item is None or item.price is None:
        return None
    if item.currency not in (None, currency):
        return None
    return affinity.band(float(as_decimal(item.price, currency)), currency)

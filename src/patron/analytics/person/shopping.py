"""Her orders, coupons, wish list and interests, out of what is known and what she did: pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from patron.analytics.person.types import (
    Affinities,
    CouponUsed,
    Deed,
    Order,
    Orders,
    Wished,
)
from patron.catalog.types import Item
from patron.events.ecommerce import Line, line, lines
from patron.segments.liking import affinity
from patron.segments.liking.reading import Liking, fell, order_number

LISTED = 20
WISHES = 200
WISH_ADDED = "Product Added to Wishlist"
WISH_REMOVED = "Product Removed from Wishlist"
WISH_CARTED = "Wishlist Product Added to Cart"


class Words(msgspec.Struct, frozen=True):
    """What the shop calls these deeds."""

    viewed: frozenset[str]
    added: frozenset[str]
    ordered: str

    @property
    def weights(self) -> dict[str, float]:
        return {
            **dict.fromkeys(self.viewed, affinity.VIEW),
            **dict.fromkeys(self.added, affinity.CART),
            self.ordered: affinity.ORDER,
        }


def words_of(metrics: Mapping[str, str]) -> Words:
    """By a shop's settings, beside the names of the e-commerce spec."""
    return Words(
        frozenset({"Product Viewed", metrics.get("viewed_product", "Product Viewed")}),
        frozenset({"Product Added", metrics.get("added_to_cart", "Product Added")}),
        metrics.get("revenue", "Order Completed"),
    )


def orders(every: Sequence[Order], currency: str) -> Orders:
    """The figures over the orders that stand; `every` has the newest first. Orders in another
    currency count, and their money does not."""
    standing = [one for one in every if one.stands]
    own = [one.net for one in standing if one.currency == currency]
    return Orders(
        number=len(standing),
        value=sum(own),
        average=round(sum(own) / len(own)) if own else None,
        currency=currency,
        in_other_currencies=len(standing) - len(own),
        refunded=sum(one.refunded for one in every if one.currency == currency),
        cancelled=sum(one.cancelled for one in every),
        first_at=standing[-1].at if standing else None,
        last_at=standing[0].at if standing else None,
        last=list(every[:LISTED]),
    )


def standing_deeds(deeds: Iterable[Deed], words: Words, every: Sequence[Order]) -> list[Deed]:
    """`deeds` without orders that were cancelled or wholly refunded."""
    fallen = [one for one in every if not one.stands]
    numbers, times = {one.order_id for one in fallen}, {one.at for one in fallen}

    return [
        deed
        for deed in deeds
        if deed.name != words.ordered or not fell(deed.ts, deed.properties, numbers, times)
    ]


def coupons(deeds: Iterable[Deed], words: Words) -> list[CouponUsed]:
    """Coupons of orders, on the whole or on a line; the last used first. Codes compare without
    regard to case, and two events about one order are one use."""
    used: dict[str, dict[str | None, Deed]] = {}
    codes: dict[str, str] = {}
    for deed in deeds:
        if deed.name != words.ordered:
            continue
        told = [deed.properties.get("coupon"), *(one.coupon for one in lines(deed.properties))]
        for code in told:
            if isinstance(code, str) and code.strip():
                key = code.strip().casefold()
                codes.setdefault(key, code.strip())
                number = order_number(deed.properties) or str(deed.position)
                used.setdefault(key, {})[number] = deed
    found = []
    for key, uses in used.items():
        times = [deed.ts for deed in uses.values()]
        trusted = max(uses.values(), key=lambda deed: deed.ts).said_by
        found.append(CouponUsed(codes[key], len(uses), min(times), max(times), trusted))
    return sorted(found, key=lambda one: (one.last_at, one.code), reverse=True)


def wish_list(deeds: Iterable[Deed], words: Words) -> list[Wished]:
    """What she put on her wish list and did not take off or into the cart; the last put on first.
    `deeds` are oldest first. What she ordered since says when."""
    wished: dict[str, Wished] = {}
    for deed in deeds:
        if deed.name in (WISH_REMOVED, WISH_CARTED):
            wished.pop(_product(line(deed.properties)) or "", None)
        elif deed.name == WISH_ADDED:
            one = line(deed.properties)
            if (key := _product(one)) is not None:
                wished.pop(key, None)
                wished[key] = Wished(
                    product_id=one.product_id,
                    sku=one.sku,
                    title=one.name,
                    url=one.url,
                    image_url=one.image_url,
                    added_at=deed.ts,
                    said_by=deed.said_by,
                )
        elif deed.name == words.ordered:
            for one in lines(deed.properties):
                key = _product(one) or ""
                if key in wished:
                    wished[key] = msgspec.structs.replace(wished[key], ordered_at=deed.ts)
    return list(reversed(wished.values()))[:WISHES]


def _product(one: Line) -> str | None:
    return one.product_id or one.sku


def affinities(
    deeds: Iterable[Deed], words: Words, items: Mapping[str, Item], now: datetime, currency: str
) -> Affinities:
    """Interest by category, brand and price band."""
    told = [(deed.name, deed.ts, deed.properties) for deed in deeds]
    found = Liking(told, words.weights, items, now, currency).interests()
    ranked = {kind: affinity.ranked(one, now) for kind, one in found.items()}
    return Affinities(
        half_life_days=affinity.HALF_LIFE.days,
        categories=ranked["category"],
        brands=ranked["brand"],
        price_bands=ranked["price_band"],
    )

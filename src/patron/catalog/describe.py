"""What the catalog says of the products an event speaks of, at the time of the event: pure.

Conditions ask for it as `catalog.category`, `catalog.brand`, `catalog.price`, `catalog.on_sale` and
`catalog.in_stock` among an event's properties. It is kept with the event, so that a rule asked next
year finds what was true when it happened.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from patron.catalog.keys import id_key
from patron.catalog.observe import SAYS_NAME
from patron.catalog.types import Item
from patron.events.types import Event
from patron.kit.money import exponent

FIELD = "catalog"
MOST_PRODUCTS = 50
"""Of one event; more are a price list and not what somebody did."""
FRESH = timedelta(seconds=30)
"""So long facts that were read count as those of the moment, without asking whether they changed;
and so long an id that led nowhere is not looked for."""
MOST_KEPT = 50_000
MOST_CHANGED = 500
"""Of more changes than that everything is forgotten, and read as it is asked for."""
_NAMES = ("variant_id", "sku", "product_id")
_SPEAKING = SAYS_NAME | {"Product Reviewed", "Product Shared", "Product List Viewed"}
_LASTING = ("product_id", "category", "brand")
_encode = msgspec.json.Encoder().encode

Facts = dict[str, Any]


class Said(msgspec.Struct, frozen=True, gc=False):
    """Facts of a product and their JSON, which would cost more to write than all the rest: `text`
    by itself, `alone` as what a body ends with that speaks of nothing else."""

    facts: Facts
    text: bytes
    alone: bytes

    @classmethod
    def of(cls, facts: Facts) -> "Said":
        text = _encode(facts)
        return cls(facts, text, _ending([text]))


class Shown:
    """What was read of products lately, for one shop: all that is true now, and what lasts; None
    for what the catalog does not know, which is looked for again at the time beside it."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[datetime | None, tuple[Said, Said] | None]] = {}

    def unknown(self, ids: Iterable[str], now: datetime) -> list[str]:
        """Those of `ids` that are to be read."""
        if len(self._kept) > MOST_KEPT:
            self._kept = {}
        kept = self._kept
        return [
            one
            for one in ids
            if one not in kept or ((again := kept[one][0]) is not None and now >= again)
        ]

    def keep(self, ids: Iterable[str], found: Mapping[str, Item], now: datetime) -> None:
        for one in ids:
            item = found.get(one)
            if item is None:
                self._kept[one] = (now + FRESH, None)
                continue
            all_ = facts(item)
            lasting = {name: fact for name, fact in all_.items() if name in _LASTING}
            self._kept[one] = (None, (Said.of(all_), Said.of(lasting)))

    def drop(self, changed: Collection[str]) -> None:
        """Forget what was read of these products."""
        if len(changed) > MOST_CHANGED:
            self._kept = {}
        elif changed:
            gone = {
                one
                for one, (_, both) in self._kept.items()
                if both is not None and both[0].facts["product_id"] in changed
            }
            for one in gone:
                del self._kept[one]

    def forget(self) -> None:
        self._kept = {}

    def of(self, event: Event, ids: Sequence[str]) -> list[Said]:
        """What is said of an event's products. Of history only what hardly changes: nobody knows
        what a product cost then."""
        which = 1 if event.backfill else 0
        if len(ids) == 1:
            only = self._kept[ids[0]][1]
            return [] if only is None else [only[which]]
        return [both[which] for id in ids if (both := self._kept[id][1]) is not None]


def facts(item: Item) -> Facts:
    """What is true of a product now: its category with all above it, brand, price in major units,
    whether it is reduced and can be had. What the catalog does not say is left out."""
    told: Facts = {"product_id": item.product_id}
    if item.categories:
        told["category"] = list(item.categories)
    if item.brand:
        told["brand"] = item.brand
    if item.price is not None and item.currency is not None:
        told["price"] = item.price / 10 ** exponent(item.currency)
        told["on_sale"] = item.compare_at is not None and item.compare_at > item.price
    if item.available is not None:
        told["in_stock"] = item.available
    return told


def spoken_of(events: Iterable[Event]) -> list[tuple[Event, list[str]]]:
    """The events that speak of products, each with the ids it calls them by."""
    found = []
    for event in events:
        if event.name in _SPEAKING and (ids := _ids(event)):
            found.append((event, ids))
    return found


def _ids(event: Event) -> list[str]:
    """What an event calls its products by."""
    products = event.properties.get("products")
    if isinstance(products, list) and products:
        ids = [_id(one) for one in products[:MOST_PRODUCTS] if isinstance(one, dict)]
        return [one for one in ids if one is not None]
    only = _id(event.properties)
    return [] if only is None else [only]


def _id(product: Mapping[str, Any]) -> str | None:
    get = product.get
    for name in _NAMES:
        given = get(name)
        if given is not None and (key := id_key(given)) is not None:
            return key
    return None


def describe(event: Event, said: list[Said]) -> None:
    """Keep with an event what the catalog says of its products."""
    if len(said) == 1:
        event.properties[FIELD], added = [said[0].facts], said[0].alone
    else:
        event.properties[FIELD] = [one.facts for one in said]
        added = _ending([one.text for one in said])
    # The body holds the properties that name the product, so there is something before the comma.
    if not event.body.endswith(added):  # a batch may be walked again
        event.body = event.body[:-1] + added


def _ending(texts: list[bytes]) -> bytes:
    return b',"catalog":[' + b",".join(texts) + b"]}"

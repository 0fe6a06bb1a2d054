"""What an event tells about products, in passing: pure.

The memory of what was told last makes unchanged facts cost nothing: by event name and product, a
fingerprint of what that kind of event said. It is bounded to two generations of 40,000 entries
(some 15 MB at most), of which the older is forgotten.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from patron.catalog.keys import id_key, url_key
from patron.catalog.types import Claim, FactSource, KeyKind
from patron.events.types import Event, Trust
from patron.kit.money import currency_code, minor

GENERATION = 40_000

SAYS_PRICE = frozenset(
    [
        "Product Viewed", "Product Clicked", "Product Added", "Product List Viewed",
        "Product List Filtered", "Cart Viewed", "Checkout Started", "Product Added to Wishlist",
        "Wishlist Product Added to Cart",
    ]
)  # fmt: skip
SAYS_NAME = SAYS_PRICE | {"Order Completed", "Product Removed", "Products Searched"}
"""An order's prices may be after a discount, so its lines tell everything but a sure price."""

_AVAILABLE = {
    **dict.fromkeys(["in_stock", "instock", "in stock", "available", "limited_availability",
                     "limitedavailability", "preorder", "backorder", "true", "yes", "1"], True),
    **dict.fromkeys(["out_of_stock", "outofstock", "out of stock", "sold_out", "soldout",
                     "unavailable", "discontinued", "false", "no", "0"], False),
}  # fmt: skip

_TOLD = (
    "product_id", "sku", "variant_id", "currency", "name", "brand", "category", "variant",
    "image_url", "compare_at_price", "availability", "in_stock", "stock",
)  # fmt: skip
"""What is compared as it stands, the ids first."""
_OF_VARIANTS = ("available", "stock")


class Seen(msgspec.Struct):
    """One product in one event. `mark` and `print` are its place and print in the memory; `times`
    is how many events of the batch spoke of it before anybody could know whether it is known."""

    mark: int
    print: int
    name: str
    product: dict[str, Any]
    event: Event
    times: int = 1


class Memory:
    """What was told last, within a bound."""

    def __init__(self, generation: int = GENERATION) -> None:
        self._young: dict[int, int] = {}
        self._old: dict[int, int] = {}
        self._size = generation
        self.unknown: dict[int, tuple[KeyKind, str]] = {}  # mark → the id nobody knows
        self.again: dict[int, tuple[int, datetime]] = {}  # mark → how often more, and when last

    def knows(self, mark: int, print_: int) -> bool:
        known = self._young.get(mark)
        if known is None:
            known = self._old.get(mark)
            if known is not None:
                self.keep(mark, known)
        return known == print_

    def keep(self, mark: int, print_: int) -> None:
        if len(self._young) >= self._size and mark not in self._young:
            self._old, self._young = self._young, {}
        self._young[mark] = print_

    def __len__(self) -> int:
        return len(self._young) + len(self._old)


def news(events: Iterable[Event], memory: Memory, own: Mapping[str, str]) -> list[Seen]:
    """The products in `events` about which something is told that was not told before. `own` are
    the shop's own names of events, and what each means."""
    found: dict[int, Seen] = {}
    for event in events:
        name = own.get(event.name, event.name)
        if name not in SAYS_NAME:
            continue
        said = event.properties
        products = said.get("products")
        if products.__class__ is not list or not products:
            products = (said,)
        for product in products:
            if product.__class__ is not dict:
                continue
            prints = _prints(name, event, product)
            if prints is None:
                continue
            mark, told = prints
            if memory.knows(mark, told):
                if mark in memory.unknown:
                    more = memory.again.get(mark)
                    memory.again[mark] = (more[0] + 1 if more else 1, event.received_at)
            else:
                before = found.get(mark)
                times = 1 if before is None else before.times + 1
                found[mark] = Seen(mark, told, name, product, event, times)
    return list(found.values())


def _prints(name: str, event: Event, product: dict[str, Any]) -> tuple[int, int] | None:
    """The place of a product in the memory and the print of what is said; None without a name."""
    get = product.get
    said = tuple(map(get, _TOLD))
    product_id, sku, variant = said[:3]
    if product_id is None and sku is None and variant is None:
        return None
    url, price = get("url"), get("price")
    if name not in SAYS_PRICE:
        # What was paid differs from order to order and is a guess at the price at best: one guess
        # a month is enough, and one a year of history.
        price = event.ts.year if event.backfill else (event.ts.year, event.ts.month)
    try:
        return hash((name, product_id, sku, variant)), hash(
            (
                event.trust,
                event.properties.get("currency"),
                price,
                url.partition("?")[0] if url.__class__ is str else None,
                said,
            )
        )
    except TypeError:  # lists and objects where text belongs
        return hash(repr((name, product_id, sku, variant))), hash(repr(product))


def names(seen: Seen) -> list[tuple[KeyKind, str]]:
    """The names under which the event knows the product, the surest first."""
    product = seen.product
    found = []
    for kind, field in (
        (KeyKind.PRODUCT, "product_id"),
        (KeyKind.VARIANT, "variant_id"),
        (KeyKind.SKU, "sku"),
    ):
        value = id_key(product.get(field))
        if value is not None:
            found.append((kind, value))
    return found


def claimed(
    seen: Seen, product_id: str, variant: str | None, currency: str, ours: Callable[[str], bool]
) -> Claim:
    """What the event says of the product, which may have been found through a `variant`'s name.

    Only prices in the shop's `currency` count, and only addresses on hosts that are `ours`.
    """
    product, event = seen.product, seen.event
    trusted = event.trust is Trust.SERVER
    facts = _facts(seen, ours)
    price = _prices(seen, currency)
    guesses: dict[str, Any] = {}
    variants: dict[str, dict[str, Any]] = {}
    own = variant or id_key(product.get("variant_id"))
    if own is not None and own != product_id:
        told: dict[str, Any] = {f: facts.pop(f) for f in _OF_VARIANTS if f in facts}
        title = _text(product.get("variant"), 200)
        if title:
            told["title"] = title
        variants[own] = told | {f: v for f, v in price.items() if f != "currency"}
        guesses = price
    elif seen.name in SAYS_PRICE:
        facts |= price
    else:
        guesses = price
    keys: list[tuple[KeyKind, str, str | None]] = [
        (kind, value, own if own != product_id and kind is not KeyKind.PRODUCT else None)
        for kind, value in names(seen)
    ]
    keys.append((KeyKind.PRODUCT, product_id, None))
    if "url" in facts and own is None and (address := url_key(facts["url"])):
        keys.append((KeyKind.URL, address, None))
    return Claim(
        product_id=product_id,
        facts=facts,
        guesses=guesses,
        variants=variants,
        keys=keys,
        source=FactSource.SERVER if trusted else FactSource.BROWSER,
        at=event.ts,
    )


def _facts(seen: Seen, ours: Callable[[str], bool]) -> dict[str, Any]:
    get = seen.product.get
    found: dict[str, Any] = {
        "title": _text(get("name"), 300) or _text(get("title"), 300),
        "brand": _text(get("brand"), 200),
        "categories": categories(get("category")),
        "image_url": _link(get("image_url")),
        "available": available(get("availability", get("in_stock"))),
        "stock": _stock(get("stock")),
    }
    url = _url(seen)
    if url is not None and (seen.event.trust is Trust.SERVER or ours(url)):
        found["url"] = url
    return {field: value for field, value in found.items() if value not in (None, [])}


def _url(seen: Seen) -> str | None:
    """The product's page: where it was viewed, that is the page the event was sent from."""
    url = _link(seen.product.get("url"))
    if url is None and seen.name == "Product Viewed":
        page = seen.event.context.get("page")
        url = _link(page.get("url")) if isinstance(page, dict) else None
    return url


def address(seen: Seen, ours: Callable[[str], bool]) -> str | None:
    """The key of the product's page, when it may be believed."""
    url = _url(seen)
    if url is None or not (seen.event.trust is Trust.SERVER or ours(url)):
        return None
    return url_key(url)


def _prices(seen: Seen, currency: str) -> dict[str, Any]:
    said = seen.product.get("currency", seen.event.properties.get("currency"))
    if (currency_code(said) or currency) != currency:
        return {}
    price = minor(seen.product.get("price"), currency)
    if price is None or price < 0:
        return {}
    found: dict[str, Any] = {"price": price, "currency": currency}
    before = minor(seen.product.get("compare_at_price"), currency)
    if before is not None and before > price:
        found["compare_at"] = before
    return found


def categories(value: Any) -> list[str]:
    """ "Tea > Green" and lists of categories as the path they are."""
    if isinstance(value, str):
        value = value.split(">")
    if not isinstance(value, list):
        return []
    parts = [part.strip()[:200] for part in value if isinstance(part, str)]
    return list(dict.fromkeys(part for part in parts if part))[:20]


def available(value: Any) -> bool | None:
    """Whether it can be bought, from booleans and the words of feeds and schema.org."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value > 0
    if isinstance(value, str):
        return _AVAILABLE.get(value.rpartition("/")[2].strip().lower())
    return None


def _stock(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < 2**31 else None


def _text(value: Any, limit: int) -> str | None:
    return value.strip()[:limit] or None if isinstance(value, str) else None


def _link(value: Any) -> str | None:
    if not isinstance(value, str) or len(value) > 1_000:
        return None
    link = value.strip()
    return link if link[:8].lower().startswith(("http://", "https://")) else None

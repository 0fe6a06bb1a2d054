"""Whose word counts about a product, field by field: pure.

The more trusted source counts; of equally trusted ones the later word. So a browser never changes
what a feed, an import or the API said, however often it says something else.
"""

from collections.abc import Iterable
from typing import Any

from msgspec import UNSET

from patron.catalog.keys import key_of
from patron.catalog.types import (
    THE_SHOP,
    Claim,
    FactSource,
    KeyKind,
    Known,
    ProductIn,
    VariantIn,
)

PRODUCT_FIELDS = (
    "title", "price", "compare_at", "currency", "available", "stock", "brand", "categories",
    "image_url", "url", "attributes", "margin", "shown",
)  # fmt: skip
VARIANT_FIELDS = (
    "title", "price", "compare_at", "available", "stock", "image_url", "url", "attributes",
)  # fmt: skip
_EMPTY: dict[str, Any] = {"categories": [], "attributes": {}, "shown": True}
_TOLD_BY_EVENTS = tuple(f for f in PRODUCT_FIELDS if f not in ("attributes", "margin", "shown"))
_HISTORY = ("price", "compare_at", "stock", "available")
MAX_ATTRIBUTES = 100

Name = tuple[KeyKind, str, str | None]
"""(kind, value, variant it names, or None for the product)."""


def claim(product: ProductIn, source: FactSource, at: Any) -> Claim:
    """What `product` says, as a claim of `source` at the aware time `at`."""
    keys = _keys(product, None)
    variants = {}
    for variant in product.variants:
        variants[variant.id] = _said(variant, VARIANT_FIELDS)
        keys.append((KeyKind.VARIANT, variant.id, variant.id))
        keys += _keys(variant, variant.id)
    keys.append((KeyKind.PRODUCT, product.id, None))
    return Claim(
        product_id=product.id,
        facts=_said(product, PRODUCT_FIELDS),
        variants=variants,
        keys=keys,
        source=source,
        at=at,
    )


def blank(product_id: str) -> Known:
    return Known(id=product_id, facts={field: _EMPTY.get(field) for field in PRODUCT_FIELDS})


def merge(known: Known, told: Claim) -> None:
    """Take over of `told` what counts; `known.changed` says whether anything differs now."""
    rank, at = told.source.rank, told.at.timestamp()
    if rank > known.rank:
        known.rank, known.changed = rank, True
    _take(known, told.facts, rank, at)
    if told.guesses:
        _take(known, told.guesses, 0, at)
    for variant_id, facts in told.variants.items():
        variant = known.variants.get(variant_id)
        if variant is None:
            blank_facts = {field: _EMPTY.get(field) for field in VARIANT_FIELDS}
            variant = known.variants[variant_id] = Known(
                id=variant_id, facts=blank_facts, changed=True
            )
        _take(variant, facts, rank, at)
        known.changed = known.changed or variant.changed


def is_settled(said: dict[str, tuple[int, float]]) -> bool:
    """Whether no event can change a product of which this was said, its variants apart."""
    return all(f in said and said[f][0] >= THE_SHOP for f in _TOLD_BY_EVENTS)


def _take(known: Known, told: dict[str, Any], rank: int, at: float) -> None:
    facts, said = known.facts, known.said
    for field, value in told.items():
        before = said.get(field)
        if field == "attributes":
            value = _attributes(facts[field], value, before is None or (rank, at) >= before)
        elif before is not None and (rank, at) < before:
            continue
        if facts[field] != value:
            facts[field] = value
            known.changed = True
        elif before is not None and rank <= before[0]:
            continue  # the same word again: nothing to write down
        if before is None or (rank, at) > before:
            said[field] = (rank, at)
            known.changed = True


def _attributes(old: dict[str, Any], new: dict[str, Any], counts: bool) -> dict[str, Any]:
    joined = {**old, **new} if counts else {**new, **old}
    if len(joined) > MAX_ATTRIBUTES:
        joined = dict(list(joined.items())[:MAX_ATTRIBUTES])
    return joined


def _said(given: ProductIn | VariantIn, fields: Iterable[str]) -> dict[str, Any]:
    found = {}
    for field in fields:
        value = getattr(given, field)
        if value is not UNSET:
            found[field] = value
    return found


def _keys(
    given: ProductIn | VariantIn, variant: str | None
) -> list[tuple[KeyKind, str, str | None]]:
    found: list[tuple[KeyKind, str, str | None]] = []
    for kind, value in (
        (KeyKind.SKU, given.sku),
        (KeyKind.GTIN, given.gtin),
        (KeyKind.FEED, given.feed_id),
        (KeyKind.URL, given.url),
    ):
        if isinstance(value, str) and (key := key_of(kind, value)) is not None:
            found.append((kind, key, variant))
    return found


def history(before: dict[str, Any], now: Known) -> tuple[bool, bool]:
    """Whether (price, stock) differ between the facts `before` and `now`."""
    facts = now.facts
    price = any(before.get(f) != facts.get(f) for f in ("price", "compare_at"))
    stock = any(before.get(f) != facts.get(f) for f in ("stock", "available"))
    return price, stock


def copied(known: Known) -> dict[str, Any]:
    """The facts that have a history, as they are before a merge."""
    return {
        field: known.facts.get(field) for field in ("price", "compare_at", "stock", "available")
    }

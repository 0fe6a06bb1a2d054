"""What a product's variants have in common: pure."""

from collections.abc import Sequence

from patron.catalog.feeds.types import VariantFacts

SHORTEST = 3


def in_common(variants: Sequence[VariantFacts]) -> dict[str, object]:
    """Of variants (at least one, by id) what the product says: it can be had when one of them can,
    costs what the cheapest costs that can be had, looks like that one, and is called what the
    titles of all begin with."""
    available = [one for one in variants if one.available is not False]
    priced = [one for one in available or variants if one.price is not None]
    face = min(priced, key=lambda one: one.price or 0, default=variants[0])
    facts: dict[str, object] = {
        "available": any(one.available for one in variants)
        or (None if any(one.available is None for one in variants) else False),
        "price": face.price,
        "compare_at": face.compare_at,
        "image_url": face.image_url,
        "url": face.url,
    }
    titles = [one.title for one in variants if one.title]
    if titles:
        facts["title"] = title(titles)
    return {name: value for name, value in facts.items() if value is not None or name in _MAY_END}


_MAY_END = ("compare_at",)


def title(titles: Sequence[str]) -> str:
    """What all titles begin with, up to a whole word: "Shirt, red" and "Shirt, blue" are "Shirt".
    The first one where that is nothing to go by."""
    first = titles[0]
    low, high = min(titles), max(titles)  # what these share, all share
    length = next((n for n, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    shared = low[:length]
    if all(one == shared for one in titles):
        return first
    whole = all(len(one) == len(shared) or not one[len(shared)].isalnum() for one in titles)
    if not whole:
        shared = shared[: max((n + 1 for n, c in enumerate(shared) if not c.isalnum()), default=0)]
    shared = shared.rstrip(" -–—,;:/|([{·").strip()
    return shared if len(shared) >= SHORTEST else first

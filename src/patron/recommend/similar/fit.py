"""Visits and descriptions blended, so that a product with few visits leans on its description.

    trust(i) = c(i) / (c(i) + t), the part in which the visits c(i) with a product are believed
    score(i, j) = b seen(i, j) / best seen of i + (1 - b) cold content(i, j),  b = trust(i) trust(j)

A product that nobody saw has b = 0 with all others: only the description ranks them. Beside
products that have visits it counts `cold`, so that much the same but new products come in without
taking the place over.
"""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend.compiling import possible
from patron.recommend.pairs import counting
from patron.recommend.similar import content, viewed
from patron.recommend.similar.kept import shared
from patron.recommend.similar.types import Described, Index, Params, undescribed
from patron.recommend.sorting import order
from patron.recommend.types import Interactions

AT_ONCE = 50_000
"""Products that are blended at once: some 100 pairs each."""


class Compared(msgspec.Struct, frozen=True):
    """Descriptions, the shelves that products stand on, and pairs that share words, sorted."""

    features: content.Features
    shelves: list[content.Shelf]
    one: NDArray[np.int32]
    other: NDArray[np.int32]


def fit(
    history: Interactions,
    params: Params,
    described: Described | None = None,
    *,
    compiled: bool | None = None,
) -> Index:
    """Similar products of every product. `described` has a row for each of `history.items`; raises
    ValueError when it has not."""
    goods = described if described is not None else undescribed(history.items)
    if len(goods) != history.items:
        raise ValueError(
            f"{len(goods)} products are described, but numbers go up to {history.items}; "
            "give every product a row, with -1 for what is unknown"
        )
    return blend(history, params, compared(goods, compiled=compiled), compiled=compiled)


def compared(goods: Described, *, compiled: bool | None = None) -> Compared:
    """What of descriptions does not depend on visits or parameters."""
    texts = shared(goods.texts, goods.kept, compiled=compiled)
    of = content.features(goods, texts.words)
    return Compared(of, content.shelves(goods), texts.one, texts.other)


def blend(
    history: Interactions, params: Params, ready: Compared, *, compiled: bool | None = None
) -> Index:
    """Similar products, from descriptions that were made ready."""
    goods = ready.features.described
    held = viewed.visits(history, params)
    seen = viewed.seen(held, params, goods.parent, compiled=compiled)
    if possible() if compiled is None else compiled:
        parts = list(_at_once(ready, params, seen))
    else:
        parts = list(_one_by_one(ready, params, seen))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)] if parts else _NONE
    sizes, item, score, alike, support = columns
    return Index(
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        item,
        score,
        alike,
        support,
        goods.category.astype(np.int32),
        content.bands(goods),
        np.where(goods.price > 0, goods.price, -1).astype(np.int64),
    )


_NONE = [np.zeros(0, kind) for kind in "iiffi"]
Part = tuple[NDArray[Any], ...]
"""Of a block of products: how many are similar to each; other, score, seen and support of these."""


@cache
def _loops() -> Any:
    return import_module("patron.recommend.similar.compiled")


def _at_once(ready: Compared, params: Params, seen: viewed.Seen) -> Iterator[Part]:
    of, goods, items = ready.features, ready.features.described, len(ready.features.described)
    trust = seen.visits / (seen.visits + params.trust)
    start = counting.starts(seen.one, items)
    found = start, seen.other, seen.likeness, seen.support
    by_words = counting.starts(ready.one, items), ready.other
    shelves = tuple((shelf.order, shelf.place, content.BESIDE) for shelf in ready.shelves)
    words = of.words.start, of.words.word, of.words.weight, of.words.known
    table = np.stack([goods.category, goods.brand, goods.parent], axis=1).astype(np.int32)
    numbers = np.stack([goods.price.astype(np.float64), trust], axis=1)
    told = (table, numbers), words, (of.steps, of.depth)
    shares = params.text, params.category, params.brand, params.price
    for first in range(0, items, AT_ONCE):
        rows = first, min(first + AT_ONCE, items)
        sizes, *columns = _loops().blended(
            rows, found, by_words, shelves, told, (params.cold, shares), params.kept
        )
        filled = np.arange(params.kept) < sizes[:, None]
        yield sizes, *(column[filled] for column in columns)


def _one_by_one(ready: Compared, params: Params, seen: viewed.Seen) -> Iterator[Part]:
    items = len(ready.features.described)
    for first in range(0, items, AT_ONCE):
        last = min(first + AT_ONCE, items)
        mine = slice(*np.searchsorted(ready.one, [first, last]))
        theirs = slice(*np.searchsorted(seen.one, [first, last]))
        more = [content.beside(shelf, first, last) for shelf in ready.shelves]
        more.append((ready.one[mine], ready.other[mine]))
        blended = _blended(ready.features, params, seen, theirs, more)
        yield np.bincount(blended[0] - first, minlength=last - first), *blended[1:]


def _blended(
    of: content.Features,
    params: Params,
    seen: viewed.Seen,
    rows: slice,
    more: list[tuple[NDArray[np.int32], NDArray[np.int32]]],
) -> Part:
    """One, other, score, seen and support of the best pairs of a block of products."""
    items = len(of.described)
    known = seen.one[rows].astype(np.int64) * items + seen.other[rows]
    key = counting.distinct(
        np.concatenate([known, *(one.astype(np.int64) * items + other for one, other in more)])
    )
    one, other = (column.astype(np.int32) for column in np.divmod(key, max(items, 1)))
    parent = of.described.parent
    apart = (one != other) & ((parent[one] < 0) | (parent[one] != parent[other]))
    one, other, key = one[apart], other[apart], key[apart]
    likeness, support = np.zeros(len(key)), np.zeros(len(key), np.int32)
    # `seen` lists the best first; looked up by key they stand in rising order.
    rising = order(known)
    place = np.searchsorted(key, known[rising])
    likeness[place] = seen.likeness[rows][rising]
    support[place] = seen.support[rows][rising]
    trust = seen.visits / (seen.visits + params.trust)
    new = np.diff(one, prepend=-1) != 0
    best_of = np.maximum.reduceat(likeness, np.flatnonzero(new)) if len(one) else likeness
    run = np.cumsum(new) - 1
    level = likeness / np.where(best_of[run] > 0, best_of[run], 1.0)
    believed = trust[one] * trust[other]
    score = believed * level + (1 - believed) * params.cold * content.likeness(
        of, params, one, other
    )
    alike = score > 0
    columns = [column[alike] for column in (one, other, score, likeness, support)]
    best = counting.best(columns[0], columns[2], params.kept, compiled=False)
    kinds = (np.int32, np.int32, np.float32, np.float32, np.int32)
    return tuple(column[best].astype(k) for column, k in zip(columns, kinds, strict=True))

"""Likeness by description: words, category, brand and price, for products that nobody saw yet.

    content(i, j) = sum over fields f of weight(f) likeness(f, i, j) / sum of weight(f)

over the fields that are known of i. Words: cosine of TF-IDF (Salton and Buckley 1988,
doi:10.1016/0306-4573(88)90021-0). Category: the part of the longer path that both share. Brand:
the same or not. Price: min/max, squared: half the price is a quarter alike.
"""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend.pairs import counting
from patron.recommend.similar.types import Described, Params
from patron.recommend.similar.words import Words

DEEPEST = 8
BY_WORDS = 20
BESIDE = 4
"""Neighbours on the shelf – the same category, the next price – on each side that are compared."""


class Features(msgspec.Struct, frozen=True):
    """Descriptions made ready to be compared."""

    described: Described
    words: Words
    steps: NDArray[np.int32]  # categories × depth: number of the path down to that depth, or -1
    depth: NDArray[np.int32]


def features(described: Described, of: Words) -> Features:
    """Reads paths; works once through all of them."""
    numbers: dict[tuple[str, ...], int] = {}
    steps = np.full((len(described.paths) + 1, DEEPEST), -1, np.int32)
    for code, path in enumerate(described.paths):
        parts = [step.strip().casefold() for step in path.split(">")][:DEEPEST]
        for depth in range(len(parts)):
            steps[code, depth] = numbers.setdefault(tuple(parts[: depth + 1]), len(numbers))
    depth = (steps >= 0).sum(axis=1).astype(np.int32)
    return Features(described, of, steps[:, : depth.max()], depth)


class Shelf(msgspec.Struct, frozen=True):
    """Products in the order in which they stand, and the place of each, -1 where it has none."""

    order: NDArray[np.int32]
    place: NDArray[np.int32]


def shelves(described: Described) -> list[Shelf]:
    """By category, then price, and by brand, then price. Categories follow one another as their
    paths do, so the only product of one still has neighbours."""
    order = np.argsort([path.casefold() for path in described.paths], kind="stable")
    place = np.full(len(described.paths) + 1, -1)
    place[order] = np.arange(len(order))
    found = []
    for shelf in (place[described.category], described.brand):
        known = np.flatnonzero(shelf >= 0)
        standing = known[np.lexsort((known, described.price[known], shelf[known]))]
        where = np.full(len(described), -1, np.int32)
        where[standing] = np.arange(len(standing))
        found.append(Shelf(standing.astype(np.int32), where))
    return found


def beside(shelf: Shelf, first: int, last: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The neighbours of the products `first` to `last` as pairs."""
    item = np.arange(first, last, dtype=np.int32)
    item = item[shelf.place[first:last] >= 0]
    steps = np.array([step for step in range(-BESIDE, BESIDE + 1) if step], np.int32)
    place = shelf.place[item][:, None] + steps
    there = (place >= 0) & (place < len(shelf.order))
    one = np.broadcast_to(item[:, None], place.shape)[there]
    return one, shelf.order[place[there]]


def likeness(
    of: Features,
    params: Params,
    one: NDArray[np.int32],
    other: NDArray[np.int32],
) -> NDArray[np.float64]:
    """Of each pair, from 0 (nothing in common, or nothing known) to 1."""
    goods = of.described
    category, brand, price = goods.category, goods.brand, goods.price
    fields = (
        (params.text, of.words.length[one] > 0, _same_words(of.words, one, other)),
        (params.category, category[one] >= 0, _same_path(of, one, other)),
        (params.brand, brand[one] >= 0, (brand[one] == brand[other]).astype(np.float64)),
        (params.price, price[one] > 0, _near(of, one, other)),
    )
    total, weight = np.zeros(len(one)), np.zeros(len(one))
    for share, known, alike in fields:
        total += np.where(known, share * alike, 0.0)
        weight += np.where(known, share, 0.0)
    return total / np.where(weight > 0, weight, 1.0)


def bands(described: Described) -> NDArray[np.int8]:
    """In which fifth of its category's prices each product is; -1 without a price."""
    band = np.full(len(described), -1, np.int8)
    priced = np.flatnonzero(described.price > 0)
    order = priced[np.lexsort((described.price[priced], described.category[priced]))]
    category, price = described.category[order], described.price[order]
    begin = np.searchsorted(category, category)
    size = np.searchsorted(category, category, side="right") - begin
    # The first of equal prices stands for all: the same price is never in two bands.
    new = np.ones(len(order), bool)
    new[1:] = (category[1:] != category[:-1]) | (price[1:] != price[:-1])
    first = np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))
    band[order] = (first - begin) * 5 // np.maximum(size, 1)
    return band


def by_words(
    of: Words, *, compiled: bool | None = None
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Pairs that share rare words, the likest of each product, in rising order of the first."""
    found = counting.likest(of.rare, of.length, BY_WORDS, compiled=compiled)
    return found.one, found.other


def _same_words(of: Words, one: NDArray[np.int32], other: NDArray[np.int32]) -> Any:
    return counting.products(of.start, of.word, of.weight, one, other, compiled=False)


def _same_path(of: Features, one: NDArray[np.int32], other: NDArray[np.int32]) -> Any:
    first, second = of.described.category[one], of.described.category[other]
    count = len(of.depth)
    if count * count > len(one):
        return _shared_steps(of, first, second)
    # Fewer pairs of categories than of products: each is compared once. -1 is the last row.
    every = np.arange(count)
    table = _shared_steps(of, np.repeat(every, count), np.tile(every, count))
    return table[first % count * np.int64(count) + second % count]


def _shared_steps(of: Features, first: NDArray[Any], second: NDArray[Any]) -> Any:
    shared = np.zeros(len(first))
    for depth in range(of.steps.shape[1]):
        step = of.steps[first, depth]
        shared += (step >= 0) & (step == of.steps[second, depth])
    return shared / np.maximum(np.maximum(of.depth[first], of.depth[second]), 1)


def _near(of: Features, one: NDArray[np.int32], other: NDArray[np.int32]) -> Any:
    first, second = of.described.price[one], of.described.price[other]
    near = np.minimum(first, second) / np.maximum(np.maximum(first, second), 1)
    return np.where((first > 0) & (second > 0), near * near, 0.0)

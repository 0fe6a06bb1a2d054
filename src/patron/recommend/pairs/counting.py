"""Pairs of products that occur in the same order or visit.

Time grows with the sum of the squares of the sets' sizes, so sets have a largest size; memory with
the pairs of one block of products, which is bounded by `AT_ONCE`, and not with all pairs.
"""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patron.recommend.compiling import possible
from patron.recommend.pairs.types import Likest, Pairs, Sets
from patron.recommend.sorting import order

AT_ONCE = 4_000_000
"""Pairs of one block at most, unless one product alone has more."""
ROWS_AT_ONCE = 100_000
TINY = 1e-300
"""In place of 0 where something is divided by lengths."""


@cache
def _loops() -> Any:
    # Not at the top: numba takes a second and 100 MB, and whoever only asks an index needs neither.
    return import_module("patron.recommend.pairs.compiled")


def sets(
    number: NDArray[Any],
    item: NDArray[np.int32],
    items: int,
    largest: int,
    weight: NDArray[np.float64] | None = None,
) -> Sets:
    """Line k says that set `number[k]` holds product `item[k]`; a product twice counts once.

    Sets of more than `largest` different products say nothing about pairs and are left out; numbers
    without any line are no set. `weight` has one value for each number; without it every set counts
    one.
    """
    if len(number) == 0:
        return Sets(np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0), items)
    key = number.astype(np.int64) * items + item
    if not (key[1:] > key[:-1]).all():
        key = distinct(key)
    owner, kept = np.divmod(key, items)
    sizes = np.bincount(owner)
    if sizes.max() > largest:
        small = sizes[owner] <= largest
        owner, kept = owner[small], kept[small]
        sizes = np.where(sizes <= largest, sizes, 0)
    there = sizes > 0
    start = np.concatenate([[0], np.cumsum(sizes[there])]).astype(np.int64)
    weights = np.ones(len(start) - 1) if weight is None else weight[np.flatnonzero(there)]
    return Sets(start, kept.astype(np.int32), weights.astype(np.float64), items)


def distinct(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """What is in `values`, each once, in rising order. np.unique is a hundred times slower."""
    ranked = np.sort(values)
    new = np.ones(len(ranked), bool)
    new[1:] = ranked[1:] != ranked[:-1]
    return ranked[new]


def totals(held: Sets) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Of each product: what the sets with it weigh, and how many there are."""
    weight = np.repeat(held.weight, np.diff(held.start))
    return (
        np.bincount(held.item, weights=weight, minlength=held.items).astype(np.float64),
        np.bincount(held.item, minlength=held.items).astype(np.int64),
    )


def pairs(held: Sets, least: int = 1, *, compiled: bool | None = None) -> Iterator[Pairs]:
    """Blocks of pairs that share at least `least` sets, products in rising order over all blocks.

    `compiled` asks for the one or the other kernel (None: whichever is there); both give the same.
    """
    use = possible() if compiled is None else compiled
    if len(held.item) == 0:
        return
    where, begin, spent = _turned(held)
    for first, last in _blocks(spent, AT_ONCE):
        size = int(spent[last] - spent[first])
        if size:
            block = _compiled if use else _summed
            yield block(held, where, begin, slice(first, last), size, least)


def likest(
    held: Sets,
    length: NDArray[np.float64],
    kept: int,
    *,
    shrinkage: float = 0.0,
    parent: NDArray[np.int32] | None = None,
    compiled: bool | None = None,
) -> Likest:
    """Of each product the `kept` that are likest it, by

        w(one and other) / (length(one) length(other) + shrinkage)

    with w what the sets with both weigh; best first, of equals the lower number first. Those of one
    `parent` are not like each other. Works without ever holding all pairs.
    """
    family = np.full(held.items, -1, np.int32) if parent is None else parent
    parts: list[tuple[NDArray[Any], ...]] = []
    if len(held.item) and (possible() if compiled is None else compiled):
        where, begin, _ = _turned(held)
        sets_of, measure = _plainly(held), (length, shrinkage, TINY, family)
        for first in range(0, held.items, ROWS_AT_ONCE):
            last = min(first + ROWS_AT_ONCE, held.items)
            found, *columns = _loops().likest(sets_of, (where, begin), (first, last), measure, kept)
            filled = np.arange(kept) < found[:, None]
            one = np.repeat(np.arange(first, last, dtype=np.int32), found)
            parts.append((one, *(column[filled] for column in columns)))
    else:
        for block in pairs(held, compiled=False):
            apart = (family[block.one] < 0) | (family[block.one] != family[block.other])
            one, other, support = block.one[apart], block.other[apart], block.support[apart]
            far = np.maximum(length[one] * length[other] + shrinkage, TINY)
            alike = block.both[apart] / far
            chosen = best(one, alike, kept, compiled=False)
            parts.append(tuple(column[chosen] for column in (one, other, alike, support)))
    if not parts:
        return Likest(*(np.zeros(0, kind) for kind in "iidi"))
    return Likest(*(np.concatenate(column) for column in zip(*parts, strict=True)))


Turned = tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]


def _turned(held: Sets) -> Turned:
    """The sets of each product, where those of each begin, and what the pairs of the products
    before each cost at most."""
    sizes = np.diff(held.start)
    owner = np.repeat(np.arange(len(held), dtype=np.int32), sizes)
    where = owner[order(held.item)]
    cost = np.bincount(held.item, weights=sizes[owner], minlength=held.items)
    spent = np.cumsum(np.minimum(cost, held.items).astype(np.int64))
    return where, starts(held.item, held.items), np.concatenate([[0], spent])


def _blocks(spent: NDArray[np.int64], most: int) -> Iterator[tuple[int, int]]:
    """Runs of products of about `most` pairs; one product at the least."""
    first, items = 0, len(spent) - 1
    while first < items:
        last = int(np.searchsorted(spent, spent[first] + most, side="right")) - 1
        last = min(max(last, first + 1), items)
        yield first, last
        first = last


def _plainly(held: Sets) -> tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.float64]]:
    """Sets for the compiled loops: what is unsigned is not asked whether it counts from the end,
    and weights of one are left out."""
    plain = not len(held.weight) or bool((held.weight == 1.0).all())
    weight = held.weight[:0] if plain else held.weight
    return held.start, held.item.view(np.uint32), weight


def _summed(held: Sets, where: Any, begin: Any, rows: slice, size: int, least: int) -> Pairs:
    """One block through sparse matrices: `size` pairs at most."""
    from scipy import sparse

    one = np.ones(len(held.item))
    all_sets = sparse.csr_matrix((one, held.item, held.start), shape=(len(held), held.items))
    lines = slice(int(begin[rows.start]), int(begin[rows.stop]))
    starts = begin[rows.start : rows.stop + 1] - begin[rows.start]
    shape = (rows.stop - rows.start, len(held))
    weight = held.weight[where[lines]]
    product = sparse.csr_matrix((weight, where[lines], starts), shape=shape) @ all_sets
    counts = sparse.csr_matrix((np.ones(len(weight)), where[lines], starts), shape=shape) @ all_sets
    product.sort_indices()
    counts.sort_indices()
    row = np.repeat(np.arange(rows.start, rows.stop, dtype=np.int32), np.diff(counts.indptr))
    support = counts.data.astype(np.int32)
    keep = (support >= least) & (row != counts.indices)
    return Pairs(
        row[keep], counts.indices[keep].astype(np.int32), product.data[keep], support[keep]
    )


def _compiled(held: Sets, where: Any, begin: Any, rows: slice, size: int, least: int) -> Pairs:
    """One block through the compiled loop; the room for `size` pairs is taken only as it fills."""
    found = _loops().pairs(
        _plainly(held), (where, begin), (rows.start, rows.stop), held.items, size, least
    )
    return Pairs(*(np.array(column) for column in found))


def best(
    one: NDArray[np.int32],
    score: NDArray[np.float64],
    kept: int,
    *,
    compiled: bool | None = None,
) -> NDArray[np.int64]:
    """Places of the `kept` best rows of each `one` (which is sorted), best first, of equals the
    earlier first."""
    if possible() if compiled is None else compiled:
        chosen: NDArray[np.int64] = _loops().best(one, score, kept)
        return chosen
    ranked = np.lexsort((-score, one))
    row = one[ranked]
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    return ranked[rank < kept].astype(np.int64)


def starts(one: NDArray[np.int32], items: int) -> NDArray[np.int64]:
    """Where each product's rows begin in a sorted column, and where the last end."""
    counts = np.bincount(one, minlength=items) if len(one) else np.zeros(items, np.int64)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def products(
    start: NDArray[np.int64],
    column: NDArray[np.int32],
    value: NDArray[np.float64],
    one: NDArray[np.int32],
    other: NDArray[np.int32],
    *,
    compiled: bool | None = None,
) -> NDArray[np.float64]:
    """The inner products of rows `one[k]` and `other[k]` of a sparse matrix: row i holds `value` in
    `column`, which rises, from `start[i]` to `start[i + 1]`."""
    from scipy import sparse

    width = int(column.max()) + 1 if len(column) else 1
    if possible() if compiled is None else compiled:
        found_at_once: NDArray[np.float64]
        found_at_once = _loops().inner(start, column, value, one, other, width)
        return found_at_once
    rows = sparse.csr_matrix((value, column, start), shape=(len(start) - 1, width))
    found = [np.zeros(0)]
    for first in range(0, len(one), ROWS_AT_ONCE):
        part = slice(first, first + ROWS_AT_ONCE)
        shared = rows[one[part]].multiply(rows[other[part]])
        found.append(np.asarray(shared.sum(axis=1)).ravel())
    return np.concatenate(found)

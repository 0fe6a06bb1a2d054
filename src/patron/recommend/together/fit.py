"""Counting companions from what was bought, and what speaks against them from what was viewed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from patron.recommend.pairs import counting
from patron.recommend.pairs.types import Sets
from patron.recommend.together import orders, weigh
from patron.recommend.together.types import Index, Params
from patron.recommend.types import Interactions, Kind

LARGEST_ORDER = 200
LONGEST_VISIT = 200


def fit(history: Interactions, params: Params, *, compiled: bool | None = None) -> Index:
    """Count companions and complements.

    A product twice in an order counts once; orders of more than 200 different products say nothing
    about pairs and are left out. Memory is bounded by one block of pairs and `kept` a product.
    """
    number, item = orders.numbers(history, params.hours)
    looked = history.where(history.kind == Kind.VIEW)
    visits = counting.sets(looked.session, looked.item, history.items, LONGEST_VISIT)
    return count(number, item, history.items, params, visits=visits, compiled=compiled)


def count(
    number: NDArray[np.int64] | NDArray[np.int32],
    item: NDArray[np.int32],
    items: int,
    params: Params | None = None,
    *,
    visits: Sets | None = None,
    compiled: bool | None = None,
) -> Index:
    """The same from the lines of orders: order `number[k]` holds product `item[k]`."""
    params = params or Params()
    held = counting.sets(number, item, items, LARGEST_ORDER)
    alone = counting.totals(held)[1].astype(np.float64)
    parts = []
    for block in counting.pairs(held, params.least, compiled=compiled):
        found = weigh.score(
            params, block.support.astype(np.float64), alone[block.one], alone[block.other],
            len(held),
        )  # fmt: skip
        best = counting.best(block.one, block.other, found[0], params.kept, compiled=compiled)
        columns = (block.one, block.other, *found, block.support)
        parts.append([column[best] for column in columns])
    one, other, score, lift, sure, support = _joined(parts)
    start = counting.starts(one, items)
    against = params.alike * alike(start, one, other, score)
    if visits is not None and len(visits):
        against = against + params.views * viewed_in_turns(visits, one, other, compiled=compiled)
    return Index(
        start,
        other.astype(np.int32),
        score.astype(np.float32),
        lift.astype(np.float32),
        sure.astype(np.float32),
        support.astype(np.int32),
        (score * np.maximum(1.0 - against, 0.0)).astype(np.float32),
        len(held),
    )


def _joined(parts: list[list[NDArray[Any]]]) -> list[NDArray[Any]]:
    """The columns of all blocks: one, other, score, lift, sure, support."""
    if not parts:
        return [np.zeros(0, kind) for kind in "iidddi"]
    return [np.concatenate(columns) for columns in zip(*parts, strict=True)]


def alike(
    start: NDArray[np.int64],
    one: NDArray[np.int32],
    other: NDArray[np.int32],
    score: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Of each pair: the cosine of the two products' companions, from 0 to 1.

    Substitutes are bought with the same third products (Ruiz, Athey and Blei 2020,
    doi:10.1214/19-AOAS1265, call them exchangeable).
    """
    weight = np.maximum(score, 0.0)
    length = np.sqrt(np.bincount(one, weights=weight**2, minlength=len(start) - 1))
    weight = weight / np.where(length > 0, length, 1.0)[one]
    return counting.products(start, other, weight, one, other)


def viewed_in_turns(
    visits: Sets,
    one: NDArray[np.int32],
    other: NDArray[np.int32],
    *,
    compiled: bool | None = None,
) -> NDArray[np.float64]:
    """Of each pair: the cosine of the visits that saw them, from 0 to 1.

    Whoever looks at both in one visit compares them (McAuley et al. 2015,
    doi:10.1145/2783258.2783381: "also viewed" are substitutes, "also bought" complements).
    """
    seen = counting.totals(visits)[1].astype(np.float64)
    found = np.zeros(len(one))
    wanted = one.astype(np.int64) * visits.items + other
    order = np.argsort(wanted)
    ranked = wanted[order]
    for block in counting.pairs(visits, compiled=compiled):
        key = block.one.astype(np.int64) * visits.items + block.other
        place = np.minimum(np.searchsorted(key, ranked), len(key) - 1) if len(key) else ranked[:0]
        if len(place) == 0:
            continue
        there = key[place] == ranked
        both = block.support[place[there]]
        pair = order[there]
        found[pair] = both / np.sqrt(seen[one[pair]] * seen[other[pair]])
    return found

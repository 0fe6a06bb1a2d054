"""Counting companions from what was bought, and what speaks against them from what was viewed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from patron.recommend.pairs import counting
from patron.recommend.pairs.types import Sets
from patron.recommend.together import against, orders, weigh
from patron.recommend.together.types import Index, Params
from patron.recommend.types import Interactions, Kind

LARGEST_ORDER = 200
LONGEST_VISIT = 200
DAY_S = 86_400


def fit(history: Interactions, params: Params, *, compiled: bool | None = None) -> Index:
    """Count companions and complements.

    A product twice in an order counts once; orders of more than 200 different products say nothing
    about pairs and are left out. Memory is bounded by one block of pairs and `kept` a product.
    """
    number, item, at = orders.numbers(history, params.hours)
    looked = history.where((history.kind == Kind.VIEW) & (history.session >= 0))
    visits = counting.sets(looked.session, looked.item, history.items, LONGEST_VISIT)
    weight = orders.faded(number, at, params.half_life_days * DAY_S)
    held = counting.sets(number, item, history.items, LARGEST_ORDER, weight)
    return count(held, params, visits, compiled=compiled)


def count(
    held: Sets, params: Params, visits: Sets | None = None, *, compiled: bool | None = None
) -> Index:
    """The same from orders as sets of products; their weights count for complements alone."""
    alone = counting.totals(held)[1].astype(np.float64)
    parts = []
    for block in counting.pairs(held, params.least, compiled=compiled):
        support = block.support.astype(np.float64)
        found = weigh.score(params, support, alone[block.one], alone[block.other], len(held))
        best = counting.best(block.one, found[0], params.kept, compiled=compiled)
        columns = (block.one, block.other, *found, block.support, block.both)
        parts.append([column[best] for column in columns])
    one, other, score, lift, sure, support, both = _joined(parts)
    start = counting.starts(one, held.items)
    said = params.alike * against.alike(start, one, other, score, compiled=compiled)
    if visits is not None and len(visits):
        said = said + params.views * against.viewed_in_turns(visits, one, other, compiled=compiled)
    faded, joins = weigh.joins(held)
    completes = weigh.completes(params, both, faded[one], joins[other])
    return Index(
        start,
        other.astype(np.int32),
        score.astype(np.float32),
        lift.astype(np.float32),
        sure.astype(np.float32),
        support.astype(np.int32),
        (completes * np.maximum(1.0 - said, 0.0)).astype(np.float32),
        faded.astype(np.float32),
        joins.astype(np.float32),
        params.prior,
        params.staples,
        len(held),
    )


def _joined(parts: list[list[NDArray[Any]]]) -> list[NDArray[Any]]:
    """The columns of all blocks: one, other, score, lift, sure, support, faded support."""
    if not parts:
        return [np.zeros(0, kind) for kind in "iidddid"]
    return [np.concatenate(columns) for columns in zip(*parts, strict=True)]

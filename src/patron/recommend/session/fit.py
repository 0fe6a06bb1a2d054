"""From a history to an index: sorting by counting, and sums that are bounded for each product."""

from functools import cache
from importlib import import_module
from types import ModuleType

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend import compiling
from patron.recommend.session import plain
from patron.recommend.session.index import LONGEST, Index, Params
from patron.recommend.session.sessions import Visits, visits
from patron.recommend.types import Interactions

DAY = 86_400
REACH = 5
"""Steps between two products that still count as a transition."""

RETURNS_OF = 100_000
"""Newest visits from which the habit of returning is told."""

NEXT = 30
"""Transitions that are remembered for a product."""


def fit(history: Interactions, params: Params, kernels: ModuleType | None = None) -> Index:
    """The index of a history. `kernels` is the module that counts, the fastest there is if None."""
    return index_of(visits(history), history.items, params, kernels)


def index_of(past: Visits, items: int, params: Params, kernels: ModuleType | None = None) -> Index:
    """The index of visits among `items` products. Memory is bounded by the steps that are kept,
    `per_item` visits and 30 transitions for a product."""
    item_start, item_sessions, found_in = _postings(past, items, params.per_item)
    newest = int(past.ended[-1]) if len(past) else 0
    weight = visit_weights(past, newest, params)
    starts, following, share = (kernels or fastest()).transitions(
        plain.Steps(past.start, past.items, weight, item_start, item_sessions),
        decay(params.reach, REACH),
        NEXT,
    )
    return Index(
        **msgspec.structs.asdict(params),
        items=items,
        newest=newest,
        session_start=past.start,
        session_items=past.items,
        item_start=item_start,
        item_sessions=item_sessions,
        item_weight=weight[item_sessions],
        back=returns(past),
        rarity=rarity(found_in, len(past), params.idf),
        next_start=starts,
        next_items=following,
        next_share=share,
    )


def fastest(compiled: bool | None = None) -> ModuleType:
    """The kernels in machine code if numba is installed, or as `compiled` says, else those in
    numpy: equal in result."""
    if not (compiling.possible() if compiled is None else compiled):
        return plain
    return _loops()


@cache
def _loops() -> ModuleType:
    return import_module("patron.recommend.session.compiled")


def decay(efold: float, steps: int) -> "NDArray[np.float64]":
    """exp(-k / efold) for k < steps; all one if `efold` is 0."""
    if efold <= 0:
        return np.ones(steps)
    return np.exp(-np.arange(steps) / efold)


def visit_weights(past: Visits, newest: int, params: Params) -> "NDArray[np.float32]":
    """What a past visit weighs by its age before `newest` and its length. As age decays by an
    exponential, the moment of the question does not change the order."""
    length = np.diff(past.start)
    weight = np.arange(1, LONGEST + 1, dtype=np.float64)[length - 1] ** -params.length
    if params.recency > 0:
        weight *= np.exp((past.ended - newest) / (params.recency * DAY))
    rounded: NDArray[np.float32] = weight.astype(np.float32)
    return rounded


def rarity(found_in: "NDArray[np.int64]", visits: int, idf: float) -> "NDArray[np.float32]":
    """1 + idf · ln(visits / visits with the product); of a product in none as if it were in one."""
    inverse = np.log(max(visits, 1) / np.maximum(found_in, 1))
    return (1 + idf * inverse).astype(np.float32)


def returns(past: Visits) -> "NDArray[np.float64]":
    """How often the newest visits return to a product that they last saw k + 1 steps before, of the
    steps that have one there; at most one in sum."""
    start = past.start[-RETURNS_OF - 1 :]
    items = past.items[start[0] :] if len(start) else past.items
    inside = np.arange(len(items)) - np.repeat(start[:-1] - start[0], np.diff(start))
    unmet = np.ones(len(items), np.bool_)
    share = np.zeros(LONGEST)
    for k in range(1, LONGEST):
        could = inside >= k
        did = np.zeros(len(items), np.bool_)
        did[k:] = could[k:] & unmet[k:] & (items[k:] == items[:-k])
        unmet &= ~did
        share[k - 1] = did.sum() / max(int(could.sum()), 100)
    habit: NDArray[np.float64] = share / max(float(share.sum()), 1.0)
    return habit


def _postings(
    past: Visits, items: int, per_item: int
) -> "tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]":
    """For each product its newest visits, oldest first, and in how many visits it is in all.

    A matrix of visits × products is turned around, which is a counting sort.
    """
    from scipy import sparse

    ones = np.ones(len(past.items), np.bool_)
    matrix = sparse.csr_matrix((ones, past.items, past.start), shape=(len(past), items)).tocsc()
    del ones
    start, sessions = matrix.indptr, matrix.indices.astype(np.int32, copy=False)
    del matrix
    again = np.zeros(len(sessions), np.bool_)
    again[1:] = sessions[1:] == sessions[:-1]
    filled = start[:-1][start[:-1] < len(sessions)]
    again[filled] = False  # the same visit at the end of one list and the start of the next
    sessions, count = _without(again, sessions, np.diff(start))
    found_in = count.astype(np.int64)
    gone = np.zeros(len(sessions), np.bool_)
    ends = np.cumsum(count, dtype=np.int64)
    for item in np.flatnonzero(count > per_item).tolist():
        gone[ends[item] - count[item] : ends[item] - per_item] = True
    sessions, count = _without(gone, sessions, count)
    return np.concatenate([[0], np.cumsum(count, dtype=np.int64)]), sessions, found_in


def _without(
    gone: "NDArray[np.bool_]", sessions: "NDArray[np.int32]", count: "NDArray[np.int64]"
) -> "tuple[NDArray[np.int32], NDArray[np.int64]]":
    """Lists of these lengths without some of their entries, and the lengths they have then."""
    if not gone.any():
        return sessions, count
    lost = np.zeros(len(count), np.int64)
    filled = count > 0
    begin = np.cumsum(count, dtype=np.int64)[filled] - count[filled]
    lost[filled] = np.add.reduceat(gone, begin, dtype=np.int64)
    return sessions[~gone], count - lost

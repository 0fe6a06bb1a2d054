"""The loops compiled. Each adds in the order in which numpy does, so both give the same numbers."""

from typing import Any

import numpy as np

from patron.recommend.compiling import compiled
from patron.recommend.foremost import ranked

ASKED_AT_ONCE = 1_024
"""Sets whose places are looked up before any is read, so that the processor waits for all at
once."""


@compiled
def pairs(
    sets: tuple[Any, Any, Any], by_item: tuple[Any, Any], rows: tuple[int, int],
    items: int, size: int, least: int,
) -> Any:  # fmt: skip
    """Pairs of the products from `rows[0]` to `rows[1]`: one, other, weight of both, support."""
    one = np.empty(size, np.int32)
    other = np.empty(size, np.int32)
    both = np.empty(size, np.float64)
    support = np.empty(size, np.int32)
    weighed = np.zeros(items, np.float64)
    counted = np.zeros(items, np.int32)
    touched = np.empty(items + 1, np.uint32)
    filled = 0
    for row in range(rows[0], rows[1]):
        seen = _met(sets, by_item, row, weighed, counted, touched)
        enough = 0
        for k in range(seen):
            that = touched[k]
            if counted[that] >= least and that != row:
                touched[enough] = that
                enough += 1
            else:
                counted[that] = 0
                weighed[that] = 0.0
        touched[:enough].sort()
        for k in range(enough):
            that = touched[k]
            one[filled] = row
            other[filled] = that
            both[filled] = weighed[that] if len(sets[2]) else counted[that]
            support[filled] = counted[that]
            filled += 1
            counted[that] = 0
            weighed[that] = 0.0
    return one[:filled], other[:filled], both[:filled], support[:filled]


@compiled
def _met(sets: Any, by_item: Any, row: int, weighed: Any, counted: Any, touched: Any) -> int:
    """Adds up all sets with a product; how many products, itself among them, they hold. Sets
    without weights count one, which `counted` tells."""
    start, item, weight = sets
    where, begin = by_item
    first = np.empty(ASKED_AT_ONCE, np.int64)
    last = np.empty(ASKED_AT_ONCE, np.int64)
    seen = 0
    for chunk in range(begin[row], begin[row + 1], ASKED_AT_ONCE):
        many = min(ASKED_AT_ONCE, begin[row + 1] - chunk)
        for k in range(many):
            first[k], last[k] = start[where[chunk + k]], start[where[chunk + k] + 1]
        for k in range(many):
            adds = weight[where[chunk + k]] if len(weight) else 0.0
            for place in range(first[k], last[k]):
                that = item[place]
                # Without a branch: whether it is new is what a processor guesses worst.
                touched[seen] = that
                seen += counted[that] == 0
                counted[that] += 1
                if len(weight):
                    weighed[that] += adds
    return seen


@compiled
def likest(
    sets: tuple[Any, Any, Any], by_item: tuple[Any, Any], rows: tuple[int, int],
    measure: tuple[Any, float, float, Any], kept: int,
) -> Any:  # fmt: skip
    """Of the products from `rows[0]` to `rows[1]` the `kept` likest each: how many they are, and in
    rows of `kept` the other, the likeness and the support. See `counting.likest`."""
    length, shrinkage, tiny, parent = measure
    items = len(length)
    found = np.zeros(rows[1] - rows[0], np.int64)
    other = np.empty((len(found), kept), np.int32)
    likeness = np.empty((len(found), kept), np.float64)
    support = np.empty((len(found), kept), np.int32)
    weighed = np.zeros(items, np.float64)
    counted = np.zeros(items, np.int32)
    touched = np.empty(items + 1, np.uint32)
    value = np.empty(items, np.float64)
    for row in range(rows[0], rows[1]):
        here = row - rows[0]
        seen = _met(sets, by_item, row, weighed, counted, touched)
        left = 0
        for k in range(seen):
            that = touched[k]
            both = weighed[that] if len(sets[2]) else np.float64(counted[that])
            value[left] = both / max(length[row] * length[that] + shrinkage, tiny)
            touched[left] = that
            alone = parent[row] < 0 or parent[row] != parent[that]
            if that != row and alone:
                left += 1
            else:
                counted[that] = 0
            weighed[that] = 0.0
        few = ranked(value[:left], touched[:left], kept)
        found[here] = few
        for k in range(few):
            other[here, k] = touched[k]
            likeness[here, k] = value[k]
            support[here, k] = counted[touched[k]]
        for k in range(left):
            counted[touched[k]] = 0
    return found, other, likeness, support


@compiled
def best(one: Any, score: Any, kept: int) -> Any:
    """Places of the `kept` best of each run of `one`, of equals the earlier first."""
    chosen = np.empty(len(one), np.int64)
    filled = 0
    begin = 0
    while begin < len(one):
        end = begin + 1
        while end < len(one) and one[end] == one[begin]:
            end += 1
        places = np.arange(begin, end)
        few = ranked(score[begin:end].copy(), places, kept)
        chosen[filled : filled + few] = places[:few]
        filled += few
        begin = end
    return chosen[:filled]


@compiled
def inner(start: Any, column: Any, value: Any, one: Any, other: Any, width: int) -> Any:
    """Inner products of the rows `one[k]` and `other[k]` of a sparse matrix of `width` columns."""
    found = np.zeros(len(one), np.float64)
    row = np.zeros(width, np.float64)
    begin = 0
    while begin < len(one):
        mine = one[begin]
        for place in range(start[mine], start[mine + 1]):
            row[column[place]] = value[place]
        end = begin
        while end < len(one) and one[end] == mine:
            total = 0.0
            for place in range(start[other[end]], start[other[end] + 1]):
                total += row[column[place]] * value[place]
            found[end] = total
            end += 1
        for place in range(start[mine], start[mine + 1]):
            row[column[place]] = 0.0
        begin = end
    return found

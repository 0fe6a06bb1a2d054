"""The loops compiled. Each adds in the order in which numpy does, so both give the same numbers."""

from typing import Any

import numpy as np

from patron.recommend.compiling import compiled


@compiled
def pairs(
    sets: tuple[Any, Any, Any], by_item: tuple[Any, Any], rows: tuple[int, int],
    items: int, size: int, least: int,
) -> Any:  # fmt: skip
    """Pairs of the products from `rows[0]` to `rows[1]`: one, other, weight of both, support."""
    start, item, weight = sets
    where, begin = by_item
    one = np.empty(size, np.int32)
    other = np.empty(size, np.int32)
    both = np.empty(size, np.float64)
    support = np.empty(size, np.int32)
    weighed = np.zeros(items, np.float64)
    counted = np.zeros(items, np.int32)
    touched = np.empty(items, np.int32)
    filled = 0
    for row in range(rows[0], rows[1]):
        seen = 0
        for k in range(begin[row], begin[row + 1]):
            one_set = where[k]
            adds = weight[one_set]
            for place in range(start[one_set], start[one_set + 1]):
                that = item[place]
                if counted[that] == 0:
                    touched[seen] = that
                    seen += 1
                counted[that] += 1
                weighed[that] += adds
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
            both[filled] = weighed[that]
            support[filled] = counted[that]
            filled += 1
            counted[that] = 0
            weighed[that] = 0.0
    return one[:filled], other[:filled], both[:filled], support[:filled]


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
        if end - begin > kept:
            values = score[begin:end]
            least = np.partition(values, len(values) - kept)[len(values) - kept]
            places = places[values >= least]
        places = places[np.argsort(-score[places], kind="mergesort")][:kept]
        chosen[filled : filled + len(places)] = places
        filled += len(places)
        begin = end
    return chosen[:filled]

"""The loops compiled. Each adds in the order in which numpy does, so both give the same numbers."""

from typing import Any

import numpy as np

from patron.recommend.compiling import compiled
from patron.recommend.foremost import foremost, ranked
from patron.recommend.sequence.packing import ITEM, KIND, MOMENT, PERSON


@compiled
def nearest(rows: Any, first: int, last: int, forth: Any, back: Any, kinds: Any, kept: int) -> Any:
    """Neighbours of products `first` to `last` - 1 (a row of `kept` each), their scores, and how
    many of each row are filled. Rows are packed, see `counting.packed`: what stands around a row
    lies in three or four lines of the processor's cache, which is what the time is spent on."""
    acts, own, places, start, factor_from, factor_to = rows
    items = len(start) - 1
    near = np.zeros((last - first, kept), np.int32)
    scores = np.zeros((last - first, kept), np.float32)
    found = np.zeros(last - first, np.int64)
    counted = np.zeros(items, np.float64)
    value = np.zeros(items, np.float32)
    touched = np.zeros(items + 1, np.uint32)
    theirs = np.zeros(len(kinds), np.float64)
    for one in range(first, last):
        size = 0
        for k in range(start[one], start[one + 1]):
            here = places[k]
            mine = kinds[acts[here] >> KIND] * own[here]
            for kind in range(len(kinds)):
                theirs[kind] = mine * (kinds[kind] * own[here])
            size = _around(acts, here, (forth, back), theirs, counted, touched, size)
        left = 0
        for k in range(size):
            that = touched[k]
            value[left] = np.float32(counted[that] * factor_from[one] * factor_to[that])
            counted[that] = 0.0
            touched[left] = that
            left += that != one
        few = ranked(value[:left], touched[:left], kept)
        found[one - first] = few
        for k in range(few):
            near[one - first, k] = touched[k]
            scores[one - first, k] = value[k]
    return near, scores, found


@compiled
def _around(
    acts: Any, here: int, falls: Any, theirs: Any, counted: Any, touched: Any, size: int
) -> int:
    """Adds up what stands around a row; how many products have been met then."""
    forth, back = falls
    window = len(forth) - 1
    apart, other, low = 0, here, max(0, here - window)
    while other > low and acts[other] & PERSON == 0:
        apart += (acts[other] >> MOMENT) & 1
        other -= 1
        that = acts[other] & ITEM
        add = theirs[acts[other] >> KIND] * back[apart]
        # Without a branch: whether it is new is what a processor guesses worst.
        touched[size] = that
        size += (counted[that] == 0.0) & (add > 0.0)
        counted[that] += add
    apart = 0
    for other in range(here + 1, min(len(acts), here + window + 1)):
        if acts[other] & PERSON != 0:
            break
        apart += (acts[other] >> MOMENT) & 1
        that = acts[other] & ITEM
        add = theirs[acts[other] >> KIND] * forth[apart]
        touched[size] = that
        size += (counted[that] == 0.0) & (add > 0.0)
        counted[that] += add
    return size


@compiled
def ask_many(table: Any, starts: Any, items: Any, weights: Any, exclude_had: bool, n: int) -> Any:
    """For each question the best n products and their scores, filled up with -1 and 0."""
    index_start, index_item, index_score = table
    questions, count = len(starts) - 1, len(index_start) - 1
    best = np.full((questions, n), -1, np.int32)
    scores = np.zeros((questions, n), np.float32)
    total = np.zeros(count, np.float64)
    value = np.zeros(count, np.float32)
    mark = np.zeros(count, np.int64)  # the last question that met the product, twice its number
    touched = np.zeros(count, np.int32)
    for q in range(questions):
        size, met, barred = 0, 2 * q + 1, 2 * q + 2
        for k in range(starts[q], starts[q + 1]):
            if exclude_had and 0 <= items[k] < count:
                mark[items[k]] = barred
        for k in range(starts[q], starts[q + 1]):
            if weights[k] <= 0.0:
                continue
            for place in range(index_start[items[k]], index_start[items[k] + 1]):
                that = index_item[place]
                if mark[that] == barred:
                    continue
                if mark[that] != met:
                    mark[that] = met
                    total[that] = 0.0
                    touched[size] = that
                    size += 1
                total[that] += weights[k] * index_score[place]
        for k in range(size):
            value[touched[k]] = np.float32(total[touched[k]])
        found = foremost(value, touched[:size], n)
        best[q, : len(found)] = found
        scores[q, : len(found)] = value[found]
    return best, scores

"""The loops compiled. Each adds in the order in which numpy does, so both give the same numbers."""

from typing import Any

import numpy as np

from patron.recommend.compiling import compiled
from patron.recommend.foremost import foremost


@compiled
def nearest(rows: Any, first: int, last: int, fall: Any, backward: float, kept: int) -> Any:
    """Neighbours of products `first` to `last` - 1 (a row of `kept` each), their scores, and how
    many of each row are filled."""
    person, step, item, weight, places, start, factor_from, factor_to = rows
    items, window = len(start) - 1, len(fall) - 1
    near = np.zeros((last - first, kept), np.int32)
    scores = np.zeros((last - first, kept), np.float32)
    found = np.zeros(last - first, np.int64)
    counted = np.zeros(items, np.float64)
    score = np.zeros(items, np.float32)
    touched = np.zeros(items, np.int32)
    for one in range(first, last):
        size = 0
        for k in range(start[one], start[one + 1]):
            here = places[k]
            for other in range(max(0, here - window), min(len(item), here + window + 1)):
                that = item[other]
                if person[other] != person[here] or that == one:
                    continue
                apart = abs(step[other] - step[here])
                add = weight[here] * weight[other] * fall[apart]
                if other < here and apart > 0:
                    add *= backward
                if add <= 0.0:
                    continue
                if counted[that] == 0.0:
                    touched[size] = that
                    size += 1
                counted[that] += add
        for k in range(size):
            that = touched[k]
            score[that] = np.float32(counted[that] * factor_from[one] * factor_to[that])
            counted[that] = 0.0
        best = foremost(score, touched[:size], kept)
        found[one - first] = len(best)
        near[one - first, : len(best)] = best
        scores[one - first, : len(best)] = score[best]
    return near, scores, found


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

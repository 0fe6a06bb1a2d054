"""The next basket of many, compiled. It adds in the order in which numpy does."""

from typing import Any

import numpy as np

from patron.recommend.compiling import compiled
from patron.recommend.foremost import foremost


@compiled
def baskets(pool: Any, people: Any, knobs: Any, n: int) -> Any:
    """For customer q, who buys `item[start[q]:start[q+1]]`, the best n and their scores."""
    popularity, top, start, _, _, by_start, _, _ = pool
    _, neighbours, popular = knobs
    asked, count, rows = len(people[0]) - 1, len(by_start) - 1, len(start) - 1
    found = np.full((asked, n), -1, np.int32)
    scores = np.zeros((asked, n), np.float32)
    near, near32 = np.zeros(rows, np.float64), np.zeros(rows, np.float32)
    met_row, row_list = np.full(rows, -1, np.int64), np.zeros(rows, np.int32)
    total, total32 = np.zeros(count, np.float64), np.zeros(count, np.float32)
    met, touched = np.full(count, -1, np.int64), np.zeros(count, np.int32)
    for q in range(asked):
        many = _compared(pool, people, q, near, met_row, row_list)
        for k in range(many):
            near32[row_list[k]] = np.float32(near[row_list[k]])
        nearest = foremost(near32, row_list[:many], neighbours)
        size = _summed(pool, people, knobs, q, (nearest, near32), (total, met, touched))
        for that in top:
            if met[that] != q:
                met[that], total[that] = q, 0.0
                touched[size] = that
                size += 1
        left = 0
        for k in range(size):
            that = touched[k]
            total32[that] = np.float32(total[that] + popular * popularity[that])
            if total32[that] > 0.0:
                touched[left] = that
                left += 1
        few = foremost(total32, touched[:left], n)
        found[q, : len(few)] = few
        scores[q, : len(few)] = total32[few]
    return found, scores


@compiled
def _compared(pool: Any, people: Any, q: int, near: Any, met: Any, rows: Any) -> int:
    """Fills in the cosine with everybody who shares a product; how many they are."""
    _, _, _, _, _, by_start, by_row, by_value = pool
    start, item, _, alike = people
    many = 0
    for k in range(start[q], start[q + 1]):
        for place in range(by_start[item[k]], by_start[item[k] + 1]):
            row = by_row[place]
            if met[row] != q:
                met[row], near[row] = q, 0.0
                rows[many] = row
                many += 1
            near[row] += alike[k] * by_value[place]
    return many


@compiled
def _summed(pool: Any, people: Any, knobs: Any, q: int, those: Any, sums: Any) -> int:
    """Adds up what the neighbours buy and what she does; how many products that are."""
    _, _, pool_start, pool_item, pool_value, _, _, _ = pool
    start, item, value, _ = people
    own, _, _ = knobs
    nearest, near = those
    total, met, touched = sums
    weight = 0.0
    for row in nearest:
        weight += near[row]
    size = 0
    for row in nearest:
        share = near[row] * (1.0 - own) / max(weight, 1e-30)
        for place in range(pool_start[row], pool_start[row + 1]):
            that = pool_item[place]
            if met[that] != q:
                met[that], total[that] = q, 0.0
                touched[size] = that
                size += 1
            total[that] += share * pool_value[place]
    for k in range(start[q], start[q + 1]):
        if met[item[k]] != q:
            met[item[k]], total[item[k]] = q, 0.0
            touched[size] = item[k]
            size += 1
        total[item[k]] += own * value[k]
    return size

"""The next basket of many, compiled. It adds in the order in which numpy does."""

from typing import Any

import numpy as np

from patron.recommend.compiling import compiled
from patron.recommend.foremost import foremost


@compiled
def baskets(
    pool: Any, start: Any, item: Any, value: Any, alike: Any, own: float, neighbours: int,
    popular: float, n: int,
) -> Any:  # fmt: skip
    """For customer q, who buys `item[start[q]:start[q+1]]`, the best n and their scores."""
    popularity, top, pool_start, pool_item, pool_value, by_start, by_row, by_value = pool
    count, rows = len(by_start) - 1, len(pool_start) - 1
    found = np.full((len(start) - 1, n), -1, np.int32)
    scores = np.zeros((len(start) - 1, n), np.float32)
    near = np.zeros(rows, np.float64)
    near32 = np.zeros(rows, np.float32)
    met_row = np.full(rows, -1, np.int64)
    near_rows = np.zeros(rows, np.int32)
    total = np.zeros(count, np.float64)
    total32 = np.zeros(count, np.float32)
    met = np.full(count, -1, np.int64)
    touched = np.zeros(count, np.int32)
    for q in range(len(start) - 1):
        many = 0
        for k in range(start[q], start[q + 1]):
            for place in range(by_start[item[k]], by_start[item[k] + 1]):
                row = by_row[place]
                if met_row[row] != q:
                    met_row[row], near[row] = q, 0.0
                    near_rows[many] = row
                    many += 1
                near[row] += alike[k] * by_value[place]
        for k in range(many):
            near32[near_rows[k]] = np.float32(near[near_rows[k]])
        nearest = foremost(near32, near_rows[:many], neighbours)
        weight = 0.0
        for row in nearest:
            weight += near32[row]
        size = 0
        for row in nearest:
            share = near32[row] * (1.0 - own) / max(weight, 1e-30)
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

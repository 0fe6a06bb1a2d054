"""One person's question as a loop for the compiler: `query.for_person` says what it does, and it
gives the same to the last bit."""

from typing import Any

import numpy as np

from patron.recommend.compiling import compiled
from patron.recommend.foremost import ranked

_MIX, _SHIFT, _ONE = np.uint64(0x9E3779B1), np.uint64(9), np.uint64(1)


@compiled
def ask_one(index: Any, items: Any, weights: Any, exclude: Any, n: int) -> Any:
    """The best `n` products and their scores. Sums are kept in a hash table, which is as large as
    what is met."""
    start, item, score = index
    room = len(exclude)
    for k in range(len(items)):
        if weights[k] > 0.0:
            room += start[items[k] + 1] - start[items[k]]
    size = 16
    while size < 2 * room:
        size *= 2
    table = np.full(size, -1, np.int32)
    met = np.empty(room, np.int32)
    total = np.zeros(room, np.float64)
    mask = np.uint64(size - 1)
    count = 0
    for k in range(len(items)):
        if weights[k] <= 0.0:
            continue
        for at in range(start[items[k]], start[items[k] + 1]):
            that = item[at]
            slot = ((np.uint64(that) * _MIX) >> _SHIFT) & mask
            while table[slot] >= 0 and met[table[slot]] != that:
                slot = (slot + _ONE) & mask
            if table[slot] < 0:
                table[slot] = count
                met[count] = that
                count += 1
            total[table[slot]] += score[at] * weights[k]
    kept = 0
    for place in range(count):
        is_barred = False
        for k in range(len(exclude)):
            is_barred = is_barred or exclude[k] == met[place]
        if not is_barred:
            met[kept], total[kept] = met[place], total[place]
            kept += 1
    values = total[:kept].astype(np.float32)
    best = ranked(values, met[:kept], n)
    return met[:best].copy(), values[:best].copy()

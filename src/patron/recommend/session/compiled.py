"""The kernels as loops for the compiler: `plain` says what they do, and they give the same to the
last bit. Hash tables are as large as what is met, not as large as the index."""

import numpy as np
from numpy.typing import NDArray

from patron.recommend.compiling import compiled
from patron.recommend.foremost import bound as _bound
from patron.recommend.session.compiled_answer import answer as answer
from patron.recommend.session.compiled_answer import told as told
from patron.recommend.session.index import LONGEST
from patron.recommend.session.plain import Lists, Steps


@compiled
def _table(entries: int) -> "NDArray[np.int32]":
    """An empty hash table that stays at most half full."""
    size = 16
    while size < 2 * entries:
        size *= 2
    return np.full(size, -1, np.int32)


@compiled
def _slot(table: "NDArray[np.int32]", met: "NDArray[np.int32]", key: int) -> int:
    """Where `key` stands in a table of places in `met`, or the empty slot where it belongs."""
    mask = len(table) - 1
    slot = ((key * 0x9E3779B1) >> 9) & mask
    while table[slot] >= 0 and met[table[slot]] != key:
        slot = (slot + 1) & mask
    return slot


def transitions(steps: Steps, reach: "NDArray[np.float64]", most: int) -> Lists:
    """See `plain.transitions`."""
    lengths = np.diff(steps.item_start)
    longest = int(min(len(lengths), lengths.max(initial=0) * LONGEST))
    room = int(np.minimum(lengths * LONGEST, most).sum())
    count, following, share = _transitions(steps, reach, most, longest, room)
    return np.concatenate([[0], np.cumsum(count, dtype=np.int64)]), following, share


@compiled
def _transitions(
    steps: Steps, reach: "NDArray[np.float64]", most: int, longest: int, room: int
) -> Lists:
    products = len(steps.item_start) - 1
    table = _table(longest)
    slots = np.empty(longest, np.int64)
    met = np.empty(longest, np.int32)
    sums = np.empty(longest, np.float64)
    kept = np.zeros(products, np.int64)
    following = np.empty(room, np.int32)
    share = np.empty(room, np.float32)
    filled = 0
    for item in range(products):
        count = 0
        total = 0.0
        for k in range(steps.item_start[item], steps.item_start[item + 1]):
            session = steps.item_sessions[k]
            weight = float(steps.weight[session])
            end = steps.start[session + 1]
            for at in range(steps.start[session], end):
                if steps.items[at] != item:
                    continue
                for lag in range(min(len(reach), end - at - 1)):
                    other = steps.items[at + lag + 1]
                    slot = _slot(table, met, other)
                    if table[slot] < 0:
                        table[slot] = count
                        slots[count] = slot
                        met[count] = other
                        sums[count] = 0.0
                        count += 1
                    sums[table[slot]] += weight * reach[lag]
                    total += weight * reach[lag]
        for place in range(count):  # emptying what was filled costs less than a new table
            table[slots[place]] = -1
        bound = _bound(sums[:count], most)
        equal = most
        for place in range(count):
            equal -= sums[place] > bound
        for place in range(count):
            if sums[place] < bound or (sums[place] == bound and equal == 0):
                continue
            equal -= sums[place] == bound
            following[filled] = met[place]
            share[filled] = sums[place] / max(total, 1e-300)
            filled += 1
            kept[item] += 1
    return kept, following[:filled], share[:filled]

"""The best of what a compiled loop has met."""

from typing import Any

import numpy as np

from patron.recommend.compiling import compiled

FEW = 12
"""Numbers that are put in order one by one."""
_MANY, _BINS = 300, 2048
"""From so many numbers on they are counted before one is chosen, by so many kinds."""


@compiled
def foremost(score: Any, met: Any, n: int) -> Any:
    """Of the products `met` the `n` with the highest `score` (of all products), best first; of
    equals the lower number comes first."""
    value = np.empty(len(met), score.dtype)
    ids = met.copy()
    for k in range(len(met)):
        value[k] = score[met[k]]
    return ids[: ranked(value, ids, n)]


@compiled
def ranked(value: Any, ids: Any, n: int) -> int:
    """Puts the `n` highest of `value` and their `ids` in front, highest first, of equals the lower
    id first; how many that are. What comes behind is in no order.

    Quicksort (Hoare 1962) that leaves alone what begins behind the first `n`: numpy's sorting would
    take the compiler ten times as long, which whoever starts the program waits for.
    """
    lows, highs = np.empty(64, np.int64), np.empty(64, np.int64)
    waiting, low, high = 0, 0, len(ids) - 1
    while True:
        while high - low > FEW:
            above, below = _parted(value, ids, low, high)
            if below >= n or below >= high:
                high = above
            elif above - low > high - below:
                lows[waiting], highs[waiting] = low, above
                waiting += 1
                low = below
            else:
                lows[waiting], highs[waiting] = below, high
                waiting += 1
                high = above
        _inserted(value, ids, low, high)
        if waiting == 0:
            return min(n, len(ids))
        waiting -= 1
        low, high = lows[waiting], highs[waiting]


@compiled
def _parted(value: Any, ids: Any, low: int, high: int) -> Any:
    """Moves what is better than the middlemost of three before what is worse; where the one part
    ends and where the other begins."""
    middle = (low + high) >> 1
    better, worse = (high, low) if _worse(value, ids, low, high) else (low, high)
    chosen = middle
    if _worse(value, ids, better, middle):
        chosen = better
    elif _worse(value, ids, middle, worse):
        chosen = worse
    pivot, name = value[chosen], ids[chosen]
    above, below = high, low
    while below <= above:
        while value[below] > pivot or (value[below] == pivot and ids[below] < name):
            below += 1
        while value[above] < pivot or (value[above] == pivot and ids[above] > name):
            above -= 1
        if below <= above:
            value[below], value[above] = value[above], value[below]
            ids[below], ids[above] = ids[above], ids[below]
            below += 1
            above -= 1
    return above, below


@compiled
def _worse(value: Any, ids: Any, one: int, other: int) -> bool:
    """Whether what stands at `one` comes after what stands at `other`."""
    same: bool = value[one] == value[other]
    return bool(ids[one] > ids[other] if same else value[one] < value[other])


@compiled
def _inserted(value: Any, ids: Any, low: int, high: int) -> None:
    """Puts a few in order."""
    for k in range(low + 1, high + 1):
        mine, name, place = value[k], ids[k], k - 1
        while place >= low and (
            value[place] < mine or (value[place] == mine and ids[place] > name)
        ):
            value[place + 1], ids[place + 1] = value[place], ids[place]
            place -= 1
        value[place + 1], ids[place + 1] = mine, name


@compiled
def bound(scores: Any, most: int) -> float:
    """The `most`-th largest of scores of at least 0, below all if there are not more.

    They are counted by their leading bits first, in whose order they are, so that only those that
    have the very bits of the one looked for have to be put in order.
    """
    if len(scores) <= most:
        return -1.0
    if len(scores) < _MANY:
        return _chosen(scores.copy(), most)
    bits = scores.view(np.int64)
    least = greatest = bits[0]
    for k in range(len(bits)):
        least = min(least, bits[k])
        greatest = max(greatest, bits[k])
    shift = 0
    while (greatest - least) >> shift >= _BINS:
        shift += 1
    many = np.zeros(_BINS, np.int32)
    for k in range(len(bits)):
        many[np.uint64((bits[k] - least) >> shift)] += 1
    wanted = most
    above = _BINS - 1
    while many[above] < wanted:
        wanted -= many[above]
        above -= 1
    left = np.empty(many[above], np.float64)
    count = 0
    for k in range(len(bits)):
        if (bits[k] - least) >> shift == above:
            left[count] = scores[k]
            count += 1
    return _chosen(left, wanted)


@compiled
def _chosen(left: Any, most: int) -> float:
    """The `most`-th largest; the numbers change their places. Quickselect (Hoare 1961), written out
    because numpy's takes the compiler five seconds."""
    low, high = 0, len(left) - 1
    while low < high:
        pivot = left[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while left[i] > pivot:
                i += 1
            while left[j] < pivot:
                j -= 1
            if i <= j:
                left[i], left[j] = left[j], left[i]
                i += 1
                j -= 1
        if most - 1 <= j:
            high = j
        elif most - 1 >= i:
            low = i
        else:
            break
    least: float = left[most - 1]
    return least

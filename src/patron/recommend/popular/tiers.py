"""Several lists as one: all of the first before the second, and so on."""

from collections.abc import Iterable
from itertools import islice

import numpy as np

from patron.recommend.types import Scored

LEAST = 1e-3
"""What the last of a list has left, as a share of its first; the first of the next has half."""
MOST = 8
"""Lists: with more of them scores would run out of digits."""


def tiered(lists: Iterable[Scored], n: int) -> Scored:
    """The first `n` products, none twice; no more lists are asked for than are needed. Within a
    list scores keep their proportions, but for the least of them."""
    items: list[int] = []
    scores: list[float] = []
    there: set[int] = set()
    top = 1.0
    for found in islice(lists, MOST):
        best = max(float(found.scores.max(initial=0.0)), 1e-30)
        shares = found.scores.astype(np.float64) / best
        for item, share in zip(found.items.tolist(), shares.tolist(), strict=True):
            if item not in there:
                there.add(item)
                items.append(item)
                scores.append(top * (LEAST + (1 - LEAST) * share))
        if len(items) >= n:
            break
        top *= LEAST / 2
    return Scored(np.array(items[:n], np.int32), np.array(scores[:n], np.float32))

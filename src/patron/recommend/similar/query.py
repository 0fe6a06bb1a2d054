"""What is similar to a product, what others looked at too, and what is a step better."""

import numpy as np
from numpy.typing import NDArray

from patron.recommend.similar.types import Index
from patron.recommend.types import Scored

DEAREST = 3.0
"""What costs more than so many times as much is another purchase, not a better one."""


def like(index: Index, item: int, n: int) -> Scored:
    """Up to `n` similar products, by visits and description; of an unknown product none."""
    run = _run(index, item)
    return Scored(
        np.asarray(index.item[run][: max(n, 0)]), np.asarray(index.score[run][: max(n, 0)])
    )


def also_viewed(index: Index, item: int, n: int) -> Scored:
    """What visitors who looked at this product looked at too, the likest first."""
    run = _run(index, item)
    return _best(index.item[run], index.seen[run], n)


def because(
    index: Index,
    items: NDArray[np.int32],
    n: int,
    weights: NDArray[np.float64] | None = None,
) -> tuple[Scored, NDArray[np.int32]]:
    """Similar to several products, without these themselves, and which of them speaks loudest for
    each. `weights` say how much each counts (the last looked at more, say)."""
    runs = [_run(index, item) for item in items.tolist()]
    if not runs:
        return Scored(np.zeros(0, np.int32), np.zeros(0, np.float32)), np.zeros(0, np.int32)
    counts = np.ones(len(items)) if weights is None else weights
    found = np.concatenate([index.item[run] for run in runs])
    score = np.concatenate([index.score[run] * w for run, w in zip(runs, counts, strict=True)])
    speaker = np.repeat(items, [run.stop - run.start for run in runs])
    other = ~np.isin(found, items)
    found, score, speaker = found[other], score[other], speaker[other]
    product, slot = np.unique(found, return_inverse=True)
    total = np.bincount(slot, weights=score, minlength=len(product))
    loudest = np.lexsort((-score, slot))
    loudest = loudest[np.flatnonzero(np.diff(slot[loudest], prepend=-1))]
    best = np.argsort(-total, kind="stable")[: max(n, 0)]
    ranked = Scored(product[best].astype(np.int32), total[best].astype(np.float32))
    return ranked, speaker[loudest[best]].astype(np.int32)


def upsell(index: Index, item: int, n: int, price: NDArray[np.int64] | None = None) -> Scored:
    """Of the similar products those of the same category in a higher price band, up to three times
    as dear. `price` are today's prices; without them those of when it was counted decide."""
    run = _run(index, item)
    if run.stop == run.start or index.category[item] < 0:
        return Scored(np.zeros(0, np.int32), np.zeros(0, np.float32))
    cost = index.price if price is None else price
    found, score = np.asarray(index.item[run]), np.asarray(index.score[run])
    own = int(cost[item])
    better = (
        (index.category[found] == index.category[item])
        & (index.band[found] > index.band[item])
        & (cost[found] > own)
        & (cost[found] <= own * DEAREST)
    )
    if own <= 0:
        better[:] = False
    return Scored(found[better][: max(n, 0)], score[better][: max(n, 0)])


def _run(index: Index, item: int) -> slice:
    if not 0 <= item < len(index):
        return slice(0, 0)
    return slice(int(index.start[item]), int(index.start[item + 1]))


def _best(item: NDArray[np.int32], score: NDArray[np.float32], n: int) -> Scored:
    order = np.lexsort((item, -score))
    order = order[score[order] > 0][: max(n, 0)]
    return Scored(np.asarray(item[order]), np.asarray(score[order]))

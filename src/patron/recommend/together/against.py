"""What speaks for two products being substitutes of each other: either is bought, not both."""

import numpy as np
from numpy.typing import NDArray

from patron.recommend.pairs import counting
from patron.recommend.pairs.types import Sets
from patron.recommend.sorting import order


def alike(
    start: NDArray[np.int64],
    one: NDArray[np.int32],
    other: NDArray[np.int32],
    score: NDArray[np.float64],
    *,
    compiled: bool | None = None,
) -> NDArray[np.float64]:
    """Of each pair: the cosine of the two products' companions, from 0 to 1.

    Substitutes are bought with the same third products (Ruiz, Athey and Blei 2020,
    doi:10.1214/19-AOAS1265, call them exchangeable).
    """
    weight = np.maximum(score, 0.0)
    length = np.sqrt(np.bincount(one, weights=weight**2, minlength=len(start) - 1))
    weight = weight / np.where(length > 0, length, 1.0)[one]
    rising = order(one * np.int64(len(start)) + other)
    return counting.products(start, other[rising], weight[rising], one, other, compiled=compiled)


def viewed_in_turns(
    visits: Sets,
    one: NDArray[np.int32],
    other: NDArray[np.int32],
    *,
    compiled: bool | None = None,
) -> NDArray[np.float64]:
    """Of each pair: the cosine of the visits that saw them, from 0 to 1.

    Whoever looks at both in one visit compares them (McAuley et al. 2015,
    doi:10.1145/2783258.2783381: "also viewed" are substitutes, "also bought" complements).
    """
    seen = counting.totals(visits)[1].astype(np.float64)
    found = np.zeros(len(one))
    wanted = one.astype(np.int64) * visits.items + other
    by_pair = order(wanted)
    ranked = wanted[by_pair]
    for block in counting.pairs(visits, compiled=compiled):
        key = block.one.astype(np.int64) * visits.items + block.other
        place = np.minimum(np.searchsorted(key, ranked), len(key) - 1) if len(key) else ranked[:0]
        if len(place) == 0:
            continue
        there = key[place] == ranked
        both = block.support[place[there]]
        pair = by_pair[there]
        found[pair] = both / np.sqrt(seen[one[pair]] * seen[other[pair]])
    return found

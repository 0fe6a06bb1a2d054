"""Lists become one by the places that products have in them.

Reciprocal rank fusion: G. V. Cormack, C. L. A. Clarke, S. Büttcher, Reciprocal rank fusion
outperforms Condorcet and individual rank learning methods, SIGIR 2009, doi:10.1145/1571941.1572114:

    score(p) = Σ over the lists that hold p of w / (k + place of p in the list), places from 1

The paper has no weights, w = 1. Where one list is far better than another, it speaks louder.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

Items = NDArray[np.int32]


class Fused(msgspec.Struct, frozen=True, eq=False):
    """Products in one order, best first, of equals the lower number; none twice.

    `spoke` is the list in which each stands highest, of equals the first, `place` its place there
    from 0. `places` (products × lists) has the place in every list, -1 where it is not in it.
    """

    items: Items
    scores: NDArray[np.float64]
    spoke: NDArray[np.int64]
    place: NDArray[np.int64]
    places: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.items)

    def of(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> "Fused":
        """Only these, in this order."""
        return Fused(
            self.items[rows],
            self.scores[rows],
            self.spoke[rows],
            self.place[rows],
            self.places[rows],
        )


def fused(
    lists: Sequence[Items], constant: float, most: int, weights: Sequence[float] = ()
) -> Fused:
    """At most `most` products out of lists that each are in order and hold none twice. Without
    `weights` all lists count the same."""
    every = np.concatenate(lists) if lists else np.empty(0, np.int32)
    items, row = np.unique(every, return_inverse=True)
    lengths = [len(one) for one in lists]
    column = np.repeat(np.arange(len(lists)), lengths)
    place = np.concatenate([np.arange(many) for many in lengths]) if lists else row
    places = np.full((len(items), max(len(lists), 1)), -1, np.int64)
    places[row, column] = place
    said = np.where(places >= 0, 1.0 / (constant + 1.0 + places), 0.0)
    scores = (said * np.asarray(weights)).sum(axis=1) if len(weights) else said.sum(axis=1)
    order = np.argsort(-scores, kind="stable")[:most]
    kept = places[order]
    spoke = np.where(kept >= 0, kept, np.iinfo(np.int64).max).argmin(axis=1)
    highest = kept[np.arange(len(order)), spoke]
    return Fused(items[order].astype(np.int32), scores[order], spoke, highest, kept)


def falling(count: int) -> NDArray[np.float32]:
    """What relevance a place has, as NDCG counts it: 1, 0.63, 0.5 … Fused scores lie so close
    together that any boost would turn the order around."""
    found: NDArray[np.float32] = (1.0 / np.log2(np.arange(2, count + 2))).astype(np.float32)
    return found

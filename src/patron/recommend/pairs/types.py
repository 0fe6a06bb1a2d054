"""Shapes of what is counted in pairs."""

import msgspec
import numpy as np
from numpy.typing import NDArray


class Sets(msgspec.Struct, frozen=True):
    """Sets of products – orders, visits –: set s holds `item[start[s]:start[s+1]]`, each product
    once, lower numbers first, and counts `weight[s]`."""

    start: NDArray[np.int64]
    item: NDArray[np.int32]
    weight: NDArray[np.float64]
    items: int

    def __len__(self) -> int:
        return len(self.start) - 1


class Pairs(msgspec.Struct, frozen=True):
    """Products that share sets: `one[k]` and `other[k]` share `support[k]` of them, which weigh
    `both[k]`. Sorted by `one`; each pair stands in both directions, never a product with itself."""

    one: NDArray[np.int32]
    other: NDArray[np.int32]
    both: NDArray[np.float64]
    support: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.one)


class Likest(msgspec.Struct, frozen=True):
    """Products with those that are likest them: sorted by `one`, of each the likest first."""

    one: NDArray[np.int32]
    other: NDArray[np.int32]
    likeness: NDArray[np.float64]
    support: NDArray[np.int32]  # sets with both

    def __len__(self) -> int:
        return len(self.one)

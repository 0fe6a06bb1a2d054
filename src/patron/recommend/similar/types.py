"""Shapes of "similar products": what describes a product, what can be chosen, what is counted."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray


class Described(msgspec.Struct, frozen=True):
    """Products in columns, position = item number; -1 stands for unknown in every column.

    `category` numbers `paths` ("Shoes > Boots"), `brand` numbers any words, `price` is in minor
    units of one currency; variants of one product have the same `parent`.
    """

    texts: Sequence[str]  # title, attributes and whatever else tells products apart
    category: NDArray[np.int32]
    paths: Sequence[str]
    brand: NDArray[np.int32]
    price: NDArray[np.int64]
    parent: NDArray[np.int32]
    kept: Path | None = None

    def __len__(self) -> int:
        return len(self.category)


class Params(msgspec.Struct, frozen=True):
    """What is chosen on a shop's own last days."""

    half_life_days: float = 60.0  # after which a visit counts half
    shrinkage: float = 5.0  # visits of one that are added, so that two visits are no likeness
    trust: float = 10.0  # faded visits with a product at which its visits count half
    cold: float = 0.4  # what a product without visits counts beside those that have some
    text: float = 1.0  # weights of what describes a product
    category: float = 0.7
    brand: float = 0.3
    price: float = 0.4
    longest: int = 100  # different products of a visit; more is no visit of a shopper
    kept: int = 40  # similar products of a product


class Index(msgspec.Struct, frozen=True):
    """For product i, `item[start[i]:start[i+1]]` are the similar ones, the most similar first."""

    start: NDArray[np.int64]
    item: NDArray[np.int32]
    score: NDArray[np.float32]  # 0 to 1: visits and description together
    seen: NDArray[np.float32]  # likeness by visits alone, 0 where no visitor saw both
    support: NDArray[np.int32]  # visits with both
    category: NDArray[np.int32]  # of every product, -1 unknown
    band: NDArray[np.int8]  # fifth of its category's prices, 0 the lowest, -1 unknown
    price: NDArray[np.int64]  # minor units when it was counted, -1 unknown

    def __len__(self) -> int:
        """How many products it knows."""
        return len(self.start) - 1


def undescribed(items: int) -> Described:
    """Products of which nothing is known."""
    unknown = np.full(items, -1, np.int32)
    return Described([""] * items, unknown, [], unknown, unknown.astype(np.int64), unknown)

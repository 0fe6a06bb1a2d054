"""Shapes of a recommendation."""

from enum import IntEnum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Kind(IntEnum):
    """What somebody did with a product, from the weakest sign of interest to the strongest."""

    VIEW = 0
    CART = 1
    BUY = 2


class Interactions(msgspec.Struct, frozen=True):
    """What people did with products: parallel columns, sorted by person, then time.

    People and products are numbers from 0; what they stand for is kept elsewhere, so that whatever
    counts over them knows nobody.
    """

    person: "NDArray[np.int32]"
    item: "NDArray[np.int32]"
    at: "NDArray[np.int64]"  # seconds since 1970, UTC
    kind: "NDArray[np.int8]"  # `Kind`
    basket: "NDArray[np.int32]"  # number of the order, -1 where it is none
    session: "NDArray[np.int32]"  # number of the visit
    people: int
    items: int

    def __len__(self) -> int:
        return len(self.person)

    def where(self, rows: "NDArray[np.bool_]") -> "Interactions":
        """Only these rows; numbers stay what they are."""
        return Interactions(
            self.person[rows],
            self.item[rows],
            self.at[rows],
            self.kind[rows],
            self.basket[rows],
            self.session[rows],
            self.people,
            self.items,
        )


class Scored(msgspec.Struct, frozen=True):
    """Products with what speaks for each, best first; of equals the lower number comes first."""

    items: "NDArray[np.int32]"
    scores: "NDArray[np.float32]"

    def __len__(self) -> int:
        return len(self.items)

    def first(self, n: int) -> "Scored":
        """The `n` best of them."""
        return Scored(self.items[:n], self.scores[:n])


class Pick(msgspec.Struct, frozen=True):
    """A product to offer: bought together `support` times, `lift` times as often as by chance."""

    product_id: str
    lift: float
    support: int
    because_of: str  # the product in the cart that speaks loudest for it


class Fitted(msgspec.Struct, frozen=True):
    """What was counted from, and the models that came of it."""

    orders: int
    products: int
    deeds: int
    models: list[str]

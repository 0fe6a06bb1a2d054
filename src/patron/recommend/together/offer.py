"""Companions by product id, for mails that answer a cart."""

import numpy as np

from patron.recommend.together import query
from patron.recommend.together.types import Index
from patron.recommend.types import Pick

MIN_LIFT = 2.0


class Together:
    """The counted index with the products' ids."""

    def __init__(self, products: list[str], index: Index) -> None:
        self._products = products
        self._number = {product: number for number, product in enumerate(products)}
        self._index = index

    def __len__(self) -> int:
        return len(self._products)

    def picks(
        self,
        cart: list[str],
        n: int,
        *,
        exclude: frozenset[str] = frozenset(),
        min_lift: float = MIN_LIFT,
    ) -> list[Pick]:
        """Up to `n` products for a cart, best first; fewer when the counts speak for no more."""
        asked = [self._number[product] for product in cart if product in self._number]
        left_out = sum(product in self._number for product in exclude)
        found = query.by_lift(
            self._index, np.array(asked, np.int32), n + left_out, least_lift=min_lift
        )
        columns = (found.items, found.lift, found.support, found.because)
        picks = [
            Pick(self._products[item], round(lift, 2), support, self._products[because])
            for item, lift, support, because in zip(*(c.tolist() for c in columns), strict=True)
            if self._products[item] not in exclude
        ]
        return picks[:n]

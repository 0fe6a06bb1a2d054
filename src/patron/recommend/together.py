"""Bought together: pairs that share an order more often than chance would have it.

For a product i the offered j are ranked by the lift one can be sure of: the lower end of the 95 %
Wilson interval of P(j | i) (Wilson 1927, doi:10.1080/01621459.1927.10502953) over P(j). A product
that is bought with everything has a lift near one however often it is bought, so it sinks; a pair
seen twice has a wide interval, so it sinks too.
"""

import math
from typing import TYPE_CHECKING

import msgspec

from patron.recommend.types import Pick

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Z = 1.96
MIN_SUPPORT = 3
MIN_LIFT = 2.0
KEPT = 40
LARGEST_BASKET = 200
ROWS_AT_ONCE = 1_024


class Table(msgspec.Struct, frozen=True):
    """For product i, `index[start[i]:start[i+1]]` are its companions, the surest lift first."""

    start: "NDArray[np.int64]"
    index: "NDArray[np.int32]"
    lift: "NDArray[np.float32]"  # as counted
    sure: "NDArray[np.float32]"  # its lower bound, by which the companions are ranked
    support: "NDArray[np.int32]"  # orders with both


def count(
    baskets: "NDArray[np.int32]", items: "NDArray[np.int32]", products: int, kept: int = KEPT
) -> Table:
    """Count pairs over the lines of orders.

    Order `baskets[k]` holds product `items[k]`; a product twice in an order counts once. Orders of
    more than 200 different products say nothing about pairs and are left out. Memory is bounded by
    1,024 rows of the pair matrix at a time.
    """
    import numpy as np
    from scipy import sparse

    orders = int(baskets.max()) + 1 if len(baskets) else 0
    held = sparse.csr_matrix(
        (np.ones(len(items), np.int32), (baskets, items)), shape=(orders, products)
    )
    held.sum_duplicates()
    held.data[:] = 1
    sizes = np.diff(held.indptr)
    held = held[(sizes > 0) & (sizes <= LARGEST_BASKET)]
    orders = held.shape[0]
    bought = np.asarray(held.sum(axis=0)).ravel().astype(np.float64)
    by_item = held.T.tocsr()
    parts = [
        _companions(by_item[first : first + ROWS_AT_ONCE] @ held, first, bought, orders, kept)
        for first in range(0, products, ROWS_AT_ONCE)
    ]
    lengths = np.concatenate([part[0] for part in parts]) if parts else np.zeros(0, np.int64)
    columns = [
        np.concatenate([part[k] for part in parts]) if parts else np.zeros(0) for k in range(1, 5)
    ]
    return Table(
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        columns[0].astype(np.int32),
        columns[1].astype(np.float32),
        columns[2].astype(np.float32),
        columns[3].astype(np.int32),
    )


def _companions(
    pairs: "object", first: int, bought: "NDArray[np.float64]", orders: int, kept: int
) -> "tuple[NDArray[np.int64], ...]":
    """The best companions of a block of products: lengths, index, lift, sure lift, support."""
    import numpy as np

    block = pairs.tocoo()  # type: ignore[attr-defined]
    row, column, both = block.row, block.col, block.data.astype(np.float64)
    keep = (both >= MIN_SUPPORT) & (row + first != column)
    row, column, both = row[keep], column[keep], both[keep]
    alone = bought[row + first]
    chance = bought[column] / orders
    lift = both / alone / chance
    sure = wilson_lower(both, alone) / chance
    order = np.lexsort((column, -sure, row))
    row = row[order]
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    order = order[rank < kept]
    lengths = np.bincount(row[rank < kept], minlength=block.shape[0])
    return lengths, column[order], lift[order], sure[order], both[order]


def wilson_lower(
    successes: "NDArray[np.float64]", trials: "NDArray[np.float64]"
) -> "NDArray[np.float64]":
    """The lower end of the 95 % Wilson score interval of a proportion; trials > 0."""
    import numpy as np

    share = successes / trials
    middle = share + Z**2 / (2 * trials)
    spread = Z * np.sqrt(share * (1 - share) / trials + Z**2 / (4 * trials**2))
    lower: NDArray[np.float64] = (middle - spread) / (1 + Z**2 / trials)
    return lower


class Together:
    """The counted table with the products' ids; answers for a whole cart."""

    def __init__(self, products: list[str], table: Table) -> None:
        self._products = products
        self._place = {product: place for place, product in enumerate(products)}
        self._table = table

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
        """Up to `n` products for a cart, best first; fewer when the counts speak for no more.

        Each product of the cart speaks for its companions with the logarithm of their sure lift;
        what several speak for adds up. Only companions of at least `min_lift` are offered.
        """
        table = self._table
        score: dict[int, float] = {}
        best: dict[int, tuple[float, int, str]] = {}
        for product in cart:
            place = self._place.get(product)
            if place is None:
                continue
            # Whole slices: reading a memory map number by number costs ten times as much.
            its = slice(int(table.start[place]), int(table.start[place + 1]))
            counted = (table.index[its], table.lift[its], table.sure[its], table.support[its])
            for other, lift, sure, support in zip(*(c.tolist() for c in counted), strict=True):
                if lift < min_lift or sure <= 1.0:
                    continue
                score[other] = score.get(other, 0.0) + math.log(sure)
                if other not in best or lift > best[other][0]:
                    best[other] = (lift, support, product)
        taken = exclude | set(cart)
        ranked = sorted(score, key=lambda other: (-score[other], self._products[other]))
        picks = []
        for other in ranked:
            if self._products[other] not in taken:
                lift, support, product = best[other]
                picks.append(Pick(self._products[other], round(lift, 2), support, product))
            if len(picks) == n:
                break
        return picks

"""The demo shop's products: what is shown, and the rest that only trains.

Shown are products sold at least `SHOWN_FROM` times whose type has words in `names.toml`. Prices
are US cents: `price` is the median unit price of the product's last lines, `compare_at` adds the
retail discount customers got on them. Margin and stock are drawn from the seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from patron.app.demo.names import Kind, Name, kind_of, titles
from patron.app.demo.source import KEPT, ProductRow, Source, load, reason_of

CURRENCY: Final = "USD"
SHOWN_FROM: Final = 30
_RECENT_LINES: Final = 40
_DISCOUNT_SHOWS_FROM: Final = 1.05

_PLAIN_NAMES: Final = {
    "PRODUCE": "Fresh Item",
    "MEAT": "Butcher's Item",
    "MEAT-PCKGD": "Butcher's Item",
    "SEAFOOD": "Fish Counter Item",
    "SEAFOOD-PCKGD": "Fish Counter Item",
    "DELI": "Deli Item",
    "PASTRY": "Bakery Item",
    "FLORAL": "Flower Shop Item",
    "GARDEN CENTER": "Garden Item",
    "DRUG GM": "Household Item",
    "COSMETICS": "Beauty Item",
    "NUTRITION": "Natural Foods Item",
}
# Share of the price that is left after buying the goods, by aisle: low and high end.
_MARGINS: Final = {
    "Produce": (0.30, 0.48),
    "Meat & Seafood": (0.18, 0.32),
    "Deli": (0.35, 0.55),
    "Dairy & Eggs": (0.15, 0.28),
    "Bakery": (0.35, 0.58),
    "Home & Gifts": (0.40, 0.60),
    "Health & Beauty": (0.28, 0.45),
}
_OTHER_MARGIN: Final = (0.20, 0.38)


@dataclass(frozen=True, slots=True)
class Product:
    """A product of the demo shop; money in US cents, `margin` as a share of the price.

    `compare_at` is None when the product was hardly ever discounted. `url` and `image_url` are
    paths below the shop's public address. `kind` is None for products the shop has no words for.
    """

    product_id: str
    title: str
    price: int
    compare_at: int | None
    categories: tuple[str, ...]
    brand: str
    stock: int
    margin: float
    url: str
    image_url: str
    shown: bool
    sold: int
    kind: Kind | None
    noun: str
    variety: str
    size: str

    @property
    def availability(self) -> str:
        """`in_stock` or `out_of_stock`, the words of product feeds."""
        return "in_stock" if self.stock > 0 else "out_of_stock"

    @property
    def category(self) -> str:
        return " > ".join(self.categories)


@dataclass(frozen=True)
class Catalogue:
    """`products` stands in the order of the data set's product table, so that `Lines.product`
    indexes it; products whose lines are left out or that were never sold are None there."""

    source: Source
    products: Sequence[Product | None]
    seed: int

    @property
    def shown(self) -> list[Product]:
        return [product for product in self.products if product is not None and product.shown]


def open_catalogue(seed: int, source: Source | None = None) -> Catalogue:
    """Name and price every product; about two seconds after the data is read."""
    source = source or load()
    lines = source.lines
    kept = lines.reason == KEPT
    count = len(source.products)
    sold = np.bincount(lines.product[kept], minlength=count)
    prices, compare = _prices(lines.product, lines.quantity, lines.cents, lines.discount, kept)
    kinds = [
        kind_of(row) if sold[at] and reason_of(row) == "kept" else None
        for at, row in enumerate(source.products)
    ]
    named = titles(
        [
            (row, kind)
            for row, kind, lines_sold in zip(source.products, kinds, sold, strict=True)
            if kind is not None and lines_sold >= SHOWN_FROM
        ],
        seed,
    )
    chance = np.random.default_rng([seed, 1]).random((count, 3))
    return Catalogue(
        source,
        [
            _product(
                row, kinds[at], named.get(row.product_id), int(prices[at]), int(compare[at]),
                int(sold[at]), chance[at],
            )
            if sold[at]
            else None
            for at, row in enumerate(source.products)
        ],
        seed,
    )  # fmt: skip


def _prices(
    product: NDArray[np.int32],
    quantity: NDArray[np.int32],
    cents: NDArray[np.int64],
    discount: NDArray[np.int64],
    kept: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Median unit price of the last lines of each product, and the same before the discount."""
    rows = np.flatnonzero(kept & (cents > 0))
    rows = rows[np.argsort(product[rows], kind="stable")]
    who = product[rows]
    size = int(product.max()) + 1
    price = np.zeros(size, dtype=np.int64)
    compare = np.zeros(size, dtype=np.int64)
    unit = cents[rows] / quantity[rows]
    before = (cents[rows] + discount[rows]) / quantity[rows]
    first = np.flatnonzero(np.r_[True, np.diff(who) != 0])
    end = np.r_[first[1:], len(who)]
    start = np.maximum(first, end - _RECENT_LINES)
    price[who[first]] = np.maximum(1, np.rint(_medians(unit, start, end)))
    compare[who[first]] = np.rint(_medians(before, start, end))
    return price, compare


def _medians(
    values: NDArray[np.float64], start: NDArray[np.int64], end: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The median of each `values[start:end]`; none is empty. All at once: there are 67,000."""
    size = end - start
    part = np.repeat(np.arange(len(size)), size)
    first = np.r_[0, np.cumsum(size)[:-1]]
    taken = values[np.arange(len(part)) + np.repeat(start - first, size)]
    taken = taken[np.lexsort((taken, part))]
    low, high = taken[first + (size - 1) // 2], taken[first + size // 2]
    return np.asarray((low + high) / 2)


def _product(
    row: ProductRow,
    kind: Kind | None,
    name: Name | None,
    price: int,
    compare: int,
    sold: int,
    chance: NDArray[np.float64],
) -> Product:
    number = str(row.product_id)
    if name is None:
        noun = kind.nouns[0] if kind else _PLAIN_NAMES.get(row.department, "Grocery Item")
        name = Name(f"{noun}, No. {number}", "", noun, "", "")
    low, high = _MARGINS.get(kind.aisle, _OTHER_MARGIN) if kind else _OTHER_MARGIN
    # One product in forty is out of stock; the others hold about a fortnight of what they sell.
    stock = 0 if chance[1] < 0.025 else 4 + int(sold * (0.5 + 2 * chance[2]))
    return Product(
        product_id=number,
        title=name.title,
        price=max(price, 1),
        compare_at=compare if compare >= max(price, 1) * _DISCOUNT_SHOWS_FROM else None,
        categories=(kind.aisle, kind.nouns[0]) if kind else ("Other",),
        brand=name.brand,
        stock=stock,
        margin=round(low + (high - low) * float(chance[0]), 3),
        url=f"/products/{number}",
        image_url=f"/pictures/{number}.png",
        shown=name.brand != "",
        sold=sold,
        kind=kind,
        noun=name.noun,
        variety=name.variety,
        size=name.size,
    )

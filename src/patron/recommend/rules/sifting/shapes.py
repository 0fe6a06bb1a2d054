"""What the compiled loops of an answer are handed, and the numbers by which they speak."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NOT_SHOWN, OUT_OF_STOCK, CURRENT, IN_CART, EXCLUDED, VIEWED, BOUGHT, IGNORED, PRICE = range(9)
FILTERS = 9
"""Objections by number; the filters follow, then what is kept apart, then those of `TAIL`."""
RELEVANCE, PARENT, BRAND, CATEGORY, TAIL = range(5)
PINNED_ONLY, FRESH_ONLY = -1, -2
"""Instead of an offer's number: nothing but a pin, or nothing but its newness, speaks for it."""
PINNED, EXPLORED = 1, 2
MOST_PLACES, MOST_FRESH = 200, 50
DAY = 86_400.0
FILTER_BITS, SPARED, BURIED, KNOWN = 0xFF, 0x100, 0x200, 0x8000
"""Of what is kept of a product: 1 + the first filter that objects, or 0; whether it may be offered
though it was bought, whether it is buried, and whether any of this is known."""


class Columns(NamedTuple):
    """What is looked up of every product of the goods."""

    shown: NDArray[np.bool_]
    in_stock: NDArray[np.bool_]
    price: NDArray[np.int64]
    parent: NDArray[np.int32]
    brand: NDArray[np.int32]
    category: NDArray[np.int32]
    first_seen: NDArray[np.int64]


class Offered(NamedTuple):
    """What strategies offer, one after the other: offer k is from `starts[k]` on."""

    items: NDArray[np.int32]
    scores: NDArray[np.float64]
    starts: NDArray[np.int64]
    judged: NDArray[np.bool_]  # by offer: no fallback
    pins: NDArray[np.int32]
    pin_places: NDArray[np.int64]
    fresh: NDArray[np.int32]


class Pooled(NamedTuple):
    """See `pool.Pool`; `source` is the place among what was offered, `table` finds rows by item."""

    items: NDArray[np.int32]
    relevance: NDArray[np.float64]
    offer: NDArray[np.int32]
    source: NDArray[np.int32]
    table: NDArray[np.int32]
    unknown: int
    repeated: int
    strange: bool  # of some product nothing is kept yet
    young: NDArray[np.int32]


class Said(NamedTuple):
    """The rules that are numbers; what is not said does nothing."""

    in_stock: bool
    siblings: bool
    exclude_current: bool
    exclude_cart: bool
    exclude_viewed: bool
    bought_days: float
    hidden_after: int
    has_price: bool
    price_from: int
    price_to: int
    min_relevance: float
    ignored_factor: bool
    rotation: float
    explore_share: float
    explore_days: float
    filters: int
    apart: int
    caps: tuple[int, int, int]


class Moment(NamedTuple):
    """The part of a context that is looked at."""

    now: float
    n: int
    seed: np.uint64
    product: int
    cart: NDArray[np.int32]
    viewed: NDArray[np.int32]
    bought: NDArray[np.int32]
    bought_at: NDArray[np.int64]
    excluded: NDArray[np.int32]
    ignored: NDArray[np.int32]
    ignored_times: NDArray[np.int32]
    fading: NDArray[np.float64]


class Judged(NamedTuple):
    """What filters, boosts and the like say. `bits` and `factors` are of every product and hold
    whatever the moment (see `keeping`); the rest is of the products of the pool, and empty where
    nobody asks."""

    bits: NDArray[np.uint16]
    factors: NDArray[np.float64]
    filtered: NDArray[np.uint8]  # 1 + the number of the first filter that objects, 0: none
    unless: NDArray[np.bool_]
    buried: NDArray[np.bool_]
    apart: NDArray[np.uint8]  # 1 + the number of the first pair that objects, 0: none
    factor: NDArray[np.float64]
    weights: NDArray[np.float64]  # weight × product
    ones: NDArray[np.bool_]  # pair × product
    others: NDArray[np.bool_]


class Laid(NamedTuple):
    """An answer in the making: rows by place, -1 where one is free; of each row whether it is
    placed or refused, and how it was touched."""

    places: NDArray[np.int64]
    state: NDArray[np.uint8]
    touch: NDArray[np.uint8]
    dropped: NDArray[np.int64]


class Table(NamedTuple):
    """What decides who may lie beside whom; `apart` is the number of the first pair's objection."""

    items: NDArray[np.int32]
    columns: Columns
    caps: tuple[int, int, int]
    ones: NDArray[np.bool_]
    others: NDArray[np.bool_]
    apart: int

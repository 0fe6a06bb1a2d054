"""Shapes of "buy it again": what can be chosen, and what is counted.

**The next basket.** Personal frequency that fades with every basket, mixed with what the people buy
who buy alike: Hu et al. 2020 (TIFU-kNN, arXiv:2006.00556), Faggioli et al. 2020 (recency-aware
user-wise filtering, doi:10.1145/3340631.3394850). With v(u) the vector of  sum_k fade^(baskets
since)  of each product, divided by a power of its length, and N(u) the nearest people by the cosine
of vectors weighted by rarity:

    s(u) = own v(u) + (1 - own) sum_{n in N(u)} cos(u, n) v(n) / sum cos + popular p

**Due.** Repeat probability times the density of the interval: Bhagat et al. 2018 ("Buy it again",
doi:10.1145/3219819.3219891). Of those who buy product i a share r buys it again (shrunk to its
category, that to all), after a log-normal time whose mean is pooled from her own intervals of it,
from how her intervals differ from other people's, from the product's and its category's. Given that
nothing came for d days, within the next h days comes

    P = r (F(d + h) - F(d)) / (1 - r F(d))

which a logistic regression (with how often and how lately she bought it and anything) turns into
the probability that the shop's own last weeks bear out.
"""

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DAY = 86_400


class Params(msgspec.Struct, frozen=True):
    """What is chosen on a shop's own last baskets."""

    fade: float = 0.9  # of what she bought, a basket back
    own: float = 0.2  # weight of her own past, against her neighbours'
    neighbours: int = 200
    length: float = 1.0  # power of a vector's length that it is divided by
    rarity: float = 0.5  # power of a product's inverse frequency when people are compared
    popular: float = 0.1  # what everybody buys, besides
    pool: int = 20_000  # people who may be neighbours: those who bought last
    each: int = 100  # products that are remembered of a neighbour
    postings: int = 4_000  # neighbours that are looked at for one product
    prior: float = (
        10.0  # buyers as many a product's own repeat share and interval are weighed against
    )
    horizon_days: float = 7.0


class Index(msgspec.Struct, frozen=True):
    """What is known of products, and of the baskets of people without a name.

    The vectors of the pool are personal data: they say what one (unnamed) customer buys. They must
    not leave the house, and whoever is erased is gone from them when the index is fitted anew from
    a history that she is no longer in.
    """

    items: int
    # When a product is bought again
    bought_again: "NDArray[np.bool_]"  # by anybody, ever
    repeat: "NDArray[np.float32]"  # share of its buyers who buy it again
    gap: "NDArray[np.float32]"  # mean of log days between two purchases
    spread: "NDArray[np.float32]"  # their standard deviation
    pause: float  # mean of log days between two baskets of a person
    weights: "NDArray[np.float64]"  # of the features, in `chance.FEATURES`' order
    low: "NDArray[np.float64]"  # between which the features are held
    high: "NDArray[np.float64]"
    said: "NDArray[np.float64]"  # what the regression says, rising …
    held: "NDArray[np.float64]"  # … and what came of it
    horizon_days: float
    # People who buy alike: the newest first
    popularity: "NDArray[np.float32]"  # share of baskets that hold it
    top: "NDArray[np.int32]"  # the most popular products
    rarity: "NDArray[np.float32]"
    start: "NDArray[np.int64]"  # row r holds item[start[r]:start[r+1]]
    item: "NDArray[np.int32]"
    value: "NDArray[np.float32]"
    by_start: "NDArray[np.int64]"  # product i is held by rows by_row[by_start[i]:by_start[i+1]]
    by_row: "NDArray[np.int32]"
    by_value: "NDArray[np.float32]"
    fade: float
    own: float
    neighbours: int
    length: float
    popular: float

"""What makes two products companions, from four numbers: orders with both, with each, and all.

n(ij), n(i), n(j), N as these numbers, e = n(i) n(j) / N the shared orders that chance would give:

- sure: the lower end of the 95 % Wilson interval of n(ij) / n(i) (Wilson 1927,
  doi:10.1080/01621459.1927.10502953) over (n(j) / N)^power; with power 1 the lift one can be sure
  of (power: the conditional probability of Deshpande and Karypis 2004, doi:10.1145/963770.963776).
- likelihood: the square root of the log-likelihood ratio (Dunning 1993, "Accurate methods for the
  statistics of surprise and coincidence", Computational Linguistics 19), negative below chance.
- shrunk: (n(ij) + s) / (e + s), the mean of a gamma-Poisson shrinkage towards chance (DuMouchel
  1999, doi:10.1080/00031305.1999.10474456) with one prior; e^power in its place as above.

What completes a product is counted from orders that fade (c(ij), c(i)), with a Dirichlet prior of s
orders in which j is as often as in any order of several products, q(j):

- completes: (c(ij) + s q(j)) / (c(i) + s) / q(j)^(1 - staples); of pairs that nobody bought yet
  that is s q(j)^staples / (c(i) + s).

A product that is bought with everything has a lift near one however often it is bought, so it
sinks; a pair seen twice has a wide interval, so it sinks too.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from patron.recommend.pairs.types import Sets
from patron.recommend.together.types import Params, Weighing

Z = 1.96
Numbers = NDArray[np.float64]


def wilson_lower(successes: Numbers, trials: Numbers) -> Numbers:
    """The lower end of the 95 % Wilson score interval of a proportion; trials > 0."""
    share = successes / trials
    middle = share + Z**2 / (2 * trials)
    spread = Z * np.sqrt(share * (1 - share) / trials + Z**2 / (4 * trials**2))
    lower: Numbers = (middle - spread) / (1 + Z**2 / trials)
    return lower


def likelihood_ratio(both: Numbers, one: Numbers, other: Numbers, orders: float) -> Numbers:
    """Dunning's G² of the table of two by two, at least 0."""
    cells = (both, one - both, other - both, orders - one - other + both)
    rows, columns = (one, orders - one), (other, orders - other)
    entropy = (
        sum(_xlogx(cell) for cell in cells)
        - sum(_xlogx(total) for total in (*rows, *columns))
        + _xlogx(np.asarray(orders, np.float64))
    )
    return np.maximum(2 * np.asarray(entropy, np.float64), 0.0)


def score(
    params: Params, both: Numbers, one: Numbers, other: Numbers, orders: int
) -> tuple[Numbers, Numbers, Numbers]:
    """Score, lift and sure lift of pairs. A score above 0 speaks for a companion, and adds up."""
    lift = both * orders / (one * other)
    lower = wilson_lower(both, one)
    sure = lower * orders / other
    if params.weighing is Weighing.LIKELIHOOD:
        surprise = np.sqrt(likelihood_ratio(both, one, other, orders))
        return np.where(lift > 1, surprise, -surprise), lift, sure
    if params.weighing is Weighing.SHRUNK:
        by_chance = one * other / orders
        raised = (both + params.shrinkage) / (by_chance + params.shrinkage)
        scale = (other / orders) ** (1 - params.power)
        return np.log(raised) * scale, lift, sure
    if params.power == 1.0:
        return np.log(sure), lift, sure
    return np.where(sure > 1, lower * (orders / other) ** params.power, -1.0), lift, sure


def joins(held: Sets) -> tuple[Numbers, Numbers]:
    """Of each product: its orders as they weigh, and its share of those that hold several."""
    several = np.diff(held.start) > 1
    size = np.repeat(several, np.diff(held.start))
    weight = np.repeat(held.weight, np.diff(held.start))
    faded = np.bincount(held.item, weights=weight, minlength=held.items).astype(np.float64)
    joined = np.bincount(held.item, weights=weight * size, minlength=held.items)
    return faded, joined / (held.weight[several].sum() or 1.0)


def completes(params: Params, both: Numbers, faded: Numbers, joined: Numbers) -> Numbers:
    """How well a product completes another, from their faded orders; above 0."""
    chance = np.maximum(joined, 1e-12)
    rate = (both + params.prior * chance) / (faded + params.prior)
    return rate / chance ** (1.0 - params.staples)


def _xlogx(value: Any) -> Any:
    return np.where(value > 0, value * np.log(np.where(value > 0, value, 1.0)), 0.0)

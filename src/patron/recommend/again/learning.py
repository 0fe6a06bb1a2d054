"""The probability of buying again is learned from the shop's own last weeks.

Logistic regression by Newton's method with a ridge; what it says is put right by isotonic
regression (Zadrozny and Elkan 2002, doi:10.1145/775047.775151).
"""

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from patron.recommend.again.chance import FEATURES, look
from patron.recommend.again.intervals import Habits, habits, pairs
from patron.recommend.again.model import DAY, Params
from patron.recommend.again.purchases import Purchases, before, only
from patron.recommend.sorting import order

if TYPE_CHECKING:
    from numpy.typing import NDArray

WEEKS = 4
"""Windows at the end of the history whose outcome is known."""
LINES = 250_000
"""Purchases that are learned from; of a larger shop those of every so many-th person."""
LEAST = 100
"""Purchases again, without which there is nothing to learn from."""
BINS, OF_A_BIN = 40, 50
"""At most so many bins, each with at least so many purchases."""
RISING = 1e-4
"""Of what was said is kept where what came does not rise, so that a list has one order."""
RIDGE = 1e-3
SEEN = (0.0005, 0.9995)
"""Beyond what nearly all of the examples are like, nothing is extrapolated."""
STEPS = 25
FEWER = 8
"""Every so many-th example is enough to come near."""
AT_ONCE = 512
"""Examples that fit into the processor's cache; for so few, threads are not woken up either."""


class Learned(msgspec.Struct, frozen=True):
    """The part of the `Index` of the same names."""

    weights: "NDArray[np.float64]"
    low: "NDArray[np.float64]"
    high: "NDArray[np.float64]"
    said: "NDArray[np.float64]"
    held: "NDArray[np.float64]"


def learn(
    lines: Purchases, params: Params, categories: "NDArray[np.int32] | None" = None
) -> Learned:
    """Weights of the features; those of the plain interval model where there is too little."""
    if len(lines) == 0:
        return unlearned()
    window = int(params.horizon_days * DAY)
    end = int(lines.at.max()) + 1
    known = before(lines, end - WEEKS * window)
    table = habits(known, params.prior, categories)
    lines = only(lines, lines.person % -(-len(lines) // LINES) == 0)
    features, came = [], []
    for week in range(1, WEEKS + 1):
        one = _window(lines, end - week * window, window, params, table)
        features.append(one[0])
        came.append(one[1])
    x, y = np.concatenate(features), np.concatenate(came)
    if y.sum() < LEAST:
        return unlearned()
    # A column after the other: those of a table lie apart in memory.
    low, high = np.array([np.quantile(np.ascontiguousarray(column), SEEN) for column in x.T]).T
    due = FEATURES.index("due")
    low[due], high[due] = -np.inf, np.inf
    np.clip(x, low, high, out=x)
    weights, said = _logistic(x, y, unlearned().weights)
    return Learned(weights, low, high, *_isotonic(said, y))


def unlearned() -> Learned:
    """The interval model as it is."""
    plain = np.zeros(len(FEATURES))
    plain[FEATURES.index("due")] = 1.0
    all_of = np.full(len(FEATURES), np.inf)
    return Learned(plain, -all_of, all_of, np.zeros(0), np.zeros(0))


def _window(
    lines: Purchases, cutoff: int, window: int, params: Params, table: Habits
) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """Features of the pairs known at a moment, and whether each came again in the window after."""
    past = before(lines, cutoff)
    found = pairs(past)
    features = look(past, found, table, cutoff, params.horizon_days).features
    asked = table.bought_again[found.item]
    ahead = (lines.at >= cutoff) & (lines.at < cutoff + window)
    items = max(1, lines.items)
    came = np.isin(
        found.person[asked] * np.int64(items) + found.item[asked],
        lines.person[ahead] * np.int64(items) + lines.item[ahead],
    )
    return features[asked], came.astype(np.float64)


def _logistic(
    x: "NDArray[np.float64]", y: "NDArray[np.float64]", plain: "NDArray[np.float64]"
) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """Weights of a logistic regression, drawn to `plain` by a ridge, and what it says of each row;
    the first column is one and has no ridge. `x` is made even in its place: it is the largest
    there is."""
    from scipy.special import expit

    mean, deviation = x.mean(axis=0), x.std(axis=0)
    mean[0], deviation[0] = 0.0, 1.0
    deviation = np.where(deviation > 1e-9, deviation, 1.0)
    x -= mean
    x /= deviation
    ridge = np.full(x.shape[1], RIDGE)
    ridge[0] = 0.0
    share = float(np.clip(y.mean(), 1e-6, 1 - 1e-6))
    drawn = plain * deviation
    weights = drawn.copy()
    weights[0] = np.log(share / (1 - share))
    # From a few examples nearly there, from all the last steps; after one of a thousandth the next
    # would be one of a millionth.
    weights = _newton(np.ascontiguousarray(x[::FEWER]), y[::FEWER], ridge, (drawn, weights), 1e-2)
    weights = _newton(x, y, ridge, (drawn, weights), 1e-3)
    said = expit(np.einsum("ij,j->i", x, weights))
    weights = weights / deviation
    weights[0] -= float(weights[1:] @ mean[1:])
    return weights, said


def _newton(
    z: "NDArray[np.float64]",
    y: "NDArray[np.float64]",
    ridge: "NDArray[np.float64]",
    begin: "tuple[NDArray[np.float64], NDArray[np.float64]]",
    near: float,
) -> "NDArray[np.float64]":
    """Steps from the weights `begin[1]`, drawn to `begin[0]`, until none is longer than `near`."""
    from scipy.special import expit

    (drawn, weights), size = begin, z.shape[1]
    for _ in range(STEPS):
        slope, curve = np.zeros(size), np.zeros((size, size))
        for first in range(0, len(y), AT_ONCE):
            some = z[first : first + AT_ONCE]
            said = expit(some @ weights)
            slope += some.T @ (y[first : first + AT_ONCE] - said)
            curve += (some * (said * (1 - said))[:, None]).T @ some
        slope -= ridge * len(y) * (weights - drawn)
        curve += np.diag((ridge + 1e-9) * len(y))
        step = np.clip(np.linalg.solve(curve, slope), -2.0, 2.0)
        weights = weights + step
        if np.abs(step).max() < near:
            break
    return weights


def _isotonic(
    raw: "NDArray[np.float64]", y: "NDArray[np.float64]"
) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """What was said against what came, in bins with about as many that came in each."""
    # Every process of a house learns of this module, and only one that trains pays for it.
    from scipy.optimize import isotonic_regression

    # Probabilities, so their bits rise as they do.
    rising = order(raw.astype(np.float32).view(np.int32))
    raw, y = raw[rising], y[rising]
    ahead = np.cumsum(y) - y
    most = min(BINS, int(y.sum()) // OF_A_BIN)
    bins = np.minimum(most - 1, (ahead * most / y.sum()).astype(np.int64))
    count = np.bincount(bins)
    met = count > 0
    said = np.bincount(bins, weights=raw)[met] / count[met]
    came = np.bincount(bins, weights=y)[met] / count[met]
    even = isotonic_regression(came, weights=count[met]).x
    return said, (1 - RISING) * even + RISING * said

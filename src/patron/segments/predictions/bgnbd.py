"""How many orders are to be expected of a buyer: the BG/NBD model. Pure.

P. S. Fader, B. G. S. Hardie, K. L. Lee, "Counting Your Customers" the Easy Way: An Alternative to
the Pareto/NBD Model, Marketing Science 24(2), 2005, doi:10.1287/mksc.1040.0098. A customer orders
at a rate of her own (gamma: r, alpha) and after each order stays away for good with a chance of her
own (beta: a, b). Equations (6), (10) and, for the chance that she is still a customer, the note
"Computing P(alive) using the BG/NBD model" by the same authors (2008). Time is in weeks.
"""

from math import exp, isfinite

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
WEEK = 7.0
MOST_FITTED = 50_000
"""People the likelihood is added up over; of more, as many are drawn."""
_START = (1.0, 5.0, 1.0, 3.0)
_WIDEST = 12.0
"""Logarithms of the parameters stay within it; a shop whose best lie beyond shows no difference."""
_SURELY = 700.0
"""The logarithm of odds that are as good as certainty, and that a number can still hold."""


class Buyers(msgspec.Struct, frozen=True):
    """A column each: `repeat` days with an order after the first, `last` from the first to the
    last, `age` from the first to now."""

    repeat: Floats
    last: Floats
    age: Floats

    def __len__(self) -> int:
        return len(self.age)

    def take(self, which: NDArray[np.intp] | NDArray[np.bool_]) -> "Buyers":
        return Buyers(self.repeat[which], self.last[which], self.age[which])


class Fitted(msgspec.Struct, frozen=True):
    """The parameters, and the log-likelihood of those they were fitted on."""

    r: float
    alpha: float
    a: float
    b: float
    likelihood: float = 0.0


def log_likelihood(fitted: Fitted, buyers: Buyers, times: Floats | float = 1.0) -> float:
    """Equation (6), added up; each of `buyers` counts `times`."""
    from scipy.special import betaln, gammaln

    r, alpha, a, b = fitted.r, fitted.alpha, fitted.a, fitted.b
    x = buyers.repeat
    ordering = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    going = betaln(a, b + x) - betaln(a, b)
    still = -(r + x) * np.log(alpha + buyers.age)
    left = np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + buyers.last)
    either = np.where(x > 0, np.logaddexp(still, left), still)
    return float(np.sum(times * (ordering + going + either)))


def fit(buyers: Buyers, seed: int = 0) -> Fitted | None:
    """The parameters of the greatest likelihood; None where there is none that is finite."""
    from scipy.optimize import minimize

    if len(buyers) > MOST_FITTED:
        drawn = np.random.default_rng(seed).permutation(len(buyers))[:MOST_FITTED]
        buyers = buyers.take(np.sort(drawn))
    # Who is alike is added up once: many ordered once, on the same day.
    table, times = np.unique(
        np.stack((buyers.repeat, buyers.last, buyers.age)), axis=1, return_counts=True
    )
    few, often = Buyers(*table), times.astype(np.float64)

    def missed(logs: Floats) -> float:
        found = -log_likelihood(_of(logs), few, often) / len(buyers)
        return found if isfinite(found) else 1e9

    best = minimize(
        missed, np.log(_START), method="L-BFGS-B", bounds=[(-_WIDEST, _WIDEST)] * 4,
        options={"maxiter": 500},
    )  # fmt: skip
    again = minimize(missed, best.x, method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-9})
    if not isfinite(again.fun) or again.fun >= 1e9:
        return None
    found = _of(again.x)
    return msgspec.structs.replace(found, likelihood=-float(again.fun) * len(buyers))


def _of(logs: Floats) -> Fitted:
    r, alpha, a, b = (exp(max(-_WIDEST, min(_WIDEST, one))) for one in logs)
    return Fitted(r, alpha, a, b)


def alive(fitted: Fitted, buyers: Buyers) -> Floats:
    """The chance that each is still a customer, from 0 to 1."""
    return 1 / (1 + _left(fitted, buyers))


def expected(fitted: Fitted, buyers: Buyers, weeks: float) -> Floats:
    """Equation (10): how many orders are to be expected of each in so many weeks from now."""
    from scipy.special import hyp2f1

    r, alpha, a, b = fitted.r, fitted.alpha, fitted.a, fitted.b
    a = a if abs(a - 1) > 1e-6 else 1 + 1e-6  # the formula has a gap there that it passes smoothly
    x, until = buyers.repeat, alpha + buyers.age
    # By Euler's transformation, which keeps the parameters small however often somebody ordered:
    # F(A, B; C; z) = (1 - z)^(C - A - B) F(C - A, C - B; C; z).
    ahead = weeks / (until + weeks)
    shrunk = hyp2f1(a + b - 1 - r, a - 1, a + b + x - 1, ahead)
    grows = 1 - (1 - ahead) ** (a - 1) * shrunk
    found = (a + b + x - 1) / (a - 1) * grows / (1 + _left(fitted, buyers))
    return np.asarray(found)


def half_time(fitted: Fitted, buyers: Buyers) -> Floats:
    """In how many weeks half of those like her who are still customers have ordered next: the
    median of the time to the next order, whose rate is gamma with r + x and alpha + T."""
    until = fitted.alpha + buyers.age
    power = np.minimum(1 / (fitted.r + buyers.repeat), 500)
    return np.asarray(until * (2.0**power - 1))


def _left(fitted: Fitted, buyers: Buyers) -> Floats:
    """The odds that she has gone."""
    x = buyers.repeat
    since = np.log((fitted.alpha + buyers.age) / (fitted.alpha + buyers.last))
    odds = np.log(fitted.a / (fitted.b + np.maximum(x, 1) - 1)) + (fitted.r + x) * since
    odds = np.exp(np.minimum(odds, _SURELY))
    return np.asarray(np.where(x > 0, odds, 0.0))


class Tested(msgspec.Struct, frozen=True):
    """How far off forecasts of a period were that was held out, in orders a person (root of the
    mean square): the model's, and those of two who know no model, one that everybody goes on as
    she did, one that all do the same."""

    people: int
    model: float
    goes_on: float
    all_alike: float

    @property
    def wins(self) -> bool:
        return self.model < min(self.goes_on, self.all_alike)


def tested(fitted: Fitted, before: Buyers, came: Floats, weeks: float) -> Tested:
    """Forecasts for those known `before`, against the orders that `came` in the weeks after."""
    everybody = before.repeat.sum() / max(before.age.sum(), 1e-9) * weeks
    own = before.repeat / np.maximum(before.age, 1e-9) * weeks
    return Tested(
        len(before),
        _missed(expected(fitted, before, weeks), came),
        _missed(np.where(before.age > 0, own, everybody), came),
        _missed(np.full(len(came), everybody), came),
    )


def _missed(said: Floats, came: Floats) -> float:
    return float(np.sqrt(np.mean((said - came) ** 2)))


def buyers_of(who: NDArray[np.int64], day: NDArray[np.int64], count: int, now: float) -> Buyers:
    """Columns out of orders: `who` ordered on which `day`; each day counts once. `count` people,
    each with an order; `now` in days."""
    pairs = np.unique(np.stack((who, day)), axis=1)
    first = np.full(count, np.iinfo(np.int64).max)
    last = np.full(count, np.iinfo(np.int64).min)
    np.minimum.at(first, pairs[0], pairs[1])
    np.maximum.at(last, pairs[0], pairs[1])
    days = np.bincount(pairs[0], minlength=count)
    return Buyers(
        (days - 1).astype(np.float64),
        (last - first) / WEEK,
        np.maximum(now - first, 0) / WEEK,
    )

"""What she likes: interest in categories, brands and price bands, which fades with time.

Each view, addition to the cart and order of a product is worth a weight, and a weight halves every
thirty days:

    score(v, now) = Σ over her deeds with value v of  weight · 2^(−age / half-life)

and a share is that score divided by the same sum over all deeds of which a value is known. Halving
is what makes it additive: two sums are brought to one moment and added, so that neither the order
of deeds nor how they are cut into batches, nor under which of her origins they were done, matters.
Exponential smoothing after R. G. Brown, Statistical Forecasting for Inventory Control (1959).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from math import exp2, floor, log10

import msgspec

HALF_LIFE = timedelta(days=30)
VIEW, CART, ORDER = 1.0, 3.0, 9.0
"""An addition is worth three views, an order three additions."""
SHOWN = 10
_STEPS = (1, 2, 5)


class Fading(msgspec.Struct, frozen=True):
    """A sum of weights as it stands at the moment `at`."""

    score: float
    at: datetime

    def then(self, moment: datetime) -> float:
        """What is left of it at a later moment; at an earlier one, what it stems from."""
        return self.score * exp2(-((moment - self.at) / HALF_LIFE))


class Interest(msgspec.Struct, frozen=True):
    """The values of one kind she showed interest in, and the sum over the deeds that told one.

    `last` is the time of the last deed with a value.
    """

    values: dict[str, Fading] = {}
    last: dict[str, datetime] = {}
    whole: Fading | None = None


class Affinity(msgspec.Struct, frozen=True):
    """`score` as of now; `share` of her interest that touched this value, 0 to 1. A deed may touch
    several (a category and the one above it), so that shares may add up to more than one."""

    value: str
    score: float
    share: float
    last: datetime


def shown(values: Sequence[str], weight: float, at: datetime) -> Interest:
    """The interest that one deed shows."""
    if not values:
        return Interest()
    one = Fading(weight, at)
    return Interest(dict.fromkeys(values, one), dict.fromkeys(values, at), one)


def together(parts: Iterable[Interest]) -> Interest:
    """All of them as one."""
    values: dict[str, Fading] = {}
    last: dict[str, datetime] = {}
    whole: Fading | None = None
    for part in parts:
        for value, fading in part.values.items():
            before = values.get(value)
            values[value] = fading if before is None else _sum(before, fading)
        for value, at in part.last.items():
            last[value] = max(at, last.get(value, at))
        if part.whole is not None:
            whole = part.whole if whole is None else _sum(whole, part.whole)
    return Interest(values, last, whole)


def ranked(interest: Interest, now: datetime, most: int = SHOWN) -> list[Affinity]:
    """The strongest first; of equals, by name."""
    if interest.whole is None:
        return []
    whole = interest.whole.then(now)
    found = [
        Affinity(
            value,
            round(fading.then(now), 4),
            round(fading.then(now) / whole, 4) if whole else 0.0,
            interest.last[value],
        )
        for value, fading in interest.values.items()
    ]
    return sorted(found, key=lambda one: (-one.score, one.value))[:most]


def levels(path: Sequence[str]) -> Iterator[str]:
    """A category and those above it: Tea, Tea > Green."""
    for depth in range(1, len(path) + 1):
        yield " > ".join(path[:depth])


def band(price: float, currency: str) -> str | None:
    """The price band of an amount in major units, in steps of 1, 2, 5: "20–50 USD". The steps are
    the same in all shops and for ever, so that a band never changes under a customer. None for what
    is no price."""
    if not 0 < price < 1e9:
        return None
    power = floor(log10(price))
    steps = [step * 10.0**each for each in (power - 1, power, power + 1) for step in _STEPS]
    low = max(step for step in steps if step <= price)
    high = min(step for step in steps if step > price)
    return f"{low:,g}–{high:,g} {currency}" if high < 1e6 else f"{low:,.0f}–{high:,.0f} {currency}"


def _sum(one: Fading, other: Fading) -> Fading:
    at = max(one.at, other.at)
    return Fading(one.then(at) + other.then(at), at)

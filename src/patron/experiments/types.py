"""What an experiment found, as it is told."""

from typing import Literal

import msgspec


class Cohort(msgspec.Struct, frozen=True):
    """People in the comparison, and why others are not in it. Sums in minor units."""

    arm: str
    people: int
    buyers: int
    orders: int
    total: float
    squares: float
    maturing: int


class Amount(msgspec.Struct, frozen=True):
    """Whole minor units of `currency`, with the 95 % interval."""

    value: int
    low: int
    high: int
    currency: str


class Share(msgspec.Struct, frozen=True):
    """A difference of shares (0 to 1), with the 95 % interval."""

    value: float
    low: float
    high: float


class Compared(msgspec.Struct, frozen=True):
    """One arm as it is shown. `revenue` in minor units, refunds and cancellations taken back."""

    people: int
    buyers: int
    orders: int
    revenue: int


class Proof(msgspec.Struct, frozen=True):
    """What a journey or a placement earned, measured against its holdout.

    People count once, from the moment their first message left, or their first answer was given,
    or would have been, over `window` days. `maturing` people's window is still open; `mixed` people
    met both arms within it, before they were recognised as one or as the share was changed; both
    are left out. `extra` is the revenue the treated spent more than they would have, `per_person`
    the same for each, `lift` how much more of them ordered; None while nothing can be said. `more`
    is how many more it takes when it is too early, besides those maturing: carts of a journey,
    people of a placement; 0 when only their days have to pass.
    """

    verdict: Literal["proven", "harmful", "too_early"]
    words: str
    window: int
    treated: Compared
    held_out: Compared
    extra: Amount | None
    per_person: Amount | None
    lift: Share | None
    maturing: int
    mixed: int
    more: int

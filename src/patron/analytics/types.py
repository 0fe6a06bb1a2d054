"""What analytics answers."""

from datetime import datetime
from typing import Literal

import msgspec


class Period(msgspec.Struct, frozen=True):
    """From `since` to before `until`; None is open."""

    since: datetime | None = None
    until: datetime | None = None


class Counts(msgspec.Struct, frozen=True):
    """What happened in the period. `entered` counts runs, the others messages; `opened` leaves out
    machines that open everything."""

    entered: int
    sent: int
    held_out: int
    opened: int
    clicked: int
    skipped: dict[str, int]


class Attributed(msgspec.Struct, frozen=True):
    """Orders whose buyer last clicked one of these messages, at most the window before; `revenue`
    in minor units, refunds taken back."""

    orders: int
    revenue: int


class Cohort(msgspec.Struct, frozen=True):
    """People in the comparison, and why others are not in it. Sums in minor units."""

    arm: str
    people: int
    buyers: int
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
    revenue: int


class Proof(msgspec.Struct, frozen=True):
    """What the journey earned, measured against its holdout.

    People count once, from the moment their first message left or would have left, over `window`
    days. `maturing` people's window is still open; `mixed` people were in both arms before they
    were recognised as one; both are left out. `extra` is the revenue the treated spent more than
    they would have; None while nothing can be said. `more_carts` is given when it is too early.
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
    more_carts: int


class JourneyResult(msgspec.Struct, frozen=True):
    """`ordered` is the number of people who ordered within the window after a message was sent to
    them. Orders in another currency than the shop's are counted in `other_currency` only."""

    journey: str
    since: datetime | None
    until: datetime | None
    entered: int
    held_out: int
    sent: int
    opened: int
    clicked: int
    ordered: int
    skipped: dict[str, int]
    attributed: Attributed
    currency: str
    other_currency: int
    proof: Proof

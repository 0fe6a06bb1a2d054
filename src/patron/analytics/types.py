"""What analytics answers."""

from datetime import datetime
from typing import Literal

import msgspec

from patron.experiments.types import Proof


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


Unit = Literal["carts", "people"]


class JourneyResult(msgspec.Struct, frozen=True):
    """`unit` is what enters it. `ordered` is the number of people who ordered within the window
    after a message was sent to them. Orders in another currency than the shop's are counted in
    `other_currency` only."""

    journey: str
    since: datetime | None
    until: datetime | None
    unit: Unit
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

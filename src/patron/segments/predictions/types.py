"""A prediction, and what it says of somebody."""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from patron.segments.rules.dates import moment

FEWEST = 25
"""With fewer people who have a value nobody stands anywhere among them."""
ALIVE, NEXT, ORDERS = "alive", "next_order", "orders_90"


class Kind(StrEnum):
    NUMBER = "number"
    DATE = "date"


class Source(StrEnum):
    """Who says so: the shop, or Patron by what it makes of her orders."""

    SHOP = "shop"
    PATRON = "patron"


OWN = {
    ALIVE: (Kind.NUMBER, "Still a customer"),
    NEXT: (Kind.DATE, "Next order"),
    ORDERS: (Kind.NUMBER, "Orders in the next 90 days"),
}
"""Patron's own, with their kinds and names."""


class Prediction(msgspec.Struct, frozen=True):
    """`version` counts since `made_at`, for `people`; 0 before the first. `looked_at` is when
    Patron last tried to make one of its own; `said` what came of it."""

    name: str
    label: str
    kind: Kind
    source: Source
    version: int
    made_at: datetime | None
    looked_at: datetime | None
    people: int
    said: str


class Foretold(msgspec.Struct, frozen=True):
    """What a prediction says of a person; `percentile`: of how many percent it says less."""

    kind: Kind
    number: float
    percentile: int | None

    @property
    def value(self) -> float | datetime:
        return moment(int(self.number)) if self.kind == Kind.DATE else self.number


class PredictionOfHers(msgspec.Struct, frozen=True):
    """A predicted value of a person: a number or a moment."""

    name: str
    label: str
    kind: Kind
    value: float | datetime
    percentile: int | None
    source: Source
    made_at: datetime | None


def cuts_of(values: Sequence[float]) -> list[float]:
    """Of n values in order the least that k percent do not exceed is number ceil(k n / 100)."""
    order = sorted(values)
    return [order[-(-k * len(order) // 100) - 1] for k in range(1, 100)] if order else []


def percentile(cuts: Sequence[float], people: int, value: float) -> int | None:
    """Of how many percent of `people` a prediction says certainly less: 0 to 99."""
    return bisect_left(cuts, value) if people >= FEWEST else None

"""Conditions about her orders: what is left of them after refunds and cancellations."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from math import floor
from typing import Any

import msgspec

from patron.kit.money import exponent, format_money
from patron.segments.forms.window import WINDOWS, Window, read_window
from patron.segments.rules import words
from patron.segments.rules.dates import TICK, later
from patron.segments.rules.operators import AMOUNTS
from patron.segments.rules.reading import an_amount, an_object, one_of
from patron.segments.types import Answer, Facts, Needs, Order, Scope

FIGURES = (
    "number",
    "value",
    "average",
    "days_since_first",
    "days_since_last",
    "reduced_percent",
)
MONEY = ("value", "average")
_DAY = timedelta(days=1)
_FURTHEST = 4_000_000
"""Days; there are no more."""


class Orders(msgspec.Struct, frozen=True):
    """A figure over the orders that stand. Money compares in major units of the shop's currency,
    and orders in other currencies count for no money."""

    figure: str
    op: str
    value: Any
    window: Window
    recurs: bool = False

    def holds(self, facts: Facts, now: datetime) -> bool:
        return self.judged(self.found(self._orders(facts, now), facts, now))

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        found = self.found(self._orders(facts, now), facts, now)
        value = self.judged(found)
        name = words.FIGURES[self.figure] + self.window.words(facts)
        said = f"{name} is {'not known' if found is None else self._shown(found, facts)}"
        return Answer(value, [said if value else f"{said}, but asked was: {self._wanted()}"])

    def found(self, orders: Sequence[Order], facts: Facts, now: datetime) -> Fraction | None:
        """The figure; None where there is no order to tell it."""
        match self.figure:
            case "number":
                return Fraction(len(orders))
            case "value" | "average":
                own = [one.net for one in orders if one.currency == facts.currency]
                unit = 10 ** exponent(facts.currency)
                if self.figure == "value":
                    return Fraction(sum(own), unit)
                return Fraction(sum(own), unit * len(own)) if own else None
            case "reduced_percent":
                told = [one.reduced for one in orders if one.reduced is not None]
                return Fraction(100 * sum(told), len(told)) if told else None
        if not orders:
            return None
        order = orders[0] if self.figure == "days_since_first" else orders[-1]
        return Fraction((now - order.ts) // _DAY)

    def edges(self, facts: Facts, now: datetime) -> Iterator[datetime]:
        yield from self.window.edges(one.ts for one in facts.orders)
        if self.figure.startswith("days_since"):
            for one in facts.orders:
                yield from self._days(one)

    def needs(self) -> Needs:
        return Needs(orders=True, reduced=self.figure == "reduced_percent")

    def weight(self) -> int:
        return 1

    def soonest(self, facts: Facts, now: datetime) -> datetime | None:
        """The earliest moment after `now` at which the answer may change although nothing happens.
        Until an order comes into the window or falls out of it, days are counted from one alone."""
        orders = facts.orders
        coming: list[datetime] = []
        for span in self.window.spans:
            if (place := bisect_right(orders, now - span - TICK, key=_when)) < len(orders):
                coming += later(orders[place].ts, span + TICK)
        if self.figure.startswith("days_since") and (found := self._orders(facts, now)):
            coming += self._days(found[0] if self.figure == "days_since_first" else found[-1])
        return min((at for at in coming if at > now), default=None)

    def _days(self, order: Order) -> Iterator[datetime]:
        """When the number of days since an order comes to what is asked for, and passes it."""
        for number in self.value if isinstance(self.value, list) else [self.value]:
            whole = max(-_FURTHEST, min(_FURTHEST, floor(number)))
            yield from later(order.ts, _DAY * whole)
            yield from later(order.ts, _DAY * (whole + 1))

    def _orders(self, facts: Facts, now: datetime) -> Sequence[Order]:
        begin, end = self.window.bounds(facts, now)
        orders = facts.orders
        if begin is not None:
            place = bisect_left if self.window.inclusive else bisect_right
            orders = orders[place(orders, begin, key=_when) :]
        return orders if end is None else orders[: bisect_left(orders, end, key=_when)]

    def judged(self, found: Fraction | None) -> bool:
        """Whether this figure passes."""
        if found is None:
            return False
        if isinstance(self.value, list):
            return bool(AMOUNTS[self.op](found, [_exact(one) for one in self.value]))
        return bool(AMOUNTS[self.op](found, _exact(self.value)))

    def _wanted(self) -> str:
        return words.compared(self.op, self.value)

    def _shown(self, found: Fraction, facts: Facts) -> str:
        if self.figure in MONEY:
            return format_money(round(found * 10 ** exponent(facts.currency)), facts.currency)
        return f"{float(found):g}"


def _when(order: Order) -> datetime:
    return order.ts


def _exact(number: float) -> Fraction:
    """The number as it was written, not the nearest binary one."""
    return Fraction(str(number))


def read_orders(data: Mapping[str, Any], path: str, scope: Scope) -> Orders:
    an_object(data, path, ["orders", "op", "value", *WINDOWS])
    figure = one_of(data["orders"], f"{path}.orders", FIGURES, "figure of orders")
    return Orders(figure, *an_amount(data, path), read_window(data, path, scope))

"""How one value is compared: the operators of a trait or of an event's property.

A test reads a list of values: what a dotted path found, several where the path runs through a list
(`products.sku` finds the sku of each product), none where the person has no such trait. A test
holds when any value passes; `has_all` asks all values together; a negative operator holds when its
positive one does not, so it is true of a missing value. Text compares without regard to case and to
spaces around it. Numbers in text ("12.50") count as numbers. Dates are ISO 8601; a date without a
time is its midnight, a time without a zone is the shop's.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from math import isfinite
from typing import Any

import msgspec

from patron.segments.rules import dates, patterns
from patron.segments.rules.dates import TICK, as_date, later, local_day

UNITS = {
    "minutes": 60,
    "hours": 3600,
    "days": 86_400,
    "weeks": 604_800,
    "months": 30 * 86_400,
    "years": 365 * 86_400,
    "seconds": 1,
}
LONGEST = timedelta(days=3653)


class Kind(StrEnum):
    """What an operator takes as `value`; the words appear in error messages."""

    NOTHING = "no value"
    SCALAR = "a text, a number, true or false"
    SCALARS = "a list of 1 to 100 texts, numbers, true or false"
    TEXT = "a text"
    PATTERN = "a regular expression of 1 to 200 characters"
    NUMBER = "a number"
    DATE = "an ISO 8601 date or date-time"
    SPAN = 'a duration such as {"days": 30}'
    RANGE = "a list of two numbers or two dates, the smaller first"
    DAYS = "a whole number of days from 0 to 365"
    MONTH = "a whole number from 1 to 12"


class Operator(msgspec.Struct, frozen=True):
    """`phrase` continues "city …" in words; `{}` stands for the value."""

    kind: Kind
    phrase: str
    negates: str | None = None


OPERATORS: dict[str, Operator] = {
    "equals": Operator(Kind.SCALAR, "is {}"),
    "not_equals": Operator(Kind.SCALAR, "is not {}", negates="equals"),
    "in": Operator(Kind.SCALARS, "is one of {}"),
    "not_in": Operator(Kind.SCALARS, "is none of {}", negates="in"),
    "has_any": Operator(Kind.SCALARS, "has any of {}"),
    "has_all": Operator(Kind.SCALARS, "has all of {}"),
    "has_none": Operator(Kind.SCALARS, "has none of {}", negates="has_any"),
    "contains": Operator(Kind.TEXT, "contains {}"),
    "not_contains": Operator(Kind.TEXT, "does not contain {}", negates="contains"),
    "starts_with": Operator(Kind.TEXT, "starts with {}"),
    "not_starts_with": Operator(Kind.TEXT, "does not start with {}", negates="starts_with"),
    "ends_with": Operator(Kind.TEXT, "ends with {}"),
    "not_ends_with": Operator(Kind.TEXT, "does not end with {}", negates="ends_with"),
    "matches": Operator(Kind.PATTERN, "matches {}"),
    "not_matches": Operator(Kind.PATTERN, "does not match {}", negates="matches"),
    "greater_than": Operator(Kind.NUMBER, "is greater than {}"),
    "at_least": Operator(Kind.NUMBER, "is at least {}"),
    "less_than": Operator(Kind.NUMBER, "is less than {}"),
    "at_most": Operator(Kind.NUMBER, "is at most {}"),
    "between": Operator(Kind.RANGE, "is between {}"),
    "before": Operator(Kind.DATE, "is before {}"),
    "after": Operator(Kind.DATE, "is after {}"),
    "in_the_last": Operator(Kind.SPAN, "is in the last {}"),
    "in_the_next": Operator(Kind.SPAN, "is in the next {}"),
    "more_than_ago": Operator(Kind.SPAN, "is more than {} ago"),
    "more_than_ahead": Operator(Kind.SPAN, "is more than {} ahead"),
    "anniversary_in_the_next": Operator(Kind.DAYS, "has its anniversary in the next {} days"),
    "anniversary_in_the_last": Operator(Kind.DAYS, "had its anniversary in the last {} days"),
    "anniversary_this_month": Operator(Kind.NOTHING, "has its anniversary this month"),
    "anniversary_in_month": Operator(Kind.MONTH, "has its anniversary in month {}"),
    "is_true": Operator(Kind.NOTHING, "is true"),
    "is_false": Operator(Kind.NOTHING, "is false"),
    "exists": Operator(Kind.NOTHING, "is known"),
    "missing": Operator(Kind.NOTHING, "is not known", negates="exists"),
}

_RELATIVE = frozenset(
    [
        "in_the_last",
        "in_the_next",
        "more_than_ago",
        "more_than_ahead",
        "anniversary_in_the_next",
        "anniversary_in_the_last",
        "anniversary_this_month",
    ]
)
_MANY = 20
"""So many different anniversaries are as good as one on any day."""
OF_DATES = ("between", "before", "after", "anniversary_in_month", *sorted(_RELATIVE))
"""The operators that read a value as a date."""

COUNTS: dict[str, Callable[[Any, Any], Any]] = {
    "equals": operator.eq,
    "not_equals": operator.ne,
    "at_least": operator.ge,
    "at_most": operator.le,
    "greater_than": operator.gt,
    "less_than": operator.lt,
}
"""Of numbers, and of columns of numbers."""
AMOUNTS: dict[str, Callable[[Any, Any], Any]] = {
    **COUNTS,
    "between": lambda found, wanted: (wanted[0] <= found) & (found <= wanted[1]),
}


class Comparison(msgspec.Struct, frozen=True):
    """`value` as its operator's kind reads it: dates as datetime, spans as timedelta, expressions
    compiled."""

    op: str
    value: Any = None

    @property
    def relative(self) -> bool:
        """Whether time alone can change what it says."""
        return self.op in _RELATIVE

    @property
    def recurs(self) -> bool:
        """Whether it can become true every year anew."""
        return self.op.startswith("anniversary") and self.op in _RELATIVE

    def holds(self, values: Sequence[Any], now: datetime, zone: tzinfo) -> bool:
        if self.op == "has_all":
            return all(any(_same(found, one) for found in values) for one in self.value)
        positive = OPERATORS[self.op].negates or self.op
        for value in values:
            if _passes(positive, self.value, value, now, zone):
                return positive == self.op
        return positive != self.op

    def edges(self, values: Sequence[Any], now: datetime, zone: tzinfo) -> Iterator[datetime]:
        """The moments, past ones among them, at which `holds` may change by time alone."""
        if not self.relative:
            return
        found = {date for value in values if (date := as_date(value, zone)) is not None}
        if self.recurs and len(found) > _MANY:
            yield from dates.midnights(now, zone)
            return
        for date in found:
            yield from self._edges(date, now, zone)

    def _edges(self, date: datetime, now: datetime, zone: tzinfo) -> Iterator[datetime]:
        match self.op:
            case "in_the_last":
                yield from later(date, timedelta())
                yield from later(date, self.value + TICK)
            case "in_the_next":
                yield from later(date, -self.value)
                yield from later(date, TICK)
            case "more_than_ago":
                yield from later(date, self.value + TICK)
            case "more_than_ahead":
                yield from later(date, -self.value)
            case "anniversary_in_the_next":
                yield from dates.anniversary_edges(local_day(date, zone), now, self.value, zone)
            case "anniversary_in_the_last":
                yield from dates.anniversary_edges(local_day(date, zone), now, -self.value, zone)
            case "anniversary_this_month":
                yield from dates.month_edges(local_day(date, zone), now, zone)


def at_path(path: str, data: Mapping[str, Any]) -> list[Any]:
    """The values a dotted path finds; a key that itself holds dots wins. Null counts as missing."""
    if path in data:
        return _flat(data[path])
    if "." not in path:
        return []
    found: list[Any] = [data]
    for part in path.split("."):
        nested: list[Any] = []
        for value in found:
            if isinstance(value, Mapping) and part in value:
                nested.extend(_flat(value[part]))
        found = nested
    return found


def as_number(value: Any) -> float | int | None:
    """A finite number, also out of text; None otherwise (true and false are no numbers)."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return value if isinstance(value, float) and isfinite(value) else None


def alike(value: Any) -> Any:
    """What two values that `equals` takes for the same have in common; None for an object."""
    if isinstance(value, bool):
        return ("yes or no", value)
    number = as_number(value)
    if number is not None:
        return number
    return folded(value) if isinstance(value, str) else None


def folded(text: str) -> str:
    return text.strip().casefold()


def _passes(op: str, wanted: Any, found: Any, now: datetime, zone: tzinfo) -> bool:
    match op:
        case "exists":
            return True
        case "equals":
            return _same(found, wanted)
        case "in" | "has_any":
            return any(_same(found, one) for one in wanted)
        case "is_true" | "is_false":
            return found is (op == "is_true")
        case "contains" | "starts_with" | "ends_with":
            return isinstance(found, str) and _text(op, found, wanted)
        case "matches":
            return isinstance(found, str) and patterns.occurs(wanted, found.strip())
        case "between":
            return _between(found, wanted, zone)
        case "greater_than" | "at_least" | "less_than" | "at_most":
            number = as_number(found)
            return number is not None and bool(COUNTS[op](number, wanted))
    date = as_date(found, zone)
    return date is not None and _date(op, date, wanted, now, zone)


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, bool) or isinstance(found, bool):
        return found is wanted
    if isinstance(wanted, str) and isinstance(found, str):
        return folded(found) == folded(wanted)
    left, right = as_number(found), as_number(wanted)
    return left is not None and left == right


def _text(op: str, found: str, wanted: str) -> bool:
    left, right = folded(found), folded(wanted)
    if op == "contains":
        return right in left
    return left.startswith(right) if op == "starts_with" else left.endswith(right)


def _between(found: Any, wanted: Sequence[Any], zone: tzinfo) -> bool:
    low, high = wanted
    if isinstance(low, datetime):
        first, date, last = as_date(low, zone), as_date(found, zone), as_date(high, zone)
        return first is not None and last is not None and date is not None and first <= date <= last
    number = as_number(found)
    return number is not None and bool(low <= number <= high)


def _date(op: str, found: datetime, wanted: Any, now: datetime, zone: tzinfo) -> bool:
    match op:
        case "in_the_last":
            return bool(now - wanted <= found <= now)
        case "in_the_next":
            return bool(now <= found <= now + wanted)
        case "more_than_ago":
            return bool(found < now - wanted)
        case "more_than_ahead":
            return bool(found > now + wanted)
        case "anniversary_in_the_next":
            return dates.anniversary_near(local_day(found, zone), local_day(now, zone), wanted)
        case "anniversary_in_the_last":
            return dates.anniversary_near(local_day(found, zone), local_day(now, zone), -wanted)
        case "anniversary_this_month":
            return local_day(found, zone).month == local_day(now, zone).month
        case "anniversary_in_month":
            return bool(local_day(found, zone).month == wanted)
    limit = as_date(wanted, zone)
    if limit is None:
        return False
    return found < limit if op == "before" else found > limit


def _flat(value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [one for one in value if one is not None]
    return [value]

"""How one value is compared: the operators of a trait or of an event's property.

A test reads a list of values: what a dotted path found, several where the path runs through a list
(`products.sku` finds the sku of each product), none where the person has no such trait. A test
holds when any value passes; a negative operator holds when its positive one does not, so it is
true of a missing value. Text compares without regard to case and to spaces around it. Numbers in
text ("12.50") count as numbers. Dates are ISO 8601; a date without a time is its midnight, a time
without a zone is the shop's.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from math import isfinite
from typing import Any

import msgspec

UNITS = {"minutes": 60, "hours": 3600, "days": 86_400, "weeks": 604_800, "seconds": 1}
LONGEST = timedelta(days=3653)


class Kind(StrEnum):
    """What an operator takes as `value`; the words appear in error messages."""

    NOTHING = "no value"
    SCALAR = "a text, a number, true or false"
    SCALARS = "a list of 1 to 100 texts, numbers, true or false"
    TEXT = "a text"
    NUMBER = "a number"
    DATE = "an ISO 8601 date or date-time"
    SPAN = 'a duration such as {"days": 30}'
    RANGE = "a list of two numbers or two dates, the smaller first"


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
    "contains": Operator(Kind.TEXT, "contains {}"),
    "not_contains": Operator(Kind.TEXT, "does not contain {}", negates="contains"),
    "starts_with": Operator(Kind.TEXT, "starts with {}"),
    "ends_with": Operator(Kind.TEXT, "ends with {}"),
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
    "is_true": Operator(Kind.NOTHING, "is true"),
    "is_false": Operator(Kind.NOTHING, "is false"),
    "exists": Operator(Kind.NOTHING, "is known"),
    "missing": Operator(Kind.NOTHING, "is not known", negates="exists"),
}

COUNTS: dict[str, Callable[[int, int], bool]] = {
    "equals": lambda found, wanted: found == wanted,
    "not_equals": lambda found, wanted: found != wanted,
    "at_least": lambda found, wanted: found >= wanted,
    "at_most": lambda found, wanted: found <= wanted,
    "greater_than": lambda found, wanted: found > wanted,
    "less_than": lambda found, wanted: found < wanted,
}


class Comparison(msgspec.Struct, frozen=True):
    """`value` as its operator's kind reads it: dates as datetime, spans as timedelta."""

    op: str
    value: Any = None

    def holds(self, values: Sequence[Any], now: datetime, zone: tzinfo) -> bool:
        positive = OPERATORS[self.op].negates or self.op
        passed = any(_passes(positive, self.value, value, now, zone) for value in values)
        return passed if positive == self.op else not passed


def at_path(path: str, data: Mapping[str, Any]) -> list[Any]:
    """The values a dotted path finds; a key that itself holds dots wins. Null counts as missing."""
    if path in data:
        return _flat(data[path])
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


def as_date(value: Any, zone: tzinfo) -> datetime | None:
    """An aware datetime out of ISO 8601 text or a datetime; None when it is neither."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=zone)


def _passes(op: str, wanted: Any, found: Any, now: datetime, zone: tzinfo) -> bool:
    match op:
        case "exists":
            return True
        case "equals":
            return _same(found, wanted)
        case "in":
            return any(_same(found, one) for one in wanted)
        case "is_true" | "is_false":
            return found is (op == "is_true")
        case "contains" | "starts_with" | "ends_with":
            return isinstance(found, str) and _text(op, found, wanted)
        case "between":
            return _between(found, wanted, zone)
        case "greater_than" | "at_least" | "less_than" | "at_most":
            number = as_number(found)
            return number is not None and _number(op, number, wanted)
    date = as_date(found, zone)
    return date is not None and _date(op, date, wanted, now, zone)


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, bool) or isinstance(found, bool):
        return found is wanted
    if isinstance(wanted, str) and isinstance(found, str):
        return _folded(found) == _folded(wanted)
    left, right = as_number(found), as_number(wanted)
    return left is not None and left == right


def _text(op: str, found: str, wanted: str) -> bool:
    left, right = _folded(found), _folded(wanted)
    if op == "contains":
        return right in left
    return left.startswith(right) if op == "starts_with" else left.endswith(right)


def _number(op: str, found: float, wanted: float) -> bool:
    match op:
        case "greater_than":
            return found > wanted
        case "at_least":
            return found >= wanted
        case "less_than":
            return found < wanted
    return found <= wanted


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
    limit = as_date(wanted, zone)
    if limit is None:
        return False
    return found < limit if op == "before" else found > limit


def _folded(text: str) -> str:
    return text.strip().casefold()


def _flat(value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [one for one in value if one is not None]
    return [value]

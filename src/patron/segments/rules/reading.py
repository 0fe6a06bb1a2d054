"""Reading JSON that people write: what was found where, and what may stand there instead."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from patron.segments.rules.dates import as_date
from patron.segments.rules.operators import (
    AMOUNTS,
    COUNTS,
    LONGEST,
    OPERATORS,
    UNITS,
    Comparison,
    Kind,
    as_number,
)
from patron.segments.rules.patterns import compiled

LARGEST = 10**15
MOST_COUNTED = 1_000
"""Of what one person did, the newest thousand that fit a condition count."""


class Misread(ValueError):
    """JSON that cannot be read.

    `path` is a JSON path from `$`, `found` what stands there, `allowed` what may stand there.
    """

    def __init__(self, path: str, found: Any, allowed: Sequence[str], problem: str) -> None:
        self.path, self.found, self.allowed = path, found, list(allowed)
        options = f"; allowed: {', '.join(self.allowed)}" if self.allowed else ""
        super().__init__(f"{path}: {problem}, found {shown(found)}{options}")

    @property
    def remedy(self) -> str:
        return f"use one of {', '.join(self.allowed)}" if self.allowed else "correct the value"


def shown(value: Any) -> str:
    """A value as an error names it, cut to 60 characters."""
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def an_object(data: Any, path: str, fields: Collection[str]) -> dict[str, Any]:
    """`data` as an object that has no fields but `fields`."""
    if not isinstance(data, dict):
        raise Misread(path, data, [], "must be an object")
    for name in data:
        if name not in fields:
            raise Misread(f"{path}.{name}", data[name], sorted(fields), "unknown field")
    return data


def a_list(data: Any, path: str, low: int, high: int) -> list[Any]:
    if not isinstance(data, list) or not low <= len(data) <= high:
        raise Misread(path, data, [], f"must be a list of {low} to {high}")
    return data


def a_text(data: Any, path: str, longest: int = 200) -> str:
    if not isinstance(data, str) or not data.strip() or len(data) > longest:
        raise Misread(path, data, [], f"must be a text of 1 to {longest} characters")
    return data


def one_of(data: Any, path: str, allowed: Collection[str], what: str) -> str:
    if not isinstance(data, str) or data not in allowed:
        raise Misread(path, data, list(allowed), f"is no {what}")
    return data


def a_whole(data: Any, path: str, low: int, high: int) -> int:
    if isinstance(data, bool) or not isinstance(data, int) or not low <= data <= high:
        raise Misread(path, data, [], f"must be a whole number from {low} to {high}")
    return data


def a_number(data: Any, path: str, low: float, high: float) -> float:
    """A finite number above `low`, at most `high`."""
    found = None if isinstance(data, str) else as_number(data)
    if found is None or not low < found <= high:
        raise Misread(path, data, [], f"must be a number above {low:g}, at most {high:g}")
    return float(found)


def yes_or_no(data: Any, path: str) -> bool:
    if not isinstance(data, bool):
        raise Misread(path, data, ["true", "false"], "must be true or false")
    return data


def a_span(data: Any, path: str, *, shortest: timedelta = timedelta(seconds=1)) -> timedelta:
    """A duration written as one or more units: {"days": 1, "hours": 12}."""
    parts = an_object(data, path, UNITS)
    if not parts:
        raise Misread(path, data, sorted(UNITS), "must name a unit of time")
    seconds = 0
    for unit, count in parts.items():
        seconds += a_whole(count, f"{path}.{unit}", 0, 1_000_000) * UNITS[unit]
    if not shortest.total_seconds() <= seconds <= LONGEST.total_seconds():
        raise Misread(path, data, [], f"must be {shortest} to ten years long")
    return timedelta(seconds=seconds)


def a_count(data: Any, path: str) -> tuple[str, int]:
    an_object(data, path, ["op", "value"])
    op = one_of(data.get("op"), f"{path}.op", COUNTS, "comparison of counts")
    return op, a_whole(data.get("value"), f"{path}.value", 0, MOST_COUNTED)


def an_amount(data: Mapping[str, Any], path: str) -> tuple[str, float | list[float]]:
    """How a number is compared: `op`, and `value`, which is a pair of numbers for `between`."""
    op = one_of(data.get("op"), f"{path}.op", AMOUNTS, "comparison of numbers")
    kind = Kind.RANGE if op == "between" else Kind.NUMBER
    value = _value(data.get("value"), kind, f"{path}.value")
    if value is None or (op == "between" and isinstance(value[0], datetime)):
        allowed = "a list of two numbers, the smaller first" if op == "between" else kind.value
        raise Misread(f"{path}.value", data.get("value"), [allowed], f"does not fit {op}")
    amount: float | list[float] = value
    for one in amount if isinstance(amount, list) else [amount]:
        if abs(one) > LARGEST:
            raise Misread(f"{path}.value", data["value"], [], f"must be within ±{LARGEST}")
    return op, amount


def read_names(data: Any, path: str) -> frozenset[str]:
    """One event name, or a list of 1 to 20."""
    if isinstance(data, str):
        return frozenset([a_text(data, path)])
    names = a_list(data, path, 1, 20)
    return frozenset(a_text(name, f"{path}[{index}]") for index, name in enumerate(names))


def read_where(data: Any, path: str) -> list[tuple[str, Comparison]]:
    """Filters on an event's properties, all of which must hold."""
    tests = []
    for index, one in enumerate(a_list(data, path, 0, 20)):
        at = f"{path}[{index}]"
        an_object(one, at, ["property", "op", "value"])
        tests.append((a_text(one.get("property"), f"{at}.property"), read_test(one, at)))
    return tests


def read_test(
    data: Mapping[str, Any], path: str, operators: Collection[str] = OPERATORS
) -> Comparison:
    op = one_of(data.get("op"), f"{path}.op", operators, "operator")
    kind = OPERATORS[op].kind
    if kind is Kind.NOTHING:
        if "value" in data:
            raise Misread(f"{path}.value", data["value"], [], f"operator {op} takes no value")
        return Comparison(op)
    if "value" not in data:
        raise Misread(f"{path}.value", None, [kind.value], f"operator {op} needs a value")
    value = _value(data["value"], kind, f"{path}.value")
    if value is None:
        raise Misread(f"{path}.value", data["value"], [kind.value], f"does not fit operator {op}")
    return Comparison(op, value)


def _value(data: Any, kind: Kind, path: str) -> Any:
    """The value as its kind reads it; None where it does not fit."""
    match kind:
        case Kind.SPAN:
            return a_span(data, path)
        case Kind.TEXT:
            return data if isinstance(data, str) and data.strip() else None
        case Kind.NUMBER:
            return None if isinstance(data, str) else as_number(data)
        case Kind.DATE:
            return _date(data)
        case Kind.DAYS | Kind.MONTH:
            low, high = (0, 365) if kind is Kind.DAYS else (1, 12)
            return a_whole(data, path, low, high)
        case Kind.PATTERN:
            return _pattern(data, path)
        case Kind.SCALAR:
            return data if isinstance(data, str | bool) else as_number(data)
        case Kind.RANGE:
            return _range(data)
    if not isinstance(data, list) or not 1 <= len(data) <= 100:
        return None
    scalars = [_value(one, Kind.SCALAR, path) for one in data]
    return None if None in scalars else scalars


def _pattern(data: Any, path: str) -> Any:
    if not isinstance(data, str):
        return None
    try:
        return compiled(data)
    except ValueError as error:
        allowed = [f"{Kind.PATTERN.value}, without look-around and back references"]
        raise Misread(path, data, allowed, f"is no expression we can run ({error})") from None


def _date(data: Any) -> datetime | None:
    """A date-time; one without a zone stays so and is read in the shop's zone when asked."""
    try:
        return datetime.fromisoformat(data) if isinstance(data, str) else None
    except ValueError:
        return None


def _range(data: Any) -> list[Any] | None:
    if not isinstance(data, list) or len(data) != 2:
        return None
    numbers = [_value(one, Kind.NUMBER, "") for one in data]
    if None not in numbers:
        return numbers if numbers[0] <= numbers[1] else None
    low, high = (as_date(_date(one), UTC) for one in data)
    ordered = low is not None and high is not None and low <= high
    return [_date(one) for one in data] if ordered else None

"""What values of a rule and of facts mean, read plainly: durations, dates, numbers, text."""

import re
from calendar import isleap
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400, "weeks": 604800,
           "months": 2592000, "years": 31536000}  # fmt: skip


def span(value: dict[str, int]) -> timedelta:
    return timedelta(seconds=sum(count * SECONDS[unit] for unit, count in value.items()))


def values(path: str, data: Any) -> list[Any]:
    """What stands at a path; lists are looked into."""
    if isinstance(data, dict) and path in data:
        return listed(data[path])
    found = [data]
    for part in path.split("."):
        found = [
            inner
            for one in found
            if isinstance(one, dict) and part in one
            for inner in listed(one[part])
        ]
    return found


def listed(value: Any) -> list[Any]:
    if isinstance(value, list):
        return [one for one in value if one is not None]
    return [] if value is None else [value]


def compare(found: Any, test: dict[str, Any]) -> bool:
    wanted = test["value"]
    match test["op"]:
        case "equals":
            return bool(found == wanted)
        case "not_equals":
            return bool(found != wanted)
        case "at_least":
            return bool(found >= wanted)
        case "at_most":
            return bool(found <= wanted)
        case "greater_than":
            return bool(found > wanted)
        case "less_than":
            return bool(found < wanted)
        case "between":
            return bool(wanted[0] <= found <= wanted[1])
    raise LookupError(test["op"])


NEGATIONS = {
    "not_equals": "equals", "not_in": "in", "has_none": "has_any", "not_contains": "contains",
    "not_starts_with": "starts_with", "not_ends_with": "ends_with", "not_matches": "matches",
    "missing": "exists",
}  # fmt: skip


def passes(test: dict[str, Any], found: list[Any], now: datetime, zone: tzinfo) -> bool:
    if test["op"] in NEGATIONS:
        return not passes({**test, "op": NEGATIONS[test["op"]]}, found, now, zone)
    if test["op"] == "has_all":
        return all(any(same(one, wanted) for one in found) for wanted in test["value"])
    return any(one_passes(test, one, now, zone) for one in found)


def one_passes(test: dict[str, Any], one: Any, now: datetime, zone: tzinfo) -> bool:
    wanted: Any = test.get("value")
    match test["op"]:
        case "exists":
            return True
        case "equals":
            return same(one, wanted)
        case "in" | "has_any":
            return any(same(one, each) for each in wanted)
        case "is_true":
            return one is True
        case "is_false":
            return one is False
        case "contains":
            return isinstance(one, str) and plain(wanted) in plain(one)
        case "starts_with":
            return isinstance(one, str) and plain(one).startswith(plain(wanted))
        case "ends_with":
            return isinstance(one, str) and plain(one).endswith(plain(wanted))
        case "matches":
            return isinstance(one, str) and bool(re.search(wanted, one.strip(), re.I))
        case "greater_than" | "at_least" | "less_than" | "at_most":
            number = number_of(one)
            return number is not None and compare(number, test)
        case "between" if not isinstance(wanted[0], str):
            number = number_of(one)
            return number is not None and compare(number, test)
    when = date_of(one, zone)
    return when is not None and dated(test, when, now, zone)


def dated(test: dict[str, Any], when: datetime, now: datetime, zone: tzinfo) -> bool:
    wanted: Any = test.get("value")
    here, today = when.astimezone(zone).date(), now.astimezone(zone).date()
    match test["op"]:
        case "between":
            return utc(wanted[0], zone) <= when <= utc(wanted[1], zone)
        case "before":
            return when < utc(wanted, zone)
        case "after":
            return when > utc(wanted, zone)
        case "in_the_last":
            return when <= now <= when + span(wanted)
        case "in_the_next":
            return when - span(wanted) <= now <= when
        case "more_than_ago":
            return when + span(wanted) < now
        case "more_than_ahead":
            return now < when - span(wanted)
        case "anniversary_in_month":
            return bool(here.month == wanted)
        case "anniversary_this_month":
            return here.month == today.month
        case "anniversary_in_the_next":
            return any(celebrated(here, today + timedelta(days=n)) for n in range(wanted + 1))
        case "anniversary_in_the_last":
            return any(celebrated(here, today - timedelta(days=n)) for n in range(wanted + 1))
    raise LookupError(test["op"])


def celebrated(born: date, today: date) -> bool:
    """Whether today is her day; the last of February stands in for a 29th there is not."""
    if (born.month, born.day) == (2, 29) and not isleap(today.year):
        return (today.month, today.day) == (2, 28)
    return (born.month, born.day) == (today.month, today.day)


def utc(text: str, zone: tzinfo) -> datetime:
    found = date_of(text, zone)
    assert found is not None
    return found


def date_of(value: Any, zone: tzinfo) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)


def number_of(value: Any) -> Any:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    try:
        return float(value) if isinstance(value, str) else None
    except ValueError:
        return None


def same(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, str) and isinstance(other, str) and plain(one) == plain(other):
        return True
    if isinstance(one, str) and isinstance(other, str):
        return False
    left, right = number_of(one), number_of(other)
    return left is not None and left == right


def plain(text: str) -> str:
    return text.strip().casefold()

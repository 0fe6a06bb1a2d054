"""Dates as people mean them: read in the shop's time zone, with anniversaries.

Somebody born on 29 February has her anniversary on the 28th in common years, so that it stays in
its month.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

TICK = timedelta(microseconds=1)
_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
YEARS_AHEAD = 10
"""A leap year comes within eight years at the latest, so nine whole ones show all that recurs."""


def micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _ZERO) // TICK


def moment(micro: int) -> datetime:
    """The moment so many microseconds after 1970, in UTC."""
    return _ZERO + timedelta(microseconds=micro)


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


def local_day(moment: datetime, zone: tzinfo) -> date:
    """The day of an aware moment in the shop's time."""
    try:
        return moment.astimezone(zone).date()
    except OverflowError:  # the first or last day there is
        return moment.date()


def anniversary(day: date, year: int) -> date:
    try:
        return day.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


def anniversary_near(day: date, today: date, ahead: int) -> bool:
    """Whether an anniversary of `day` lies within `ahead` days from today, both included; behind
    today when `ahead` is negative. At most 365 either way."""
    first, last = sorted((today, today + timedelta(days=ahead)))
    return any(first <= anniversary(day, year) <= last for year in (first.year, last.year))


def begins(day: date, zone: tzinfo) -> datetime:
    """The first moment of a day in the shop's time, in UTC; clocks may skip midnight."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def later(moment: datetime, span: timedelta) -> Iterator[datetime]:
    """`moment + span` in UTC (in a zone a day may have 23 hours), unless that is beyond the end of
    time."""
    try:
        yield moment.astimezone(UTC) + span
    except OverflowError:
        return


def horizon(now: datetime, zone: tzinfo) -> datetime:
    """Until when recurring dates are looked at, in UTC."""
    return begins(date(local_day(now, zone).year + YEARS_AHEAD, 1, 1), zone)


def anniversary_edges(day: date, now: datetime, ahead: int, zone: tzinfo) -> Iterator[datetime]:
    """When `anniversary_near` may change, up to the horizon."""
    year, end = local_day(now, zone).year, horizon(now, zone)
    for each in range(year - 1, year + YEARS_AHEAD + 2):
        found = anniversary(day, each)
        first, last = sorted((found, found - timedelta(days=ahead)))
        for edge in (begins(first, zone), begins(last + timedelta(days=1), zone)):
            if edge < end:
                yield edge


def month_edges(day: date, now: datetime, zone: tzinfo) -> Iterator[datetime]:
    """When the month of `day` begins and ends, up to the horizon."""
    year, month = local_day(now, zone).year, day.month
    for each in range(year, year + YEARS_AHEAD):
        yield begins(date(each, month, 1), zone)
        if month < 12 or each + 1 < year + YEARS_AHEAD:
            yield begins(date(each + month // 12, month % 12 + 1, 1), zone)


def midnights(now: datetime, zone: tzinfo) -> Iterator[datetime]:
    """The beginnings of the days of the year to come."""
    today = local_day(now, zone)
    for days in range(1, 367):
        yield begins(today + timedelta(days=days), zone)

"""The moment at which an answer changes by itself is told to the microsecond."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from known import NOW, Known
from patron.segments.rules.changes import earliest_change
from patron.segments.rules.dates import begins
from patron.segments.rules.language import parse

TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)


def change(rule: dict[str, Any], her: Known, now: datetime = NOW) -> datetime | None:
    return earliest_change(parse(rule), her, now)


def viewed(*days_ago: float) -> Known:
    return Known(log=[(60.0 * 24 * days, "Product Viewed", {}) for days in days_ago])


def test_a_window_runs_out_when_too_few_are_left() -> None:
    twice = {
        "event": "Product Viewed",
        "count": {"op": "at_least", "value": 2},
        "within": {"days": 7},
    }
    her = viewed(1, 3, 5)
    assert change(twice, her) == NOW - 3 * DAY + 7 * DAY + TICK
    assert parse(twice).holds(her, NOW + 4 * DAY)
    assert not parse(twice).holds(her, NOW + 4 * DAY + TICK)
    assert change({"not": twice}, her) == NOW + 4 * DAY + TICK
    assert change(twice, viewed(9)) is None


def test_what_was_long_ago_enough_comes_in() -> None:
    long_ago = {"event": "Product Viewed", "before": {"days": 30}}
    assert change(long_ago, viewed(10)) == NOW + 20 * DAY + TICK
    assert change(long_ago, viewed(40)) is None


def test_a_group_changes_when_its_answer_does() -> None:
    first = {"event": "Product Viewed", "within": {"days": 2}}
    second = {"event": "Product Viewed", "within": {"days": 4}}
    her = viewed(1)
    assert change({"or": [first, second]}, her) == NOW + 3 * DAY + TICK
    assert change({"and": [first, second]}, her) == NOW + DAY + TICK
    assert change({"and": [first, {"trait": "vip", "op": "is_true"}]}, her) is None


def test_a_date_ahead_comes_near_and_goes_by() -> None:
    her = Known({"renewal": (NOW + 30 * DAY).isoformat()})
    soon = {"trait": "renewal", "op": "in_the_next", "value": {"days": 7}}
    assert change(soon, her) == NOW + 23 * DAY
    assert change(soon, her, NOW + 23 * DAY) == NOW + 30 * DAY + TICK
    far = {"trait": "renewal", "op": "more_than_ahead", "value": {"days": 7}}
    assert change(far, her) == NOW + 23 * DAY
    lately = {"trait": "renewal", "op": "in_the_last", "value": {"days": 7}}
    assert change(lately, her) == NOW + 30 * DAY
    assert change(lately, her, NOW + 30 * DAY) == NOW + 37 * DAY + TICK
    gone = {"trait": "renewal", "op": "more_than_ago", "value": {"days": 7}}
    assert change(gone, her) == NOW + 37 * DAY + TICK


def test_a_birthday_comes_at_midnight_in_the_shop() -> None:
    her = Known({"birthday": "1988-03-09"})
    soon = {"trait": "birthday", "op": "anniversary_in_the_next", "value": 3}
    assert change(soon, her) == datetime(2026, 3, 6, 5, tzinfo=UTC)
    # The clocks of New York go forward on 8 March 2026.
    assert change(soon, her, datetime(2026, 3, 7, tzinfo=UTC)) == datetime(
        2026, 3, 10, 4, tzinfo=UTC
    )
    month = {"trait": "birthday", "op": "anniversary_this_month"}
    assert change(month, her) == datetime(2026, 4, 1, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("today", "held"),
    [
        ("2026-02-27", False),
        ("2026-02-28", True),
        ("2026-03-01", False),
        ("2028-02-28", False),
        ("2028-02-29", True),
    ],
)
def test_born_on_the_29th_of_february(today: str, held: bool) -> None:
    her = Known({"birthday": "1988-02-29"}, zone=UTC)
    now = datetime.fromisoformat(f"{today}T12:00:00Z")
    rule = {"trait": "birthday", "op": "anniversary_in_the_next", "value": 0}
    assert parse(rule).holds(her, now) is held


def test_a_day_begins_when_midnight_is_skipped() -> None:
    """Beirut's clocks went from 23:59:59 to 01:00 on 26 March 2023."""
    zone = ZoneInfo("Asia/Beirut")
    first = begins(datetime(2024, 3, 31, tzinfo=UTC).date(), zone)
    assert first.astimezone(zone).date().isoformat() == "2024-03-31"
    assert (first - TICK).astimezone(zone).date().isoformat() == "2024-03-30"


def test_what_never_changes_by_itself() -> None:
    for rule in (
        {"trait": "city", "op": "equals", "value": "Boston"},
        {"trait": "day", "op": "before", "value": "2026-04-01"},
        {"event": "Product Viewed"},
        {"event": "Product Viewed", "since": "2026-01-01T00:00:00Z"},
        {"sample": 10, "key": "a"},
        {"and": [{"trait": "day", "op": "anniversary_this_month"}, {"event": "X"}]},
    ):
        assert change(rule, viewed(1)) is None


def test_too_many_moments_end_in_an_early_answer_and_never_a_late_one() -> None:
    days = [(60.0 * n, "A", {"born": f"19{n % 90 + 10}-{n % 12 + 1:02}-09"}) for n in range(400)]
    her = Known(log=days)
    often = {"event": "A", "count": {"op": "at_least", "value": 2}, "within": {"days": 30}}
    found = change(often, her)
    assert found is not None and NOW < found < NOW + 30 * DAY
    assert parse(often).holds(her, found - TICK)
    birthday = [{"property": "born", "op": "anniversary_in_the_next", "value": 2}]
    rule = {"event": "A", "where": birthday}
    found = change(rule, her)
    assert found is not None
    assert parse(rule).holds(her, found - TICK) is parse(rule).holds(her, NOW)

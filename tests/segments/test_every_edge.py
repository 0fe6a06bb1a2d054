"""Windows and anniversaries at each of their edges, one by one, beside the plain reading."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import reference
from known import NOW, START, Known
from patron.segments.rules.changes import earliest_change
from patron.segments.rules.language import Scope, parse

TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)
JOURNEY = Scope(moments=frozenset({"start"}))
EARLY = (START - 3 * DAY).isoformat()
WINDOWS: list[dict[str, Any]] = [
    {"within": {"days": 2}},
    {"since": "start"},
    {"after": "start"},
    {"before": "start"},
    {"before": {"days": 2}},
    {"within": {"days": 5}, "before": {"days": 2}},
    {"since": EARLY, "before": "start"},
    {"after": EARLY, "before": {"days": 2}},
    {"since": EARLY, "before": START.isoformat()},
]
MOMENTS = [
    moment + tick
    for moment in (NOW - 5 * DAY, NOW - 2 * DAY, START, START - 3 * DAY, NOW)
    for tick in (-TICK, timedelta(), TICK)
]


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_a_window_begins_and_ends_where_it_says(window: dict[str, Any]) -> None:
    for at in MOMENTS:
        ago = (NOW - at) / timedelta(minutes=1)
        her = Known(log=[(ago, "A", {}), (ago, "B", {})])
        for rule in (
            {"event": "A", **window},
            {"event": ["A", "B"], "count": {"op": "equals", "value": 2}, **window},
            {"event": "A", "did": False, **window},
        ):
            parsed = parse(rule, JOURNEY)
            held = reference.holds(rule, her, NOW)
            assert parsed.holds(her, NOW) is held, at
            # Whatever moves with the clock moves within the next five days and a bit.
            change = earliest_change(parsed, her, NOW)
            steps = [
                at + span + tick for span in (2 * DAY, 5 * DAY) for tick in (-TICK, 0 * TICK, TICK)
            ]
            flips = [
                step
                for step in sorted(steps)
                if step > NOW and reference.holds(rule, her, step) is not held
            ]
            assert change == (flips[0] if flips else None), at


OPS = ["anniversary_in_the_next", "anniversary_in_the_last", "anniversary_this_month"]


@pytest.mark.parametrize("born", ["1988-02-29", "2000-12-31", "1990-01-01", "1970-03-02"])
@pytest.mark.parametrize("op", OPS)
def test_an_anniversary_comes_and_goes_on_its_days(op: str, born: str) -> None:
    """Day by day through a common year and a leap year, and each change foretold the day before."""
    her = Known({"day": born}, zone=UTC)
    for days in (0, 1, 7, 365) if op != OPS[2] else (None,):
        rule = {"trait": "day", "op": op} | ({} if days is None else {"value": days})
        parsed = parse(rule)
        noon = datetime(2027, 1, 1, 12, tzinfo=UTC)
        held = reference.holds(rule, her, noon)
        for _ in range(800):
            assert parsed.holds(her, noon) is held, noon
            after = reference.holds(rule, her, noon + DAY)
            midnight = noon + DAY / 2
            foretold = earliest_change(parsed, her, noon) if after is not held else None
            assert foretold == (midnight if after is not held else None)
            noon, held = noon + DAY, after

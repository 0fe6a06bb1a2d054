"""Answered for many at once, from records, a rule says what it says when it is asked of one."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

import lives
import reference
import rules
from known import NOW, Known
from patron.segments.live.columns import Columns, Records, cut, fresh, joined, packed, unpacked
from patron.segments.live.kernels import NEVER, Asking
from patron.segments.live.program import Chunk, Program, made_ready
from patron.segments.rules.dates import micros, moment
from patron.segments.rules.language import Rule, bind, parse
from patron.segments.types import Touch
from segments.test_every_edge import MOMENTS, WINDOWS

ZONE = ZoneInfo("America/New_York")
TICK = timedelta(microseconds=1)


def recorded(program: Program, her: Known, who: int) -> list[tuple[int, int, int, int, int]]:
    """Everything that happened to her, as records."""
    rows = []
    for number, (stream, _) in enumerate(program.streams.values()):
        if stream.kind != "event":
            for touch in her.touches(stream.kind):
                for ts in (touch.first, touch.last):
                    codes = stream.touched(ts, touch.value)
                    rows += [(who, number, micros(ts), 0, code) for code in codes]
            continue
        for position, (ago, name, told) in enumerate(her.log):
            if name in stream.names:
                ts = NOW - timedelta(minutes=ago)
                values = stream.values(ts, told)
                rows += [(who, number, micros(ts), position, value) for value in values]
    return rows


def answered(
    program: Program, people: list[Known], now: datetime, parts: int = 1
) -> tuple[list[bool], list[datetime | None]]:
    """The answers, the records being kept in so many `parts` and cut to what is needed each."""
    rows = [row for who, her in enumerate(people) for row in recorded(program, her, who)]
    kept = {number: need for number, (_, need) in enumerate(program.streams.values())}
    whole: list[Records] = []
    for part in range(parts):
        some = cut(fresh(rows[part::parts]).ordered(), kept, micros(now))
        whole.append(unpacked(packed(some, len(people))))
    records = cut(joined(*whole).ordered(), kept, micros(now))
    numbers = {key: number for number, key in enumerate(program.streams)}
    chunk = Chunk(Columns(records, len(people)), people)
    held, changes = program.answer(chunk, Asking(now, ZONE), numbers)
    assert all(change > micros(now) for change in changes)
    return held.tolist(), [None if at == NEVER else moment(at) for at in changes.tolist()]


def ready(data: dict[str, Any]) -> tuple[Rule, Program]:
    bound = parse(bind(data, Known().moments, "c1"))
    return bound, made_ready(bound, ZONE)


@settings(max_examples=400)
@given(
    rules.rules,
    st.lists(lives.people, min_size=1, max_size=4),
    st.lists(rules.hours, max_size=2),
    st.integers(1, 3),
)
def test_the_kernels_say_what_the_reference_says(
    data: dict[str, Any], people: list[Known], waits: list[int], parts: int
) -> None:
    data = bind(data, Known().moments, "c1")
    rule, program = ready(data)
    now = NOW
    for wait in [0, *waits]:
        now += timedelta(hours=wait)
        held, changes = answered(program, people, now, parts)
        assert held == [rule.holds(her, now) for her in people]
        assert held == [reference.holds(data, her, now) for her in people]
        for her, value, change in zip(people, held, changes, strict=True):
            until = change or now + timedelta(days=4_000)
            for ahead in (until - TICK, now + (until - now) / 2):
                assert rule.holds(her, ahead) is value


def test_windows_begin_and_end_at_the_very_moment() -> None:
    """To the microsecond, for the kernels as for the reading of one."""
    steps = [{"event": "A"}, {"event": "B"}]
    asked: list[dict[str, Any]] = [
        {"event": "A"},
        {"event": ["A", "B"], "count": {"op": "equals", "value": 2}},
        {"event": "A", "did": False},
        {"sequence": steps},
    ]
    whens = ("in_the_last", "in_the_next", "more_than_ago", "more_than_ahead")
    rules_ = [one | window for one in asked for window in WINDOWS]
    rules_ += [{"event": "A", "last": {"op": op, "value": {"days": 2}}} for op in whens]
    moments = [*MOMENTS, *(NOW + timedelta(days=2) + n * TICK for n in (-1, 0, 1))]
    for data in rules_:
        bound = bind(data, Known().moments, "c1")
        _, program = ready(data)
        for at in moments:
            ago = (NOW - at) / timedelta(minutes=1)
            for first, then in ((ago, ago), (ago + 1, ago), (ago, ago - 1)):
                her = Known(log=[(first, "A", {}), (then, "B", {})])
                assert answered(program, [her], NOW)[0] == [reference.holds(bound, her, NOW)], at


def test_a_touch_is_within_a_window_to_the_very_moment() -> None:
    data = {"channel": "email", "touch": "any", "within": {"days": 2}}
    _, program = ready(data)
    for at in MOMENTS:
        her = Known(touched={"channel": [Touch("email", at, at)]})
        assert answered(program, [her], NOW)[0] == [reference.holds(data, her, NOW)], at


def test_spans_of_a_sequence_end_at_the_very_moment() -> None:
    first, then = {"event": "A"}, {"event": "B"}
    hour = {"hours": 1}
    for data in (
        {"sequence": [first, then | {"within": hour}]},
        {"sequence": [first, then], "span": hour},
        {"sequence": [first, then | {"without": {"event": "C"}}]},
    ):
        bound, program = ready(data)
        for late in (-1, 0, 1):
            for barred in (30, 60 + late / 60_000_000, 90):
                log: list[Any] = [
                    (90.0, "A", {}),
                    (barred, "C", {}),
                    (30 - late / 60_000_000, "B", {}),
                ]
                her = Known(log=sorted(log, key=lambda one: -one[0]))
                held = answered(program, [her], NOW)[0]
                assert held == [bound.holds(her, NOW)] == [reference.holds(data, her, NOW)]


def test_a_date_inside_an_event_is_read_from_the_log() -> None:
    soon = {"op": "in_the_next", "value": {"days": 7}}
    for rule in (
        {"event": "Booked", "where": [{"property": "arrival", **soon}]},
        {"event": "Booked", "last": {"property": "arrival", **soon}},
        {"sequence": [{"event": "A"}, {"event": "B", "where": [{"property": "on", **soon}]}]},
    ):
        _, program = ready(rule)
        assert (len(program.from_log), program.streams) == (1, {})
    _, both = ready({"and": [{"event": "A"}, {"affinity": "brand", "for": "Acme", "top": 1}]})
    assert (len(both.from_log), len(both.streams), both.needs.names) == (1, 1, frozenset())


def test_the_same_question_is_one_stream() -> None:
    often = {"event": "A", "where": [{"property": "x", "op": "equals", "value": 1}]}
    rule = {
        "and": [
            often,
            {**often, "within": {"days": 3}},
            {**often, "sum": {"property": "x", "op": "at_least", "value": 3}},
            {**often, "avg": {"property": "x", "op": "at_least", "value": 3}},
            {**often, "distinct": {"property": "x", "op": "at_least", "value": 3}},
        ]
    }
    _, program = ready(rule)
    assert len(program.streams) == 3
    needed = [(kept.newest, kept.oldest, kept.back) for _, kept in program.streams.values()]
    assert needed == [(2, 0, None), (1_000, 0, None), (1_000, 0, None)]


def test_of_a_robot_only_what_is_needed_is_kept() -> None:
    her = Known(log=[(minute / 10, "A", {"x": 1}) for minute in range(5_000)])
    for rule, held, most in (
        ({"event": "A", "count": {"op": "at_least", "value": 3}}, True, 4),
        ({"event": "A", "sum": {"property": "x", "op": "equals", "value": 1_000}}, True, 1_000),
        ({"event": "A", "first": {"op": "more_than_ago", "value": {"minutes": 499}}}, True, 1),
        ({"event": "A", "last": {"op": "in_the_last", "value": {"seconds": 1}}}, True, 1),
        ({"event": "A", "did": False, "within": {"days": 1}}, False, 1),
        ({"event": "A", "before": {"minutes": 100}}, False, 1_000),
    ):
        parsed, program = ready(rule)
        assert answered(program, [her], NOW, 2)[0] == [parsed.holds(her, NOW)] == [held]
        kept = {number: need for number, (_, need) in enumerate(program.streams.values())}
        assert len(cut(fresh(recorded(program, her, 0)).ordered(), kept, micros(NOW))) == most


WHEN = st.sampled_from([0, 1, 2, 10**15, -(2**60), 2**60])
RECORD = st.tuples(
    st.integers(0, 3), st.integers(0, 2), WHEN, st.integers(0, 2), st.integers(-1, 1)
)


@given(st.lists(RECORD, max_size=30))
def test_records_are_ordered_by_stream_person_time_position_and_value(
    rows: list[tuple[int, int, int, int, int]],
) -> None:
    found = fresh(rows).ordered()
    columns = (found.stream, found.who, found.at, found.position, found.value)
    told = list(zip(*(column.tolist() for column in columns), strict=True))
    assert told == sorted((stream, who, *rest) for who, stream, *rest in rows)

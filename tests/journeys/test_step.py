"""A run's way through its steps, on virtual time."""

from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from patron.journeys.definition import Definition, parse
from patron.journeys.step import AT_THE_DOOR, Outcome, begin, proceed
from patron.journeys.types import RunState
from patron.segments.rules.language import Answer, Rule
from patron.segments.rules.reading import Misread

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
RULE = {"event": "Order Completed", "did": False, "since": "start"}
MAIL = {"send": {"template": "x"}}


def journey(*steps: dict[str, Any]) -> Definition:
    return parse({"trigger": {"cart": "changed"}, "steps": list(steps)})


def answering(*answers: bool) -> Any:
    left = list(answers)

    def ask(_: Rule) -> Answer:
        return Answer(left.pop(0), ["did order" if left else "did not order"])

    return ask


def always(_: Rule) -> Answer:
    return Answer(True, ["so it is"])


def test_a_wait_counts_from_what_started_it() -> None:
    definition = journey({"wait": {"hours": 1}}, MAIL)
    step, seconds, due = begin(definition, NOON)
    assert (step, seconds, due) == (0, 3600, NOON + timedelta(hours=1))
    end = proceed(definition, step, 1, always, due)
    assert (end.state, [visit.name for visit in end.sends]) == (RunState.DONE, ["send-2:1"])
    assert [line.words for line in end.lines] == ["Waited 1 hour.", "Reached its end."]


def test_without_a_first_wait_a_run_goes_on_at_once() -> None:
    definition = journey(MAIL, {"wait": {"days": 1}}, MAIL)
    assert begin(definition, NOON) == (AT_THE_DOOR, 0, NOON)
    first = proceed(definition, AT_THE_DOOR, 1, always, NOON + timedelta(seconds=2), NOON)
    assert (first.state, first.step, first.due_at) == (
        RunState.WAITING,
        1,
        NOON + timedelta(days=1),
    )
    assert [visit.name for visit in first.sends] == ["send-1:1"]
    # The next wait counts from when the run really went on.
    late = NOON + timedelta(days=3)
    second = proceed(definition, first.step, first.visit, always, late)
    assert (second.state, [visit.name for visit in second.sends]) == (RunState.DONE, ["send-3:1"])


def test_a_condition_leads_on_out_or_elsewhere() -> None:
    definition = journey(
        {"wait": {"hours": 1}},
        {"id": "ask", "condition": {"rule": RULE, "else": "sorry"}},
        MAIL,
        {"exit": "said it"},
        {"id": "sorry", "send": {"template": "y"}},
    )
    yes = proceed(definition, 0, 1, answering(True), NOON)
    assert [visit.step.template for visit in yes.sends] == ["x"]
    assert (yes.state, yes.reason) == (RunState.EXITED, "said it")
    no = proceed(definition, 0, 1, answering(False), NOON)
    assert [visit.step.template for visit in no.sends] == ["y"]
    assert [line.words for line in no.lines] == [
        "Waited 1 hour.",
        "Went to “sorry”.",
        "Reached its end.",
    ]
    gone = proceed(
        journey({"condition": {"rule": RULE}}, MAIL), AT_THE_DOOR, 1, answering(False), NOON
    )
    assert (gone.state, gone.reason, gone.sends) == (RunState.EXITED, "condition", [])
    assert gone.lines[0].why == ["did not order"]


def live_through(
    definition: Definition, answers: Any
) -> tuple[list[tuple[datetime, str]], Outcome]:
    """Every message of a run on virtual time, and where it ended."""
    step, _, due = begin(definition, NOON)
    visit, said = 1, []
    for _ in range(10_000):
        end = proceed(definition, step, visit, answers, due)
        said += [(due, one.name) for one in end.sends]
        if end.due_at is None:
            return said, end
        step, visit, due = end.step, end.visit, end.due_at
    raise AssertionError("the run never ended")


def test_ninety_days_take_milliseconds() -> None:
    definition = journey(
        {"id": "week", "wait": {"days": 7}},
        MAIL,
        {"condition": {"rule": RULE, "else": "week"}},
    )
    started = perf_counter()
    said, end = live_through(definition, answering(*[False] * 12, True))
    assert perf_counter() - started < 0.1
    assert end.state is RunState.DONE
    assert [name for _, name in said] == [f"send-2:{lap}" for lap in range(1, 14)]
    assert said[-1][0] == NOON + timedelta(days=91)


steps = st.lists(
    st.sampled_from(
        [
            {"wait": {"hours": 1}},
            {"wait": {"days": 3}},
            MAIL,
            {"condition": {"rule": RULE}},
            {"condition": {"rule": RULE, "else": "a"}},
            {"condition": {"rule": RULE, "else": "c"}},
            {"exit": "enough"},
        ]
    ),
    min_size=4,
    max_size=7,
)


@given(steps, st.lists(st.booleans(), max_size=60))
def test_no_run_says_the_same_thing_twice_or_goes_round_for_ever(
    drawn: list[dict[str, Any]], answers: list[bool]
) -> None:
    named = [{"id": name, **step} for name, step in zip("abcdefg", drawn, strict=False)]
    try:
        definition = journey(*named)
    except Misread as error:
        assert "without a wait" in str(error)
        return
    left = iter(answers)

    def ask(_: Rule) -> Answer:
        return Answer(next(left, True), ["so"])

    said, end = live_through(definition, ask)
    assert len({name for _, name in said}) == len(said)
    assert end.state in (RunState.DONE, RunState.EXITED)
    assert [at for at, _ in said] == sorted(at for at, _ in said)

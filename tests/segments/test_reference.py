"""The language answers as a plain reading of its documentation does, now and at any later time."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import reference
from known import NOW, Known
from lives import people
from patron.segments.computed.definition import KINDS as COMPUTED
from patron.segments.forms.event import MEASURES, OCCURRENCES
from patron.segments.forms.liked import QUESTIONS
from patron.segments.forms.location import FIELDS
from patron.segments.forms.orders import FIGURES, Orders
from patron.segments.forms.window import WINDOWS
from patron.segments.liking.reading import KINDS as LIKED
from patron.segments.population.types import GROUPS, RANKED, SCORES
from patron.segments.rules.changes import earliest_change
from patron.segments.rules.language import FORMS, Scope, bind, parse
from patron.segments.rules.operators import AMOUNTS, COUNTS, OPERATORS, UNITS
from rules import HOURS, LEAVES, PREDICTED, VALUES, hours, json_values, rules

JOURNEY = Scope(moments=frozenset({"start"}), cart=True)
HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)
later = hours.map(lambda hour: NOW + hour * HOUR) | st.sampled_from(
    [
        datetime.fromisoformat(f"{day}T17:00:00Z")
        for day in ("2026-02-28", "2026-12-31", "2027-02-28", "2027-03-01", "2028-02-29")
    ]
)
MADE = {**LEAVES, "groups": rules}
EXAMPLES = {"groups": 300, "event": 300, "sequence": 200}


def thorough(made: str) -> settings:
    return settings(
        max_examples=EXAMPLES.get(made, 80),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        deadline=None,
    )


@pytest.mark.parametrize("made", sorted(MADE))
def test_it_answers_as_the_reference_does(made: str) -> None:
    @thorough(made)
    @given(MADE[made], people, later, st.booleans())
    def asked(rule: dict[str, Any], her: Known, now: datetime, tick: bool) -> None:
        now += TICK * tick
        parsed = parse(rule, JOURNEY)
        held = reference.holds(rule, her, now)
        assert parsed.holds(her, now) is held
        answer = parsed.evaluate(her, now)
        assert answer.value is held
        assert answer.why and all(answer.why)
        bound = parse(bind(rule, her.moments, "c1"), Scope())
        if "this" not in json.dumps(rule):
            assert bound.evaluate(her, now).value is held

    asked()


@pytest.mark.parametrize("made", sorted(MADE))
def test_nothing_changes_before_the_earliest_change(made: str) -> None:
    """Everything in the histories happens at whole hours, so a walk from hour to hour, with the
    moment after each, meets all that can change."""

    @thorough(made)
    @given(MADE[made], people, st.lists(st.integers(72, 24 * 500), max_size=20))
    def asked(rule: dict[str, Any], her: Known, some: list[int]) -> None:
        held = reference.holds(rule, her, NOW)
        change = earliest_change(parse(rule, JOURNEY), her, NOW)
        recurs = "anniversary" in json.dumps(rule)
        for at in _walk(MIDNIGHTS if recurs else range(72), some, change):
            assert reference.holds(rule, her, at) is held, at
        if change is not None:
            assert change > NOW
            assert recurs or reference.holds(rule, her, change) is not held

    asked()


@settings(thorough("orders"), max_examples=300)
@given(MADE["orders"], people)
def test_orders_are_asked_again_before_their_answer_changes(
    rule: dict[str, Any], her: Known
) -> None:
    parsed = parse(rule, JOURNEY)
    assert isinstance(parsed, Orders)
    change, soonest = earliest_change(parsed, her, NOW), parsed.soonest(her, NOW)
    assert change is None or (soonest is not None and NOW < soonest <= change)


MIDNIGHTS = [hour for day in range(370) for hour in (day * 24 + 11, day * 24 + 12)]
"""Hours from noon in New York to midnight there, by either of its clocks."""


def _walk(hours: Sequence[int], more: Sequence[int], end: datetime | None) -> Iterator[datetime]:
    for hour in (*hours, *HOURS, *more):
        for at in (NOW + hour * HOUR, NOW + hour * HOUR + TICK):
            if end is None or at < end:
                yield at
    if end is not None:
        yield end - TICK


@st.composite
def _one_operator(draw: st.DrawFn) -> dict[str, Any]:
    op = draw(st.sampled_from(sorted(OPERATORS)))
    kind = OPERATORS[op].kind
    value = {"value": draw(VALUES[kind])} if kind in VALUES else {}
    return {"trait": "born", "op": op, **value}


@settings(max_examples=1_000, deadline=None)
@given(_one_operator(), json_values, later)
def test_every_operator_reads_every_value(rule: dict[str, Any], value: Any, now: datetime) -> None:
    her = Known({"born": value})
    assert parse(rule).holds(her, now) is reference.holds(rule, her, now)


def words() -> dict[str, list[str]]:
    """Each word of the language's tables, as it stands in the JSON of a rule."""
    return {
        "form": [f'"{form}": ' for form in FORMS],
        "operator": [f'"op": "{op}"' for op in OPERATORS],
        "comparison": [f'"op": "{op}"' for op in (*AMOUNTS, *COUNTS)],
        "window": [f'"{name}": ' for name in WINDOWS],
        "question": [f'"{name}": ' for name in ("count", "did", *MEASURES, *OCCURRENCES)],
        "figure": [f'"orders": "{figure}"' for figure in FIGURES],
        "score": [f'"rfm": "{name}"' for name in (*SCORES, "group")],
        "group": [f'"{group}"' for group in GROUPS],
        "percentile": [f'"percentile": "{name}"' for name in RANKED],
        "location": [f'"location": "{name}"' for name in FIELDS],
        "computed": [f'"compute": "{name}"' for name in COMPUTED],
        "affinity": [f'"affinity": "{name}"' for name in LIKED]
        + [f'"{name}": ' for name in QUESTIONS],
        "predicted": [f'"predicted": "{name}"' for name in PREDICTED] + ['"among_all": {"'],
        "unit": [f'"{unit}": ' for unit in UNITS],
    }


def test_the_random_rules_miss_no_word_of_the_language() -> None:
    """What is added to the tables and not to `rules.py` fails here."""
    assert set(LEAVES) | {"and", "or", "not"} == set(FORMS)
    said: list[str] = []

    for made in MADE.values():

        @settings(max_examples=200, database=None, derandomize=True, phases=[Phase.generate])
        @given(made)
        def collect(rule: dict[str, Any]) -> None:
            said.append(json.dumps(rule))

        collect()
    everything = "\n".join(said)
    missing = [word for every in words().values() for word in every if word not in everything]
    assert missing == []

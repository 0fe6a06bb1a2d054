"""Conditions about a computed trait of the shop's own."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from patron.segments.computed import definition as definitions
from patron.segments.computed.definition import MEASURES, Definition
from patron.segments.forms.event import TOO_LARGE, Event, Measure, Occurrence, Often, where_edges
from patron.segments.rules import words
from patron.segments.rules.operators import AMOUNTS, OF_DATES, OPERATORS, Comparison, at_path
from patron.segments.rules.reading import (
    Misread,
    a_text,
    an_amount,
    an_object,
    one_of,
    read_test,
)
from patron.segments.types import Answer, Facts, Needs, Scope

KNOWN = ("exists", "missing")
NUMBERS = ("count", *MEASURES)
AS = "as"
"""Where a saved rule keeps what the trait was computed from when it was saved."""


class Computed(msgspec.Struct, frozen=True):
    """A computed trait passes a test. `definition` is None where nobody has said what it is."""

    key: str
    definition: Definition | None
    test: Comparison

    @property
    def recurs(self) -> bool:
        where = [] if self.definition is None else self.definition.where
        return self.test.recurs or any(test.recurs for _, test in where)

    def holds(self, facts: Facts, now: datetime) -> bool:
        same = self.same()
        if same is not None:
            return same[0].holds(facts, now) is not same[1]
        return self.test.holds(self._values(facts, now), now, facts.zone)

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        held = self.holds(facts, now)
        name = f"the computed trait {self.key}"
        said = words.tested(name, self.test, self._values(facts, now), held, facts.zone)
        return Answer(held, [said])

    def edges(self, facts: Facts, now: datetime) -> Iterator[datetime]:
        one = self.definition
        if one is None:
            return
        deeds = facts.events(one.names, one.window.bounds(facts, now)[0])
        yield from one.window.edges(ts for ts, _ in deeds)
        yield from where_edges(one.where, deeds, facts, now)
        if self.test.relative:
            for ts, told in deeds:
                values = [ts] if one.path is None else at_path(one.path, told)
                yield from self.test.edges(values, now, facts.zone)

    def needs(self) -> Needs:
        return Needs() if self.definition is None else self.definition.needs()

    def weight(self) -> int:
        return 1 if self.definition is None else 1 + len(self.definition.where)

    def same(self) -> tuple[Event, bool] | None:
        """The condition on events that asks the same, and whether it asks the opposite; None for a
        trait that is no number and no time."""
        one, op = self.definition, self.test.op
        if one is None or not (one.kind in NUMBERS or one.path is None):
            return None
        if op in KNOWN:
            return Event(one.names, _any(one), one.where, one.window), op == "missing"
        negates = op == "not_equals" and one.kind in MEASURES
        asked: Often | Measure | Occurrence
        if one.kind == "count":
            asked = Often(op, self.test.value)
        elif one.kind in MEASURES:
            assert one.path is not None
            asked = Measure(one.kind, one.path, "equals" if negates else op, self.test.value)
        else:
            asked = Occurrence(one.kind, None, self.test)
        return Event(one.names, asked, one.where, one.window), negates

    def _values(self, facts: Facts, now: datetime) -> list[Any]:
        found = None if self.definition is None else self.definition.outcome(facts, now).value
        if isinstance(found, list):
            return found
        return [] if found is None else [found]


def _any(one: Definition) -> Often | Measure:
    """What holds where the trait is known."""
    if one.kind in ("count", "sum"):
        return Often("at_least", 0)
    if one.path is None:
        return Often("at_least", 1)
    return Measure(one.kind, one.path, "between", [-TOO_LARGE, TOO_LARGE])


def read_computed(data: Mapping[str, Any], path: str, scope: Scope) -> Computed:
    an_object(data, path, ["computed", "op", "value", AS])
    key = a_text(data["computed"], f"{path}.computed")
    told = data.get(AS)
    if scope.computed is not None:
        if key not in scope.computed:
            known = sorted(scope.computed)
            raise Misread(f"{path}.computed", key, known, "there is no computed trait of this key")
        told = scope.computed[key]
    one = None if told is None else definitions.parse(told, f"{path}.{AS}")
    return Computed(key, one, _read_test(data, path, one))


def _read_test(data: Mapping[str, Any], path: str, one: Definition | None) -> Comparison:
    if data.get("op") in KNOWN or one is None or not (one.kind in NUMBERS or one.path is None):
        return read_test(data, path, OPERATORS)
    if one.path is None and one.kind not in NUMBERS:
        return read_test(data, path, (*OF_DATES, *KNOWN))
    one_of(data.get("op"), f"{path}.op", (*AMOUNTS, *KNOWN), "comparison of numbers")
    return Comparison(*an_amount(data, path))


def with_definitions(data: Any, known: Mapping[str, Any]) -> Any:
    """JSON that has rules in it, each of which says what the computed traits that it names are."""
    if isinstance(data, list):
        return [with_definitions(one, known) for one in data]
    if not isinstance(data, dict):
        return data
    told = {key: with_definitions(one, known) for key, one in data.items() if key != AS}
    key = data.get("computed")
    if isinstance(key, str) and "op" in data:
        return told | ({AS: known[key]} if key in known else {})
    return data | told if AS in data else told

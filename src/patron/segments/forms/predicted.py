"""Conditions about a predicted value: a number, a date, or where it stands among all."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from patron.segments.predictions.types import FEWEST, Kind
from patron.segments.rules import words
from patron.segments.rules.operators import AMOUNTS, OF_DATES, Comparison
from patron.segments.rules.reading import Misread, a_text, an_amount, an_object, one_of, read_test
from patron.segments.types import Answer, Facts, Needs, Scope

KNOWN = ("exists", "missing")
OPS = tuple(dict.fromkeys((*AMOUNTS, *OF_DATES, *KNOWN)))
AMONG_ALL = "among_all"


class Predicted(msgspec.Struct, frozen=True):
    """What is predicted of her passes a test."""

    name: str
    test: Comparison

    @property
    def recurs(self) -> bool:
        return self.test.recurs

    def holds(self, facts: Facts, now: datetime) -> bool:
        return self.test.holds(self._values(facts), now, facts.zone)

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        values = self._values(facts)
        held = self.test.holds(values, now, facts.zone)
        name = f"the prediction {self.name}"
        return Answer(held, [words.tested(name, self.test, values, held, facts.zone)])

    def edges(self, facts: Facts, now: datetime) -> Iterator[datetime]:
        return self.test.edges(self._values(facts), now, facts.zone)

    def needs(self) -> Needs:
        return Needs(predictions=frozenset([self.name]))

    def weight(self) -> int:
        return 1

    def _values(self, facts: Facts) -> list[Any]:
        found = facts.predicted.get(self.name)
        return [] if found is None else [found.value]


class PredictedRank(msgspec.Struct, frozen=True):
    """Of how many percent of all who have the prediction it says less."""

    name: str
    op: str
    value: Any
    recurs: bool = False

    def holds(self, facts: Facts, now: datetime) -> bool:
        found = self._found(facts)
        return found is not None and bool(AMOUNTS[self.op](found, self.value))

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        found = self._found(facts)
        if found is None:
            few = f" among at least {FEWEST} people" if self.name in facts.predicted else ""
            return Answer(False, [f"the prediction {self.name} is not known{few}"])
        value = self.holds(facts, now)
        said = f"the prediction {self.name} is more than that of {found}% of all who have it"
        wanted = words.compared(self.op, self.value)
        return Answer(value, [said if value else f"{said}, but asked was: {wanted}"])

    def edges(self, facts: Facts, now: datetime) -> Iterator[datetime]:
        yield from ()

    def needs(self) -> Needs:
        return Needs(predictions=frozenset([self.name]))

    def weight(self) -> int:
        return 1

    def _found(self, facts: Facts) -> int | None:
        found = facts.predicted.get(self.name)
        return None if found is None else found.percentile


def read_predicted(data: Mapping[str, Any], path: str, scope: Scope) -> Predicted | PredictedRank:
    name = a_text(data["predicted"], f"{path}.predicted")
    there = scope.predictions
    if there is not None and name not in there:
        raise Misread(f"{path}.predicted", name, sorted(there), "there is no prediction so named")
    if AMONG_ALL in data:
        an_object(data, path, ["predicted", AMONG_ALL])
        at = f"{path}.{AMONG_ALL}"
        op, value = an_amount(an_object(data[AMONG_ALL], at, ["op", "value"]), at)
        for one in value if isinstance(value, list) else [value]:
            if not 0 <= one <= 100:
                allowed = ["a number from 0 to 100"]
                raise Misread(f"{at}.value", data[AMONG_ALL]["value"], allowed, "is no percentage")
        return PredictedRank(name, op, value)
    an_object(data, path, ["predicted", "op", "value"])
    test = _read_test(data, path)
    if there is not None and test.op not in KNOWN and (there[name] == Kind.DATE) != _dated(test):
        allowed = list(OF_DATES if there[name] == Kind.DATE else AMOUNTS)
        raise Misread(f"{path}.op", test.op, allowed, f"the prediction {name} is a {there[name]}")
    return Predicted(name, test)


def _read_test(data: Mapping[str, Any], path: str) -> Comparison:
    op, value = one_of(data.get("op"), f"{path}.op", OPS, "operator"), data.get("value")
    numbers = isinstance(value, list) and value and not isinstance(value[0], str)
    if op in AMOUNTS and (op != "between" or numbers):
        return Comparison(*an_amount(data, path))
    return read_test(data, path, OPS)


def _dated(test: Comparison) -> bool:
    if test.op == "between":
        return isinstance(test.value[0], datetime)
    return test.op in OF_DATES

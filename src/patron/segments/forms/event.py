"""Conditions about what she did: how often, how much, the first and the last time; messages too."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from hashlib import blake2b
from sys import maxsize
from typing import Any

import msgspec

from patron.segments.forms.window import WINDOWS, Window, read_window
from patron.segments.rules import words
from patron.segments.rules.operators import (
    AMOUNTS,
    OF_DATES,
    OPERATORS,
    Comparison,
    alike,
    as_number,
    at_path,
)
from patron.segments.rules.reading import (
    MOST_COUNTED,
    Misread,
    a_count,
    a_text,
    an_amount,
    an_object,
    read_names,
    read_test,
    read_where,
    yes_or_no,
)
from patron.segments.types import Answer, Facts, Needs, Scope

Deeds = Sequence[tuple[datetime, Mapping[str, Any]]]
Where = list[tuple[str, Comparison]]

MEASURES = ("sum", "avg", "min", "max", "distinct")
OCCURRENCES = ("first", "last")
MOST_TOLD = 100
"""Values of one property of one event; more are not counted in."""
MICRO = 10**6
TOO_LARGE = 10**9
"""Numbers beyond it are mistakes, and are not counted in."""


class Often(msgspec.Struct, frozen=True):
    """How many times; compared with a number, or with two."""

    op: str
    count: Any

    def holds(self, deeds: Deeds, facts: Facts, now: datetime) -> bool:
        return bool(AMOUNTS[self.op](len(deeds), self.count))

    def words(self, deeds: Deeds, held: bool, facts: Facts) -> str:
        if held or not deeds or not self.count:
            return ""
        return f", but asked was: {self.op.replace('_', ' ')} {self.count}"


class Measure(msgspec.Struct, frozen=True):
    """A number made of one property of all that counts, such as the sum of `revenue`."""

    kind: str
    path: str
    op: str
    value: Any

    def holds(self, deeds: Deeds, facts: Facts, now: datetime) -> bool:
        found = self.found(deeds)
        return found is not None and bool(AMOUNTS[self.op](found, self.limit()))

    def found(self, deeds: Deeds) -> int | None:
        """The number in millionths, to which every value is rounded, so that ten times 0.1 is 1;
        None for an average, a least or a greatest of nothing."""
        values = [value for _, told in deeds for value in self.values(told)]
        if self.kind == "distinct":
            return len(set(values)) * MICRO
        if self.kind == "sum":
            return sum(values)
        if not values:
            return None
        if self.kind == "avg":
            return round(Fraction(sum(values), len(values)))
        return min(values) if self.kind == "min" else max(values)

    def values(self, told: Mapping[str, Any]) -> list[int]:
        """What one event tells: numbers in millionths; for `distinct`, what stands for a value."""
        return self.read(at_path(self.path, told))

    def read(self, values: Sequence[Any]) -> list[int]:
        """The same of the property's values."""
        found = values[:MOST_TOLD]
        if self.kind == "distinct":
            return [mark for value in found if (mark := _mark(value)) is not None]
        numbers = [number for value in found if (number := as_number(value)) is not None]
        return [round(number * MICRO) for number in numbers if abs(number) <= TOO_LARGE]

    def limit(self) -> int | list[int]:
        """What the number is compared with, in millionths."""
        if isinstance(self.value, list):
            return [_millionths(one) for one in self.value]
        return _millionths(self.value)

    def words(self, deeds: Deeds, held: bool, facts: Facts) -> str:
        found = self.found(deeds)
        number = None if found is None else found / MICRO
        return f"; {words.measured(self.kind, self.path, number, held, self._wanted())}"

    def _wanted(self) -> str:
        return words.compared(self.op, self.value)


def _millionths(number: float) -> int:
    return round(Fraction(str(number)) * MICRO)


def _mark(value: Any) -> int | None:
    """63 bits that stand for a value, the same for values that `equals` takes for the same."""
    key = alike(value)
    if key is None:
        return None
    if isinstance(key, float) and key.is_integer():
        key = int(key)
    digest = blake2b(repr(key).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


class Occurrence(msgspec.Struct, frozen=True):
    """The first or the last time: when it was, or a property it had."""

    which: str
    path: str | None
    test: Comparison

    def holds(self, deeds: Deeds, facts: Facts, now: datetime) -> bool:
        return bool(deeds) and self.test.holds(self._values(deeds), now, facts.zone)

    def _values(self, deeds: Deeds) -> list[Any]:
        ts, told = deeds[0] if self.which == "first" else deeds[-1]
        return [ts] if self.path is None else at_path(self.path, told)

    def words(self, deeds: Deeds, held: bool, facts: Facts) -> str:
        if not deeds:
            return ""
        name = f"the {self.which} time" + ("" if self.path is None else f" its {self.path}")
        return "; " + words.tested(name, self.test, self._values(deeds), held, facts.zone)


class Event(msgspec.Struct, frozen=True):
    """`told` says in words what `where` narrows, where it says it better."""

    names: frozenset[str]
    asked: Often | Measure | Occurrence
    where: Where
    window: Window
    told: str | None = None

    @property
    def recurs(self) -> bool:
        occurrence = self.asked.test.recurs if isinstance(self.asked, Occurrence) else False
        return occurrence or any(test.recurs for _, test in self.where)

    def holds(self, facts: Facts, now: datetime) -> bool:
        return self.asked.holds(self.deeds(facts, now), facts, now)

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        deeds = self.deeds(facts, now)
        value = self.asked.holds(deeds, facts, now)
        last = words.moment(deeds[-1][0], facts.zone) if deeds else None
        narrowed = words.narrowed(self.where, facts.zone) if self.told is None else self.told
        when = narrowed + self.window.words(facts)
        said = words.happened(self.names, len(deeds), when, last)
        return Answer(value, [said + self.asked.words(deeds, value, facts)])

    def deeds(self, facts: Facts, now: datetime) -> Deeds:
        """Time and properties of what counts, oldest first."""
        # The first time of all is kept for good; the first in a window that moves is not.
        first = isinstance(self.asked, Occurrence) and self.asked.which == "first"
        most = maxsize if first and self.window.within is None else MOST_COUNTED
        return deeds_of(self.names, self.where, self.window, facts, now, most)

    def edges(self, facts: Facts, now: datetime) -> Iterator[datetime]:
        deeds = facts.events(self.names, self.window.bounds(facts, now)[0])
        yield from self.window.edges(ts for ts, _ in deeds)
        yield from where_edges(self.where, deeds, facts, now)
        if isinstance(self.asked, Occurrence):
            path, test = self.asked.path, self.asked.test
            for ts, told in deeds:
                yield from test.edges(
                    [ts] if path is None else at_path(path, told), now, facts.zone
                )

    def needs(self) -> Needs:
        reads = isinstance(self.asked, Measure) or (
            isinstance(self.asked, Occurrence) and self.asked.path is not None
        )
        return Needs(
            names=self.names,
            properties=bool(self.where) or reads,
            log=self.window.lookback(),
            tests=self.weight(),
        )

    def weight(self) -> int:
        return 1 + len(self.where)


def deeds_of(
    names: frozenset[str],
    where: Where,
    window: Window,
    facts: Facts,
    now: datetime,
    most: int = MOST_COUNTED,
) -> Deeds:
    """Her events of `names` in the window that pass `where`, oldest first."""
    begin, end = window.bounds(facts, now)
    deeds = facts.events(names, begin)
    fixed = None if window.moves else end
    if not window.inclusive or fixed is not None:
        deeds = [deed for deed in deeds if window.lets(deed[0], (begin, fixed))]
    for path, test in where:
        deeds = [deed for deed in deeds if test.holds(at_path(path, deed[1]), now, facts.zone)]
    if len(deeds) > most:
        deeds = deeds[-most:]
    # An end that moves comes last: what counts must not depend on when it is asked.
    if end is not None and window.moves:
        deeds = [deed for deed in deeds if window.lets(deed[0], (begin, end))]
    return deeds


def where_edges(where: Where, deeds: Deeds, facts: Facts, now: datetime) -> Iterator[datetime]:
    for path, test in where:
        if test.relative:
            values = [value for _, told in deeds for value in at_path(path, told)]
            yield from test.edges(values, now, facts.zone)


def read_event(data: Mapping[str, Any], path: str, scope: Scope) -> Event:
    an_object(data, path, ["event", "did", "count", *MEASURES, *OCCURRENCES, "where", *WINDOWS])
    asked = _asked(data, path, ["count", *MEASURES, *OCCURRENCES])
    where = read_where(data.get("where", []), f"{path}.where")
    window = read_window(data, path, scope)
    return Event(read_names(data["event"], f"{path}.event"), asked, where, window)


def _asked(
    data: Mapping[str, Any], path: str, questions: Sequence[str]
) -> Often | Measure | Occurrence:
    did = yes_or_no(data.get("did", True), f"{path}.did")
    given = [name for name in questions if name in data]
    if not did and given:
        at = f"{path}.{given[0]}"
        raise Misread(at, data[given[0]], [], f'"did": false takes no {given[0]}')
    if len(given) > 1:
        raise Misread(f"{path}.{given[1]}", data[given[1]], questions, "give only one of these")
    if not given:
        return Often("at_least", 1) if did else Often("equals", 0)
    name = given[0]
    found, at = data[name], f"{path}.{name}"
    if name == "count":
        return Often(*a_count(found, at))
    fields = an_object(found, at, ["property", "op", "value"])
    if name in MEASURES:
        prop = a_text(fields.get("property"), f"{at}.property")
        return Measure(name, prop, *an_amount(fields, at))
    if "property" not in fields:
        return Occurrence(name, None, read_test(fields, at, OF_DATES))
    prop = a_text(fields["property"], f"{at}.property")
    return Occurrence(name, prop, read_test(fields, at, OPERATORS))


MESSAGES = {
    "received": ("Email Sent", None),
    "opened": ("Email Opened", "machine_open"),
    "clicked": ("Email Link Clicked", "machine_click"),
}
"""What she does with a message: its event, and the property that marks a machine's doing."""


def read_message(data: Mapping[str, Any], path: str, scope: Scope) -> Event:
    """Messages of ours that reached her, not those that went to the owner in rehearsal, and what
    she did with them herself, not what mail programs do before anybody looks."""
    an_object(data, path, ["message", "journey", "did", "count", *WINDOWS])
    did = data["message"]
    if not isinstance(did, str) or did not in MESSAGES:
        raise Misread(f"{path}.message", did, list(MESSAGES), "is nothing one does with a message")
    name, machine = MESSAGES[did]
    where = [("rehearsal", Comparison("not_equals", True))]
    if machine is not None:
        where.append((machine, Comparison("not_equals", True)))
    told = ""
    if "journey" in data:
        journey = a_text(data["journey"], f"{path}.journey")
        where.append(("journey", Comparison("equals", journey)))
        told = f" of the journey “{journey}”"
    asked, window = _asked(data, path, ["count"]), read_window(data, path, scope)
    return Event(frozenset([name]), asked, where, window, told)

"""A sequence: one thing, then another, each within its time, with nothing forbidden in between."""

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from patron.segments.forms.event import Where, deeds_of, where_edges
from patron.segments.forms.window import WINDOWS, Window, read_window
from patron.segments.rules import words
from patron.segments.rules.dates import TICK, micros, moment
from patron.segments.rules.reading import (
    Misread,
    a_list,
    a_span,
    an_object,
    read_names,
    read_where,
    yes_or_no,
)
from patron.segments.types import Answer, Facts, Needs, Scope, together

MOST_STEPS = 10


class Deed(msgspec.Struct, frozen=True):
    names: frozenset[str]
    where: Where


class Step(msgspec.Struct, frozen=True):
    """What is done, at the latest `within` after the step before, without `without` in between."""

    deed: Deed
    within: timedelta | None = None
    without: Deed | None = None


class Chain(msgspec.Struct, frozen=True):
    """A way through the first steps: when it began, and the times of its steps, backwards; in
    microseconds."""

    began: int
    at: int
    before: "Chain | None" = None

    def times(self) -> list[int]:
        earlier = self.before.times() if self.before else []
        return [*earlier, self.at]


class Sequence_(msgspec.Struct, frozen=True):  # noqa: N801 - `Sequence` is taken by typing
    """Each step happens later than the one before. All lie in `window` and, from the first to the
    last, within `span`."""

    steps: list[Step]
    window: Window
    span: timedelta | None = None
    did: bool = True

    @property
    def recurs(self) -> bool:
        return any(test.recurs for deed in self.deeds() for _, test in deed.where)

    def holds(self, facts: Facts, now: datetime) -> bool:
        return (self.found(facts, now) is not None) == self.did

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        found = self.found(facts, now)
        when = self.window.words(facts)
        said = ", then ".join(self._told(step, done=found is not None) for step in self.steps)
        if found is None:
            return Answer(not self.did, [f"did not in this order: {said}{when}"])
        times = ", ".join(words.moment(at, facts.zone) for at in found)
        return Answer(self.did, [f"{said}{when} ({times})"])

    def found(self, facts: Facts, now: datetime) -> list[datetime] | None:
        """When each step was done, the first time that all were; None when they were not."""
        way = self.way(lambda deed: self._times(deed, facts, now))
        return None if way is None else [moment(at) for at in way]

    def way(self, times: Callable[[Deed], Sequence[int]]) -> list[int] | None:
        """When each step was done, out of the times at which each deed was, in microseconds, each
        once and in order.

        Of all ways to an event the one that began last is kept, which fits into `span` if any does.
        """
        chains = [Chain(at, at) for at in times(self.steps[0].deed)]
        for step in self.steps[1:]:
            if not chains:
                return None
            barred = times(step.without) if step.without else []
            within = None if step.within is None else step.within // TICK
            chains = _continued(chains, times(step.deed), within, barred)
        longest = None if self.span is None else self.span // TICK
        fitting = (c for c in chains if longest is None or c.at - c.began <= longest)
        done = next(fitting, None)
        return None if done is None else done.times()

    def edges(self, facts: Facts, now: datetime) -> Iterator[datetime]:
        begin = self.window.bounds(facts, now)[0]
        for deed in self.deeds():
            deeds = facts.events(deed.names, begin)
            yield from self.window.edges(ts for ts, _ in deeds)
            yield from where_edges(deed.where, deeds, facts, now)

    def needs(self) -> Needs:
        return together(
            Needs(
                names=one.names,
                properties=bool(one.where),
                log=self.window.lookback(),
                tests=1 + len(one.where),
            )
            for one in self.deeds()
        )

    def weight(self) -> int:
        return sum(1 + len(deed.where) for deed in self.deeds())

    def deeds(self) -> Iterator[Deed]:
        for step in self.steps:
            yield step.deed
            if step.without:
                yield step.without

    def _times(self, deed: Deed, facts: Facts, now: datetime) -> list[int]:
        """When she did it, in the window; each moment once, in order."""
        deeds = deeds_of(deed.names, deed.where, self.window, facts, now)
        return sorted({micros(ts) for ts, _ in deeds})

    def _told(self, step: Step, *, done: bool) -> str:
        said = words.deeds(step.deed.names, done=done)
        if step.within:
            said += f" within {words.span(step.within)}"
        if step.without:
            barred = " or ".join(f"“{name}”" for name in sorted(step.without.names))
            said += f" (without {barred} in between)"
        return said


def _continued(
    chains: Sequence[Chain],
    times: Sequence[int],
    within: int | None,
    barred: Sequence[int],
) -> list[Chain]:
    """The chains, each by the time of its last step, that go on to one of `times`.

    The earliest step a chain may end with only moves on, and so does the latest, so the chain that
    began last is found with a queue, at a cost that grows with the events and not their square.
    """
    found: list[Chain] = []
    best: deque[Chain] = deque()
    ahead = 0
    for at in times:
        while ahead < len(chains) and chains[ahead].at < at:
            while best and best[-1].began <= chains[ahead].began:
                best.pop()
            best.append(chains[ahead])
            ahead += 1
        stop = bisect_left(barred, at)
        while best and (
            (within is not None and at - best[0].at > within)
            or (stop and best[0].at < barred[stop - 1])
        ):
            best.popleft()
        if best:
            found.append(Chain(best[0].began, at, best[0]))
    return found


def read_sequence(data: Mapping[str, Any], path: str, scope: Scope) -> Sequence_:
    an_object(data, path, ["sequence", "did", "span", *WINDOWS])
    listed = a_list(data["sequence"], f"{path}.sequence", 2, MOST_STEPS)
    steps = [_step(one, f"{path}.sequence[{i}]", i == 0) for i, one in enumerate(listed)]
    span = a_span(data["span"], f"{path}.span") if "span" in data else None
    did = yes_or_no(data.get("did", True), f"{path}.did")
    return Sequence_(steps, read_window(data, path, scope), span, did)


def _step(data: Any, path: str, first: bool) -> Step:
    an_object(data, path, ["event", "where", "within", "without"])
    for name in ("within", "without"):
        if first and name in data:
            raise Misread(f"{path}.{name}", data[name], [], "the first step follows no other")
    without = None
    if "without" in data:
        an_object(data["without"], f"{path}.without", ["event", "where"])
        without = _deed(data["without"], f"{path}.without")
    within = a_span(data["within"], f"{path}.within") if "within" in data else None
    return Step(_deed(data, path), within, without)


def _deed(data: Mapping[str, Any], path: str) -> Deed:
    names = read_names(data.get("event"), f"{path}.event")
    return Deed(names, read_where(data.get("where", []), f"{path}.where"))

"""The time in which something counts: from when on, and before when."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from patron.segments.rules import words
from patron.segments.rules.dates import TICK, later
from patron.segments.rules.reading import Misread, a_span
from patron.segments.types import Facts, Lookback, Scope

BEGINNINGS = ("within", "since", "after")
WINDOWS = (*BEGINNINGS, "before")


class Window(msgspec.Struct, frozen=True):
    """`within` looks back from now; `moment` is a name or a date; neither means all history. It
    ends before `until`, which may be a span back from now."""

    within: timedelta | None = None
    moment: str | datetime | None = None
    inclusive: bool = True
    until: str | datetime | timedelta | None = None

    def bounds(self, facts: Facts, now: datetime) -> tuple[datetime | None, datetime | None]:
        """(begin, end) at `now`; None where there is none."""
        begin = now - self.within if self.within is not None else _at(self.moment, facts, now)
        return begin, _at(self.until, facts, now)

    def lets(self, ts: datetime, bounds: tuple[datetime | None, datetime | None]) -> bool:
        """Whether `ts` lies within `bounds`, which are those of this window."""
        begin, end = bounds
        if begin is not None and (ts < begin or (ts == begin and not self.inclusive)):
            return False
        return end is None or ts < end

    @property
    def moves(self) -> bool:
        return self.within is not None or isinstance(self.until, timedelta)

    @property
    def spans(self) -> list[timedelta]:
        """How far back from now its ends lie that move."""
        return [span for span in (self.within, self.until) if isinstance(span, timedelta)]

    def edges(self, times: Iterable[datetime]) -> Iterator[datetime]:
        """When what happened at `times` comes in or falls out."""
        if spans := self.spans:
            for ts in times:
                for span in spans:
                    yield from later(ts, span + TICK)

    def lookback(self) -> Lookback:
        return Lookback(
            back=self.within,
            date=self.moment if isinstance(self.moment, datetime) else None,
            moments=frozenset([self.moment] if isinstance(self.moment, str) else []),
            ever=self.within is None and self.moment is None,
        )

    def words(self, facts: Facts) -> str:
        return self._from(facts) + self._until(facts)

    def _from(self, facts: Facts) -> str:
        if self.within is not None:
            return f" in the last {words.span(self.within)}"
        if self.moment is None:
            return ""
        return f" since {_named(self.moment, facts)}"

    def _until(self, facts: Facts) -> str:
        if self.until is None:
            return ""
        if isinstance(self.until, timedelta):
            return f", more than {words.span(self.until)} ago"
        return f", before {_named(self.until, facts)}"


def _named(moment: str | datetime, facts: Facts) -> str:
    if isinstance(moment, datetime):
        return words.moment(moment, facts.zone)
    when = words.moment(facts.moments[moment], facts.zone)
    return f"{words.MOMENTS.get(moment, moment)} ({when})"


def _at(bound: str | datetime | timedelta | None, facts: Facts, now: datetime) -> datetime | None:
    if isinstance(bound, timedelta):
        return now - bound
    return facts.moments[bound] if isinstance(bound, str) else bound


def read_window(data: Mapping[str, Any], path: str, scope: Scope) -> Window:
    used = [name for name in BEGINNINGS if name in data]
    if len(used) > 1:
        raise Misread(f"{path}.{used[1]}", data[used[1]], BEGINNINGS, "give only one of these")
    until = _until(data, path, scope)
    if not used:
        return Window(until=until)
    key = used[0]
    if key == "within":
        within = a_span(data[key], f"{path}.within")
        if isinstance(until, timedelta) and until >= within:
            raise Misread(f"{path}.before", data["before"], [], "must be shorter than within")
        return Window(within=within, until=until)
    begin = _moment(data[key], f"{path}.{key}", scope)
    if isinstance(begin, datetime) and isinstance(until, datetime) and until <= begin:
        raise Misread(f"{path}.before", data["before"], [], f"must be later than {key}")
    return Window(moment=begin, inclusive=key == "since", until=until)


def _until(data: Mapping[str, Any], path: str, scope: Scope) -> str | datetime | timedelta | None:
    if "before" not in data:
        return None
    found = data["before"]
    if isinstance(found, dict):
        return a_span(found, f"{path}.before")
    return _moment(found, f"{path}.before", scope)


def _moment(found: Any, path: str, scope: Scope) -> str | datetime:
    if isinstance(found, str) and found in scope.moments:
        return found
    try:
        when = datetime.fromisoformat(found) if isinstance(found, str) else None
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        allowed = [*sorted(scope.moments), "a date-time such as 2026-03-02T10:00:00Z"]
        raise Misread(path, found, allowed, "is no known moment")
    return when

"""Listening: the records that many events leave in many streams, by columns.

Events lie beside each other as a table. A property is read once for all streams, each different
value gets a number, and what streams test is tested once for each value: rules look at few
properties, and most events say the same of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.segments.forms.event import Measure
from patron.segments.live.columns import Bools, Longs, Records, joined
from patron.segments.live.streams import CODES, Fixed, Stream
from patron.segments.rules.dates import moment
from patron.segments.rules.operators import Comparison, at_path

NOTHING = Records(*(np.empty(0, np.int64) for _ in range(5)))
_SCALARS = (str, int, float, bool)
_ANY_MOMENT = moment(0)
"""What a stream tests does not depend on when it is asked."""


Rows = Longs | slice
_END = np.iinfo(np.int64).max


class Cells(msgspec.Struct):
    """One property of the events of a table: `codes` says which of `values` (as `at_path` finds
    them) an event has; the first of them is no value at all."""

    codes: NDArray[Any]
    values: Sequence[Sequence[Any]]


class Table(Protocol):
    """Events beside each other. `who` numbers whoever did it."""

    @property
    def who(self) -> Longs: ...

    @property
    def at(self) -> Longs: ...

    @property
    def position(self) -> Longs: ...

    def named(self, name: str) -> Rows:
        """The places of the events of this name, in order."""

    def cells(self, path: str) -> Cells:
        """A property, of the events at least whose streams ask for it."""

    def touches(self, kind: str) -> Longs:
        """By "channel" or "device" its code, or -1."""


class Listener:
    """Streams, by their numbers, that listen to tables of events."""

    def __init__(self, streams: Iterable[tuple[int, Stream]]) -> None:
        self.streams = list(streams)
        self.names = frozenset(name for _, one in self.streams for name in one.names)
        self.kinds = frozenset(one.kind for _, one in self.streams if one.kind != "event")
        self.asking: dict[str, set[str]] = {}
        """By path the names of the events that are asked for it."""
        for _, one in self.streams:
            for path in paths_of(one):
                self.asking.setdefault(path, set()).update(one.names)

    def records(self, table: Table) -> Records:
        """What the events leave, stream by stream."""
        heard = Heard(table)
        parts = []
        for number, stream in self.streams:
            part = heard.touched(stream) if stream.kind != "event" else heard.left(stream)
            if len(part):
                part.stream[:] = number
                parts.append(part)
        return joined(*parts) if parts else NOTHING


def paths_of(stream: Stream) -> set[str]:
    """The properties that a stream asks for."""
    paths = {path for path, _ in stream.where}
    if stream.value is not None and stream.value.path is not None:
        paths.add(stream.value.path)
    return paths


class Known(msgspec.Struct):
    """What is known already of values: whether they pass a test, which numbers they tell."""

    tested: dict[tuple[str, str, str, str], Bools] = {}
    told: dict[tuple[str, bool], tuple[Longs, Longs]] = {}


class Heard:
    """What is known already of one table; `known` may be shared by tables of the same values."""

    def __init__(self, table: Table, known: Known | None = None) -> None:
        self._table = table
        self._rows: dict[frozenset[str], Rows] = {}
        self._known = known or Known()

    def left(self, stream: Stream) -> Records:
        """The records that events leave in a stream."""
        table = self._table
        rows, told = self.told(stream)
        where = np.empty(len(told), np.int64)
        return Records(table.who[rows], where, table.at[rows], table.position[rows], told)

    def told(self, stream: Stream, since: int | None = None) -> tuple[Rows, Longs]:
        """Of each record that the events from `since` on leave its event's place, and its value."""
        table, rows = self._table, self.fitting(stream, since)
        value = stream.value
        if value is None or not (isinstance(rows, slice) or len(rows)):
            return rows, np.zeros(_length(rows), np.int64)
        assert value.path is not None
        codes = table.cells(value.path).codes[rows]
        if isinstance(value, Measure):
            counts, told = self._numbers(value)
            if isinstance(rows, slice):
                rows = np.arange(rows.start, rows.stop)
            return _spread(rows, codes, counts, told)
        return rows, self._test(value.path, value.test, stream.zone)[codes].astype(np.int64)

    def fitting(self, stream: Stream, since: int | None = None) -> Rows:
        """The places of the events that fit a stream."""
        table, fixed = self._table, stream.fixed
        begin = fixed.begin
        if begin is not None and fixed.after:
            begin += 1
        if since is not None:
            begin = since if begin is None else max(begin, since)
        rows = self._of(stream.names)
        if begin is not None:
            rows = _narrowed(rows, table.at[rows] >= begin)
        if fixed.end is not None:
            rows = _narrowed(rows, table.at[rows] < fixed.end)
        for path, test in stream.where:
            if isinstance(rows, slice) or len(rows):
                passed = self._test(path, test, stream.zone)
                rows = _narrowed(rows, _picked(passed, table.cells(path).codes[rows]))
        return rows

    def touched(self, stream: Stream) -> Records:
        """Of each channel or device of a person the first and the last time."""
        table, codes = self._table, self._table.touches(stream.kind)
        wanted = np.zeros(len(CODES[stream.kind]) + 1, np.bool_)
        wanted[list(stream.codes) or slice(0, -1)] = True
        rows = _within(np.flatnonzero(wanted[codes]), table.at, stream.fixed)
        if not len(rows):
            return NOTHING
        size, at = len(wanted), table.at[rows]
        key = table.who[rows] * size + codes[rows]
        first = np.full(int(key.max()) + 1, _END)
        last = np.full(len(first), -_END)
        np.minimum.at(first, key, at)
        np.maximum.at(last, key, at)
        there = np.flatnonzero(first < _END)
        who, code = np.divmod(np.concatenate((there, there)), size)
        zeros, where = np.zeros(len(who), np.int64), np.empty(len(who), np.int64)
        return Records(who, where, np.concatenate((first[there], last[there])), zeros, code)

    def _of(self, names: frozenset[str]) -> Rows:
        rows = self._rows.get(names)
        if rows is None:
            parts = [self._table.named(name) for name in sorted(names)]
            rows = parts[0] if len(parts) == 1 else np.sort(np.concatenate(list(map(_all, parts))))
            self._rows[names] = rows
        return rows

    def _test(self, path: str, test: Comparison, zone: ZoneInfo) -> Bools:
        """By code whether a value passes."""
        key = (path, test.op, repr(test.value), zone.key)
        passed = self._known.tested.get(key)
        if passed is None:
            values = self._table.cells(path).values
            passed = np.fromiter(
                (test.holds(found, _ANY_MOMENT, zone) for found in values), np.bool_, len(values)
            )
            self._known.tested[key] = passed
        return passed

    def _numbers(self, measure: Measure) -> tuple[Longs, Longs]:
        """By code how many numbers an event tells, and all of them one after the other."""
        assert measure.path is not None
        key = (measure.path, measure.kind == "distinct")
        found = self._known.told.get(key)
        if found is None:
            values = self._table.cells(measure.path).values
            told = [measure.read(one) for one in values]
            counts = np.fromiter(map(len, told), np.int64, len(told))
            flat = np.array([one for some in told for one in some], np.int64)
            found = self._known.told[key] = counts, flat
        return found


def _within(rows: Longs, at: Longs, fixed: Fixed) -> Longs:
    if fixed.begin is not None:
        begin = fixed.begin + 1 if fixed.after else fixed.begin
        rows = rows[at[rows] >= begin]
    if fixed.end is not None:
        rows = rows[at[rows] < fixed.end]
    return rows


def _all(rows: Rows) -> Longs:
    return np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows


def _length(rows: Rows) -> int:
    return rows.stop - rows.start if isinstance(rows, slice) else len(rows)


def _narrowed(rows: Rows, kept: Bools) -> Longs:
    if isinstance(rows, slice):
        return np.flatnonzero(kept) + int(rows.start)
    return np.asarray(rows[kept])


def _picked(passed: Bools, codes: NDArray[Any]) -> Bools:
    """`passed` of each code. Nearly always one value is asked for, and a comparison is ten times
    faster than looking each code up."""
    found = np.flatnonzero(passed)
    if len(found) == 1:
        return np.asarray(codes == found[0])
    if len(found) == len(passed) - 1:
        return np.asarray(codes != np.flatnonzero(~passed)[0])
    return np.asarray(passed[codes])


def _spread(rows: Longs, codes: NDArray[Any], counts: Longs, told: Longs) -> tuple[Longs, Longs]:
    """Each row as often as its event tells numbers, with these."""
    often = counts[codes]
    begins = np.cumsum(counts) - counts
    if often.max(initial=0) <= 1:
        kept = often == 1
        return rows[kept], told[begins[codes[kept]]]
    whole = np.repeat(np.arange(len(rows)), often)
    turn = np.arange(len(whole)) - np.repeat(np.cumsum(often) - often, often)
    return rows[whole], told[begins[codes[whole]] + turn]


class Happened:
    """A table of events as the walk and the log have them: `told` are their properties, `asking`
    whose of them are read."""

    def __init__(
        self,
        names: Sequence[str],
        who: Longs,
        at: Longs,
        position: Longs,
        told: Sequence[Mapping[str, Any]],
        came: Mapping[str, Sequence[str | None]],
        asking: Mapping[str, Iterable[str]],
    ) -> None:
        self.who, self.at, self.position = who, at, position
        self._told, self._came, self._asking = told, came, asking
        self._places: dict[str, list[int]] = {}
        for place, name in enumerate(names):
            self._places.setdefault(name, []).append(place)
        self._named: dict[str, Longs] = {}
        self._cells: dict[str, Cells] = {}

    def named(self, name: str) -> Longs:
        if name not in self._named:
            self._named[name] = np.array(self._places.get(name, []), np.int64)
        return self._named[name]

    def cells(self, path: str) -> Cells:
        found = self._cells.get(path)
        if found is None:
            found = self._cells[path] = self._read(path)
        return found

    def touches(self, kind: str) -> Longs:
        codes = CODES[kind]
        return np.array([codes.get(one or "", -1) for one in self._came[kind]], np.int64)

    def _read(self, path: str) -> Cells:
        codes = np.zeros(len(self.at), np.int64)
        values: list[Sequence[Any]] = [()]
        known: dict[Any, int] = {}
        for name in self._asking[path]:
            for place in self._places.get(name, ()):
                told = self._told[place]
                value = told.get(path)
                if value is None and "." not in path:
                    continue
                kind = type(value)
                if kind is str:
                    key: Any = value
                elif kind in _SCALARS:
                    key = (kind, value)  # true is no 1
                else:
                    codes[place] = len(values)
                    values.append(at_path(path, told))
                    continue
                code = known.get(key)
                if code is None:
                    code = known[key] = len(values)
                    values.append((value,))
                codes[place] = code
        return Cells(codes, values)

"""Streams: what a rule asks of events, as records that can be kept.

An event that fits a stream becomes a record (time, log position, value) of it. A record is a fact
that never changes, so records can be kept in any order, of several origins together, and answer a
rule at any later time. How many of a stream are needed is known from the rule, so what is kept of a
person is bounded whatever she does.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from math import floor
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from patron.segments.forms.event import Event, Measure, Occurrence, Often, Where
from patron.segments.forms.sequence import Deed
from patron.segments.forms.touch import VALUES, Touched
from patron.segments.forms.window import Window
from patron.segments.rules.dates import TICK, micros
from patron.segments.rules.operators import OF_DATES, Comparison, at_path
from patron.segments.rules.reading import MOST_COUNTED

CODES = {kind: {value: code for code, value in enumerate(sorted(all_))}
         for kind, all_ in VALUES.items()}  # fmt: skip
"""Channels and devices as numbers, in the order of their names."""


class FromLog(Exception):
    """A condition that records do not answer: it takes what she did, read from the log."""


def span_micros(span: timedelta) -> int:
    return span // TICK


class Fixed(msgspec.Struct, frozen=True):
    """Between which dates events count: `begin` included unless `after`, `end` not."""

    begin: int | None = None
    after: bool = False
    end: int | None = None

    def lets(self, at: int) -> bool:
        if self.begin is not None and (at < self.begin or (self.after and at == self.begin)):
            return False
        return self.end is None or at < self.end


ANY_TIME = Fixed()


class Stream(msgspec.Struct, frozen=True):
    """`kind` is "event", or "channel" or "device" with their `codes`. `value` says what a record
    tells: nothing, what a measure reads, or whether the test of an occurrence passed. `key` is the
    same for the same question, whatever rule asks it."""

    key: str
    kind: str
    names: frozenset[str] = frozenset()
    where: Where = []
    fixed: Fixed = ANY_TIME
    value: Measure | Occurrence | None = None
    codes: frozenset[int] = frozenset()
    zone: ZoneInfo = ZoneInfo("UTC")

    def values(self, ts: datetime, told: Mapping[str, Any]) -> list[int]:
        """The values of the records that an event of these properties leaves."""
        if self.fixed is not ANY_TIME and not self.fixed.lets(micros(ts)):
            return []
        for path, test in self.where:
            if not test.holds(at_path(path, told), ts, self.zone):
                return []
        if self.value is None:
            return [0]
        if isinstance(self.value, Measure):
            return self.value.values(told)
        asked = self.value.path
        assert asked is not None
        return [int(self.value.test.holds(at_path(asked, told), ts, self.zone))]

    def touched(self, ts: datetime, value: str | None) -> list[int]:
        """The same for a channel or a device."""
        code = CODES[self.kind].get(value or "")
        if code is None or (self.codes and code not in self.codes):
            return []
        return [code] if self.fixed.lets(micros(ts)) else []


class Kept(msgspec.Struct, frozen=True):
    """How much of a stream is needed: so many of its newest and oldest records, and none from
    before `back`."""

    newest: int = 0
    oldest: int = 0
    back: timedelta | None = None

    def covers(self, other: "Kept") -> bool:
        """Whether whoever needs `other` finds it in this."""
        reaches = self.back is None or (other.back is not None and self.back >= other.back)
        return self.newest >= other.newest and self.oldest >= other.oldest and reaches

    def joined(self, other: "Kept") -> "Kept":
        both = self.back is not None and other.back is not None
        return Kept(
            max(self.newest, other.newest),
            max(self.oldest, other.oldest),
            max(self.back, other.back) if both and self.back and other.back else None,
        )


def of_event(leaf: Event, zone: ZoneInfo) -> tuple[Stream, Kept]:
    """The stream of an event condition. Raises FromLog."""
    asked, window = leaf.asked, leaf.window
    value: Measure | Occurrence | None = None
    if isinstance(asked, Measure):
        value = asked
    elif isinstance(asked, Occurrence) and asked.path is not None:
        if asked.test.relative:
            raise FromLog  # a date in an event that is compared with today
        value = asked
    stream = _stream(leaf.names, leaf.where, window, value, zone)
    return stream, _kept(asked, window)


def of_deed(deed: Deed, window: Window, zone: ZoneInfo) -> tuple[Stream, Kept]:
    """The stream of a step of a sequence. Raises FromLog."""
    return _stream(deed.names, deed.where, window, None, zone), Kept(MOST_COUNTED, 0, window.within)


def of_touch(leaf: Touched, zone: ZoneInfo) -> tuple[Stream, Kept]:
    """First and last look at all of a kind, any in a window at those that are asked for."""
    codes = (
        frozenset() if leaf.which != "any" else frozenset(CODES[leaf.kind][v] for v in leaf.values)
    )
    fixed = _fixed(leaf.window)
    key = _key([leaf.kind, sorted(codes), _told(fixed)])
    stream = Stream(key, leaf.kind, fixed=fixed, codes=codes, zone=zone)
    return stream, Kept(0, 1) if leaf.which == "first" else Kept(1, 0, leaf.window.within)


def _kept(asked: Often | Measure | Occurrence, window: Window) -> Kept:
    if isinstance(asked, Occurrence) and asked.which == "first" and window.within is None:
        return Kept(0, 1)
    if isinstance(window.until, timedelta):
        return Kept(MOST_COUNTED, 0, window.within)
    if isinstance(asked, Often):
        most = max(asked.count) if isinstance(asked.count, list) else asked.count
        return Kept(max(1, min(floor(most) + 1, MOST_COUNTED)), 0, window.within)
    if isinstance(asked, Occurrence) and asked.which == "last":
        return Kept(1, 0, window.within)
    return Kept(MOST_COUNTED, 0, window.within)


def _stream(
    names: frozenset[str],
    where: Where,
    window: Window,
    value: Measure | Occurrence | None,
    zone: ZoneInfo,
) -> Stream:
    if any(test.relative for _, test in where):
        raise FromLog  # a date in an event that is compared with today
    fixed = _fixed(window)
    tests = [[name, *_test(test, zone)] for name, test in where]
    asks: list[Any] = []
    if isinstance(value, Measure):
        # What a number is compared with is not the stream's.
        kind = "distinct" if value.kind == "distinct" else "numbers"
        asks = [kind, value.path]
    elif isinstance(value, Occurrence):
        asks = [value.path, *_test(value.test, zone)]
    key = _key([sorted(names), sorted(tests, key=repr), _told(fixed), asks])
    return Stream(key, "event", names, where, fixed, value, zone=zone)


def _fixed(window: Window) -> Fixed:
    begin, until = window.moment, window.until
    if not isinstance(begin, datetime) and not isinstance(until, datetime):
        return ANY_TIME
    return Fixed(
        micros(begin) if isinstance(begin, datetime) else None,
        not window.inclusive,
        micros(until) if isinstance(until, datetime) else None,
    )


def _told(fixed: Fixed) -> list[Any]:
    return [fixed.begin, fixed.after and fixed.begin is not None, fixed.end]


def _test(test: Comparison, zone: ZoneInfo) -> list[Any]:
    value = test.value
    if hasattr(value, "pattern"):
        value = value.pattern
    # The shop's zone tells when a day begins.
    return [test.op, value, zone.key if test.op in OF_DATES else ""]


def _key(parts: Iterable[Any]) -> str:
    return msgspec.json.encode(list(parts)).decode()

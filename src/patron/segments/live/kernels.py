"""Kernels: each answers one condition for a chunk of people at once, from columns.

A kernel returns two arrays: whether it holds for each person, and the earliest moment after `now`,
in microseconds, at which that may change although nothing happens (`NEVER` if it cannot). It may
be earlier than the answer really changes, never later.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from patron.segments.forms.event import MICRO, Event, Measure, Occurrence, Often
from patron.segments.forms.orders import Orders
from patron.segments.forms.sequence import Deed, Sequence_
from patron.segments.forms.touch import Touched
from patron.segments.live.columns import Bools, Column, Longs
from patron.segments.live.streams import CODES, span_micros
from patron.segments.rules.dates import as_date, micros, moment
from patron.segments.rules.operators import AMOUNTS, Comparison
from patron.segments.types import Facts, Leaf

NEVER = np.iinfo(np.int64).max
_LARGEST = 2**62

Answered = tuple[Bools, Longs]


class Asking(msgspec.Struct, frozen=True):
    """When it is asked, and the shop's zone."""

    now: datetime
    zone: ZoneInfo
    changes: bool = True
    """Whether it matters when an answer may change; if not, no such moment is right."""

    @property
    def at(self) -> int:
        return micros(self.now)


def answer_event(leaf: Event, column: Column, asking: Asking) -> Answered:
    """An event condition; what its filters and fixed dates ask is in the stream."""
    at, window = asking.at, leaf.window
    inside = np.ones(len(column.at), np.bool_)
    spans = []
    if window.within is not None:
        spans.append(span_micros(window.within))
        inside &= column.at >= at - spans[-1]
    if isinstance(window.until, timedelta):
        spans.append(span_micros(window.until))
        inside &= column.at < at - spans[-1]
    changes = _edges(column, asking, spans)
    counts = _sums(inside.astype(np.int64), column.starts)
    if isinstance(leaf.asked, Often):
        return np.asarray(AMOUNTS[leaf.asked.op](counts, leaf.asked.count)), changes
    if isinstance(leaf.asked, Measure):
        return _measured(leaf.asked, column, inside, counts), changes
    chosen = _chosen(leaf.asked.which, inside, counts)
    return _occurred(leaf.asked, column, chosen, asking, changes)


def answer_sequence(leaf: Sequence_, columns: dict[str, Column], asking: Asking) -> Answered:
    """A sequence; `columns` by what the stream of a deed is known as."""
    count = len(next(iter(columns.values())).starts) - 1
    changes = np.full(count, NEVER)
    spans = [s for s in (leaf.window.within, leaf.window.until) if isinstance(s, timedelta)]
    for column in columns.values():
        np.minimum(changes, _edges(column, asking, list(map(span_micros, spans))), out=changes)
    times = _lines({name: _inside(column, leaf, asking) for name, column in columns.items()}, count)
    found = np.full(count, not leaf.did)
    chains = times[named(leaf.steps[0].deed)]
    began = chains.at
    for step in leaf.steps[1:]:
        barred = times[named(step.without)] if step.without else None
        going, before = _continued(chains, times[named(step.deed)], step.within, barred)
        chains, began = going, began[before]
    if leaf.span is not None:
        chains = chains.take(chains.at - began <= span_micros(leaf.span))
    found[chains.who] = leaf.did
    return found, changes


class Line(msgspec.Struct):
    """Moments of people, by person and time; `key` orders them as (who, at) do."""

    who: Longs
    at: Longs
    key: Longs

    def take(self, which: Longs | Bools) -> "Line":
        return Line(self.who[which], self.at[which], self.key[which])


def _inside(column: Column, leaf: Sequence_, asking: Asking) -> tuple[Longs, Longs]:
    """(who, at) of what lies in the window of a sequence."""
    who, at = column.who(), column.at
    inside = np.ones(len(at), np.bool_)
    if leaf.window.within is not None:
        inside &= at >= asking.at - span_micros(leaf.window.within)
    if isinstance(leaf.window.until, timedelta):
        inside &= at < asking.at - span_micros(leaf.window.until)
    return who[inside], at[inside]


def _lines(moments: dict[str, tuple[Longs, Longs]], count: int) -> dict[str, Line]:
    """Moments that can be compared with each other, whosever they are."""
    every = np.concatenate([at for _, at in moments.values()])
    low = int(every.min(initial=0)) if len(every) else 0
    length = int(every.max(initial=low)) - low + 1
    if length * (count + 1) < _LARGEST:
        places = {name: at - low for name, (_, at) in moments.items()}
    else:  # centuries apart: which comes first is enough to order them
        known = np.unique(every)
        length = len(known) + 1
        places = {name: np.searchsorted(known, at) for name, (_, at) in moments.items()}
    return {name: Line(who, at, who * length + places[name]) for name, (who, at) in moments.items()}


def _continued(
    chains: Line, times: Line, within: timedelta | None, barred: Line | None
) -> tuple[Line, Longs]:
    """The moments to which a chain goes on, and which chain it is.

    It is the last one before: it began last of all, and what time or a barred moment forbids to it
    they forbid to all before it.
    """
    if not len(chains.key):
        return chains, np.zeros(0, np.int64)
    before, same = _before(chains, times)
    good = same
    if within is not None:
        good = good & (times.at - chains.at[before] <= span_micros(within))
    if barred is not None and len(barred.key):
        bar, there = _before(barred, times)
        good = good & ~(there & (chains.at[before] < barred.at[bar]))
    return times.take(good), before[good]


def _before(earlier: Line, times: Line) -> tuple[Longs, Bools]:
    """The place of the last of `earlier` before each of `times`, and whether there is one."""
    place = np.searchsorted(earlier.key, times.key) - 1
    return place, (place >= 0) & (earlier.who[place] == times.who)


def named(deed: Deed) -> str:
    """What tells the deeds of one sequence apart."""
    return repr((sorted(deed.names), [(path, test.op, test.value) for path, test in deed.where]))


def answer_touch(leaf: Touched, column: Column, asking: Asking) -> Answered:
    count = len(column.starts) - 1
    found = np.zeros(count, np.bool_)
    held = np.flatnonzero(np.diff(column.starts))
    if leaf.which == "any":
        spans = [] if leaf.window.within is None else [span_micros(leaf.window.within)]
        begin = asking.at - spans[0] if spans else -NEVER
        found[held] = column.at[column.starts[held + 1] - 1] >= begin
        return found, _edges(column, asking, spans)
    places = column.starts[held] if leaf.which == "first" else column.starts[held + 1] - 1
    wanted = np.zeros(len(CODES[leaf.kind]), np.bool_)
    wanted[[CODES[leaf.kind][value] for value in leaf.values]] = True
    found[held] = wanted[column.value[places]]
    return found, np.full(count, NEVER)


def answer_asked(leaf: Leaf, people: Sequence[Facts | None], asking: Asking) -> Answered:
    """Any other condition, one person after the other; nobody is asked whose facts are None."""
    found = np.zeros(len(people), np.bool_)
    changes = np.full(len(people), NEVER)
    for number, facts in enumerate(people):
        if facts is not None:
            found[number] = leaf.holds(facts, asking.now)
            if asking.changes:
                changes[number] = _soonest(leaf, facts, asking.now)
    return found, changes


def _soonest(leaf: Leaf, facts: Facts, now: datetime) -> int:
    if isinstance(leaf, Orders):  # a good customer has hundreds, with two edges each or more
        at = leaf.soonest(facts, now)
        return NEVER if at is None else micros(at)
    return _next(leaf.edges(facts, now), now)


def _next(edges: Iterable[datetime], now: datetime) -> int:
    at = min((edge for edge in edges if edge > now), default=None)
    return NEVER if at is None else micros(at)


def _edges(column: Column, asking: Asking, spans: Sequence[int]) -> Longs:
    """The earliest moment at which a record falls out of the window or comes into it."""
    changes = np.full(len(column.starts) - 1, NEVER)
    if not len(column.at) or not asking.changes:
        return changes
    for span in spans:
        at = column.at + (span + 1)
        _least(changes, np.where(at > asking.at, at, NEVER), column)
    return changes


def _least(into: Longs, values: Longs, column: Column) -> None:
    held = np.flatnonzero(np.diff(column.starts))
    if len(held):
        into[held] = np.minimum(into[held], np.minimum.reduceat(values, column.starts[held]))


def _sums(values: Longs, starts: Longs) -> Longs:
    """The sum of each person's values; none exceeds 64 bits, what the chunk adds up to may."""
    sums = np.zeros(len(starts) - 1, np.int64)
    held = np.flatnonzero(np.diff(starts))
    if len(held):
        sums[held] = np.add.reduceat(values, starts[held])
    return sums


def _measured(asked: Measure, column: Column, inside: Bools, counts: Longs) -> Bools:
    value = column.value
    match asked.kind:
        case "distinct":
            found = _different(column, inside) * MICRO
        case "sum":
            found = _sums(np.where(inside, value, 0), column.starts)
        case "avg":
            found = _averages(_sums(np.where(inside, value, 0), column.starts), counts)
        case "min":
            found = np.full(len(counts), NEVER)
            _least(found, np.where(inside, value, NEVER), column)
        case _:
            found = np.full(len(counts), NEVER)
            _least(found, np.where(inside, -value, NEVER), column)
            found = -found
    limit = asked.limit()
    fits = AMOUNTS[asked.op](found, [_clipped(one) for one in limit]
                             if isinstance(limit, list) else _clipped(limit))  # fmt: skip
    told = counts > 0
    return np.asarray(fits if asked.kind in ("sum", "distinct") else fits & told)


def _clipped(limit: int) -> int:
    """A limit beyond all there can be is beyond it all the same."""
    return max(-_LARGEST, min(_LARGEST, limit))


def _averages(sums: Longs, counts: Longs) -> Longs:
    """Rounded half to even."""
    number = np.maximum(counts, 1)
    quotient, rest = np.divmod(sums, number)
    rounded: Longs = quotient + (2 * rest + quotient % 2 > number)
    return rounded


def _different(column: Column, inside: Bools) -> Longs:
    who, value = column.who()[inside], column.value[inside]
    order = np.lexsort((value, who))
    who, value = who[order], value[order]
    new = np.ones(len(who), np.bool_)
    new[1:] = (who[1:] != who[:-1]) | (value[1:] != value[:-1])
    return np.bincount(who[new], minlength=len(column.starts) - 1)


def _chosen(which: str, inside: Bools, counts: Longs) -> Longs:
    """The first or last record in the window of each person who has one."""
    places, ends = np.flatnonzero(inside), np.cumsum(counts)
    held = counts > 0
    chosen: Longs = places[(ends - counts if which == "first" else ends - 1)[held]]
    return chosen


def _occurred(
    asked: Occurrence, column: Column, chosen: Longs, asking: Asking, changes: Longs
) -> Answered:
    found = np.zeros(len(changes), np.bool_)
    who: Longs = column.who()[chosen]
    if asked.path is not None:
        found[who] = column.value[chosen] == 1
        return found, changes
    dated = _dated(asked.test, column.at[chosen], asking)
    if dated is not None:
        found[who] = dated[0]
        changes[who] = np.minimum(changes[who], dated[1])
        return found, changes
    for person, at in zip(who.tolist(), column.at[chosen].tolist(), strict=True):
        when = [moment(at)]
        found[person] = asked.test.holds(when, asking.now, asking.zone)
        if asked.test.relative and asking.changes:
            edge = _next(asked.test.edges(when, asking.now, asking.zone), asking.now)
            changes[person] = min(changes[person], edge)
    return found, changes


def _dated(test: Comparison, at: Longs, asking: Asking) -> Answered | None:
    """A test of dates for many of them at once; None for one that asks for the calendar."""
    now, never = asking.at, np.full(len(at), NEVER)
    if test.op in ("before", "after"):
        limit = as_date(test.value, asking.zone)
        if limit is None:
            return None
        return (at < micros(limit) if test.op == "before" else at > micros(limit)), never
    if test.op not in ("in_the_last", "more_than_ago", "in_the_next", "more_than_ahead"):
        return None
    span = span_micros(test.value)
    edges: tuple[Longs, ...]
    match test.op:
        case "in_the_last":
            found, edges = (now - span <= at) & (at <= now), (at, at + (span + 1))
        case "more_than_ago":
            found, edges = at < now - span, (at + (span + 1),)
        case "in_the_next":
            found, edges = (now <= at) & (at <= now + span), (at - span, at + 1)
        case _:
            found, edges = at > now + span, (at - span,)
    for edge in edges:
        np.minimum(never, np.where(edge > now, edge, NEVER), out=never)
    return found, never

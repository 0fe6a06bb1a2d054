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

from patron.segments.dates import micros, moment
from patron.segments.forms.event import MICRO, Event, Measure, Occurrence, Often
from patron.segments.forms.sequence import Deed, Sequence_
from patron.segments.forms.touch import Touched
from patron.segments.live.columns import Bools, Column, Longs
from patron.segments.live.streams import CODES, span_micros
from patron.segments.operators import AMOUNTS
from patron.segments.types import Facts, Leaf

NEVER = np.iinfo(np.int64).max
_LARGEST = 2**62

Answered = tuple[Bools, Longs]


class Asking(msgspec.Struct, frozen=True):
    """When it is asked, and the shop's zone."""

    now: datetime
    zone: ZoneInfo

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
    changes = _edges(column, at, spans)
    counts = _sums(inside.astype(np.int64), column.starts)
    if isinstance(leaf.asked, Often):
        return np.asarray(AMOUNTS[leaf.asked.op](counts, leaf.asked.count)), changes
    if isinstance(leaf.asked, Measure):
        return _measured(leaf.asked, column, inside, counts), changes
    chosen = _chosen(leaf.asked.which, inside, counts)
    return _occurred(leaf.asked, column, chosen, asking, changes)


def answer_sequence(leaf: Sequence_, columns: dict[str, Column], asking: Asking) -> Answered:
    """A sequence; `columns` by what the stream of a deed is known as."""
    held = np.full(len(next(iter(columns.values())).starts) - 1, True)
    changes = np.full(len(held), NEVER)
    spans = [s for s in (leaf.window.within, leaf.window.until) if isinstance(s, timedelta)]
    for step in leaf.steps:
        held &= np.diff(columns[named(step.deed)].starts) > 0
    for column in columns.values():
        np.minimum(changes, _edges(column, asking.at, list(map(span_micros, spans))), out=changes)
    found = np.full(len(held), not leaf.did)
    for person in np.flatnonzero(held).tolist():

        def times(deed: Deed, person: int = person) -> Sequence[int]:
            return _times(columns[named(deed)], person, leaf, asking.at)

        found[person] = (leaf.way(times) is not None) == leaf.did
    return found, changes


def named(deed: Deed) -> str:
    """What tells the deeds of one sequence apart."""
    return repr((sorted(deed.names), [(path, test.op, test.value) for path, test in deed.where]))


def _times(column: Column, person: int, leaf: Sequence_, now: int) -> list[int]:
    at = np.unique(column.at[column.starts[person] : column.starts[person + 1]])
    if leaf.window.within is not None:
        at = at[at >= now - span_micros(leaf.window.within)]
    if isinstance(leaf.window.until, timedelta):
        at = at[at < now - span_micros(leaf.window.until)]
    times: list[int] = at.tolist()
    return times


def answer_touch(leaf: Touched, column: Column, asking: Asking) -> Answered:
    count = len(column.starts) - 1
    found = np.zeros(count, np.bool_)
    held = np.flatnonzero(np.diff(column.starts))
    if leaf.which == "any":
        spans = [] if leaf.window.within is None else [span_micros(leaf.window.within)]
        begin = asking.at - spans[0] if spans else -NEVER
        found[held] = column.at[column.starts[held + 1] - 1] >= begin
        return found, _edges(column, asking.at, spans)
    places = column.starts[held] if leaf.which == "first" else column.starts[held + 1] - 1
    codes = [CODES[leaf.kind][value] for value in leaf.values]
    found[held] = np.isin(column.value[places], codes)
    return found, np.full(count, NEVER)


def answer_asked(leaf: Leaf, people: Sequence[Facts | None], asking: Asking) -> Answered:
    """Any other condition, one person after the other; nobody is asked whose facts are None."""
    found = np.zeros(len(people), np.bool_)
    changes = np.full(len(people), NEVER)
    for number, facts in enumerate(people):
        if facts is not None:
            found[number] = leaf.holds(facts, asking.now)
            changes[number] = _next(leaf.edges(facts, asking.now), asking.now)
    return found, changes


def _next(edges: Iterable[datetime], now: datetime) -> int:
    at = min((edge for edge in edges if edge > now), default=None)
    return NEVER if at is None else micros(at)


def _edges(column: Column, now: int, spans: Sequence[int]) -> Longs:
    """The earliest moment at which a record falls out of the window or comes into it."""
    changes = np.full(len(column.starts) - 1, NEVER)
    if not len(column.at):
        return changes
    for span in spans:
        at = column.at + (span + 1)
        _least(changes, np.where(at > now, at, NEVER), column)
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
    for person, at in zip(who.tolist(), column.at[chosen].tolist(), strict=True):
        when = [moment(at)]
        found[person] = asked.test.holds(when, asking.now, asking.zone)
        if asked.test.relative:
            edge = _next(asked.test.edges(when, asking.now, asking.zone), asking.now)
            changes[person] = min(changes[person], edge)
    return found, changes

"""Records as columns: packed, sorted, cut to what is needed, and read stream by stream."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.segments.live.streams import Kept, span_micros

Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]

RECORD = np.dtype([("stream", "<u2"), ("at", "<i8"), ("position", "<i8"), ("value", "<i8")])
"""A record as it is kept: 26 bytes; `at` in microseconds since 1970."""
_LARGEST = 2**62
ALWAYS = np.iinfo(np.int64).min
_FIELDS = ("stream", "at", "position", "value")


class Records(msgspec.Struct):
    """Records beside each other: `who` is the number of a person (or origin) in the chunk."""

    who: Longs
    stream: Longs
    at: Longs
    position: Longs
    value: Longs

    def __len__(self) -> int:
        return len(self.who)

    def take(self, which: Any) -> "Records":
        return Records(
            self.who[which], self.stream[which], self.at[which], self.position[which],
            self.value[which],
        )  # fmt: skip

    def ordered(self) -> "Records":
        """By stream, then person, then time."""
        return self._quickly() or self.take(
            np.lexsort((self.value, self.position, self.at, self.who, self.stream))
        )

    def _quickly(self) -> "Records | None":
        """In order by one number each instead of five, a fifth of the work; None where that number
        is too large or what happened at one moment does not lie in its order already."""
        if not len(self):
            return self
        people, low = int(self.who.max()) + 1, int(self.at.min())
        length = int(self.at.max()) - low + 1
        if (int(self.stream.max()) + 1) * people * length >= _LARGEST:
            return None
        key = (self.stream * people + self.who) * length + (self.at - low)
        order = np.argsort(key, kind="stable")
        key, found = key[order], self.take(order)
        behind = np.diff(found.position)
        wrong = (behind < 0) | ((behind == 0) & (np.diff(found.value) < 0))
        return None if (wrong & (key[1:] == key[:-1])).any() else found


def unpacked(parts: Sequence[bytes]) -> Records:
    """The records of `parts`, whose index becomes `who`."""
    lengths = np.array([len(part) // RECORD.itemsize for part in parts], dtype=np.int64)
    kept = np.frombuffer(b"".join(parts), dtype=RECORD)
    who = np.repeat(np.arange(len(parts), dtype=np.int64), lengths)
    return Records(who, *(kept[name].astype(np.int64) for name in _FIELDS))


def packed(records: Records, count: int) -> list[bytes]:
    """The records of each of the `count` people."""
    order = np.argsort(records.who, kind="stable")
    kept = np.empty(len(records), dtype=RECORD)
    for name in _FIELDS:
        kept[name] = getattr(records, name)[order]
    ends = np.cumsum(np.bincount(records.who, minlength=count)) * RECORD.itemsize
    whole = kept.tobytes()
    parts, start = [], 0
    for end in ends.tolist():
        parts.append(whole[start:end])
        start = end
    return parts


def fresh(rows: Sequence[tuple[int, int, int, int, int]]) -> Records:
    """Records out of rows of (who, stream, at, position, value)."""
    table = np.array(rows, dtype=np.int64).reshape(-1, 5)
    return Records(*(np.ascontiguousarray(table[:, column]) for column in range(5)))


def joined(*some: Records) -> Records:
    return Records(
        *(np.concatenate([getattr(one, name) for one in some]) for name in ("who", *_FIELDS))
    )


def cut(records: Records, kept: Mapping[int, Kept], now: int) -> Records:
    """What is needed of records in their order: of each person and stream what so many of the
    newest and the oldest events left, none from before its time, and nothing of a stream that
    nobody asks for."""
    return records.take(needed(records, kept, now)) if len(records) else records


def needed(records: Records, kept: Mapping[int, Kept], now: int) -> Bools:
    """Which of some records in their order `cut` leaves."""
    size = int(records.stream.max()) + 1
    newest, oldest = np.zeros(size, np.int64), np.zeros(size, np.int64)
    begin = np.full(size, ALWAYS)
    for stream, need in kept.items():
        if stream < size:
            newest[stream], oldest[stream] = need.newest, need.oldest
            if need.back is not None:
                begin[stream] = now - span_micros(need.back)
    new_group = _changes(records.stream, records.who)
    event = np.cumsum(new_group | _changes(records.at, records.position)) - 1
    group = np.cumsum(new_group) - 1
    starts = np.flatnonzero(new_group)
    first = event[starts]
    last = event[np.append(starts[1:], len(records)) - 1]
    wanted = (last[group] - event < newest[records.stream]) | (
        event - first[group] < oldest[records.stream]
    )
    return np.asarray(wanted & (records.at >= begin[records.stream]))


def _changes(*columns: Longs) -> Bools:
    """Where any of the columns differs from the row before; true for the first."""
    found = np.ones(len(columns[0]), np.bool_)
    found[1:] = False
    for column in columns:
        found[1:] |= column[1:] != column[:-1]
    return found


class Column(msgspec.Struct):
    """One stream's records of a chunk: those of person i lie from `starts[i]` to `starts[i + 1]`,
    by time."""

    starts: Longs
    at: Longs
    value: Longs

    def who(self) -> Longs:
        return np.repeat(np.arange(len(self.starts) - 1, dtype=np.int64), np.diff(self.starts))


class Columns:
    """The columns of a chunk of `count` people, out of records in their order."""

    def __init__(self, records: Records, count: int) -> None:
        self._records = records
        self.count = count
        self._made: dict[int, Column] = {}

    def of(self, stream: int) -> Column:
        made = self._made.get(stream)
        if made is None:
            low, high = np.searchsorted(self._records.stream, (stream, stream + 1))
            part = slice(int(low), int(high))
            counts = np.bincount(self._records.who[part], minlength=self.count)
            starts = np.zeros(self.count + 1, np.int64)
            np.cumsum(counts, out=starts[1:])
            made = Column(starts, self._records.at[part], self._records.value[part])
            self._made[stream] = made
        return made

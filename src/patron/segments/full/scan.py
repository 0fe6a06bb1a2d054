"""The sorted copy as tables of events that streams can listen to, some people at a time."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patron.events.sorted.layout import COLUMNS, KINDS, Folder, Manifest, Run, where
from patron.segments.live.columns import Column, Columns, Longs, Records, needed
from patron.segments.live.listening import Cells, Heard, Known, Listener, Rows, paths_of
from patron.segments.live.streams import CODES, Kept, Stream, span_micros
from patron.segments.rules.reading import MOST_COUNTED

Piece = tuple[Run, Rows]


def covers(manifest: Manifest, streams: Sequence[Stream]) -> bool:
    """Whether everything that these streams ask for is in the copy."""
    held = set(COLUMNS) - set(manifest.given_up)
    for stream in streams:
        if manifest.others and (stream.kind != "event" or stream.names - manifest.names):
            return False
        if stream.kind != "event" and stream.kind in manifest.given_up:
            return False
        if not paths_of(stream) <= held:
            return False
    return True


class Scan:
    """What is the same for all tables of one reading: which runs, and what the numbers mean."""

    def __init__(self, folder: Folder, manifest: Manifest, listener: Listener) -> None:
        self.folder, self.manifest = folder, manifest
        runs = (run for run in manifest.runs if listener.kinds or run.name in listener.names)
        self.runs = sorted(runs, key=lambda run: run.name)  # so those of a name stand together
        self._values: dict[str, list[list[Any]]] = {}
        self._codes: dict[str, Longs] = {}
        self.known = Known()

    def values(self, path: str) -> list[list[Any]]:
        if path not in self._values:
            self._values[path] = self.folder.told(self.manifest, path)
        return self._values[path]

    def codes(self, kind: str) -> Longs:
        """By number of a channel or device its code, -1 for none."""
        if kind not in self._codes:
            assert kind in KINDS
            codes = CODES[kind]
            told = self.values(kind)
            self._codes[kind] = np.array(
                [codes.get(one[0], -1) if one else -1 for one in told], np.int64
            )
        return self._codes[kind]


class Part:
    """Events of some people, a table. `whose` gives the place of a person by her number, of the
    numbers from `first` on; None: the number itself, from `first`."""

    def __init__(
        self, scan: Scan, pieces: Sequence[Piece], first: int, whose: Longs | None
    ) -> None:
        self._scan, self._pieces = scan, pieces
        self._first, self._whose = first, whose
        self._read: dict[str, NDArray[Any]] = {}
        self._places: dict[str, list[slice]] = {}
        begin = 0
        for run, rows in pieces:
            end = begin + (rows.stop - rows.start if isinstance(rows, slice) else len(rows))
            self._places.setdefault(run.name, []).append(slice(begin, end))
            begin = end
        self._length = begin

    def named(self, name: str) -> Rows:
        there = self._places.get(name, [])
        if not there:
            return np.empty(0, np.int64)
        return slice(there[0].start, there[-1].stop)

    @property
    def who(self) -> Longs:
        return self.whose(slice(None))

    def whose(self, rows: Rows) -> Longs:
        """The people of some of the events only: to number them all takes as long as the rest."""
        who = self._column_once("who")[rows]
        if self._whose is not None:
            return np.asarray(self._whose[who])
        return who.astype(np.int64) - self._first

    @property
    def at(self) -> Longs:
        return self._column_once("at")

    @property
    def position(self) -> Longs:
        return self._column_once("position")

    def cells(self, path: str) -> Cells:
        return Cells(self._column_once(path), self._scan.values(path))

    def touches(self, kind: str) -> Longs:
        return np.asarray(self._scan.codes(kind)[self._column(kind)])

    def _column_once(self, name: str) -> NDArray[Any]:
        if name not in self._read:
            self._read[name] = self._column(name)
        return self._read[name]

    def _column(self, name: str) -> NDArray[Any]:
        folder, pieces = self._scan.folder, self._pieces
        kinds = [run.columns.get(name, "u1") for run, _ in pieces]
        out = np.empty(self._length, np.result_type(*kinds) if kinds else np.int64)
        begin = 0
        for run, rows in pieces:
            end = begin + (rows.stop - rows.start if isinstance(rows, slice) else len(rows))
            folder.read(run, name, rows, out[begin:end])
            begin = end
        return out


class Scanned(Columns):
    """The columns of a part, each made when a kernel asks for it."""

    def __init__(
        self, part: Part, heard: Heard, streams: Mapping[int, tuple[Stream, Kept]], count: int,
        now: int,
    ) -> None:  # fmt: skip
        self.count = count
        self._part, self._heard, self._streams, self._now = part, heard, streams, now
        self._made: dict[int, Column] = {}

    def of(self, stream: int) -> Column:
        made = self._made.get(stream)
        if made is None:
            made = self._made[stream] = self._make(*self._streams[stream])
        return made

    def _make(self, stream: Stream, kept: Kept) -> Column:
        if stream.kind != "event":
            left = self._heard.touched(stream)
            left.stream[:] = 0
            return _column(left.ordered(), self.count)
        since = None if kept.back is None else self._now - span_micros(kept.back)
        rows, told = self._heard.told(stream, since)
        part = self._part
        who, at = part.whose(rows), part.at[rows]
        later = (who[1:] > who[:-1]) | ((who[1:] == who[:-1]) & (at[1:] >= at[:-1]))
        if not later.all():
            zeros = np.zeros(len(told), np.int64)
            left = Records(who, zeros, at, part.position[rows], told).ordered()
            who, at, told = left.who, left.at, left.value
        counts = np.bincount(who, minlength=self.count)
        if counts.max(initial=0) > MOST_COUNTED:
            if later.all():
                zeros = np.zeros(len(told), np.int64)
                left = Records(who, zeros, at, part.position[rows], told)
            # Of those only who did so much; to look at everybody would cost more than all the rest.
            many = np.flatnonzero(counts[who] > MOST_COUNTED)
            most = Kept(MOST_COUNTED, kept.oldest, kept.back)
            stays = np.ones(len(who), np.bool_)
            stays[many] = needed(left.take(many), {0: most}, self._now)
            who, at, told = who[stays], at[stays], told[stays]
            counts = np.bincount(who, minlength=self.count)
        starts = np.zeros(self.count + 1, np.int64)
        np.cumsum(counts, out=starts[1:])
        return Column(starts, at, told)


def _column(left: Records, count: int) -> Column:
    starts = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(left.who, minlength=count), out=starts[1:])
    return Column(starts, left.at, left.value)


def gathered(scan: Scan, numbers: Longs) -> Iterator[Piece]:
    """Where the events of these people are, in each run."""
    for run in scan.runs:
        begins, ends = where(scan.folder.mapped(run, "who"), numbers)
        lengths = ends - begins
        turn = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        yield run, np.repeat(begins, lengths) + turn

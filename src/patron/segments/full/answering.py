"""Answers rules for everybody at once: the sorted copy, and what came after it.

People of one origin whom the copy holds wholly are answered as they lie in it. Who consists of
several origins, or did something since, is gathered and answered apart.
"""

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.events.sorted.layout import FORGOTTEN, Folder, Manifest
from patron.events.sorted.writing import people, ranged
from patron.segments.full.scan import Part, Piece, Scan, Scanned, gathered
from patron.segments.live.columns import Columns, Longs, Records, cut, joined
from patron.segments.live.listening import NOTHING, Heard, Listener
from patron.segments.live.program import Program
from patron.segments.live.streams import Kept, Stream

ROWS_AT_ONCE = 2_000_000
APART_AT_ONCE = 20_000


class Since(msgspec.Struct):
    """What the copy does not know. `records` are those of events after its position, `who` being an
    index into `origins`; `roots` the root of each origin that is not its own; `gone` who was erased
    and is still in the copy."""

    origins: list[UUID]
    records: Records
    roots: Mapping[UUID, UUID]
    gone: Sequence[UUID] = ()


class Full:
    """What programs ask for of everybody who is in the copy or did something since. `numbers` says
    which stream of the chunks a key is."""

    def __init__(
        self,
        folder: Folder,
        manifest: Manifest,
        programs: Sequence[Program],
        since: Since,
        rows: int = ROWS_AT_ONCE,
    ) -> None:
        self._folder, self._programs, self._rows = folder, programs, rows
        self.streams: dict[int, tuple[Stream, Kept]] = {}
        self.numbers: dict[str, int] = {}
        for program in programs:
            for key, (stream, kept) in program.streams.items():
                number = self.numbers.setdefault(key, len(self.numbers))
                before = self.streams.get(number)
                self.streams[number] = stream, kept if before is None else before[1].joined(kept)
        listener = Listener((number, one) for number, (one, _) in self.streams.items())
        self._scan = Scan(folder, manifest, listener)
        self._known = folder.known(manifest) if manifest.origins else np.empty(0, "S16")
        self._since = since
        self._number()

    def _number(self) -> None:
        """Number who came since, and find who is to be answered apart."""
        known, since = self._known, self._since
        ids = [one.bytes for one in (*since.origins, *since.roots, *since.roots.values())]
        asked = np.unique(np.array([*ids, *(one.bytes for one in since.gone)], "S16"))
        there = np.flatnonzero(np.isin(known, asked)) if len(asked) else np.empty(0, np.int64)
        self._of = {bytes(known[n]).ljust(16, b"\0"): int(n) for n in there.tolist()}
        self._added: list[UUID] = []
        for id in ids:
            if id not in self._of:
                self._of[id] = len(known) + len(self._added)
                self._added.append(UUID(bytes=id))
        self._apart = np.zeros(len(known) + len(self._added), np.bool_)
        self._gone = np.zeros(len(self._apart), np.bool_)
        self._gone[: len(known)] = known == FORGOTTEN
        for one in since.gone:
            if (number := self._of.get(one.bytes)) is not None:
                self._gone[number] = True
        self._apart[[self._of[id] for id in ids]] = True
        self._root = {self._of[k.bytes]: self._of[v.bytes] for k, v in since.roots.items()}

    def origin(self, numbers: Longs) -> list[UUID]:
        """The origins of these numbers."""
        count = len(self._known)
        own = self._folder.origin([n for n in numbers.tolist() if n < count])
        return own + [self._added[n - count] for n in numbers.tolist() if n >= count]

    def tails(self, numbers: Longs) -> NDArray[np.uint64]:
        """The last eight bytes of the ids of these numbers."""
        every = np.concatenate((self._known, np.array([one.bytes for one in self._added], "S16")))
        whole = np.zeros((len(numbers), 16), np.uint8)
        whole[:] = every[numbers].view(np.uint8).reshape(-1, 16)
        return whole[:, 8:].copy().view(">u8").ravel().astype(np.uint64)

    def chunks(self, now: int) -> Iterator[tuple[Columns, Longs]]:
        """The columns of some people, and their numbers; -1 for those who are not to be asked."""
        scan = self._scan
        count = len(self._known)
        whose = [scan.folder.mapped(run, "who") for run in scan.runs]
        ranges = people(whose, self._rows) if whose else iter(())
        end = 0
        for begin, end in ranges:
            yield self._range(begin, end, whose, now)
        for begin in range(end, count, self._rows):  # who did nothing that is asked for
            numbers = np.arange(begin, min(begin + self._rows, count))
            yield Columns(NOTHING, len(numbers)), self._asked(numbers)
        yield from self._gathered(now)

    def _asked(self, numbers: Longs) -> Longs:
        return np.where(self._apart[numbers] | self._gone[numbers], -1, numbers)

    def _range(
        self, begin: int, end: int, whose: Sequence[Longs], now: int
    ) -> tuple[Columns, Longs]:
        scan = self._scan
        pieces: list[Piece] = [
            (run, ranged(who, begin, end)) for run, who in zip(scan.runs, whose, strict=True)
        ]
        part = Part(scan, pieces, begin, None)
        heard = Heard(part, scan.known)
        columns = Scanned(part, heard, self.streams, end - begin, now)
        return columns, self._asked(np.arange(begin, end))

    def _gathered(self, now: int) -> Iterator[tuple[Columns, Longs]]:
        """Those apart: rows of all origins of a person, and records of what she did since."""
        numbers = np.flatnonzero(self._apart & ~self._gone)
        root = np.arange(len(self._apart))
        for number, own in self._root.items():
            root[number] = own
        order = np.argsort(root[numbers], kind="stable")
        numbers = numbers[order]
        roots, first = np.unique(root[numbers], return_index=True)
        since = self._since.records
        theirs = np.array([self._of[one.bytes] for one in self._since.origins], np.int64)
        since_root = root[theirs[since.who]] if len(since) else np.empty(0, np.int64)
        for start in range(0, len(roots), APART_AT_ONCE):
            some = roots[start : start + APART_AT_ONCE]
            stop = start + len(some)
            last = int(first[stop]) if stop < len(roots) else len(numbers)
            members = np.sort(numbers[int(first[start]) : last])
            place = np.full(len(self._apart), -1)
            place[members] = np.searchsorted(some, root[members])
            left = self._left(members[members < len(self._known)], place)
            mine = np.flatnonzero(np.isin(since_root, some))
            new = since.take(mine)
            new.who = np.searchsorted(some, since_root[mine])
            kept = {number: need for number, (_, need) in self.streams.items()}
            records = cut(joined(left, new).ordered(), kept, now)
            yield Columns(records, len(some)), some

    def _left(self, numbers: Longs, place: Longs) -> Records:
        part = Part(self._scan, list(gathered(self._scan, numbers)), 0, place)
        heard = Heard(part, self._scan.known)
        parts = []
        for number, (stream, _) in self.streams.items():
            left = heard.touched(stream) if stream.kind != "event" else heard.left(stream)
            left.stream[:] = number
            parts.append(left)
        return joined(*parts) if parts else NOTHING

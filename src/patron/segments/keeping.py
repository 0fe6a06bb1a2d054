"""Keeps memberships: asks the segments that something touches, and writes who enters and leaves.

Whoever calls has locked the people, or walks. People are asked together, by columns; what is not in
their records is loaded for those only whom a rule needs it of.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import IntEnum
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.kit.db import Tx
from patron.kit.ids import id_at
from patron.profiles.changes import store as changed
from patron.profiles.changes.store import Why
from patron.segments.facts import Loaded, Subject, load_many
from patron.segments.live import store
from patron.segments.live.book import Book
from patron.segments.live.columns import (
    Columns,
    Longs,
    Records,
    cut,
    joined,
    packed,
    unpacked,
)
from patron.segments.live.kernels import NEVER, Asking
from patron.segments.live.listening import NOTHING
from patron.segments.live.program import Chunk
from patron.segments.live.store import Kept
from patron.segments.members import store as members
from patron.segments.members.types import Cause, Change
from patron.segments.rules.dates import micros, moment
from patron.segments.types import together
from patron.shops.types import Shop


class Touch(IntEnum):
    """Why a segment is asked about a person; of several the greatest counts."""

    NONE = 0
    DEFINITION = 1
    THRESHOLDS = 2
    MERGE = 3
    BACKFILL = 4
    CLOCK = 5
    EVENT = 6


_CAUSES = {
    Touch.DEFINITION: Cause.DEFINITION,
    Touch.THRESHOLDS: Cause.THRESHOLDS,
    Touch.MERGE: Cause.MERGE,
    Touch.BACKFILL: Cause.BACKFILL,
    Touch.CLOCK: Cause.CLOCK,
    Touch.EVENT: Cause.EVENT,
}
TOLD = frozenset([Cause.EVENT, Cause.CLOCK, Cause.MERGE])
"""What others hear of; the rest comes in masses, and is in the history."""

Touches = NDArray[np.int8]
Held = NDArray[np.bool_]


class Asked(msgspec.Struct):
    """Whom to ask (roots), and why: a row a person, a column an entry of the book. Who was never
    written is asked everything, because of `new`. `briefly`: nobody's log is read now, and where
    all that is new is history no facts either; who is to be asked what takes that is noted, and
    asked apart within a second."""

    roots: list[UUID]
    touches: Touches
    new: Touch = Touch.EVENT
    briefly: bool = False

    @classmethod
    def of(cls, roots: Sequence[UUID], book: Book, why: Touch, new: Touch = Touch.EVENT) -> "Asked":
        touches = np.full((len(roots), len(book.entries)), int(why), np.int8)
        return cls(list(roots), touches, new)


class Left(msgspec.Struct):
    """New records; `who` of a record is an index into `origins`."""

    origins: list[UUID]
    records: Records

    def joined(self, other: "Left") -> "Left":
        if not self.origins:
            return other
        theirs = msgspec.structs.replace(other.records, who=other.records.who + len(self.origins))
        return Left(self.origins + other.origins, joined(self.records, theirs))


async def keep(
    tx: Tx, shop: Shop, book: Book, asked: Asked, left: Left | None, now: datetime
) -> list[Change]:
    """Add records, ask, and write what changed; the changes."""
    keeping = _Keeping(book, asked, await store.load(tx, asked.roots), now)
    keeping.remember(left)
    facts = await _facts(tx, shop, keeping)
    keeping.ask(facts, await _elsewhere(tx, keeping))
    for why, roots in keeping.waiting():
        await changed.note_once(tx, roots, now, why)
    changes = keeping.changes + keeping.moved()
    ids = draw_ids(now)
    untold = [(ids(), one) for one in keeping.changes if one.cause in TOLD]
    due, undue = keeping.due()
    async with tx.pipeline():  # one is written while the next is packed
        if changes:
            await members.write(tx, changes, untold)
        await store.save(tx, keeping.changed())
        await store.set_due(tx, due)
        await store.drop_due(tx, undue)
    return changes


def draw_ids(now: datetime) -> Callable[[], UUID]:
    """Ids in the order in which they are drawn, so that changes are told in theirs."""
    first = id_at(now).int & ~((1 << 32) - 1)
    count = 0

    def draw() -> UUID:
        nonlocal count
        count += 1
        return UUID(int=first + count)

    return draw


async def _facts(tx: Tx, shop: Shop, keeping: "_Keeping") -> list[Loaded | None]:
    """Facts of those about whom an entry that needs them is asked, or one above it."""
    book, touches = keeping.book, keeping.touches
    facts: list[Loaded | None] = [None] * len(keeping.roots)
    asking = [n for n, entry in enumerate(book.entries) if entry.program.asks]
    wanted: set[int] = set()
    needed = []
    for number in asking:
        if number in keeping.later:
            continue
        columns = [number, *book.entries[number].above]
        theirs: Longs = np.flatnonzero((touches[:, columns] > 0).any(axis=1))
        if len(theirs):
            wanted.update(theirs.tolist())
            needed.append(book.entries[number].program.needs)
    if wanted:
        order = sorted(wanted)
        needs = msgspec.structs.replace(together(needed), segments=frozenset())
        subjects = [Subject(keeping.roots[who]) for who in order]
        loaded = await load_many(tx, subjects, needs, keeping.now, shop)
        for who, one in zip(order, loaded, strict=True):
            facts[who] = one
    return facts


async def _elsewhere(tx: Tx, keeping: "_Keeping") -> dict[str, Held]:
    """Who is in the segments that rules name and that are not asked here."""
    if not keeping.book.elsewhere:
        return {}
    people = {root: [root] for root in keeping.roots}
    found = await members.of_people(tx, people, keeping.book.elsewhere)
    return {
        key: np.array([key in found.get(root, ()) for root in keeping.roots], np.bool_)
        for key in keeping.book.elsewhere
    }


def _later(book: Book, asked: Asked) -> frozenset[int]:
    """The entries that are asked apart. A year of history speaks of the same people again and
    again, whose facts would be read each time."""
    later = set(book.from_log if asked.briefly else ())
    if asked.new is Touch.BACKFILL:
        later |= {n for n, entry in enumerate(book.entries) if entry.program.asks}
    return frozenset(later)


class _Keeping:
    """One chunk of people on its way from what was known to what is."""

    def __init__(self, book: Book, asked: Asked, kept: list[Kept], now: datetime) -> None:
        self.book, self.now = book, now
        self.kept = kept
        there = {one.root_id for one in kept}
        places = [n for n, root in enumerate(asked.roots) if root in there]
        self.roots = [asked.roots[n] for n in places]
        self.gone = [root for root in asked.roots if root not in there]
        self.touches = asked.touches[places]
        self._who = {root: n for n, root in enumerate(self.roots)}
        self._of = {one.root_id: one for one in kept if one.origin_id == one.root_id}
        for n, root in enumerate(self.roots):
            if not self._of[root].known:
                np.maximum(self.touches[n], int(asked.new), out=self.touches[n])
        self.later = _later(book, asked)
        self._waits = np.zeros(len(self.roots), np.int8)
        if self.later:
            columns = sorted(self.later)
            self._waits = self.touches[:, columns].max(axis=1)
            self.touches[:, columns] = int(Touch.NONE)
        self.changes: list[Change] = []
        self._dirty = {
            n for n, one in enumerate(kept) if not one.known and one.origin_id == one.root_id
        }
        self._due: list[tuple[UUID, int]] = []
        self.records = NOTHING

    def remember(self, left: Left | None) -> None:
        """Cut what is kept of each origin to what is needed, and set the people's records up."""
        records = unpacked([one.records for one in self.kept])
        at = micros(self.now)
        if left is not None and len(left.records):
            number = {one.origin_id: n for n, one in enumerate(self.kept)}
            there = np.array([number.get(one, -1) for one in left.origins], np.int64)
            new = msgspec.structs.replace(left.records, who=there[left.records.who])
            new = new.take(new.who >= 0)
            records = cut(joined(records, new).ordered(), self.book.kept, at)
            parts = packed(records, len(self.kept))
            for n in np.unique(new.who).tolist():
                self.kept[n].records = parts[n]
                self._dirty.add(n)
        else:
            records = cut(records.ordered(), self.book.kept, at)
        who = np.array([self._who[one.root_id] for one in self.kept], dtype=np.int64)
        if len(self.kept) > len(self.roots):
            whole = Records(
                who[records.who], records.stream, records.at, records.position, records.value
            )
            self.records = cut(whole.ordered(), self.book.kept, at)
        else:
            self.records = Records(
                who[records.who], records.stream, records.at, records.position, records.value
            )
            if len(who) and not np.array_equal(who, np.arange(len(who))):
                self.records = self.records.ordered()

    def ask(self, facts: Sequence[Loaded | None], elsewhere: Mapping[str, Held]) -> None:
        """Ask every entry about whom it is touched for; entries above come first."""
        entries, count = self.book.entries, len(self.roots)
        before = [np.frombuffer(self._of[root].inside, "<u4").tolist() for root in self.roots]
        was = self._was(before)
        held = was.copy()
        due: Longs = np.full(count, NEVER)
        inside = {**elsewhere, **{entry.key: held[:, n] for n, entry in enumerate(entries)}}
        chunk = Chunk(Columns(self.records, count), facts, inside)
        asking = Asking(self.now, self.book.zone)
        for n, entry in enumerate(entries):
            touched = self.touches[:, n] > 0
            if not touched.any():
                continue
            answer, change = entry.program.answer(chunk, asking, self.book.numbers)
            held[touched, n] = answer[touched]
            due[touched] = np.minimum(due[touched], change[touched])
            changed: Longs = np.flatnonzero(held[:, n] != was[:, n])
            if entry.settling:
                self.touches[changed, n] = Touch.DEFINITION
            for below in self.book.below.get(n, ()):
                why = self.touches[changed, n]
                if below in self.later:
                    self._waits[changed] = np.maximum(self._waits[changed], why)
                else:
                    self.touches[changed, below] = np.maximum(self.touches[changed, below], why)
            self._note(n, changed, held)
        self._settle(before, held, due)

    def _was(self, before: Sequence[list[int]]) -> Held:
        column = {entry.id: n for n, entry in enumerate(self.book.entries)}
        was = np.zeros((len(self.roots), len(column)), np.bool_)
        for who, theirs in enumerate(before):
            for id in theirs:
                if id in column:
                    was[who, column[id]] = True
        return was

    def _note(self, entry: int, changed: Longs, held: Held) -> None:
        id = self.book.entries[entry].id
        for who in changed.tolist():
            cause = _CAUSES[Touch(int(self.touches[who, entry]))]
            entered = bool(held[who, entry])
            self.changes.append(Change(id, self.roots[who], entered, self.now, cause))

    def _settle(self, before: Sequence[list[int]], held: Held, due: Longs) -> None:
        ids = np.array([entry.id for entry in self.book.entries], np.int64)
        asked = set(ids.tolist())
        whole = np.asarray((self.touches > 0).all(axis=1))
        place = {one.origin_id: n for n, one in enumerate(self.kept)}
        moved = {one.origin_id for one in self.changes}
        for who, root in enumerate(self.roots):
            one = self._of[root]
            if root in moved:
                others = [id for id in before[who] if id not in asked]
                now_in = np.array(others + ids[held[who]].tolist(), "<u4")
                one.inside = now_in.tobytes()
                self._dirty.add(place[root])
            soon = int(due[who])
            if not whole[who]:
                soon = min(soon, one.due)
            if soon != one.due:
                one.due = soon
                self._dirty.add(place[root])
                self._due.append((root, soon))

    def waiting(self) -> list[tuple[Why, list[UUID]]]:
        """Whom to ask apart, and why."""
        return [
            (Why(why), [self.roots[n] for n in np.flatnonzero(self._waits == why).tolist()])
            for why in np.unique(self._waits).tolist()
            if why
        ]

    def moved(self) -> list[Change]:
        """Those whose person is another since leave what they were in; she is asked herself."""
        changes = []
        for n, one in enumerate(self.kept):
            if one.origin_id != one.root_id and one.inside:
                for id in np.frombuffer(one.inside, "<u4").tolist():
                    changes.append(Change(id, one.origin_id, False, self.now, Cause.MERGE))
                one.inside = b""
                self._dirty.add(n)
        return changes

    def changed(self) -> list[Kept]:
        return [self.kept[n] for n in sorted(self._dirty)]

    def due(self) -> tuple[list[tuple[UUID, datetime]], list[UUID]]:
        """When to ask whom again, and whom not."""
        when = [(root, moment(at)) for root, at in self._due if at < NEVER]
        never = [root for root, at in self._due if at == NEVER]
        apart = [one.origin_id for one in self.kept if one.origin_id != one.root_id]
        return when, never + self.gone + apart

"""A rule answered for all people at once: what it asks of events from the sorted copy, everything
else from columns that PostgreSQL packs; whoever these leave open is asked herself.
"""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime

import msgspec
import numpy as np

from patron.events.sorted.layout import Folder
from patron.kit.clock import monotonic
from patron.kit.db import Database, Tx
from patron.profiles.many import column_store
from patron.segments.everybody import kinds, orders
from patron.segments.everybody.kinds import Asked, Bounds
from patron.segments.everybody.people import Alike, Everybody
from patron.segments.facts import Loaded, Subject, load_many
from patron.segments.full.answering import Full
from patron.segments.full.counting import SHOWN, Counted
from patron.segments.full.counting import count as count_events
from patron.segments.full.opening import ROWS_BESIDE, open_full
from patron.segments.live.columns import Bools, Columns, Longs
from patron.segments.live.kernels import Asking
from patron.segments.live.listening import NOTHING
from patron.segments.live.program import Chunk, Program, made_ready
from patron.segments.population import store as populations
from patron.segments.rules.language import All, Any_, Not, Rule, leaves, needs
from patron.segments.types import Leaf
from patron.shops.types import Shop

MOST_CELLS = 200_000_000
"""Conditions on events times people that are held at once, a byte each."""
FACTS_AT_ONCE = 500


class Held(msgspec.Struct):
    """For whom a rule holds, by their numbers among `people`; of those it is known for that were
    `looked` at, which are all when `complete`."""

    people: Everybody
    held: Bools
    looked: Bools
    complete: bool


async def count(
    db: Database,
    shop: Shop,
    rule: Rule,
    now: datetime,
    folder: Folder | None,
    *,
    of: int,
    until: float | None,
    told: Callable[[int, int], None],
) -> Counted | None:
    """For how many of the `of` people a rule holds; None where it takes more than columns and the
    copy to tell."""
    program = made_ready(rule, Asked.zone_of(shop))
    if folder is not None and program.from_streams == {id(leaf) for leaf in leaves(rule)}:
        async with db.unit(shop.schema) as tx:
            full = await open_full(tx, folder, [program], ROWS_BESIDE)
        if full is not None:
            asking = Asking(now, Asked.zone_of(shop), changes=False)
            return await count_events(full, program, asking, of, until, told)
    found = await holders(db, shop, rule, now, folder, until=until, told=told)
    if found is None:
        return None
    held = np.flatnonzero(found.held)
    sample = found.people.drawn(held, SHOWN)
    return Counted(len(held), int(found.looked.sum()), found.complete, sample)


async def holders(
    db: Database,
    shop: Shop,
    rule: Rule,
    now: datetime,
    folder: Folder | None,
    *,
    until: float | None = None,
    told: Callable[[int, int], None] = lambda looked_at, of: None,
) -> Held | None:
    """For whom a rule holds; None where it takes more than the copy to tell. At `until` (on the
    monotonic clock) the answer is what it is."""
    program = made_ready(rule, Asked.zone_of(shop))
    if program.from_log:
        return None
    asking = Asking(now, Asked.zone_of(shop), changes=False)
    full: Full | None = None
    async with db.unit(shop.schema) as tx:
        if program.streams:
            full = await open_full(tx, folder, [program], ROWS_BESIDE) if folder else None
            if full is None:
                return None
        packed = await column_store.everybody(tx)
        population = await populations.published(tx) if needs(rule).population else None
    try:
        people = await asyncio.to_thread(Everybody, packed)
    except Alike:
        return None
    asked = Asked(people, shop, now, population)
    if len(program.streams) * people.count > MOST_CELLS:
        return None
    return await _Answering(db, rule, program, asked, asking, until, told).answer(full)


class _Answering:
    """One rule on its way to everybody's answer."""

    def __init__(
        self,
        db: Database,
        rule: Rule,
        program: Program,
        asked: Asked,
        asking: Asking,
        until: float | None,
        told: Callable[[int, int], None],
    ) -> None:
        self._db, self._rule, self._program = db, rule, program
        self._asked, self._asking, self._until, self._told = asked, asking, until, told
        self._from_events = program.from_streams
        self._streams: dict[int, Bools] = {}
        self._looked = asked.all(True)
        self._complete = True

    async def answer(self, full: Full | None) -> Held:
        people = self._asked.people
        if full is not None:
            self._looked = self._asked.all(False)
            chunks = full.chunks(self._asking.at)
            while (numbers := await asyncio.to_thread(self._read, full, chunks)) is not None:
                self._looked[numbers] = True
                self._told(int(self._looked.sum()), people.count)
                if self._late():
                    self._complete = False
                    break
            if self._complete:
                self._looked = self._asked.all(True)
        least, most = await self._bounds(self._rule)
        least &= self._looked
        await self._ask(least, np.flatnonzero(most & ~least & self._looked))
        self._told(int(self._looked.sum()), people.count)
        return Held(people, least, self._looked, self._complete)

    def _late(self) -> bool:
        return self._until is not None and monotonic() >= self._until

    # --- events ---------------------------------------------------------------------------------

    def _read(self, full: Full, chunks: Iterator[tuple[Columns, Longs]]) -> Longs | None:
        """Answer the conditions on events for the next people; their numbers."""
        asked = [one for one in leaves(self._rule) if id(one) in self._from_events]
        if not self._streams:
            nobody = Chunk(Columns(NOTHING, 1), [])
            for one in asked:
                self._streams[id(one)] = self._asked.all(bool(self._kernel(one, nobody, full)[0]))
        found = next(chunks, None)
        if found is None:
            return None
        columns, theirs = found
        there = np.flatnonzero(theirs >= 0)
        numbers = self._asked.people.numbers(full.tails(theirs[there]))
        known = numbers >= 0
        chunk = Chunk(columns, [])
        for one in asked:
            held = self._kernel(one, chunk, full)
            self._streams[id(one)][numbers[known]] = held[there[known]]
        return np.asarray(numbers[known])

    def _kernel(self, leaf: Leaf, chunk: Chunk, full: Full) -> Bools:
        return self._program.kernels[id(leaf)](chunk, self._asking, full.numbers)[0]

    # --- everything else ------------------------------------------------------------------------

    async def _bounds(self, rule: Rule) -> Bounds:
        if isinstance(rule, Not):
            least, most = await self._bounds(rule.rule)
            return ~most, ~least
        if not isinstance(rule, All | Any_):
            return await self._leaf(rule)
        every = isinstance(rule, All)
        least, most = self._asked.all(every), self._asked.all(every)
        for one in rule.rules:
            low, high = await self._bounds(one)
            least = least & low if every else least | low
            most = most & high if every else most | high
        return least, most

    async def _leaf(self, leaf: Leaf) -> Bounds:
        if id(leaf) in self._from_events:
            held = self._streams[id(leaf)]
            return held.copy(), held.copy()
        found: Bounds | None = None
        if not self._late():
            async with self._db.unit(self._asked.shop.schema) as tx:
                found = await orders.answered(tx, leaf, self._asked)
                found = found or await kinds.answered(tx, leaf, self._asked)
        if found is None:
            return self._asked.all(False), self._asked.all(True)
        return found[0].copy(), found[1].copy()

    async def _ask(self, held: Bools, open_: Longs) -> None:
        """Ask those whom columns leave open, for as long as there is time."""
        asked = self._asked
        for start in range(0, len(open_), FACTS_AT_ONCE):
            some = open_[start : start + FACTS_AT_ONCE]
            if self._late():
                self._looked[open_[start:]] = False
                self._complete = False
                return
            async with self._db.unit(asked.shop.schema) as tx:
                held[some] = await self._judged(tx, some)

    async def _judged(self, tx: Tx, numbers: Longs) -> list[bool]:
        asked = self._asked
        subjects = [Subject(root) for root in asked.people.roots(numbers)]
        facts = await load_many(tx, subjects, self._program.needs, asked.now, asked.shop)

        def judge() -> list[bool]:
            return [
                self._holds(self._rule, number, one)
                for number, one in zip(numbers.tolist(), facts, strict=True)
            ]

        return await asyncio.to_thread(judge)

    def _holds(self, rule: Rule, number: int, facts: Loaded) -> bool:
        if isinstance(rule, Not):
            return not self._holds(rule.rule, number, facts)
        if isinstance(rule, All):
            return all(self._holds(one, number, facts) for one in rule.rules)
        if isinstance(rule, Any_):
            return any(self._holds(one, number, facts) for one in rule.rules)
        if id(rule) in self._from_events:
            return bool(self._streams[id(rule)][number])
        return rule.holds(facts, self._asked.now)

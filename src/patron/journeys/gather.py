"""What a batch of events does to the runs of the journeys that are on. Pure.

Events are taken in log order, one after the other, so that it makes no difference how they were cut
into batches. What starts a run must be fresh: at the time of walking its event is not older than
the journey's maximum age, and it is not history. What ends or moves a run may be of any age, for it
is compared with the run by event time.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from uuid import UUID

import msgspec

from patron.carts.types import CartChange, ChangeKind
from patron.events.reading.allowed import refuses_marketing
from patron.events.types import Event
from patron.journeys.definition import Definition, Happening
from patron.journeys.step import begin
from patron.journeys.types import Alive, ExitReason, Line, Run, RunState
from patron.kit.ids import id_at
from patron.segments.rules.operators import at_path
from patron.segments.rules.words import deeds
from patron.segments.telling import starts_something

# How long after a run's end its message may still wait to leave: the longest a shop's order feed
# may be silent and hold cart mails back, with room.
MESSAGES_WAIT = timedelta(days=3)

_STARTS = (ChangeKind.OPENED, ChangeKind.CHANGED)
_WORDS = {
    ExitReason.ORDERED: "Left: she ordered.",
    ExitReason.EMPTIED: "Left: the cart was emptied.",
    ExitReason.CART_CLOSED: "Left: the cart was closed.",
    ExitReason.DUPLICATE: "Left: an older run of the same journey goes on for her.",
}


class Live(msgspec.Struct, frozen=True):
    """One version of a journey; in the walk only journeys that are on."""

    id: UUID
    key: str
    version: int
    definition: Definition
    on: bool = True


class Ending(msgspec.Struct, frozen=True):
    run_id: UUID
    reason: ExitReason
    line: Line


class Plan(msgspec.Struct):
    """`born` may have ended already; `moved` gives waits a new beginning; `silenced` are runs whose
    waiting messages end, for the reason given, whether or not the run itself still went on."""

    born: list[Run] = []
    moved: dict[UUID, datetime] = {}
    ended: list[Ending] = []
    silenced: dict[ExitReason, list[UUID]] = {}


class Batch(msgspec.Struct, frozen=True):
    """`events` holds only those that some journey listens to; `last_starts` a person's latest start
    by (journey, root)."""

    live: Sequence[Live]
    events: Sequence[Event]
    changes: Sequence[CartChange]
    received: Mapping[int, datetime]
    roots: Mapping[UUID, UUID]
    last_starts: Mapping[tuple[UUID, UUID], datetime]
    now: datetime
    zone: tzinfo = UTC
    orders: frozenset[str] = frozenset(["Order Completed"])


class _Run:
    """A run while the batch passes it."""

    def __init__(self, alive: Alive, born: Run | None = None) -> None:
        self.alive, self.born = alive, born
        self.waits_from = alive.waits_from
        self.ending: Ending | None = None
        self.silenced = False
        self.waiting = alive.state is RunState.WAITING


def listens(live: Iterable[Live]) -> frozenset[str]:
    """The event names that start or end a run of any of these journeys."""
    names: set[str] = set()
    for journey in live:
        for one in _happenings(journey.definition):
            names |= one.names
    return frozenset(names)


def gather(batch: Batch, alive: Sequence[Alive]) -> Plan:
    """What is to be written; `alive` are the runs of these carts and people, ended ones included
    while a message of theirs may still wait."""
    return _Gatherer(batch, alive).plan()


class _Gatherer:
    def __init__(self, batch: Batch, alive: Sequence[Alive]) -> None:
        self.batch = batch
        self.runs: dict[UUID, _Run] = {one.id: _Run(one) for one in alive}
        self.by_key: dict[tuple[UUID, str], list[_Run]] = {}
        self.by_root: dict[tuple[UUID, UUID], list[_Run]] = {}
        for run in self.runs.values():
            self._file(run)
        self.starts = dict(batch.last_starts)
        self.result = Plan()

    def plan(self) -> Plan:
        self._collapse()
        steps: list[tuple[int, int, CartChange | Event]] = [
            *((change.position, 0, change) for change in self.batch.changes),
            *((event.position, 1, event) for event in self.batch.events),
        ]
        for _, _, step in sorted(steps, key=lambda one: one[:2]):
            if isinstance(step, CartChange):
                self._cart(step)
            else:
                self._event(step)
        for run in self.runs.values():
            self._conclude(run)
        return self.result

    def _collapse(self) -> None:
        """One active run a person where an event starts the journey: the oldest goes on."""
        by_person = {live.id for live in self.batch.live if not live.definition.of_carts}
        for (journey_id, _), runs in self.by_root.items():
            waiting = [run for run in runs if run.waiting and journey_id in by_person]
            waiting.sort(key=lambda run: (run.alive.started_at, run.alive.id))
            for late in waiting[1:]:
                self._end(late, ExitReason.DUPLICATE, self.batch.now)

    def _cart(self, change: CartChange) -> None:
        key = str(change.cart_id)
        at = min(change.at, self.batch.now)
        for live in self.batch.live:
            if not live.definition.of_carts:
                continue
            runs = self.by_key.get((live.id, key), [])
            if change.kind in _STARTS:
                waiting = next((run for run in runs if run.waiting), None)
                if waiting is not None:
                    waiting.waits_from = max(waiting.waits_from, at)
                elif not change.backfill:
                    words = "Something was put into the cart." if change.kind == "opened" else ""
                    line = Line(at, words or "The cart was changed.")
                    self._start(live, change.origin_id, key, at, change.position, line)
            elif change.kind in live.definition.cart_ends:
                for run in runs:
                    self._end(run, _cart_reason(change), at)

    def _event(self, event: Event) -> None:
        root = self.batch.roots.get(event.origin_id, event.origin_id)
        at = min(event.ts, self.batch.now)
        for live in self.batch.live:
            of_carts = live.definition.of_carts
            for exits in live.definition.exits:
                if not self._fits(exits, event):
                    continue
                ordered = event.name in self.batch.orders
                reason = ExitReason.ORDERED if ordered else ExitReason.EVENT
                for run in self.by_root.get((live.id, root), []):
                    begun = run.alive.started_at
                    if event.ts > begun or (of_carts and event.ts == begun):
                        self._end(run, reason, at, deeds([event.name], done=True))
            trigger = live.definition.trigger
            if trigger is None or event.backfill or not starts_something(event):
                continue
            if live.definition.advertises and refuses_marketing(event.context):
                continue
            if not self._fits(trigger, event):
                continue
            if any(run.waiting for run in self.by_root.get((live.id, root), [])):
                continue
            line = Line(at, f"She {deeds([event.name], done=True)}.")
            # Her origin, not her root: a merge, and its undoing, may give the root to another run.
            self._start(live, event.origin_id, str(event.origin_id), at, event.position, line)

    def _start(
        self, live: Live, origin: UUID, key: str, at: datetime, position: int, line: Line
    ) -> None:
        root = self.batch.roots.get(origin, origin)
        if self.batch.now - at > live.definition.max_age or not self._may_enter(live, root, at):
            return
        step, seconds, due = begin(live.definition, at)
        born = Run(
            id=id_at(self.batch.now),
            journey_id=live.id,
            version=live.version,
            origin_id=origin,
            key=key,
            state=RunState.WAITING,
            step=step,
            visit=1,
            due_at=due,
            waits_from=at,
            wait_seconds=seconds,
            started_at=at,
            started_received_at=self.batch.received.get(position, self.batch.now),
            context={"position": position},
            story=[line],
        )
        alive = Alive(born.id, live.id, key, root, born.state, at, at, seconds)
        run = _Run(alive, born)
        self.runs[born.id] = run
        self._file(run)
        self.starts[live.id, root] = max(at, self.starts.get((live.id, root), at))

    def _may_enter(self, live: Live, root: UUID, at: datetime) -> bool:
        reentry, last = live.definition.reentry, self.starts.get((live.id, root))
        if last is None or reentry == timedelta():
            return True
        return reentry is not None and at - last >= reentry

    def _end(self, run: _Run, reason: ExitReason, at: datetime, deed: str | None = None) -> None:
        """End a waiting run; of one that ended before, only its waiting messages end."""
        if run.waiting:
            run.waiting = False
            words = _WORDS.get(reason) or f"Left: she {deed}."
            run.ending = Ending(run.alive.id, reason, Line(at, words))
        if run.born is None and not run.silenced:
            run.silenced = True
            self.result.silenced.setdefault(reason, []).append(run.alive.id)

    def _conclude(self, run: _Run) -> None:
        if run.born is not None:
            self.result.born.append(_grown(run, run.born, self.batch.now))
        elif run.ending is not None:
            self.result.ended.append(run.ending)
        elif run.waits_from > run.alive.waits_from:
            self.result.moved[run.alive.id] = run.waits_from

    def _fits(self, one: Happening, event: Event) -> bool:
        return event.name in one.names and all(
            test.holds(at_path(path, event.properties), self.batch.now, self.batch.zone)
            for path, test in one.where
        )

    def _file(self, run: _Run) -> None:
        alive = run.alive
        self.by_key.setdefault((alive.journey_id, alive.key), []).append(run)
        self.by_root.setdefault((alive.journey_id, alive.root_id), []).append(run)


def _grown(run: _Run, born: Run, now: datetime) -> Run:
    """A new run as the rest of its batch left it."""
    if run.ending is not None:
        return msgspec.structs.replace(
            born,
            state=RunState.EXITED,
            due_at=None,
            exit_reason=run.ending.reason,
            ended_at=now,
            story=[*born.story, run.ending.line],
        )
    due = run.waits_from + timedelta(seconds=born.wait_seconds)
    return msgspec.structs.replace(born, waits_from=run.waits_from, due_at=due)


def _happenings(definition: Definition) -> list[Happening]:
    return [*definition.exits, *([definition.trigger] if definition.trigger else [])]


def _cart_reason(change: CartChange) -> ExitReason:
    if change.kind is ChangeKind.EMPTIED:
        return ExitReason.EMPTIED
    return ExitReason.ORDERED if change.order_id else ExitReason.CART_CLOSED

"""An import from its plan to the end: rows to events to the log, resumable at any moment."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Protocol, TypeVar

import msgspec

from patron.app.cli.house import OpenHouse
from patron.app.imports.feed import load_events
from patron.app.imports.grouping import grouped, scattered, sorted_rows
from patron.app.imports.listing import Came
from patron.app.imports.making.orders import Orders
from patron.app.imports.making.products import Products, upsert_all
from patron.app.imports.plan import Plan, maker_of, shape_of
from patron.app.imports.reading.encoding import Mended
from patron.app.imports.reading.faults import Fault, Faults
from patron.app.imports.reading.tables import Row
from patron.app.imports.state import Place, Standing
from patron.catalog.types import UpsertReport
from patron.kit.clock import monotonic
from patron.shops.types import Shop

CHUNK = 500
ERASED = "events of people who were erased since (left out)"
T = TypeVar("T")
Made = tuple[list[bytes], int, int]
"""Events, and how many steps and rows are done with them."""


class Progress(Protocol):
    """Told from time to time: rows read, events on disk, events walked."""

    def __call__(self, rows: int, fed: int, walked: int) -> None: ...


class Outcome(msgspec.Struct, frozen=True):
    """What an import came to. `new` events were not known before; `faults` are in `report`."""

    file: str
    kind: str
    rows: int
    events: int
    new: int
    faults: int
    problems: dict[str, int]
    examples: list[Fault]
    left_out: dict[str, int]
    repaired: dict[str, int]
    report: str | None
    resumed_at: int
    already_done: str | None = None
    seconds: float = 0.0
    list: Came | None = None


class Run:
    """One import of one plan into one shop."""

    def __init__(self, house: OpenHouse, shop: Shop, plan: Plan, progress: Progress) -> None:
        self._house = house
        self._shop = shop
        self._plan = plan
        self._progress = progress
        self.place = Place(
            house.settings.data_dir,
            shop,
            plan.path,
            plan.survey.digest,
            plan.mapping,
            None if plan.onto is None else plan.onto.id,
        )
        self.standing = self.place.read() or Standing(file=str(plan.path))
        self._mended = Mended()
        self._faults = Faults(self.place.report, self.standing.report_size)
        # Standings after some events, waiting until those are on disk.
        self._marks: deque[Standing] = deque()
        self._rows = self.standing.rows

    @property
    def done_at(self) -> str | None:
        """When this very import was finished before."""
        return self.standing.done_at

    def restart(self) -> None:
        """Forget how far the import was: every row is read again, and adds nothing twice."""
        self.place.forget()
        self.standing = Standing(file=str(self._plan.path))
        self._faults = Faults(self.place.report)
        self._rows = 0

    def run(self) -> Outcome:
        """Import what is left. KeyboardInterrupt leaves everything ready to go on."""
        started = monotonic()
        resumed_at = self.standing.rows
        try:
            if self._plan.kind == "products":
                asyncio.run(self._run_products())
            else:
                self._run_events()
        finally:
            self._faults.close()
        self.standing.done_at = self._house.clock.now().isoformat()
        self.place.write(self.standing)
        return self.outcome(resumed_at, monotonic() - started)

    def _run_events(self) -> None:
        earlier = self.standing.events
        loaded = load_events(
            self._house,
            self._shop,
            self._events(),
            self._plan.table.total,
            lambda fed, walked: self._progress(self._rows, fed, walked),
            durable=lambda fed: self._keep(earlier + fed),
        )
        self.standing.new = loaded.new
        if loaded.erased:
            known = self.standing.left_out.get(ERASED, 0)
            self.standing.left_out[ERASED] = known + loaded.erased

    async def _run_products(self) -> None:
        shape = shape_of(self._plan, self._shop, self._house.clock.now())

        def done(rows: int, report: UpsertReport) -> None:
            standing = self.standing
            events = standing.events + report.inserted + report.updated + report.unchanged
            new = standing.new + report.inserted
            self.standing = standing.taken(
                standing.steps + rows, standing.rows + rows, events, self._faults, self._mended
            )
            self.standing.new = new
            self.place.write(self.standing)
            self._progress(self.standing.rows, self.standing.rows, self.standing.rows)

        rows = self._rest(self._plan.table.rows(self._mended, self._faults))
        maker = Products(shape, self._faults)
        await upsert_all(self._house, self._shop, rows, maker, done)

    def outcome(self, resumed_at: int, seconds: float, already: str | None = None) -> Outcome:
        """The outcome as the standing tells it."""
        standing = self.standing
        return Outcome(
            file=str(self._plan.path),
            kind=self._plan.kind,
            rows=standing.rows,
            events=standing.events,
            new=0 if already else standing.new,
            faults=standing.faults,
            problems=standing.by_problem,
            examples=standing.examples,
            left_out=standing.left_out,
            repaired={name: count for name, count in standing.mended.items() if count},
            report=str(self.place.report) if standing.faults else None,
            resumed_at=resumed_at,
            already_done=already,
            seconds=round(seconds, 3),
        )

    def _keep(self, events: int) -> None:
        """Remember the last mark whose events are all on disk."""
        reached = None
        while self._marks and self._marks[0].events <= events:
            reached = self._marks.popleft()
        if reached is not None:
            self.standing = reached
            self.place.write(reached)

    def _events(self) -> Iterator[bytes]:
        """The events of all rows that are not done yet, with marks on the way."""
        maker = maker_of(self._plan, self._shop, self._house.clock.now(), self._faults)
        count = self.standing.events
        for made, steps, rows in self._made(maker):
            # Counters are taken as they are now: before anything behind these events is read.
            count += len(made)
            mark = self.standing.taken(steps, rows, count, self._faults, self._mended)
            yield from made
            self._rows = rows
            self._marks.append(mark)

    def _made(self, maker: Any) -> Iterator[Made]:
        """Events a chunk at a time, from behind what is done."""
        if isinstance(maker, Orders):
            yield from self._made_of_orders(maker)
            return
        rows = self._rest(self._plan.table.rows(self._mended, self._faults))
        done = self.standing.steps
        while chunk := list(islice(rows, CHUNK)):
            done += len(chunk)
            yield maker.make(chunk), done, done

    def _made_of_orders(self, maker: Orders) -> Iterator[Made]:
        made: list[bytes] = []
        drawn = self.standing.rows
        done = self.standing.steps
        for group, drawn in self._rest(self._orders(maker.key)):
            made += maker.make(group)
            done += 1
            if len(made) >= CHUNK:
                yield made, done, drawn
                made = []
        yield made, done, drawn

    def _orders(self, key: Callable[[Any], Any]) -> Iterator[tuple[list[Row], int]]:
        """The rows of one order after the other; the same at every call."""
        table = self._plan.table
        places = scattered(table, key)
        rows = table.rows(self._mended, self._faults)
        if places is None:
            rows = sorted_rows(rows, key, self.place.sorting)
        column = self._plan.mapping.columns.get(self._plan.mapping.options.group_by, "")
        return grouped(rows, key, self._faults, column, places or {})

    def _rest(self, steps: Iterator[T]) -> Iterator[T]:
        """Rows or orders behind those that are done; what was said about these is not said
        again."""
        standing = self.standing
        if standing.steps:
            self._faults.muted = True
            for _ in islice(steps, standing.steps):
                pass
            self._faults.muted = False
            standing.restore(self._faults, self._mended)
        yield from steps

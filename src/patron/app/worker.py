"""The worker process: walking, timers, sending and housekeeping, each on a thread of its own.

A thread has its own event loop and its own connections, so a slow sender never stops the walk.
"""

import asyncio
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

import psycopg
from psycopg_pool import PoolTimeout

from patron.app import sending
from patron.app.context import inbox_limits, open_signer, read_settings, the_clock, worker_figures
from patron.app.errands import housekeeping
from patron.app.occupancy import end_with
from patron.app.webhooks import telling
from patron.app.wiring import ACTING, Walker, retry_acting
from patron.events import walk as events
from patron.events.inbox import Inbox
from patron.journeys import tasks as journeys
from patron.kit.clock import Clock, monotonic
from patron.kit.db import RETRIED, Database, Tx, connect
from patron.kit.garbage import collect_rarely
from patron.kit.log import configure, logger
from patron.kit.metrics import exposition, gauge
from patron.kit.migrate import HOUSE
from patron.kit.pace import Pace
from patron.kit.postgres.place import make_folder
from patron.kit.settings import Settings
from patron.kit.signing import Signer
from patron.profiles.untold import tasks as profiles
from patron.segments import tasks as segments
from patron.shops import store as shops_store
from patron.shops.types import Shop

log = logger(__name__)

# Seconds between two looks for work: soon after there was some, later when all is quiet.
WALK_SECONDS = (0.02, 0.1)
TIMER_SECONDS = (0.1, 0.25)
TELL_SECONDS = (0.25, 0.5)
KEEP_SECONDS = (0.5, 0.5)
RETRY_SECONDS = (1.0, 1.0)
SHOPS_SECONDS = 2.0
FIGURES_SECONDS = 5.0
BACKOFF_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0)

HALTED = gauge("patron_walk_halted", "1 while a shop's walk is stopped by an error", ["shop"])

# Hash and merge joins off, generic plans: the walk's queries touch few rows by key, and planning
# them anew each time costs more than they do.
WALK_SESSION = (
    "SET plan_cache_mode = force_generic_plan; SET enable_hashjoin = off;"
    " SET enable_mergejoin = off; SET jit = off"
)


class Open:
    """A shop as it is now: its settings are read anew every two seconds."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.closed = False


Turn = Callable[[Shop], Awaitable[int | None]]
"""Looks for work once and does it; how much there was, None when nobody counts it."""


class Worker:
    """All threads of the worker; `run` returns when `stop` was called and all work is put down."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        if settings.database_url is None:
            raise SystemExit("database_url is not set: start the worker through `patron serve`")
        self.settings = settings
        self.clock = clock
        self.url: str = settings.database_url
        self.signer: Signer = open_signer(settings)
        self.stopping = threading.Event()
        self.failed = False

    def run(self) -> None:
        kinds = {
            "walk": self._walks,
            "timers": self._timers,
            "send": self._sends,
            "tell": self._tells,
            "house": self._house,
        }
        threads = [
            threading.Thread(target=self._run, args=(work,), name=f"patron-{name}")
            for name, work in kinds.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _run(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """One thread. When it ends by an error the others stop too: half a worker would go on
        looking well, and the supervisor starts a whole one."""
        try:
            asyncio.run(work())
        except BaseException as error:
            log.error("a thread of the worker failed, it starts anew", exc_info=error)
            self.failed = True
            self.stop()

    def stop(self) -> None:
        self.stopping.set()

    async def _walks(self) -> None:
        async with Database(self.url, max_size=2, name="patron-walked-shops") as db:
            await self._for_every_shop(db, self._walk)

    async def _walk(self, door: Open) -> None:
        """Walk a shop's events until told to stop, through outages."""
        walker = Walker(door.shop, self.clock, self.signer)
        failures = 0
        while not self._over(door):
            walked = walker.walked
            try:
                async with await connect(self.url, "patron-walk") as connection:
                    await connection.execute(WALK_SESSION)
                    await self._walk_on(connection, walker, door)
            except Exception as error:
                failures = 1 if walker.walked > walked else failures + 1
                HALTED.labels(door.shop.slug).set(1)
                log.error(
                    "walk stopped, will retry",
                    extra={"shop": door.shop.slug, "reason": str(error)},
                )
                await self._rest(_backoff(failures))

    async def _walk_on(self, connection: Tx, walker: Walker, door: Open) -> None:
        pace = Pace(*WALK_SECONDS)
        while not self._over(door):
            walker.shop = door.shop
            try:
                taken = await walker.step(connection)
            except RETRIED:
                continue
            HALTED.labels(walker.shop.slug).set(0)
            if rest := pace.after(taken):
                await asyncio.sleep(rest)

    async def _timers(self) -> None:
        async with Database(self.url, max_size=3, name="patron-timers") as db:

            async def fire(shop: Shop) -> int:
                fired = await journeys.fire_due(db, shop, self.clock.now())
                return fired + await journeys.tell(db, shop, inbox)

            async def ask(shop: Shop) -> int:
                asked = await segments.fire_due(db, shop, self.clock.now())
                asked += await segments.tell(db, shop, inbox)
                return asked + await profiles.tell(db, shop, inbox)

            async def keep(door: Open) -> None:
                await asyncio.gather(
                    self._repeat(door, "timers", fire, TIMER_SECONDS),
                    self._repeat(door, "segments", ask, TIMER_SECONDS),
                )

            inbox = Inbox(self.url, self.clock, inbox_limits(self.settings))
            try:
                await self._for_every_shop(db, keep)
            finally:
                await inbox.close()

    async def _sends(self) -> None:
        async with (
            Database(self.url, max_size=6, name="patron-send") as db,
            sending.open_sender(self.settings, self.clock, self.signer, db) as sender,
        ):
            await self._for_every_shop(
                db, lambda door: self._repeat(door, "send", sender.deliver, TIMER_SECONDS)
            )

    async def _tells(self) -> None:
        async with (
            Database(self.url, max_size=4, name="patron-tell") as db,
            telling.open_telling(self.settings, self.clock, self.signer, db) as told,
        ):
            await self._for_every_shop(
                db, lambda door: self._repeat(door, "webhooks", told.turn, TELL_SECONDS)
            )

    async def _house(self) -> None:
        async with Database(self.url, max_size=2, name="patron-house") as db:

            async def keep(door: Open) -> None:
                keeper = housekeeping.Keeper(
                    self.settings, self.clock, db, lambda: self._over(door)
                )
                await asyncio.gather(
                    self._repeat(door, "housekeeping", keeper.turn, KEEP_SECONDS),
                    *(self._retry(db, door, part) for part in ACTING),
                )

            await asyncio.gather(self._for_every_shop(db, keep), self._tell_figures())

    async def _tell_figures(self) -> None:
        """Leave this process's figures where the web process finds them for `/metrics/worker`."""
        path = worker_figures(self.settings)
        while not self.stopping.is_set():
            with suppress(OSError):  # a full disk: the old figures stay until there is room
                make_folder(path.parent)
                draft = path.with_suffix(".new")
                draft.write_bytes(exposition())
                draft.replace(path)
            await self._rest(FIGURES_SECONDS)

    async def _retry(self, db: Database, door: Open, part: str) -> None:
        await self._repeat(
            door, part, lambda shop: self._retry_acting(db, shop, part), RETRY_SECONDS
        )

    async def _retry_acting(self, db: Database, shop: Shop, part: str) -> int:
        try:
            async with db.unit(shop.schema) as tx:
                return await retry_acting(tx, shop, part, self.clock.now())
        except psycopg.OperationalError:
            raise
        except Exception:
            async with db.unit(shop.schema) as tx:
                await events.acting_failed(tx, part, self.clock.now())
            raise

    async def _repeat(
        self, door: Open, what: str, turn: Turn, seconds: tuple[float, float]
    ) -> None:
        """`turn` again and again; an error is logged and slows it down, it never ends it."""
        failures, pace = 0, Pace(*seconds)
        while not self._over(door):
            try:
                rest = pace.after(await turn(door.shop))
                failures = 0
                await self._rest(rest)
            except Exception as error:
                failures += 1
                log.error(f"{what} failed", exc_info=error, extra={"shop": door.shop.slug})
                await self._rest(_backoff(failures))

    async def _for_every_shop(self, db: Database, work: Callable[[Open], Awaitable[None]]) -> None:
        """Keep one task of `work` a shop; new shops and settings are found within two seconds."""
        doors: dict[str, Open] = {}
        tasks: set[asyncio.Future[None]] = set()
        while not self.stopping.is_set():
            with suppress(psycopg.Error, PoolTimeout):
                async with db.unit(HOUSE) as tx:
                    shops = {shop.slug: shop for shop in await shops_store.every(tx)}
                for slug in doors.keys() - shops.keys():
                    doors.pop(slug).closed = True
                for slug, shop in shops.items():
                    if slug in doors:
                        doors[slug].shop = shop
                    else:
                        doors[slug] = Open(shop)
                        tasks.add(asyncio.ensure_future(work(doors[slug])))
            await self._rest(SHOPS_SECONDS)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _over(self, door: Open) -> bool:
        return door.closed or self.stopping.is_set()

    async def _rest(self, seconds: float) -> None:
        """Sleep, but wake soon when told to stop."""
        end = monotonic() + seconds
        while not self.stopping.is_set() and (left := end - monotonic()) > 0:
            await asyncio.sleep(min(left, 0.1))


def _backoff(failures: int) -> float:
    return BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS)) - 1]


def main() -> None:
    """The worker process, as `patron serve` starts it; it ends with the parent that is named."""
    if len(sys.argv) > 1:
        end_with(int(sys.argv[1]))
    settings = read_settings()
    configure(settings.log_format, settings.log_level)
    worker = Worker(settings, the_clock("worker"))
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: worker.stop())
    collect_rarely()
    worker.run()
    if worker.failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

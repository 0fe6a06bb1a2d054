"""The walk of a batch of events through the rooms: the one page that lists it.

One transaction a batch, one walker a shop. Data errors are bisected down to the event, which is
buried in `dead_letter`; everything else stops the walk, which tries again. When an acting room
(segments, journeys) raises, events and profiles still commit and the batch waits for that room.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import psycopg

from patron.carts import walk as carts
from patron.carts.types import CartChange
from patron.catalog import walk as catalog
from patron.events import walk as events
from patron.events.types import Event
from patron.journeys import walk as journeys
from patron.kit.clock import Clock
from patron.kit.db import RETRIED, Tx, begun
from patron.kit.log import logger
from patron.kit.meanwhile import Meanwhile
from patron.kit.metrics import counter, histogram
from patron.kit.pauses import reach
from patron.kit.signing import Signer
from patron.profiles import store as profiles_store
from patron.profiles import walk as profiles
from patron.profiles.types import People
from patron.segments import walk as segments
from patron.segments.lists import walk as lists
from patron.shops.types import Shop

log = logger(__name__)

BATCH = 5_000
POISON_SHARE = 0.01
POISON_FLOOR = 10

OPERATIONAL = (
    psycopg.OperationalError,  # connection, disk full, out of memory, cancelled
    psycopg.InterfaceError,
    psycopg.InternalError,
    psycopg.ProgrammingError,  # a bug in our SQL is not the event's fault
    OSError,
    MemoryError,
)

SECONDS = histogram("patron_walk_seconds", "Duration of a walked batch", ["shop"])
WALKED = counter("patron_walk_events", "Events walked", ["shop"])
BURIED = counter("patron_walk_buried", "Events buried in dead_letter", ["shop"])
ACTING_FAILED = counter("patron_walk_acting_failed", "Batches whose acting part raised", ["shop"])


Acts = Callable[[Tx, Shop, list[Event], People, list[CartChange], datetime], Awaitable[object]]

ACTING: dict[str, Acts] = {
    "segments": lambda *told: segments.update(*told),
    "journeys": lambda *told: journeys.advance(*told),
}
"""The acting rooms in their order: a journey that starts asks segments as they are since."""


class WalkHalted(Exception):
    """Too many events failed to be the events' own fault; nothing of the batch was kept."""


class Walker:
    """Walks one shop's events. Only one walker a shop gets on: it locks the shop's `walk` row."""

    def __init__(self, shop: Shop, clock: Clock, signer: Signer, *, batch: int = BATCH) -> None:
        self.shop = shop
        self._clock = clock
        self._signer = signer
        self.walked = 0  # events since this walker was made
        self._batch = batch
        self._failed: deque[datetime] = deque()
        self._seen: deque[tuple[datetime, int]] = deque()

    async def step(self, connection: Tx) -> int:
        """Walk the next batch on `connection` (autocommit); how many inbox events it took.

        Raises operational errors and WalkHalted, after which nothing of the batch was kept.
        """
        try:
            return await self._whole(connection)
        except (*OPERATIONAL, *RETRIED):
            self.forget()
            raise
        except Exception as error:
            self.forget()
            log.warning("batch is walked with care", extra={"reason": repr(error)})
        try:
            return await self._with_care(connection)
        except BaseException:
            self.forget()
            raise

    def forget(self) -> None:
        """Drop what the rooms remember of this shop: the transaction was rolled back."""
        for room in (events, catalog, profiles, carts, segments):
            room.forget(self.shop)

    async def _whole(self, connection: Tx) -> int:
        with Meanwhile() as meanwhile:
            return await self._one(connection, meanwhile)

    async def _one(self, connection: Tx, meanwhile: Meanwhile) -> int:
        async with begun(connection, self.shop.schema):
            take = await events.take(connection, self.shop, self._batch)
            if take is None:
                return 0
            meanwhile.do(events.look_ahead(self.shop, take))
            await reach("walk.taken")
            with SECONDS.labels(self.shop.slug).time():
                now = self._clock.now()
                accepted = await events.accept_batch(connection, self.shop, take, now)
                await self._through_the_rooms(connection, accepted, now)
                await events.advance(connection, take)
                await reach("walk.before_commit")
        await reach("walk.committed")
        self._count(len(accepted))
        return take.count

    async def _through_the_rooms(self, tx: Tx, batch: list[Event], now: datetime) -> None:
        """The walk, room by room."""
        if not batch:
            return
        await catalog.observe(tx, self.shop, batch)
        await catalog.describe(tx, self.shop, batch, now)
        people = await profiles.resolve(tx, self.shop, batch, now, self._signer)
        kept = await events.drop_erased(tx, self.shop, batch, people.erased)
        changes = await carts.follow(tx, self.shop, kept, people)
        await events.record(tx, self.shop, kept)
        await lists.join(tx, kept)
        await self._act(tx, kept, people, changes, now)

    async def _act(
        self,
        tx: Tx,
        batch: list[Event],
        people: People,
        changes: list[CartChange],
        now: datetime,
    ) -> None:
        """The acting rooms, each in a savepoint: what one raises is queued, not lost and not fatal,
        and keeps no other from acting."""
        for part, act in ACTING.items():
            try:
                async with tx.transaction():
                    await act(tx, self.shop, batch, people, changes, now)
            except RETRIED:
                raise  # the whole batch is walked again
            except OPERATIONAL:
                if tx.broken or tx.closed:
                    raise
                await self._postpone(tx, part, batch, changes, now)
            except Exception:
                await self._postpone(tx, part, batch, changes, now)

    async def _postpone(
        self, tx: Tx, part: str, batch: list[Event], changes: list[CartChange], now: datetime
    ) -> None:
        log.exception(f"{part} failed; events are kept, the batch waits for it")
        ACTING_FAILED.labels(self.shop.slug).inc()
        await events.queue_acting(tx, part, batch, changes, now)

    async def _with_care(self, connection: Tx) -> int:
        """The same batch again, bisected where it fails, down to the events at fault."""
        now = self._clock.now()
        async with begun(connection, self.shop.schema):
            take = await events.take(connection, self.shop, self._batch)
            if take is None:
                return 0
            accepted = await events.accept_batch(connection, self.shop, take, now)
            buried = await self._bisect(connection, accepted, now)
            await events.advance(connection, take)
        self._count(len(accepted) - buried)
        return take.count

    async def _bisect(self, tx: Tx, batch: list[Event], now: datetime) -> int:
        try:
            async with tx.transaction():
                await self._through_the_rooms(tx, batch, now)
        except (*OPERATIONAL, *RETRIED):
            raise
        except Exception as error:
            self.forget()
            if len(batch) == 1:
                self._may_bury(now, error)
                await events.bury(tx, self.shop, batch[0], error, now)
                BURIED.labels(self.shop.slug).inc()
                return 1
            middle = len(batch) // 2
            return await self._bisect(tx, batch[:middle], now) + await self._bisect(
                tx, batch[middle:], now
            )
        return 0

    def _may_bury(self, now: datetime, error: Exception) -> None:
        """One event in a hundred may be poison; more than that is a bug of ours."""
        minute_ago = now - timedelta(minutes=1)
        self._failed.append(now)
        while self._failed and self._failed[0] < minute_ago:
            self._failed.popleft()
        while self._seen and self._seen[0][0] < minute_ago:
            self._seen.popleft()
        walked = sum(count for _, count in self._seen)
        if len(self._failed) > max(POISON_FLOOR, POISON_SHARE * walked):
            self._failed.clear()
            raise WalkHalted(
                f"walk of shop {self.shop.slug}: more than {POISON_SHARE:.0%} of the last minute's"
                f" events fail, the last with {error!r}; nothing was buried, the walk waits"
            ) from error

    def _count(self, walked: int) -> None:
        WALKED.labels(self.shop.slug).inc(walked)
        self.walked += walked
        self._seen.append((self._clock.now(), walked))
        if len(self._seen) > 10_000:
            self._seen.popleft()


async def retry_acting(tx: Tx, shop: Shop, part: str, now: datetime) -> int:
    """Give the oldest batch that waits for an acting room another try; 1 if there was one, else 0.

    Raises what the room raises; the caller's transaction is then rolled back and
    `events.acting_failed` sets the time of the next try.
    """
    waiting = await events.next_acting(tx, part, now, list[CartChange])
    if waiting is None:
        return 0
    batch, changes = waiting.batch, waiting.changes
    origins = sorted({event.origin_id for event in batch})
    people = await profiles.people_of(tx, origins)
    await profiles_store.lock(tx, sorted(set(people.roots.values())))
    people = await profiles.people_of(tx, origins)  # as they are now that nobody changes them
    await ACTING[part](tx, shop, batch, people, changes, now)
    await events.acting_done(tx, waiting.id)
    return 1

"""What the worker does on the side: the lake, the models, partitions, retention, old carts."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from patron.app.care.proof import rewriting
from patron.app.errands.running import Errands
from patron.app.lists.uploads import Uploads
from patron.app.retention import sweeping
from patron.carts import tasks as carts
from patron.catalog.feeds import store as feeds
from patron.catalog.watching import store as catalog
from patron.delivery.channels.webhook import tasks as webhooks
from patron.events.lake import copying
from patron.events.lake import store as lake_store
from patron.events.sorted.layout import sorted_of
from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.kit.log import logger
from patron.kit.metrics import gauge
from patron.kit.migrate import HOUSE
from patron.kit.settings import Settings
from patron.recommend import pace, shelf
from patron.recommend.training import reports
from patron.segments import filling
from patron.segments.alike import building as alike
from patron.segments.suggesting import finding as suggesting
from patron.shops import store as shops
from patron.shops.retention import store as retention
from patron.shops.types import Shop

log = logger(__name__)

SWEEP_EVERY = timedelta(minutes=1)
TRAIN_AGAIN = timedelta(hours=6)  # after one that failed
TRAIN_EVERY, LATEST = timedelta(hours=18), timedelta(hours=36)
FIRST_EVENTS = 1_000
"""From so many on models are counted anew each time the lake has doubled, until the first training:
whoever opens or imports a shop by day does not wait for the night."""
REWRITE_EVERY = timedelta(hours=1)  # after a try that found a table in use

LAKE_BEHIND = gauge("patron_lake_behind_events", "Events the lake does not hold yet", ["shop"])

_Job = Callable[[Shop, datetime], Awaitable[None]]


class Keeper:
    """Keeps one shop in order, a little at each turn."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        db: Database,
        over: Callable[[], bool] = lambda: False,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._errands = Errands(clock, over)
        self._db = db
        self._swept: datetime | None = None
        self._copied = clock.now()
        self._refreshed: datetime | None = None
        self._trained: datetime | None = None
        self._counted = 0
        self._rewrote: datetime | None = None

    async def turn(self, shop: Shop) -> None:
        """Do what is due; returns when it is done."""
        now = self._clock.now()
        if self._swept is None or now - self._swept >= SWEEP_EVERY:
            self._swept = now
            await sweeping.sweep(self._db, shop, self._settings, now)
            async with self._db.unit(shop.schema) as tx:
                await carts.expire(tx, now)
                await catalog.sweep(tx)
            kept = timedelta(days=self._settings.webhook_history_days)
            await webhooks.sweep(self._db, shop, kept, now)
            Uploads(self._settings.data_dir, shop.slug).sweep(now)
            await self._write_over_traces(shop, now)
        await self._in_turn(
            shop,
            now,
            [self._feeds, self._lake, self._segments, self._suggestions, self._lists, self._models],
        )

    async def _in_turn(self, shop: Shop, now: datetime, jobs: Sequence[_Job]) -> None:
        """One that fails keeps no other from being done; the first failure is raised at the end."""
        failed: Exception | None = None
        for job in jobs:
            try:
                await job(shop, now)
            except Exception as error:
                if failed is not None:
                    log.error("another job failed", exc_info=error, extra={"shop": shop.slug})
                failed = failed or error
        if failed is not None:
            raise failed

    async def _feeds(self, shop: Shop, now: datetime) -> None:
        async with self._db.unit(shop.schema) as tx:
            waits = await feeds.is_due(tx, now)
        if waits:
            await self._errands.run("feeds", shop, "patron.app.feeds.running")

    async def _lake(self, shop: Shop, now: datetime) -> None:
        if await self._lake_is_due(shop, now):
            await self._errands.run("lake", shop)
            self._copied = now

    async def _segments(self, shop: Shop, now: datetime) -> None:
        async with self._db.unit(shop.schema) as tx:
            waits = await filling.work_waits(tx, shop, now)
        if waits:
            await self._errands.run("segments", shop)

    async def _suggestions(self, shop: Shop, now: datetime) -> None:
        async with self._db.unit(shop.schema) as tx:
            waits = await suggesting.is_due(tx, shop, now) or await alike.is_due(tx, shop, now)
        if waits:
            await self._errands.run("suggest", shop)

    async def _lists(self, shop: Shop, now: datetime) -> None:
        if Uploads(self._settings.data_dir, shop.slug).waits(now):
            await self._errands.run("lists", shop, "patron.app.lists.importing")

    async def _models(self, shop: Shop, now: datetime) -> None:
        folder = shelf.shelf_of(self._settings.data_dir, shop.slug)
        async with self._db.unit(shop.schema) as tx:
            position = (await lake_store.state(tx)).lake_position
        job = await self._models_job(shop, folder, now, position)
        waits = job is None and reports.latest(folder) is None
        if waits and position >= max(FIRST_EVENTS, 2 * self._counted):
            job = "refresh"
        if job is not None:
            self._refreshed, self._counted = now, position
            reports.taken_up(folder)
            await self._errands.run(job, shop)

    async def _lake_is_due(self, shop: Shop, now: datetime) -> bool:
        async with self._db.unit(shop.schema) as tx:
            state = await lake_store.state(tx)
            erasures = bool(await lake_store.erasures(tx))
            waited = (now - self._copied).total_seconds() >= self._settings.lake_flush_seconds
            copy = sorted_of(self._settings.data_dir, shop.slug)
            unsorted = waited and await copying.sorting_is_due(tx, shop, copy, now)
        behind = state.position - state.lake_position
        LAKE_BEHIND.labels(shop.slug).set(behind)
        if behind >= self._settings.lake_flush_events or unsorted:
            return True
        if waited and (behind > 0 or erasures):
            return True
        return waited and await sweeping.lake_is_due(self._db, shop, self._settings, now)

    async def _write_over_traces(self, shop: Shop, now: datetime) -> None:
        """What erasures have left in PostgreSQL's files goes in the shop's night."""
        async with self._db.unit(shop.schema) as tx:
            traces = await retention.traces(tx)
        hour = self._settings.erasure_rewrite_hour
        if self._rewrote is not None and now - self._rewrote < REWRITE_EVERY:
            return
        if traces is not None and rewriting.due(traces, shop, hour, now):
            self._rewrote = now
            done = await rewriting.rewrite_traces(self._db.url, shop, now)
            if done is not None:
                log.info("erased rows written over", extra={"shop": shop.slug, "left": done.left})

    async def _models_job(
        self, shop: Shop, folder: Path, now: datetime, position: int
    ) -> str | None:
        """At night models are trained, which takes minutes; in between they are counted anew with
        what the night has chosen, as often as that is cheap."""
        if reports.is_asked_for(folder):
            return "train"
        name = shelf.current(folder)
        since = self._refreshed or (shelf.made_at(name) if name is not None else None)
        if since is None:
            return "refresh"  # the first ones soon, whatever the hour
        if now - since < pace.SOONEST:
            return None
        if name is not None and self._training_is_due(shop, folder, now):
            self._trained = now
            return "train"
        counted = reports.counted(folder)
        if not pace.is_due(counted, since, now, position):
            return None
        async with self._db.unit(HOUSE) as tx:
            many = len(await shops.every(tx))
        return "refresh" if pace.is_due(counted, since, now, position, many) else None

    def _training_is_due(self, shop: Shop, folder: Path, now: datetime) -> bool:
        if self._trained is not None and now - self._trained < TRAIN_AGAIN:
            return False
        last = reports.latest(folder)
        age = None if last is None else now - last.made_at
        night = now.astimezone(ZoneInfo(shop.time_zone)).hour in pace.TRAIN_HOURS
        late = age is None or age >= TRAIN_EVERY
        return late and (night or (age is not None and age >= LATEST))

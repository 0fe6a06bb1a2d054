"""The sweep: a little of each kind at a time, so that nobody waits."""

from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from patron.app.retention.kinds import KINDS, Kind, files_of
from patron.events import tasks as events
from patron.events.tasks import month_of
from patron.kit.db import Database
from patron.kit.log import logger
from patron.kit.migrate import HOUSE
from patron.kit.settings import Settings
from patron.shops import store as shops
from patron.shops.retention import store
from patron.shops.types import Shop

log = logger(__name__)

EVERY = timedelta(hours=1)
LAKE_EVERY = timedelta(days=1)
STEPS_AT_ONCE = 20
"""Transactions of one kind in one turn; the rest follows in the next, a minute later."""
ANSWERS_KEPT = timedelta(hours=24)
ONCE_A_MINUTE = ("events", "rejected", "raw_calls", "sessions")


class Kept(msgspec.Struct, frozen=True):
    """A kind of data as the owner sees it. `kept` is 0 for ever; `oldest` is since when there is
    some; `last_gone` went in the last look and `gone` altogether, in rows, files or months.
    `next_at` is None where other work takes it along."""

    kind: str
    what: str
    setting: str | None
    kept: int
    unit: str
    lost: str
    goes: str
    oldest: datetime | None = None
    last_at: datetime | None = None
    last_gone: int = 0
    gone: int = 0
    next_at: datetime | None = None


async def sweep(db: Database, shop: Shop, settings: Settings, now: datetime) -> dict[str, int]:
    """What is due in one shop; how much went, by kind."""
    gone = await events.sweep(
        db, shop, now, settings.event_retention_months, settings.rejected_retention_days
    )
    async with db.unit(HOUSE) as tx:
        await shops.expire_answers(tx, now - ANSWERS_KEPT)
    async with db.unit(shop.schema) as tx:
        done = await store.swept(tx)
        for name in ONCE_A_MINUTE:
            if name in gone and (gone[name] or _due(done.get(name), now)):
                await store.note(tx, name, gone[name], True, now)
    for kind in KINDS:
        if kind.name not in ONCE_A_MINUTE and _due(done.get(kind.name), now):
            before = kind.before(settings, now)
            if before is not None and (kind.step or kind.folder) and kind.name != "lake":
                gone[kind.name] = await _take(db, shop, settings, kind, before, now)
    return gone


def _due(last: store.Swept | None, now: datetime) -> bool:
    return last is None or not last.finished or now - last.last_at >= EVERY


async def _take(
    db: Database, shop: Shop, settings: Settings, kind: Kind, before: datetime, now: datetime
) -> int:
    """Take what is older, a batch a transaction, until nothing is left or it has been enough."""
    if kind.step is None:
        files = files_of(kind, settings.data_dir, shop.slug)
        gone, finished = files.expire(before) if files is not None else 0, True
    else:
        step, gone, finished = kind.step, 0, False
        for _ in range(STEPS_AT_ONCE):
            went = await db.run(shop.schema, lambda tx: step(tx, before, kind.batch))
            gone += went
            if went < kind.batch:
                finished = True
                break
    async with db.unit(shop.schema) as tx:
        await store.note(tx, kind.name, gone, finished, now)
    if gone:
        log.info("old data went", extra={"shop": shop.slug, "kind": kind.name, "count": gone})
    return gone


def oldest_month(settings: Settings, now: datetime) -> str | None:
    """The first month that the lake keeps, such as `2025-02`; None when it keeps all."""
    kept = settings.lake_retention_months
    return f"{month_of(now.date(), -kept):%Y-%m}" if kept else None


async def lake_is_due(db: Database, shop: Shop, settings: Settings, now: datetime) -> bool:
    """Whether the lake should be looked at for months that are too old."""
    if not settings.lake_retention_months:
        return False
    async with db.unit(shop.schema) as tx:
        last = (await store.swept(tx)).get("lake")
    return last is None or now - last.last_at >= LAKE_EVERY


async def report(
    db: Database, shop: Shop, settings: Settings, data_dir: Path, now: datetime
) -> list[Kept]:
    """Every kind, with what is kept of it and what has gone."""
    found = []
    for kind in KINDS:
        files = files_of(kind, data_dir, shop.slug)
        async with db.unit(shop.schema) as tx:
            last = (await store.swept(tx)).get(kind.name)
            oldest = await kind.oldest(tx) if kind.oldest is not None else None
        kept = Kept(
            kind.name,
            kind.what,
            kind.setting,
            kind.kept(settings),
            kind.unit,
            kind.lost,
            kind.by,
            oldest if files is None else files.oldest(),
        )
        if last is not None:
            kept = msgspec.structs.replace(
                kept,
                last_at=last.last_at,
                last_gone=last.last_gone,
                gone=last.gone,
                next_at=_next(kind, last, now),
            )
        found.append(kept)
    return found


def _next(kind: Kind, last: store.Swept, now: datetime) -> datetime | None:
    if kind.name in ONCE_A_MINUTE or (kind.step is None and kind.folder is None):
        return None
    every = LAKE_EVERY if kind.name == "lake" else EVERY
    return last.last_at + every if last.finished else now

"""Housekeeping of the room: partitions made ahead, retention, the inbox's slots."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta

import psycopg

from patron.events import store, walk_store
from patron.events.refused import store as refused_store
from patron.kit.db import Database, Tx
from patron.kit.log import logger
from patron.shops.types import Shop

log = logger(__name__)

SEEN_DAYS = 3  # whole days of receipt besides the current one: 48 hours are promised
REJECTED_DAYS = 7
VISITOR_DAYS = 3
LANE_DAYS = 7
SLOT_BYTES = 32 << 20
SLOT_AGE = timedelta(hours=1)  # raw calls hold IP addresses: in a quiet shop they go after this


async def sweep(
    db: Database,
    shop: Shop,
    now: datetime,
    months_kept: int,
    rejected_days: int = REJECTED_DAYS,
) -> dict[str, int]:
    """Everything that is due in one shop, cheap when nothing is; how much went, by kind.

    A part that cannot have its lock at once is left for the next sweep: the walk comes first.
    Months of the log go only when the lake has them; `months_kept` 0 keeps them all, and
    `rejected_days` 0 all refusals that a flood leaves room for.
    """
    young = now - timedelta(days=rejected_days) if rejected_days else None
    parts: dict[str, Callable[[Tx], Awaitable[object]]] = {
        "ahead": lambda tx: _make_ahead(tx, now),
        "repeats": lambda tx: _expire_seen(tx, now),
        "rejected": lambda tx: refused_store.expire(tx, before=young),
        "raw_calls": lambda tx: _turn_slots(tx, now),
        "lanes": lambda tx: _give_up_lanes(tx, now),
    }
    if now.minute == 0:  # reads the whole table, so once an hour is enough
        before = now - timedelta(days=VISITOR_DAYS)
        parts["sessions"] = lambda tx: walk_store.forget_visitors(tx, before=before)
    if months_kept:
        parts["events"] = lambda tx: drop_months(tx, now, months_kept)
    gone = {}
    for kind, part in parts.items():
        try:
            async with db.unit(shop.schema) as tx:
                went = await part(tx)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            log.info("housekeeping put off", extra={"shop": shop.slug, "reason": str(error)})
        else:
            gone[kind] = len(went) if isinstance(went, list) else _number(went)
    return gone


def _number(went: object) -> int:
    return went if isinstance(went, int) else 0


async def drop_months(tx: Tx, now: datetime, months_kept: int) -> list[str]:
    """Drop the months of the log that are older than `months_kept` and wholly in the lake.

    Returns their partitions' names.
    """
    oldest = month_of(now.date(), -months_kept)
    dropped = []
    await walk_store.lock(tx)  # or the walk might write into a month that is on its way out
    for name in await walk_store.partitions(tx, "event"):
        year, month = name.removeprefix("event_").split("_")
        if date(int(year), int(month), 1) < oldest and await walk_store.lake_has(tx, name):
            await walk_store.drop_partition(tx, name)
            log.info("month left the log for the lake", extra={"partition": name})
            dropped.append(name)
    return dropped


def month_of(day: date, months: int = 0) -> date:
    """The first day of the month that is `months` after the month of `day`."""
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


async def _make_ahead(tx: Tx, now: datetime) -> None:
    """Partitions of tomorrow, so that midnight finds nothing to do."""
    today = now.date()
    await walk_store.lock(tx)  # the walk makes partitions too
    await walk_store.ensure_days(tx, [today, today + timedelta(days=1)])
    await walk_store.ensure_months(tx, [month_of(today), month_of(today, 1)])


async def _expire_seen(tx: Tx, now: datetime) -> int:
    """Forget keys of days that no retry can reach, counted from what is walked, not from now: a
    worker that was down for a week must still tell the doubles of that week."""
    walked = await store.frontier(tx) or now
    oldest = min(walked, now).date() - timedelta(days=SEEN_DAYS)
    await walk_store.lock(tx)
    old = [
        name for name in await walk_store.partitions(tx, "seen") if name < f"seen_{oldest:%Y%m%d}"
    ]
    for name in old:
        await walk_store.drop_partition(tx, name)
    return len(old)


async def _turn_slots(tx: Tx, now: datetime) -> int:
    due = await walk_store.slots_are_due(tx, SLOT_BYTES, now - SLOT_AGE)
    return int(due and await walk_store.turn_slots(tx, now))


async def _give_up_lanes(tx: Tx, now: datetime) -> None:
    before = now - timedelta(days=LANE_DAYS)
    if await walk_store.lanes_may_go(tx, before=before):
        await walk_store.give_up_lanes(tx, before=before)

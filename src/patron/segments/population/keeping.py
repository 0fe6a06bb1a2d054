"""Keeps the table of where people stand: made every night, published whole, then asked about."""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from patron.kit.clock import Clock
from patron.kit.db import Database, Tx
from patron.kit.pauses import reach
from patron.segments import thresholds
from patron.segments.members.types import Change
from patron.segments.population import store
from patron.segments.population.types import FEWEST, PERIOD
from patron.segments.rules.language import needs, parse
from patron.segments.saved.types import Segment, Status
from patron.shops.types import Shop

MADE_AT = time(3)
"""By the shop's clock."""
FRESH = timedelta(hours=1)
"""A table so young serves a segment that is saved anew."""
AGAIN = timedelta(minutes=1)
"""After which a table of too few people is looked at again."""

Heard = Callable[[str, int, int], None]


async def work_waits(tx: Tx, shop: Shop, now: datetime) -> bool:
    """Whether a table is to be made, or not everybody was asked about the one there is."""
    return await store.unasked(tx) is not None or await _is_due(tx, shop, now)


async def refresh(db: Database, shop: Shop, clock: Clock, segments: list[Segment]) -> int | None:
    """Make and publish a table if one is due, or if one of `segments` that nobody was asked about
    yet wants a fresh one; its version."""
    async with db.unit(shop.schema) as tx:
        now = clock.now()
        if not await _is_due(tx, shop, now) and not await _is_wanted(tx, segments, now):
            return None
        since = now - PERIOD
        cuts = await store.count(tx, since, shop.currency)
        version = await store.publish(tx, now, since, shop.currency, cuts)
        await reach("segments.table_written")
    return version


def dependent(segment: Segment) -> bool:
    """Whether a segment's own rule asks where people stand."""
    return needs(parse(segment.rule)).population


async def _is_due(tx: Tx, shop: Shop, now: datetime) -> bool:
    table = await store.published(tx)
    if table is None:
        return bool(await store.buyers(tx, None, 1))
    if table.currency != shop.currency or table.made_at < last_night(shop, now):
        return True
    if table.scored >= FEWEST or now - table.made_at < AGAIN:
        return False
    return await store.enough(tx, FEWEST, now - PERIOD)


async def _is_wanted(tx: Tx, segments: list[Segment], now: datetime) -> bool:
    made_at = await store.made_at(tx)
    waiting = (Status.FILLING, Status.SETTLING)
    return any(one.status in waiting and dependent(one) for one in segments) and (
        made_at is None or now - made_at >= FRESH
    )


def last_night(shop: Shop, now: datetime) -> datetime:
    """The last time that it was three in the morning."""
    zone = ZoneInfo(shop.time_zone)
    today = now.astimezone(zone).date()
    at = datetime.combine(today, MADE_AT, zone)
    return at if at <= now else datetime.combine(today - timedelta(days=1), MADE_AT, zone)


async def ask_buyers(db: Database, shop: Shop, clock: Clock, heard: Heard) -> list[Change]:
    """Ask all who ordered about the live segments that the table that counts may have changed;
    nobody else can enter or leave by it."""
    return await thresholds.ask(
        db,
        shop,
        clock,
        store.buyers,
        lambda needs: needs.population,
        lambda done: heard("asking who ordered, by the new table", done, done),
    )

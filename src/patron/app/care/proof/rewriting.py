"""Writing over what an erasure leaves in PostgreSQL's files: at night, or at once when asked to."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from patron.kit.db import begun, connect
from patron.kit.migrate import HOUSE
from patron.kit.postgres import rewriting
from patron.shops.retention import store
from patron.shops.retention.store import Traces
from patron.shops.types import Shop

MONTHS, HASHES, RAW = "event_", "seen", "inbox_"
LARGEST_RAW = 64 << 20
"""Bytes of the inbox that are written anew; a larger one is emptied soon, and whole."""
NIGHT = timedelta(hours=3)
AT_THE_LATEST = timedelta(hours=48)


class Rewritten(msgspec.Struct, frozen=True):
    """Tables that were written anew, those that were in use, and whether the log began anew."""

    tables: list[str]
    left: list[str]
    log: bool


def due(traces: Traces, shop: Shop, hour: int, now: datetime) -> bool:
    """Whether it is the shop's night (three hours from `hour` on), or has been put off too long."""
    local = now.astimezone(ZoneInfo(shop.time_zone))
    since = timedelta(hours=(local.hour - hour) % 24)
    return since < NIGHT or now - traces.since >= AT_THE_LATEST


async def rewrite_traces(url: str, shop: Shop, now: datetime) -> Rewritten | None:
    """Write every table anew in which erased people were; None when there is nothing to do.

    Each table is closed to everybody meanwhile: ten to twenty seconds a gigabyte. What is in use
    for longer than two seconds is left for the next time, and the erasures stay noted.
    """
    async with await connect(url, "patron-rewrite") as connection:
        async with begun(connection, shop.schema):
            traces = await store.traces(connection)
            sizes = await rewriting.sizes(connection, shop.schema)
        if traces is None:
            return None
        tables = [name for name, size in sizes.items() if _concerned(name, size, traces)]
        left = await rewriting.rewrite(connection, shop.schema, tables)
        left += await rewriting.rewrite(connection, HOUSE, ["answer"])
        if left:
            return Rewritten(sorted(set(tables) - set(left)), left, False)
        async with begun(connection, shop.schema):
            await store.written_over(connection, traces.ids)
        await rewriting.renew_statistics(connection)
        return Rewritten(tables, [], await rewriting.renew_log(connection))


def _concerned(name: str, size: int, traces: Traces) -> bool:
    if name.startswith(MONTHS):
        return name in traces.tables
    if name.startswith(RAW):
        return size <= LARGEST_RAW
    return not name.startswith(HASHES)

"""Events a second through the whole walk, beside COPY of the same rows into an identical table.

Events of about 600 bytes, ten per active profile (and, reported apart, one), a fifth of the people
new; one core walks. Log and twin hold 2.5 million events of history, because an index that fits
into a few pages flatters both.

The time is that of a backlog: from the first batch until the walk has nothing more to do and the
lake holds all of it. The lake is filled by a process beside, as the worker's jobs do it, on the
second core; it is started before the clock and begins with the walk, because a job's start takes a
second, whatever it does then. The sorted copy, which that process keeps too, is not in the time: it
waits for the end of a backlog of less than half a million events.
"""

import asyncio
import random
import tempfile
import time
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from database import base_database
from figure import show
from patron.app.wiring import BATCH, Walker
from patron.app.worker import WALK_SESSION
from patron.events.inbox import Inbox
from patron.events.lake import copying
from patron.events.lake import store as lake_store
from patron.events.types import Source, Trust
from patron.kit.clock import ManualClock
from patron.kit.db import Database, Tx, begun, connect, execute
from patron.kit.garbage import collect_rarely
from patron.kit.lake import Lake
from patron.kit.signing import Signer
from patron.shops.types import Shop

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
SIGNER = Signer(b"a secret of the benchmarks, 32 b")
WALKED = 100_000
HISTORY = 2_400_000
MEASURED = 240_000
MEASURED_ALONE = 80_000
POLL_SECONDS = 0.1
KNOWN_PEOPLE = 20_000


class Stream:
    """Realistic shop events with a given number of events per active profile."""

    def __init__(self, per_profile: int, seed: int = 1) -> None:
        self._draw = random.Random(seed)
        self._per_profile = per_profile
        self._made = 0
        self._new = 0
        self._people: list[str] = []

    def take(self, count: int, now: datetime) -> list[dict[str, Any]]:
        draw = self._draw
        people = [self._person() for _ in range(max(1, count // self._per_profile))]
        return [self._event(draw.choice(people), now) for _ in range(count)]

    def _person(self) -> str:
        if not self._people or self._draw.random() < 0.2 or len(self._people) < KNOWN_PEOPLE // 20:
            self._new += 1
            self._people.append(f"anon-{self._new:08d}")
            return self._people[-1]
        return self._draw.choice(self._people)

    def _event(self, who: str, now: datetime) -> dict[str, Any]:
        draw = self._draw
        self._made += 1
        number = draw.randrange(2_000)
        name = draw.choices(
            ["Product Viewed", "Product List Viewed", "Product Added", "Products Searched"],
            [70, 15, 8, 7],
        )[0]
        return {
            "type": "track",
            "event": name,
            "messageId": f"bench-{self._made:012d}",
            "anonymousId": who,
            "timestamp": (now - timedelta(milliseconds=draw.randrange(5_000))).isoformat(),
            "properties": {
                "product_id": f"p{number}",
                "sku": f"SKU-{number:05d}",
                "name": f"Hollin Farm product number {number}",
                "category": f"Department {number % 40}",
                "brand": f"Brand {number % 120}",
                "price": 1 + number % 90 / 3,
                "quantity": 1,
                "currency": "USD",
                "url": f"https://shop.example/p/{number}",
                "image_url": f"https://shop.example/i/{number}.png",
            },
            "context": {
                "ip": "203.0.113.7",
                "library": {"name": "benchmark", "version": "1"},
                "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130",
                "page": {"url": f"https://shop.example/p/{number}", "path": f"/p/{number}"},
            },
        }


async def fill(house: "Bench", stream: Stream, count: int) -> None:
    for _ in range(0, count, 5_000):
        now = house.clock.advance(timedelta(seconds=1))
        await house.inbox.append(
            house.shop, stream.take(5_000, now), trust=Trust.SERVER, source=Source.SERVER
        )


class Bench:
    """A shop, its inbox and its walker on one connection."""

    def __init__(self, url: str, shop: Shop, connection: Tx) -> None:
        self.clock = ManualClock(START)
        self.shop = shop
        self.inbox = Inbox(url, self.clock)
        self.walker = Walker(shop, self.clock, SIGNER)
        self.connection = connection

    async def walk(self) -> int:
        total = 0
        while taken := await self.walker.step(self.connection):
            total += taken
        return total

    async def lake_position(self) -> int:
        async with begun(self.connection, self.shop.schema):
            return (await lake_store.state(self.connection)).lake_position


async def measure(
    url: str, shop: Shop, per_profile: int, folder: Path, measured: int = MEASURED
) -> tuple[float, float]:
    """(events/s through the walk and the lake, rows/s of COPY into an identical table)."""
    async with await connect(url, "walk") as connection:
        await connection.execute(WALK_SESSION)
        bench = Bench(url, shop, connection)
        try:
            stream = Stream(per_profile)
            await fill(bench, stream, WALKED)
            await bench.walk()
            await grow_old(url, shop)
            await fill(bench, stream, measured)
            lake = Lake(str(folder / f"lake-{per_profile}"))
            async with await connect(url, "lake") as other:
                await copying.copy(other, shop, lake, copying.Cut(folder), START)
            spawn = get_context("spawn")
            ready, begin = spawn.Event(), spawn.Event()
            copier = spawn.Process(
                target=keep_copying,
                args=(url, shop, lake.uri, folder, WALKED + measured, ready, begin),
            )
            copier.start()
            assert ready.wait(60)
            started = time.perf_counter()
            begin.set()
            walked = await bench.walk()
            while await bench.lake_position() < WALKED + measured:
                assert copier.is_alive()
                await asyncio.sleep(POLL_SECONDS / 10)
            seconds = time.perf_counter() - started
            copier.join()
        finally:
            await bench.inbox.close()
    return walked / seconds, await ceiling(url, shop, measured)


async def grow_old(url: str, shop: Shop) -> None:
    """Give log and twin the same long history: the known people's, and that of many who are gone.

    Its positions lie before the first, as if the lake had had it for long.
    """
    columns = "type, trust, source, flags, session_id, name, user_id, anonymous_id, body"
    async with Database(url, max_size=1, name="history") as db, db.unit(shop.schema) as tx:
        await execute(tx, "CREATE TABLE twin (LIKE event_2026_03 INCLUDING ALL)")
        await execute(
            tx,
            "CREATE TEMPORARY TABLE old ON COMMIT DROP AS"
            f" SELECT -row_number() OVER () AS position, %s - random() * interval '1 day' AS ts,"
            " received_at, CASE WHEN random() < 0.2 THEN origin_id ELSE"
            " md5((random() * 300000)::integer::text)::uuid END AS origin_id,"
            f" message_id || '-' || turn AS message_id, channel, device, {columns}"
            f" FROM event_2026_03 CROSS JOIN generate_series(1, {HISTORY // WALKED}) turn",
            (START,),
        )
        names = f"position, ts, received_at, origin_id, message_id, channel, device, {columns}"
        for table in ("twin", "event"):
            await execute(tx, f"INSERT INTO {table} ({names}) SELECT {names} FROM old")
        await execute(tx, "INSERT INTO twin SELECT * FROM event_2026_03 WHERE position > 0")
    async with await connect(url, "history") as connection:
        await connection.execute(f'VACUUM (ANALYZE) "{shop.schema}".event')
        await connection.execute("CHECKPOINT")


def keep_copying(
    url: str, shop: Shop, uri: str, folder: Path, upto: int, ready: Event, begin: Event
) -> None:
    """The lake's writer in a process of its own, as the worker runs it, until it is at `upto`."""

    async def copy() -> int:
        async with await connect(url, "lake") as other:
            return (await copying.copy(other, shop, Lake(uri), copying.Cut(folder), START)).position

    collect_rarely()
    asyncio.run(copy())
    ready.set()
    begin.wait()
    while asyncio.run(copy()) < upto:
        time.sleep(POLL_SECONDS)


async def ceiling(url: str, shop: Shop, count: int) -> float:
    """Rows a second of COPY of the measured rows into the twin, committed as the walk commits."""
    async with Database(url, max_size=1, name="ceiling") as db:
        async with db.unit(shop.schema) as tx:
            steps = range(WALKED, WALKED + count, BATCH)
            measured = [await rows_of(tx, at, at + BATCH) for at in steps]
        async with db.session() as tx:
            await execute(tx, "CHECKPOINT")
        started = time.perf_counter()
        for part in measured:
            await into_the_twin(db, shop, part)
        return count / (time.perf_counter() - started)


async def rows_of(tx: Tx, after: int, upto: int) -> bytes:
    out = (
        "COPY (SELECT * FROM event_2026_03"
        f" WHERE position > {after} AND position <= {upto} ORDER BY position)"
        " TO STDOUT (FORMAT binary)"
    )
    async with tx.cursor() as cursor, cursor.copy(out) as copy:
        return b"".join([bytes(part) async for part in copy])


async def into_the_twin(db: Database, shop: Shop, rows: bytes) -> None:
    async with (
        db.unit(shop.schema) as tx,
        tx.cursor() as cursor,
        cursor.copy("COPY twin FROM STDIN (FORMAT binary)") as copy,
    ):
        await copy.write(rows)


def main() -> None:
    collect_rarely()
    with tempfile.TemporaryDirectory() as folder:
        for per_profile, name, count in (
            (10, "walk", MEASURED),
            (1, "walk_one_event_per_profile", MEASURED_ALONE),
        ):
            with base_database() as (url, shop):
                rate, copied = asyncio.run(measure(url, shop, per_profile, Path(folder), count))
            note = f"{count} events, the lake included; reference: COPY into a twin of the log"
            show(name, rate, "events/s", reference=copied, note=note)


if __name__ == "__main__":
    main()

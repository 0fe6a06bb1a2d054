"""How many lines of a file a second become part of the shop, walked, beside reading them alone.

    python benchmarks/run.py import [events|orders|profiles FILE]

From the file to the end of the walk, with PostgreSQL as the product runs it. The yardstick reads
the same file and makes its events, without a database. Without a file, made-up ones are used: order
lines, five an order, and an event a line.
"""

import asyncio
import csv
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from figure import show
from patron.app.cli.house import OpenHouse
from patron.app.context import open_signer, read_settings, the_clock
from patron.app.imports.grouping import grouped, scattered
from patron.app.imports.making.orders import Orders
from patron.app.imports.mapping import Kind
from patron.app.imports.plan import Plan, maker_of, understand
from patron.app.imports.reading.encoding import Mended
from patron.app.imports.reading.faults import Faults
from patron.app.imports.run import Run
from patron.app.rooms import open_shop, prepare_house
from patron.kit.clock import SystemClock
from patron.kit.db import Database
from patron.kit.postgres.server import PostgresServer
from patron.shops.found import found_shop
from patron.shops.types import Shop

ORDER_LINES = 200_000
EVENT_LINES = 150_000


def order_lines(path: Path) -> Path:
    """Lines of invented orders of a year: 20,000 customers, 5,000 products."""
    chance = random.Random(7)
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["order_id", "created_at", "user_id", "sku", "name", "quantity", "price"])
        for line in range(ORDER_LINES):
            order = line // 5
            day = order * 365 // (ORDER_LINES // 5)
            at = f"2025-{day // 31 + 1:02d}-{day % 28 + 1:02d} {order % 24:02d}:{order % 60:02d}"
            sku = chance.randrange(5_000)
            who = f"c{(order * 7919) % 20_000}"
            price = f"{sku % 90 + 1}.50"
            out.writerow([f"o{order}", at, who, f"s{sku}", f"Thing {sku}", 1 + line % 3, price])
    return path


def event_lines(path: Path) -> Path:
    """An event a line: ten a visitor."""
    chance = random.Random(7)
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["timestamp", "event", "anonymousId", "product_id", "price", "url"])
        for line in range(EVENT_LINES):
            day = line * 28 // EVENT_LINES + 1
            at = f"2025-06-{day:02d}T{line % 24:02d}:{line % 60:02d}:{line % 59:02d}Z"
            thing = chance.randrange(5_000)
            url = f"https://shop.example/p/{thing}"
            out.writerow([at, "Product Viewed", f"a{line // 10}", f"p{thing}", "9.50", url])
    return path


def made_alone(plan: Plan, shop: Shop) -> float:
    """Lines a second when nothing is kept."""
    faults, mended = Faults(None), Mended()
    maker = maker_of(plan, shop, the_clock().now(), faults)
    started = time.perf_counter()
    count = 0
    if isinstance(maker, Orders):
        places = scattered(plan.table, maker.key) or {}
        rows = plan.table.rows(mended, faults)
        for group, _ in grouped(rows, maker.key, faults, "", places):
            maker.make(group)
            count += len(group)
    else:
        for row in plan.table.rows(mended, faults):
            maker.make([row])
            count += 1
    return count / (time.perf_counter() - started)


def measure(house: OpenHouse, shop: Shop, kind: Kind, file: Path, figure: str) -> None:
    started = time.perf_counter()
    plan = understand(file, kind, None, shop, house.clock.now(), lambda _: None)
    outcome = Run(house, shop, plan, lambda *_: None).run()
    seconds = time.perf_counter() - started
    show(
        figure,
        outcome.rows / seconds,
        "lines/s",
        reference=made_alone(plan, shop),
        note=f"{outcome.rows} lines, {outcome.events} events ({outcome.events / seconds:.0f}/s),"
        f" {outcome.faults} faults; walked by a process of its own",
    )


async def a_shop(url: str) -> Shop:
    now = SystemClock().now()
    shop = found_shop(
        "Bench",
        currency="USD",
        time_zone="UTC",
        public_url="https://bench.example",
        owner_email="owner@bench.example",
        now=now,
    )
    async with Database(url, max_size=2) as db:
        await prepare_house(db)
        await open_shop(db, shop, now)
    return shop


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="patron-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        server = PostgresServer(folder / "postgres")
        url = server.start()
        try:
            os.environ["PATRON_DATABASE_URL"] = url
            os.environ["PATRON_DATA_DIR"] = str(folder / "data")
            settings = read_settings()
            house = OpenHouse(settings, url, the_clock(), open_signer(settings))
            shop = asyncio.run(a_shop(url))
            if len(sys.argv) == 3:
                kind = msgspec.convert(sys.argv[1], Kind)
                measure(house, shop, kind, Path(sys.argv[2]), "import")
            else:
                measure(house, shop, "orders", order_lines(folder / "orders.csv"), "import")
                events = event_lines(folder / "events.csv")
                measure(house, shop, "events", events, "import_events")
        finally:
            server.stop()


if __name__ == "__main__":
    main()

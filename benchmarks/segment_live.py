"""What live segments cost the walk, and how soon an act shows in them.

`walk_with_50`: events a second through the walk of a shop with fifty live segments; the reference
is the same walk without any. `event_to_membership`: through a running house, at 300 events a
second, from the acknowledgement of an act to the membership it changes, polled every 2 ms.
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from database import base_database
from figure import show
from freshness import watch
from house import Running, eventually, running
from patron.kit.clock import SystemClock
from patron.kit.db import Database
from patron.segments import filling, saving
from patron.segments.saving import Draft
from patron.shops.types import Shop
from segment_rules import fifty
from walk import MEASURED, measure

RATE = 300
SECONDS = 20
EVERY = 10  # one event in ten is of somebody new, who enters a segment by it
MEMBERSHIPS = (
    "SELECT u.value, m.origin_id FROM membership m JOIN segment s ON s.id = m.segment_id"
    " JOIN identifier u ON u.origin_id = m.origin_id AND u.kind = 'user_id'"
    " WHERE s.key = 'bench-added-1' AND m.left_at IS NULL"
    " AND (%s::uuid IS NULL OR m.origin_id > %s::uuid) ORDER BY m.origin_id"
)


async def put_up(url: str, shop: Shop) -> None:
    """Fifty segments of a shop in which nothing has happened yet: all live at once."""
    clock = SystemClock()
    async with Database(url, max_size=2, name="segments") as db:
        for key, rule in fifty():
            async with db.unit(shop.schema) as tx:
                draft = Draft(rule=rule)
                await saving.create(tx, shop, f"bench-{key}", draft, clock.now())
        await filling.fill(db, shop, None, clock)


def walked(with_segments: bool) -> float:
    """Events a second, the lake's copying beside it included."""
    with tempfile.TemporaryDirectory() as folder, base_database() as (url, shop):
        if with_segments:
            asyncio.run(put_up(url, shop))
        return asyncio.run(measure(url, shop, 10, Path(folder)))[0]


async def send(house: Running, acknowledged: dict[str, float]) -> None:
    """RATE events a second, each on a request of its own; when each new person's was answered."""
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)

    async def one(number: int) -> None:
        new = number % EVERY == 0
        who = f"fresh-{number:06d}" if new else f"u{number % 500}"
        properties: dict[str, Any] = {"product_id": "tea", "price": 4, "category": "Department 1"}
        body = {
            "event": "Product Added" if new else "Product Viewed",
            "userId": who,
            "properties": properties,
        }
        answer = await client.post("/v1/track", json=body, auth=(house.server_key, ""))
        assert answer.status_code == 200, answer.text
        if new:
            acknowledged[who] = time.time()

    async with httpx.AsyncClient(base_url=house.url, limits=limits, timeout=30) as client:
        began = time.monotonic()
        tasks = []
        for number in range(RATE * SECONDS):
            await asyncio.sleep(max(0.0, began + number / RATE - time.monotonic()))
            tasks.append(asyncio.create_task(one(number)))
        await asyncio.gather(*tasks)


async def entered(house: Running) -> None:
    acknowledged: dict[str, float] = {}
    seen: dict[str, float] = {}
    stop = asyncio.Event()
    watcher = asyncio.create_task(watch(house.database_url(), MEMBERSHIPS, seen, stop))
    await send(house, acknowledged)
    await asyncio.sleep(2)
    stop.set()
    await watcher
    took = sorted(max(0.0, seen[who] - at) for who, at in acknowledged.items())
    note = f"{len(took)} acts among {RATE} events/s, 50 live segments, polled every 2 ms"
    show("event_to_membership_p50", statistics.median(took), "s", note=note)
    show("event_to_membership_p99", took[int(len(took) * 0.99)], "s", note=note)


def in_a_house() -> None:
    with running() as house:
        house.open_shop()
        house.start()
        for key, rule in fifty():
            body = {"key": f"bench-{key}", "name": key, "rule": rule}
            made = house.call("POST", "/api/segments", json=body)
            assert made.status_code in (200, 201), made.text

        def on() -> bool:
            found = house.call("GET", "/api/segments", params={"limit": 100}).json()
            return all(one["status"] == "on" for one in found)

        eventually(on, "the segments are on", 120)
        asyncio.run(entered(house))


def main() -> None:
    without, along = walked(False), walked(True)
    note = f"{MEASURED} events, ten a person, the lake included; reference: without segments"
    show("walk_with_50", along, "events/s", reference=without, note=note)
    in_a_house()


if __name__ == "__main__":
    main()

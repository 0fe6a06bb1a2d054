"""From the acknowledgement of an event to its effect, at 300 events a second.

Two effects are watched by polling the database every two milliseconds, which the figures include:
the event in its person's log (with her profile), and the message of a journey whose wait is zero
in the outbox. Everything runs as `patron serve` runs it.
"""

import asyncio
import statistics
import time
from typing import Any

import httpx

from figure import show
from house import Running, running
from patron.kit.db import connect, tuples

RATE = 300
SECONDS = 20
POLL = 0.002
EVERY = 10  # one event in ten puts something in a cart


async def send(house: Running, acknowledged: dict[str, float]) -> None:
    """RATE events a second, each on a request of its own; when each was acknowledged."""
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    async with httpx.AsyncClient(base_url=house.url, limits=limits, timeout=30) as client:
        began = time.monotonic()
        tasks = []
        for number in range(RATE * SECONDS):
            due = began + number / RATE
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            tasks.append(asyncio.create_task(one(client, house, number, acknowledged)))
        await asyncio.gather(*tasks)


async def one(
    client: httpx.AsyncClient, house: Running, number: int, acknowledged: dict[str, float]
) -> None:
    cart = number % EVERY == 0
    body: dict[str, Any] = {
        "event": "Product Added" if cart else "Product Viewed",
        "messageId": f"fresh-{number}",
        "userId": f"fresh-{number}" if cart else f"u{number % 500}",
        "properties": {
            "product_id": "tea",
            "cart_id": f"fresh-{number}",
            "price": 4,
            "quantity": 1,
        },
    }
    answer = await client.post("/v1/track", json=body, auth=(house.server_key, ""))
    acknowledged[f"fresh-{number}"] = time.time()
    assert answer.status_code == 200, answer.text


async def watch(url: str, sql: str, seen: dict[str, float], stop: asyncio.Event) -> None:
    """Poll `sql` for (name, order) above the last order seen; when each name was first there."""
    async with await connect(url, "watch") as connection:
        await connection.execute("SET search_path TO shop_acme")
        last: Any = None
        while not stop.is_set():
            found = await tuples(connection, sql, (last, last))
            now = time.time()
            for name, order in found:
                seen.setdefault(name, now)
                last = order
            await asyncio.sleep(POLL)


PROFILE = (
    "SELECT message_id, position FROM event WHERE message_id LIKE 'fresh-%%'"
    " AND (%s::bigint IS NULL OR position > %s::bigint) ORDER BY position"
)
OUTBOX = (
    "SELECT context ->> 'cart_id', id FROM outbox"
    " WHERE %s::uuid IS NULL OR id > %s::uuid ORDER BY id"
)
CARTS = "SELECT id::text, key FROM cart"


async def measure(house: Running, url: str) -> None:
    acknowledged: dict[str, float] = {}
    logged: dict[str, float] = {}
    queued: dict[str, float] = {}
    stop = asyncio.Event()
    watchers = [
        asyncio.create_task(watch(url, PROFILE, logged, stop)),
        asyncio.create_task(watch(url, OUTBOX, queued, stop)),
    ]
    await send(house, acknowledged)
    await asyncio.sleep(1)
    stop.set()
    await asyncio.gather(*watchers)
    async with await connect(url, "watch") as connection:
        await connection.execute("SET search_path TO shop_acme")
        carts = dict(await tuples(connection, CARTS))
    by_message = {carts[cart].removeprefix("cart:"): at for cart, at in queued.items()}
    tell("event_to_profile", acknowledged, logged)
    tell("event_to_outbox", {n: acknowledged[n] for n in by_message}, by_message)


def tell(figure: str, acknowledged: dict[str, float], seen: dict[str, float]) -> None:
    took = sorted(max(0.0, seen[name] - at) for name, at in acknowledged.items())
    note = f"{len(took)} events at {RATE}/s, polled every {POLL * 1000:.0f} ms"
    show(f"{figure}_p50", statistics.median(took), "s", note=note)
    show(f"{figure}_p99", took[int(len(took) * 0.99)], "s", note=note)


def main() -> None:
    with running() as house:
        house.open_shop()
        house.start()
        journey = house.call("GET", "/api/journeys/abandoned_cart").json()
        definition = journey["definition"]
        definition["steps"] = [s for s in definition["steps"] if "wait" not in s]
        body = {"name": journey["name"], "definition": definition}
        changed = house.call("PUT", "/api/journeys/abandoned_cart", json=body)
        assert changed.status_code == 200, changed.text
        asyncio.run(measure(house, house.database_url()))


if __name__ == "__main__":
    main()

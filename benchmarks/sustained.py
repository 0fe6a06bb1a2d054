"""10,000 events a second for a minute through web, walk and lake at once.

At the end there must be no backlog; the acknowledgements' p99 is reported. The load is 100-event
batches with a server key, paced, from a process beside; the lake is copied by the worker itself.
"""

import asyncio
import json
import time
from datetime import UTC, datetime

import httpx

from figure import show
from house import Running, running
from walk import Stream

RATE = 10_000
BATCH = 100
SECONDS = 60


def bodies(count: int) -> list[bytes]:
    stream = Stream(10)
    now = datetime.now(UTC)
    return [json.dumps({"batch": stream.take(BATCH, now)}).encode() for _ in range(count)]


async def load(house: Running, made: list[bytes]) -> list[float]:
    """Send the batches at RATE; how long each took to be acknowledged, in seconds."""
    took: list[float] = []
    limits = httpx.Limits(max_connections=32, max_keepalive_connections=32)
    auth = (house.server_key, "")

    async def post(body: bytes) -> None:
        began = time.perf_counter()
        answer = await client.post("/v1/batch", content=body, auth=auth)
        took.append(time.perf_counter() - began)
        assert answer.status_code == 200, answer.text

    async with httpx.AsyncClient(base_url=house.url, limits=limits, timeout=60) as client:
        began = time.monotonic()
        tasks = set()
        for number, body in enumerate(made):
            await asyncio.sleep(max(0.0, began + number * BATCH / RATE - time.monotonic()))
            task = asyncio.create_task(post(body))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
    return sorted(took)


def main() -> None:
    with running(lake_flush_seconds=10) as house:
        house.open_shop()
        house.start()
        made = bodies(RATE * SECONDS // BATCH)
        began = time.monotonic()
        took = asyncio.run(load(house, made))
        sent_in = time.monotonic() - began
        left = RATE * SECONDS - int(house.run("lake", "status")["position"])
        while int(house.run("lake", "status")["position"]) < RATE * SECONDS:
            assert time.monotonic() - began < 600, "the walk does not catch up"
        drained = time.monotonic() - began - sent_in
    note = f"{RATE * SECONDS} events sent in {sent_in:.0f} s"
    show("sustained_ack_p99", took[int(len(took) * 0.99)] * 1000, "ms", note=note)
    show(
        "sustained_backlog", max(0, left), "events", note=f"drained {drained:.1f} s after the load"
    )


if __name__ == "__main__":
    main()

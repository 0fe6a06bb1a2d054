"""How fast the door acknowledges events durably, beside a bare handler that only decodes.

    python benchmarks/ingest_ack.py [EVENTS.jsonl]

Both run behind the same server, one process each, in turn, under the same load from a process
beside them; PostgreSQL runs as the product runs it, `fsync` on. With a file, its lines (one Segment
call each) are sent instead of made-up ones.
"""

import asyncio
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from figure import show
from load import Load, drive, post
from patron.app.rooms import open_shop, prepare_house
from patron.events.inbox import Inbox, InboxLimits
from patron.events.routes import Door
from patron.kit.clock import SystemClock
from patron.kit.db import Database, execute
from patron.kit.garbage import collect_rarely
from patron.kit.migrate import HOUSE
from patron.kit.postgres.server import PostgresServer
from patron.shops import store as shops
from patron.shops.access import Keys
from patron.shops.found import found_shop, make_key
from patron.shops.types import KeyKind, Shop

BATCH = 100
ROUNDS = 5
SECONDS = 3.0
BATCH_CONNECTIONS = 16
SINGLE_CONNECTIONS = 64
HOST = "127.0.0.1"


def bare() -> Any:
    """The yardstick: read the body, decode it, answer."""
    decode = msgspec.json.Decoder().decode
    start = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"16")],
    }
    body = {"type": "http.response.body", "body": b'{"success":true}', "more_body": False}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        received = message["body"]
        while message["more_body"]:
            message = await receive()
            received += message["body"]
        decode(received)
        await send(start)
        await send(body)

    return app


def door() -> Any:
    """Patron's door, with a bound that the run does not reach: no walk empties the inbox here."""
    opened: list[Door] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if not opened:
            db = Database(os.environ["BENCH_DATABASE"], max_size=2)
            await db.open()
            inbox = Inbox(db.url, SystemClock(), InboxLimits(backlog_events=10**9))
            collect_rarely()  # as the web process does
            opened.append(Door(Keys(db), inbox, SystemClock()))
        await opened[0](scope, receive, send)

    return app


def made_up_events(count: int) -> list[dict[str, Any]]:
    """Events of about 600 bytes as JSON, as a shop's server sends them."""
    chance = random.Random(7)
    return [
        {
            "type": "track",
            "event": chance.choice(["Product Viewed", "Product Added", "Product List Viewed"]),
            "messageId": f"node-{chance.getrandbits(128):032x}",
            "anonymousId": f"{chance.getrandbits(128):032x}",
            "userId": f"customer-{chance.randrange(50_000)}",
            "timestamp": "2026-03-02T12:00:00.123Z",
            "properties": {
                "cart_id": f"cart-{chance.randrange(10**6)}",
                "product_id": str(chance.randrange(10_000)),
                "name": "Hollin Farm Shredded Cheese, Mild, 8 oz",
                "category": "Dairy/Cheese",
                "price": chance.randrange(100, 5_000) / 100,
                "currency": "USD",
                "quantity": 1,
                "url": f"https://shop.example/p/{chance.randrange(10_000)}",
            },
            "context": {
                "library": {"name": "analytics-node", "version": "2.3.0"},
                "page": {"path": "/p/17", "referrer": "https://search.example/?q=cheese"},
                "locale": "en-US",
            },
        }
        for _ in range(count)
    ]


async def a_shop(url: str) -> tuple[Shop, str]:
    """A migrated database with one shop; its server key."""
    now = SystemClock().now()
    shop = found_shop(
        "Bench",
        currency="USD",
        time_zone="UTC",
        public_url="https://bench.example",
        owner_email="owner@bench.example",
        now=now,
    )
    key, secret = make_key(KeyKind.SERVER, "bench", ["ingest"], now)
    async with Database(url) as db:
        await prepare_house(db)
        await open_shop(db, shop, now)
        async with db.unit(HOUSE) as tx:
            await shops.insert_key(tx, shop.id, key, secret, now)
    return shop, secret


async def empty_inbox(url: str, shop: Shop) -> None:
    """As the walk leaves it: everything read, the slots truncated."""
    async with Database(url) as db:
        async with db.unit(shop.schema) as tx:
            await execute(
                tx,
                "UPDATE lane SET cursor_seq = (SELECT coalesce(max(seq), 0) FROM inbox"
                " WHERE lane = lane.id)",
            )
            await execute(tx, "TRUNCATE inbox_0, inbox_1")
        async with db.session() as tx:
            await execute(tx, "CHECKPOINT")


@contextmanager
def served(app: str, url: str) -> Iterator[tuple[str, int]]:
    """`app` of this file behind Granian, as the product runs it."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    command = [
        *(sys.executable, "-m", "granian", "--interface", "asgi", "--factory"),
        *("--host", HOST, "--port", str(port), "--workers", "1", "--loop", "uvloop"),
        *("--log-level", "error", "--no-ws", f"ingest_ack:{app}"),
    ]
    process = subprocess.Popen(
        command, cwd=Path(__file__).parent, env={**os.environ, "BENCH_DATABASE": url}
    )
    try:
        _await_port(port)
        yield HOST, port
    finally:
        process.terminate()
        process.wait(20)


def _await_port(port: int) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            socket.create_connection((HOST, port)).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def requests_for(events: list[dict[str, Any]], key: str, size: int) -> list[bytes]:
    if size == 1:
        bodies = [("/v1/track", json.dumps(event).encode()) for event in events]
    else:
        bodies = [
            ("/v1/batch", json.dumps({"batch": events[n : n + size]}).encode())
            for n in range(0, len(events) - size + 1, size)
        ]
    return [post(HOST, path, body, f"Bearer {key}") for path, body in bodies]


def measure(url: str, shop: Shop, requests: list[bytes], connections: int) -> dict[str, list[Load]]:
    """Rounds of both in turn, so that what else the machine does falls on both."""
    loads: dict[str, list[Load]] = {"bare": [], "door": []}
    with served("bare", url) as plain, served("door", url) as ours:
        for address in (plain, ours):
            drive(address, requests, connections, 1.0)  # connections, prepared statements
        for _ in range(ROUNDS):
            asyncio.run(empty_inbox(url, shop))
            loads["bare"].append(drive(plain, requests, connections, SECONDS))
            loads["door"].append(drive(ours, requests, connections, SECONDS))
    if any(load.refused for load in loads["door"]):
        raise SystemExit("ingest_ack: the door refused calls; the figures would mean nothing")
    return loads


def tell(figure: str, unit: str, size: int, loads: dict[str, list[Load]], connections: int) -> None:
    ours, plain = (statistics.median(load.rate for load in loads[n]) for n in ("door", "bare"))
    p50 = statistics.median(load.p50 for load in loads["door"])
    p99 = statistics.median(load.p99 for load in loads["door"])
    note = (
        f"acknowledged when on disk; p50 {p50:.1f} ms, p99 {p99:.1f} ms; {connections} connections;"
        " reference: a bare handler that only decodes; server, PostgreSQL and load on the same"
        f" {os.cpu_count()} cores"
    )
    show(figure, ours * size, unit, reference=plain * size, note=note)


def main() -> None:
    lines = Path(sys.argv[1]).read_bytes().splitlines() if len(sys.argv) > 1 else []
    events = [json.loads(line) for line in lines] or made_up_events(10_000)
    with tempfile.TemporaryDirectory(prefix="patron-bench-") as folder:
        Path(folder).chmod(0o711)  # as root, the server runs under another account
        server = PostgresServer(Path(folder) / "postgres")
        url = server.start()
        try:
            shop, key = asyncio.run(a_shop(url))
            batches, singles = requests_for(events, key, BATCH), requests_for(events, key, 1)
            loads = measure(url, shop, batches, BATCH_CONNECTIONS)
            tell("ingest_ack_batch", "events/s", BATCH, loads, BATCH_CONNECTIONS)
            loads = measure(url, shop, singles, SINGLE_CONNECTIONS)
            tell("ingest_ack_single", "requests/s", 1, loads, SINGLE_CONNECTIONS)
        finally:
            server.stop()


if __name__ == "__main__":
    main()

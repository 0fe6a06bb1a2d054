"""Events into the import lane, and waiting until the walk has taken them through the rooms."""

import asyncio
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Protocol

import msgspec
import psycopg

from patron.app.cli.house import OpenHouse
from patron.events.inbox import Inbox, InboxDown, InboxFull, InboxLimits
from patron.events.lanes import store as lanes
from patron.events.types import Source, Trust
from patron.events.walk_store import imported_count, imports_of_erased, walker_count
from patron.kit.clock import monotonic
from patron.kit.db import Tx, begun, connect
from patron.shops.types import Shop

ENVELOPE = 500
ENVELOPE_BYTES = 1 << 20
IN_FLIGHT = 8  # envelopes; the lane commits them in groups
AHEAD = 60_000  # events the walk may be behind: enough to keep it busy, little on the disk
MEASURE_SECONDS = 0.2
STALLED_SECONDS = 5.0
MARK_SECONDS = 1.0
RETRY_SECONDS = 0.5


class Progress(Protocol):
    """Told from time to time how many events are on disk and how many of them are walked."""

    def __call__(self, fed: int, walked: int) -> None: ...


class Loaded(msgspec.Struct, frozen=True):
    """What a load came to: events fed, those that were not known before, those of erased people,
    seconds it took."""

    fed: int
    new: int
    erased: int
    seconds: float


def load_events(
    house: OpenHouse,
    shop: Shop,
    events: Iterator[bytes],
    total_estimate: int | None,
    progress: Progress,
    durable: Callable[[int], None] | None = None,
) -> Loaded:
    """Bring history into `shop`: each of `events` is one Segment call as JSON.

    They are trusted, start nothing, and are walked when this returns; whoever walks: the running
    worker, or a process of its own. An event with a message id that was imported before adds
    nothing. `durable` is told how many events are on disk for good, about once a second and at the
    end, also when this is interrupted (KeyboardInterrupt goes on to the caller).
    """
    feeder = Feeder(house, shop, progress, durable or (lambda _: None))
    return asyncio.run(feeder.feed(events))


class Feeder:
    """One load. Belongs to the event loop that runs `feed`."""

    def __init__(
        self, house: OpenHouse, shop: Shop, progress: Progress, durable: Callable[[int], None]
    ) -> None:
        self._house = house
        self._shop = shop
        self._progress = progress
        self._durable = durable
        self._words = lanes.statements(shop.schema)
        self._head = b'{"r":%d,"t":%d,"s":%d,"f":true,"k":null,"ip":null,"ua":null,"b":{"batch":['
        self._flying: deque[tuple[asyncio.Future[None], bytes, int]] = deque()
        self._fed = 0
        self._behind = 0
        self._measured = 0.0
        self._moved = 0.0
        self._marked = 0.0
        self._walker: subprocess.Popen[bytes] | None = None

    async def feed(self, events: Iterable[bytes]) -> Loaded:
        started = self._moved = self._marked = monotonic()
        limits = InboxLimits(backlog_events=2**62, wait_seconds=60)
        inbox = Inbox(self._house.url, self._house.clock, limits)
        connection = await connect(self._house.url, "patron-import")
        try:
            before = await self._imported(connection)
            if not await self._somebody_walks(connection):
                self._start_walker()
            await self._put_all(inbox, connection, iter(events))
            await self._until_walked(connection)
            known, left_out = await self._imported(connection)
            erased = max(0, left_out - before[1])
            return Loaded(self._fed, known - before[0] - erased, erased, monotonic() - started)
        finally:
            await self._close(inbox, connection)

    async def _put_all(self, inbox: Inbox, connection: Tx, events: Iterator[bytes]) -> None:
        while part := _part(events):
            await self._measure(connection)
            while self._behind > AHEAD:
                await asyncio.sleep(MEASURE_SECONDS)
                await self._measure(connection)
            now = int(self._house.clock.now().timestamp() * 1000)
            head = self._head % (now, Trust.SERVER, Source.IMPORT)
            envelope = head + b",".join(part) + b"]}}"
            self._flying.append((self._put(inbox, envelope, len(part)), envelope, len(part)))
            self._behind += len(part)
            while len(self._flying) >= IN_FLIGHT:
                await self._land(inbox)
            if monotonic() - self._marked > MARK_SECONDS:
                await self._mark(inbox)
            # The lane's writer runs in this loop and gets its turn here.
            await asyncio.sleep(0)
        await self._mark(inbox)

    def _put(self, inbox: Inbox, envelope: bytes, count: int) -> asyncio.Future[None]:
        return inbox.append_raw(self._shop, envelope, count, reserved=True, lane="import")

    async def _land(self, inbox: Inbox) -> None:
        """Wait until the oldest envelope under way is on disk, through outages."""
        future, envelope, count = self._flying[0]
        while True:
            try:
                await asyncio.shield(future)
                break
            except InboxDown:
                await asyncio.sleep(RETRY_SECONDS)
            # Taking an envelope in twice is harmless: its ids are the same.
            while True:
                try:
                    future = self._put(inbox, envelope, count)
                    break
                except InboxFull:
                    await asyncio.sleep(RETRY_SECONDS)
            self._flying[0] = (future, envelope, count)
        self._flying.popleft()
        self._fed += count

    async def _mark(self, inbox: Inbox) -> None:
        while self._flying:
            await self._land(inbox)
        self._marked = monotonic()
        self._durable(self._fed)
        self._tell()

    def _tell(self) -> None:
        self._progress(self._fed, max(0, self._fed - self._behind))

    async def _until_walked(self, connection: Tx) -> None:
        while True:
            self._measured = 0.0
            await self._measure(connection)
            self._tell()
            if not self._behind:
                return
            await asyncio.sleep(MEASURE_SECONDS / 2)

    async def _measure(self, connection: Tx) -> None:
        """Look how far the walk is behind, at most five times a second; start one if it stands."""
        now = monotonic()
        if now - self._measured < MEASURE_SECONDS:
            return
        self._measured = now
        try:
            found = await lanes.backlog(connection, self._words)
        except psycopg.OperationalError:
            if connection.closed:
                raise
            return
        flying = sum(count for _, _, count in self._flying)
        behind = found.imports + flying
        if behind < self._behind or not found.imports:
            self._moved = now
        self._behind = behind
        if now - self._moved > STALLED_SECONDS:
            self._moved = now
            self._start_walker()

    def _start_walker(self) -> None:
        if self._walker is not None and self._walker.poll() is None:
            return
        environ = {
            **os.environ,
            "PATRON_DATABASE_URL": self._house.url,
            "PATRON_DATA_DIR": str(self._house.settings.data_dir.resolve()),
        }
        # A session of its own: Ctrl-C reaches this process alone, which stops things in order.
        self._walker = subprocess.Popen(
            [sys.executable, "-m", "patron.app.imports.walking", self._shop.slug],
            env=environ,
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    async def _somebody_walks(self, connection: Tx) -> bool:
        return await walker_count(connection) > 0

    async def _imported(self, connection: Tx) -> tuple[int, int]:
        """How many events imports have brought, and how many of these were of erased people."""
        async with begun(connection, self._shop.schema):
            return await imported_count(connection), await imports_of_erased(connection)

    async def _close(self, inbox: Inbox, connection: Tx) -> None:
        """Put down what was taken; say how far that is."""
        await inbox.close()
        while self._flying and self._flying[0][0].done() and not self._flying[0][0].exception():
            self._fed += self._flying.popleft()[2]
        self._durable(self._fed)
        await connection.close()
        if self._walker is not None and self._walker.stdin is not None:
            self._walker.stdin.close()
            await asyncio.to_thread(self._walker.wait)


def _part(events: Iterator[bytes]) -> list[bytes]:
    """The next events for one envelope; large ones fill it sooner."""
    part: list[bytes] = []
    size = 0
    for event in islice(events, ENVELOPE):
        part.append(event)
        size += len(event)
        if size > ENVELOPE_BYTES:
            break
    return part

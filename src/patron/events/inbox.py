"""The inbox: what was acknowledged is on disk, and what is not is bounded.

Every room says that something happened by appending here. `Inbox.append` returns when the events
are durable; the walk reads them from the shop's lanes.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Literal

import msgspec
import psycopg

from patron.events.lanes import store
from patron.events.lanes.lane import GONE, InboxDown, InboxFull, Lane, LaneName, Pending
from patron.events.types import Source, Trust
from patron.kit.clock import Clock
from patron.kit.db import Tx, connect, kept
from patron.kit.ids import new_id
from patron.kit.log import logger
from patron.kit.metrics import gauge
from patron.shops.types import Shop

__all__ = ["Inbox", "InboxDown", "InboxFull", "InboxLimits", "Kind"]

log = logger(__name__)

PENDING = gauge("patron_inbox_pending_bytes", "Bytes taken in that are not on disk yet")
BACKLOG = gauge("patron_inbox_backlog_events", "Events acknowledged and not yet walked", ["shop"])

Kind = Literal["live", "import"]
ENVELOPE_EVENTS = 500
MEASURE_SECONDS = 0.25
MEASURE_TIMEOUT = 5.0
_encode = msgspec.json.Encoder(decimal_format="string", uuid_format="canonical").encode


class InboxLimits(msgspec.Struct, frozen=True):
    """Bounds of the inbox.

    `pending_bytes` counts what waits in this process for its commit; `backlog_events` what one shop
    has acknowledged and not yet walked (imports are counted apart). Public keys fill no more than
    `1 - reserved_share` of either. A call waits `wait_seconds` at most for its commit.
    """

    pending_bytes: int = 64 << 20
    backlog_events: int = 1_000_000
    reserved_share: float = 0.2
    wait_seconds: float = 10.0
    crowded_seconds: int = 1  # Retry-After when memory is full
    behind_seconds: int = 5  # Retry-After when the walk is behind


class _Desk(msgspec.Struct, eq=False):
    """One shop's lanes in this process, and how far the walk is behind them."""

    shop: Shop
    live: Lane
    imports: Lane
    measured: store.Backlog = store.Backlog()
    since_live: int = 0  # events appended since the backlog was measured
    since_imports: int = 0

    @property
    def quiet(self) -> bool:
        return not (
            self.since_live or self.since_imports or self.measured.live or self.measured.imports
        )


class Inbox:
    """One per event loop and process; a shop's lanes are opened by its first event."""

    def __init__(self, db_url: str, clock: Clock, limits: InboxLimits | None = None) -> None:
        self.limits = limits or InboxLimits()
        self._url = db_url
        self._clock = clock
        self._process = str(new_id())
        self._pending = Pending()
        self._desks: dict[str, _Desk] = {}
        self._closed = asyncio.Event()
        self._measuring: asyncio.Task[None] | None = None
        open_share = 1.0 - self.limits.reserved_share
        self._public_bytes = int(self.limits.pending_bytes * open_share)
        self._public_backlog = int(self.limits.backlog_events * open_share)

    async def append(
        self,
        shop: Shop,
        events: Sequence[dict[str, Any]],
        *,
        trust: Trust,
        source: Source,
        backfill: bool = False,
        lane: Kind = "live",
    ) -> None:
        """Append events in the shape of Segment calls (`type`, `event`, `properties`, …).

        Returns when they are durable. Raises InboxFull (nothing or a part was taken: append them
        again with the same message ids) and InboxDown.
        """
        stamp = int(self._clock.now().timestamp() * 1000)
        head = b'{"r":%d,"t":%d,"s":%d,"f":%s,"k":null,"ip":null,"ua":null,"b":{"batch":' % (
            stamp,
            trust,
            source,
            b"true" if backfill else b"false",
        )
        for start in range(0, len(events), ENVELOPE_EVENTS):
            part = events[start : start + ENVELOPE_EVENTS]
            envelope = b"".join((head, _encode(part), b"}}"))
            await self.append_raw(shop, envelope, len(part), reserved=True, lane=lane)

    def append_raw(
        self, shop: Shop, envelope: bytes, count: int, *, reserved: bool, lane: Kind = "live"
    ) -> "asyncio.Future[None]":
        """Append one envelope of `count` events; await the result, which comes when it is durable.

        `envelope` must be one valid JSON object; whether it is, is for the caller to have checked.
        `reserved`: whether the caller may fill the share kept for server keys. Raises InboxFull at
        once; the future fails with InboxDown.
        """
        if self._closed.is_set():
            raise InboxFull("shutting down", self.limits.crowded_seconds)
        desk = self._desks.get(shop.schema)
        if desk is None:
            desk = self._open(shop)
        self._refuse_when_full(desk, len(envelope), reserved, lane)
        kept()
        if lane == "live":
            desk.since_live += count
            return desk.live.append(envelope, count)
        desk.since_imports += count
        return desk.imports.append(envelope, count)

    def backlog(self, shop: Shop) -> int:
        """Acknowledged, not yet walked live events, as last measured."""
        desk = self._desks.get(shop.schema)
        return desk.measured.live if desk else 0

    async def close(self) -> None:
        """Refuse what comes, put down what was taken, release the connections."""
        self._closed.set()
        if self._measuring is not None:
            await self._measuring
        lanes = [lane for desk in self._desks.values() for lane in (desk.live, desk.imports)]
        await asyncio.gather(*(lane.close() for lane in lanes))

    def _refuse_when_full(self, desk: _Desk, size: int, reserved: bool, lane: Kind) -> None:
        pending = size + self._pending.bytes
        if pending > (self.limits.pending_bytes if reserved else self._public_bytes):
            raise InboxFull("too much is waiting for the disk", self.limits.crowded_seconds)
        behind = (
            desk.measured.live + desk.since_live
            if lane == "live"
            else desk.measured.imports + desk.since_imports
        )
        if behind > (self.limits.backlog_events if reserved else self._public_backlog):
            raise InboxFull("the walk is behind", self.limits.behind_seconds)

    def _open(self, shop: Shop) -> _Desk:
        def lane(kind: Kind) -> Lane:
            name = LaneName(shop.schema, kind, self._process)
            return Lane(self._url, name, self._clock, self._pending, self.limits.wait_seconds)

        desk = self._desks[shop.schema] = _Desk(shop, lane("live"), lane("import"))
        if self._measuring is None:
            self._measuring = asyncio.get_running_loop().create_task(self._measure())
        return desk

    async def _measure(self) -> None:
        """Ask four times a second how far the walk is behind, for shops where something happens."""
        connection: Tx | None = None
        failing = False
        try:
            while not self._closed.is_set():
                # Never cancelled: a connection given up half-way would linger at the server.
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._closed.wait(), MEASURE_SECONDS)
                PENDING.set(self._pending.bytes)
                try:
                    async with asyncio.timeout(MEASURE_TIMEOUT):
                        for desk in [desk for desk in self._desks.values() if not desk.quiet]:
                            connection = connection or await connect(self._url, "patron-backlog")
                            await _measure_one(connection, desk)
                    failing = False
                except (psycopg.Error, OSError, TimeoutError) as error:
                    if not failing:
                        log.warning("backlog cannot be measured", extra={"reason": str(error)})
                    failing = True
                    if connection is not None:
                        await connection.close()
                        connection = None
        finally:
            if connection is not None:
                await connection.close()


async def _measure_one(connection: Tx, desk: _Desk) -> None:
    desk.since_live = desk.since_imports = 0
    try:
        desk.measured = await store.backlog(connection, store.statements(desk.shop.schema))
    except GONE:
        desk.measured = store.Backlog()  # the shop was deleted
    BACKLOG.labels(desk.shop.slug).set(desk.measured.live + desk.measured.imports)

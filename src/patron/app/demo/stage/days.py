"""Days of the demo shop, walked live on a virtual clock.

Everything is as it is in the worker – the same walk here; timers, gate and ledger in a process
beside it – but for two things: the time, and that mails are recorded instead of handed over. Time
jumps from one thing that happens to the next; what happens within `CHUNK` is received together at
its end, so timers fire up to that much later than they are due. The journey's maximum age must be
longer than a chunk (`OLDEST`), or what is at its beginning would come too late to start a run.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

from patron.app.cli.house import OpenHouse
from patron.app.demo.generator import Click, Walked
from patron.app.demo.stage.acting import Acted, Moment
from patron.app.demo.stage.calls import StageError
from patron.app.wiring import BATCH, Walker
from patron.app.worker import WALK_SESSION
from patron.carts import tasks as cart_tasks
from patron.delivery.routes import TrackingDoor
from patron.events import tasks as event_tasks
from patron.events.inbox import Inbox, InboxLimits
from patron.events.types import Source, Trust
from patron.kit.clock import ManualClock
from patron.kit.db import Database, connect
from patron.shops.types import Shop

CHUNK = timedelta(minutes=170)
OLDEST = timedelta(hours=3)
AFTERWARDS = timedelta(milliseconds=1)
_NOTHING = Walked([], [])
_LINE = 1 << 20
_HEAD = b'{"r":%d,"t":%d,"s":%d,"f":false,"k":null,"ip":null,"ua":null,"b":{"batch":['
_BROWSER = (
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"),
    (b"accept", b"text/html,application/xhtml+xml"),
    (b"accept-language", b"en-US,en;q=0.8"),
)

Passed = Callable[[datetime, int, int], None]
"""Told from time to time: the virtual moment, how many events were walked and mails recorded."""


class Visitors(Protocol):
    """Who comes to the shop: what happens next, up to a moment, and whom the shop has mailed."""

    def next_time(self) -> datetime | None: ...

    def until(self, moment: datetime) -> Walked: ...

    def mailed(self, cart_id: str, address: str, at: datetime) -> None: ...


class Beside:
    """The process in which timers and mails are done, while the walk goes on here."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._asked: datetime | None = None

    async def ask(self, at: datetime, received: datetime) -> None:
        assert self._process.stdin is not None
        self._asked = at
        self._process.stdin.write(msgspec.json.encode(Moment(at, received)) + b"\n")
        await self._process.stdin.drain()

    async def answer(self) -> tuple[datetime, Acted] | None:
        """What was done at the moment last asked for; None when nothing was asked."""
        if self._asked is None:
            return None
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise StageError("the process of timers and mails ended; its words are above")
        at, self._asked = self._asked, None
        return at, msgspec.json.decode(line, type=Acted)

    async def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


class Days:
    """One shop on a clock of its own. Belongs to the event loop that opened it."""

    def __init__(
        self, house: OpenHouse, shop: Shop, clock: ManualClock, db: Database, beside: Beside
    ) -> None:
        self._house = house
        self._shop = shop
        self._clock = clock
        self._db = db
        self._beside = beside
        self._inbox = Inbox(house.url, clock, InboxLimits(backlog_events=2**62))
        self._door = TrackingDoor(house.signer, self._open_shop, self._inbox, clock)
        self._walker = Walker(shop, clock, house.signer)
        self._cart_links: dict[str, str] = {}
        self._swept = clock.now()
        self._due: datetime | None = None
        self._mails = 0

    async def live(
        self, visitors: Visitors, end: datetime, passed: Passed, chunk: timedelta = CHUNK
    ) -> None:
        """Let the days pass until `end`, with all that `visitors` do."""
        async with await connect(self._house.url, "patron-walk") as connection:
            await connection.execute(WALK_SESSION)

            async def walk(least: int = BATCH) -> None:
                # One batch holds a chunk, so a second look is rarely needed.
                while await self._walker.step(connection) >= least:
                    pass

            stop = self._next_stop(visitors, end, chunk)
            happens = visitors.until(stop) if stop is not None else _NOTHING
            while stop is not None:
                await self._happen(happens, stop)
                following = self._next_stop(visitors, end, chunk)
                # The next chunk is made up while this one is walked, before the visitors hear of
                # the mails of the last: unless they pause, and only a mail would bring them back.
                soon = following is not None and following - stop <= 2 * chunk
                made = _made_up(visitors, following if soon else None)
                await walk()
                happens = await made
                self._report(visitors, await self._beside.answer())
                if not soon:
                    following = self._next_stop(visitors, end, chunk)
                # What the mails tell is walked with the next chunk, and received just after the
                # moment of that: at that moment it would hold its timers and mails back until
                # then, and nothing would be done side by side.
                await self._beside.ask(stop, (following or end) + AFTERWARDS)
                if stop.date() != self._swept.date():
                    await self._sweep(stop)
                passed(stop, self._walker.walked, self._mails)
                if following is not None and not soon:
                    happens = visitors.until(following)
                stop = following
            self._report(visitors, await self._beside.answer())
            await walk(least=1)

    async def close(self) -> None:
        await self._inbox.close()

    def _next_stop(self, visitors: Visitors, end: datetime, chunk: timedelta) -> datetime | None:
        """The next moment to look at: the end of a chunk in which something happens."""
        moments = [moment for moment in (visitors.next_time(), self._due) if moment is not None]
        first, now = min(moments, default=end), self._clock.now()
        if first >= end:
            return end if now < end else None
        return min(max(first, now) + chunk, end) if now < end else None

    async def _happen(self, walked: Walked, stop: datetime) -> None:
        """Clicks come through the tracking door when they happen, events through the inbox."""
        for click in walked.clicks:
            self._clock.set(max(click.at, self._clock.now()))
            await self._click(click)
        self._clock.set(stop)
        if walked.events:
            head = _HEAD % (int(stop.timestamp() * 1000), Trust.SERVER, Source.SERVER)
            envelope = head + b",".join(walked.events) + b"]}}"
            await self._inbox.append_raw(self._shop, envelope, len(walked.events), reserved=True)

    def _report(self, visitors: Visitors, answer: tuple[datetime, Acted] | None) -> None:
        """Tell the visitors who has got a mail."""
        if answer is None:
            return
        at, acted = answer
        self._due = acted.due
        self._mails += len(acted.mails)
        for mail in acted.mails:
            self._cart_links[mail.cart_id] = mail.token
            visitors.mailed(mail.cart_id, mail.address, at)

    async def _click(self, click: Click) -> None:
        """A person's browser asks for the link of her mail."""
        path = f"/l/{self._cart_links[click.cart_id]}"
        scope = {"type": "http", "method": "GET", "path": path, "headers": list(_BROWSER)}
        statuses: list[int] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        await self._door(scope, receive, send)
        if statuses != [302]:
            raise StageError(f"a link of the cart mail answers {statuses}, not 302")

    async def _sweep(self, stop: datetime) -> None:
        """What the worker's housekeeping does once a day: without it the inbox would fill up."""
        self._swept = stop
        await event_tasks.sweep(self._db, self._shop, stop, 0)
        async with self._db.unit(self._shop.schema) as tx:
            await cart_tasks.expire(tx, stop)

    async def _open_shop(self, slug: str) -> Shop:
        return self._shop


def _made_up(visitors: Visitors, until: datetime | None) -> asyncio.Future[Walked]:
    """What happens until then, made up on a thread beside; nothing without a moment."""
    loop = asyncio.get_running_loop()
    if until is not None:
        return loop.run_in_executor(None, visitors.until, until)
    nothing: asyncio.Future[Walked] = loop.create_future()
    nothing.set_result(_NOTHING)
    return nothing


async def _start_beside(house: OpenHouse, shop: Shop) -> Beside:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "patron.app.demo.stage.acting", shop.slug,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=_LINE,
        start_new_session=True,
        env={
            **os.environ,
            "PATRON_DATABASE_URL": house.url,
            "PATRON_DATA_DIR": str(house.settings.data_dir.resolve()),
        },
    )  # fmt: skip
    return Beside(process)


@asynccontextmanager
async def open_days(house: OpenHouse, shop: Shop, start: datetime) -> AsyncIterator[Days]:
    """A shop whose clock stands at `start`."""
    async with Database(house.url, max_size=2, name="patron-days") as db:
        beside = await _start_beside(house, shop)
        days = Days(house, shop, ManualClock(start), db, beside)
        try:
            yield days
        finally:
            await beside.end()
            await days.close()

"""Feeds fetched and taken into the catalogue.

`python -m patron.app.feeds.running feeds SHOP` does so for all that are due, in a process of its
own, because a large one keeps a core busy for a minute.
"""

import asyncio
import os
import re
import sys
import tempfile
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO
from zoneinfo import ZoneInfo

import msgspec
import psycopg
from msgspec import structs

from patron.app.context import read_settings, the_clock
from patron.app.feeds.fetching import Fetcher, Unfetched, guard_of
from patron.app.imports.reading.encoding import Mended, Survey, open_text, survey
from patron.app.jobs import BUSY, find_shop
from patron.app.occupancy import end_with
from patron.catalog.feeds import store
from patron.catalog.feeds.items import Terms
from patron.catalog.feeds.markup import read_markup
from patron.catalog.feeds.rows import MOST_CHARACTERS, Row
from patron.catalog.feeds.tables import read_table
from patron.catalog.feeds.taking import Came, take
from patron.catalog.feeds.types import Feed
from patron.kit.clock import Clock, monotonic
from patron.kit.db import Database, connect
from patron.kit.log import configure, logger
from patron.kit.problems import Problem, conflict
from patron.shops.types import Shop

log = logger(__name__)

LEASE = timedelta(minutes=30)
"""When whoever fetches a feed dies, it is fetched again so much later."""

FIRST_REST, LONGEST_REST = timedelta(minutes=5), timedelta(hours=24)
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}encoding=["']([\w.:-]{1,40})["']""")


class Reader:
    """Brings the feeds of one shop, with connections of its own; belongs to one event loop."""

    def __init__(
        self, db: Database, shop: Shop, clock: Clock, fetcher: Fetcher, folder: Path
    ) -> None:
        self._db = db
        self._shop = shop
        self._clock = clock
        self._fetcher = fetcher
        self._folder = folder

    async def bring(self, feed: Feed) -> Feed:
        """Fetch a feed and take it into the catalogue; how it stands afterwards. A fetch that fails
        changes nothing but what is said about it."""
        now = self._clock.now()
        schema = self._shop.schema
        async with self._db.unit(schema) as tx:
            fetch = await store.begin(tx, feed.id, now + LEASE)
        try:
            done = await self._brought(feed, fetch, now)
        except Unfetched as error:
            done = None
            rest = _rest(feed.failures + 1, error.later)
            async with self._db.unit(schema) as tx:
                await store.failed(tx, feed.id, str(error), error.remedy, now, now + rest)
        async with self._db.unit(schema) as tx:
            if done is not None:
                await store.taken(tx, done)
            after = await store.by_key(tx, feed.key)
        return after or feed

    async def _brought(self, feed: Feed, fetch: int, now: datetime) -> Feed | None:
        """The feed as it stands after being read; None when there was nothing to read."""
        turned = feed.turns_at is not None and feed.turns_at <= now
        afresh = turned or feed.accepts or feed.digest is None
        every = timedelta(seconds=feed.every_seconds)
        began = monotonic()
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="feed-") as folder:
            fetched = await self._fetcher.fetch(feed, Path(folder), now, afresh=afresh)
            looked = None if fetched.path is None else _looked_at(fetched.path)
            if looked is None or (looked.digest == feed.digest and not afresh):
                due = _due(now, every, feed.turns_at)
                async with self._db.unit(self._shop.schema) as tx:
                    await store.unchanged(tx, feed.id, now, due)
                return None
            assert fetched.path is not None
            came, format = await self._read(feed, fetch, fetched.path, looked, now)
        report = structs.replace(
            came.report, format=format, encoding=looked.encoding, bytes=fetched.size,
            seconds=round(monotonic() - began, 3),
        )  # fmt: skip
        if came.report.alarm is not None:
            log.warning(
                "a feed is not believed",
                extra={"shop": self._shop.slug, "feed": feed.key, "reason": came.report.alarm},
            )
        return structs.replace(
            feed,
            items=came.standing if came.whole else feed.items,
            etag=fetched.etag if came.whole else None,
            last_modified=fetched.last_modified if came.whole else None,
            digest=looked.digest if came.whole else None,
            turns_at=came.turns_at,
            tried_at=now,
            taken_at=now,
            due_at=_due(now, every, came.turns_at),
            report=report,
        )

    async def _read(
        self, feed: Feed, fetch: int, path: Path, looked: Survey, now: datetime
    ) -> tuple[Came, str]:
        mended = Mended()
        hosts = {host.partition(":")[0].removeprefix("www.") for host in self._shop.hosts}
        terms = Terms(
            self._shop.currency, frozenset(hosts), ZoneInfo(self._shop.time_zone), feed.kind, now,
            mended.text,
        )  # fmt: skip
        with open_text(path, looked.encoding, mended, lenient=looked.mixed) as file:
            markup = looked.head.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith(b"<")
            came = await take(self._db, self._shop, feed, fetch, _rows(file, markup), terms)
        return came, "XML" if markup else "table"


def _rows(file: IO[str], markup: bool) -> Iterator[Row]:
    return read_markup(file) if markup else read_table(file)


def _looked_at(path: Path) -> Survey:
    """Which characters a feed is written in. Raises Unfetched for what cannot be one."""
    parts = 0

    def tick(_: int) -> None:
        nonlocal parts
        parts += 1
        if parts > MOST_CHARACTERS >> 20:
            raise Unfetched("it is longer than 4 GB unpacked", "split it into several feeds")

    try:
        found = survey(path, tick)
    except (EOFError, OSError, zlib.error) as error:
        raise Unfetched(
            f"it cannot be unpacked: {error}"[:500], "have the feed made and packed again"
        ) from error
    if found.head.startswith((b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"%PDF", b"\x1f\x8b")):
        raise Unfetched("it is an archive", "give the feed itself, or pack it with gzip")
    if found.head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        raise Unfetched(
            "it is JSON",
            "give the feed as XML or as text with tabs; JSON goes to POST /api/products",
        )
    declared = _DECLARED.match(found.head.lstrip(b"\xef\xbb\xbf \t\r\n"))
    if declared is None or found.encoding.startswith("utf"):
        return found
    # Not UTF-8, whatever it says: then what it says counts, if it says anything that can be.
    name = declared[1].decode().lower()
    single = "cp1252" if name in ("iso-8859-1", "latin1", "us-ascii", "ascii") else name
    try:
        known = not name.startswith("utf") and b"a".decode(single) == "a"
    except LookupError:
        known = False
    return structs.replace(found, encoding=single) if known else found


def _rest(failures: int, later: float | None) -> timedelta:
    """How long it is left alone after so many failures in a row: five minutes at first, twice as
    long each time, a day at last; or as long as the other side asks for."""
    rest = min(FIRST_REST * (1 << min(failures - 1, 12)), LONGEST_REST)
    return rest if later is None else max(rest, timedelta(seconds=later))


def _due(now: datetime, every: timedelta, turns_at: datetime | None) -> datetime:
    due = now + every
    return due if turns_at is None or turns_at <= now else min(due, turns_at)


async def bring(
    url: str,
    shop: Shop,
    clock: Clock,
    fetcher: Fetcher,
    data_dir: Path,
    only: str | None = None,
) -> list[Feed]:
    """Bring the feeds of a shop that are due, or `only` one whether it is due or not; how they
    stand then. Problem 409 while another process does so."""
    folder = data_dir / "shops" / shop.slug
    folder.mkdir(parents=True, exist_ok=True)
    done = []
    async with (
        await connect(url, "patron-feeds") as connection,
        Database(url, max_size=2, name="patron-feeds") as db,
    ):
        if not await store.try_lock(connection, shop.schema):
            raise conflict("feeds of this shop are being read just now", remedy="wait a moment")
        reader = Reader(db, shop, clock, fetcher, folder)
        async with db.unit(shop.schema) as tx:
            feeds = await store.due(tx, clock.now()) if only is None else await store.every(tx)
        for feed in feeds:
            if only in (None, feed.key):
                done.append(await _tried(reader, db, shop, feed, clock))
    return done


async def _tried(reader: Reader, db: Database, shop: Shop, feed: Feed, clock: Clock) -> Feed:
    """One that trips us up keeps no other from being read."""
    try:
        return await reader.bring(feed)
    except (psycopg.OperationalError, OSError):
        raise  # the database or the disk: it passes
    except Exception as error:
        log.error("a feed broke off", exc_info=error, extra={"shop": shop.slug, "feed": feed.key})
        now = clock.now()
        what = f"reading it failed: {error!r}"[:500]
        remedy = "see the log; it is tried again by itself"
        async with db.unit(shop.schema) as tx:
            await store.failed(tx, feed.id, what, remedy, now, now + _rest(feed.failures + 1, None))
            return await store.by_key(tx, feed.key) or feed


def main() -> None:
    settings = read_settings()
    configure(settings.log_format, settings.log_level)
    if len(sys.argv) != 3 or settings.database_url is None:
        raise SystemExit("usage: PATRON_DATABASE_URL=… … patron.app.feeds.running feeds SHOP")
    end_with(os.getppid())  # a worker that stops, or dies, takes its job along
    url = settings.database_url

    async def run() -> list[Feed]:
        shop = await find_shop(url, sys.argv[2])
        fetcher = Fetcher(guard_of(settings))
        try:
            return await bring(url, shop, the_clock("job"), fetcher, settings.data_dir)
        finally:
            await fetcher.close()

    try:
        done = asyncio.run(run())
    except Problem:
        raise SystemExit(BUSY) from None
    said = {one.key: one.error or (one.report.alarm if one.report else None) for one in done}
    sys.stdout.write(msgspec.json.encode(said).decode() + "\n")


if __name__ == "__main__":
    main()

"""The feeds a shop has: added, paused, gone on with, removed."""

import re
from datetime import datetime, timedelta
from pathlib import PurePath
from urllib.parse import urlsplit

from patron.catalog.feeds import store
from patron.catalog.feeds.types import PRODUCT, Feed
from patron.kit.db import Tx
from patron.kit.ids import id_at
from patron.kit.problems import bad_request, conflict, not_found

MOST = 20
EVERY = timedelta(hours=6)
SHORTEST, LONGEST = timedelta(minutes=5), timedelta(days=31)
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
_KIND = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_SPAN = re.compile(r"(\d{1,5}) ?(m|min|h|d)")
_UNITS = {"m": 1, "min": 1, "h": 60, "d": 1_440}


def span(text: str) -> timedelta:
    """ "30m", "6h", "1d". Problem 400."""
    found = _SPAN.fullmatch(text.strip().lower())
    if found is None:
        raise bad_request(
            f"every {text!r} is no span of time", remedy="write 30m, 6h or 1d", path="every"
        )
    return timedelta(minutes=int(found[1]) * _UNITS[found[2]])


async def found(tx: Tx, key: str) -> Feed:
    """The feed of this key. Problem 404."""
    feed = await store.by_key(tx, key) if _KEY.fullmatch(key) else None
    if feed is None:
        raise not_found("feed", key)
    return feed


async def add(
    tx: Tx, address: str, key: str | None, kind: str, every: timedelta, now: datetime
) -> Feed:
    """A feed that is due at once. `address` has been judged by the caller. Problem 400 or 409."""
    if not SHORTEST <= every <= LONGEST:
        raise bad_request(
            f"every {every} is too often or too seldom",
            remedy="a feed is fetched every 5 minutes at most and every 31 days at least",
            path="every_minutes",
        )
    if _KIND.fullmatch(kind) is None:
        raise bad_request(
            f"kind {kind!r} is none", remedy="product, guide, post, review …", path="kind"
        )
    if key is not None and _KEY.fullmatch(key) is None:
        raise bad_request(
            f"key {key!r} is no key",
            remedy="give small letters, digits, _ and -, such as products",
            path="key",
        )
    feeds = await store.every(tx)
    if len(feeds) >= MOST:
        raise conflict(f"there are {MOST} feeds already", remedy="remove one first")
    if any(one.address == address and one.kind == kind for one in feeds):
        raise conflict(f"{address} is a feed of this shop already", remedy="`patron feed list`")
    taken = {one.key for one in feeds}
    feed = Feed(
        id=id_at(now), key=key or _key_for(address, kind, taken), address=address, kind=kind,
        every_seconds=int(every.total_seconds()), paused=False, created_at=now, due_at=now,
        accepts=False, fetches=0, items=0, etag=None, last_modified=None, digest=None,
        turns_at=None, failures=0, tried_at=None, taken_at=None, error=None, remedy=None,
        report=None,
    )  # fmt: skip
    if not await store.insert(tx, feed):
        raise conflict(f"a feed {feed.key!r} exists already", remedy="choose another key")
    return feed


async def pause(tx: Tx, key: str, paused: bool, now: datetime) -> Feed:
    """Leave it alone, or go on with it at once; what it brought stays."""
    await found(tx, key)
    await store.set_paused(tx, key, paused, now)
    return await found(tx, key)


async def ask_for(tx: Tx, key: str, accepts: bool, now: datetime) -> Feed:
    """Have it fetched at once. With `accepts` it is right that it has shrunk. Problem 409 for one
    that is paused."""
    if (await found(tx, key)).paused:
        raise conflict(f"feed {key!r} is paused", remedy=f"`patron feed resume {key}` first")
    await store.ask_for(tx, key, accepts, now)
    return await found(tx, key)


async def remove(tx: Tx, key: str) -> Feed:
    """Forget it; the products it brought stay as they are."""
    feed = await found(tx, key)
    await store.delete(tx, feed.id)
    return feed


def _key_for(address: str, kind: str, taken: set[str]) -> str:
    """A key out of the address: that of the host, or the name of the file."""
    host = urlsplit(address).hostname if "://" in address else PurePath(address).stem
    words = re.sub(r"[^a-z0-9]+", "-", (host or "").lower().removeprefix("www.")).strip("-")
    base = (words if kind == PRODUCT else f"{words}-{kind}")[:50].strip("-") or "feed"
    return next(
        one for n in range(1, MOST + 2) if (one := base if n == 1 else f"{base}-{n}") not in taken
    )

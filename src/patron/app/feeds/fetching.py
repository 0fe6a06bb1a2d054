"""A feed brought onto this machine's disk from where its owner says it is: over HTTP, or a file."""

import asyncio
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpcore
import msgspec

from patron.catalog.feeds.types import Feed
from patron.delivery.channels.webhook.guard import Guard, GuardedNetwork, Refused, networks_of
from patron.delivery.channels.webhook.schedule import wish
from patron.kit.problems import bad_request
from patron.kit.settings import Settings

MOST_BYTES = 1 << 30
MOST_REDIRECTS = 5
LONGEST_URL = 2_000
CONNECT_SECONDS, READ_SECONDS, ALL_SECONDS = 10.0, 60.0, 900.0
_MOVED = frozenset({301, 302, 303, 307, 308})
_REMEDIES = {
    401: "let Patron fetch it without a password, or put a key of its own into the address",
    403: "allow the program that calls itself Patron-Feed in the shop's firewall",
    404: "correct the address: remove the feed and add it anew",
    410: "correct the address: remove the feed and add it anew",
    429: "the shop's system wants to be asked less often: a longer --every",
}
_LATER = "nothing, if it passes: it is tried again by itself; else look at the shop's system"


class Unfetched(Exception):
    """It could not be fetched. `later` are seconds that the other side asks to be left alone."""

    def __init__(self, what: str, remedy: str, later: float | None = None) -> None:
        super().__init__(what)
        self.remedy = remedy
        self.later = later


class Fetched(msgspec.Struct, frozen=True):
    """Where it lies; `path` None: it is as it was."""

    path: Path | None
    size: int = 0
    etag: str | None = None
    last_modified: str | None = None


def guard_of(settings: Settings) -> Guard:
    return Guard(networks_of(settings.feed_networks), "feed_networks")


def web_address(given: str, guard: Guard) -> str:
    """`given`, if a feed may be fetched from there. Problem 400 that says what is wrong."""
    wrong = _wrong_with(given, guard)
    if wrong is not None:
        raise bad_request(f"address {given[:200]!r} {wrong[0]}", remedy=wrong[1], path="url")
    return given


def _wrong_with(given: str, guard: Guard) -> tuple[str, str] | None:
    try:
        parts = urlsplit(given)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        return f"cannot be read ({error})", "give one such as https://shop.example/feed.xml"
    printable = given.isascii() and given.isprintable() and " " not in given
    if parts.scheme not in ("http", "https") or not host or port == 0:
        return "is no web address", "give one such as https://shop.example/feed.xml"
    if not printable or len(given) > LONGEST_URL:
        return "has characters that an address cannot have, or too many", "copy it from a browser"
    if parts.username is not None or parts.password is not None:
        return "has a password in it", _REMEDIES[401]
    try:
        literal = ip_address(host)
    except ValueError:
        return None
    if not guard.allows(literal):
        return "is in a private network", "name the network in the setting feed_networks"
    return None


class Fetcher:
    """Connections to where feeds are; belongs to one event loop."""

    def __init__(self, guard: Guard, seconds: float = ALL_SECONDS, most: int = MOST_BYTES) -> None:
        self._guard = guard
        self._seconds = seconds
        self._most = most
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=1, network_backend=GuardedNetwork(guard)
        )

    async def close(self) -> None:
        await self._pool.aclose()

    async def fetch(self, feed: Feed, folder: Path, now: datetime, *, afresh: bool) -> Fetched:
        """Bring a feed into `folder`; unless `afresh`, only if it is another than last time.
        Raises Unfetched."""
        if "://" not in feed.address:
            return _file(Path(feed.address), self._most)
        asked: dict[str, str] = {}
        if not afresh and feed.etag is not None:
            asked["if-none-match"] = feed.etag
        if not afresh and feed.last_modified is not None:
            asked["if-modified-since"] = feed.last_modified
        try:
            async with asyncio.timeout(self._seconds):
                return await self._follow(feed.address, asked, folder / "feed", now)
        except TimeoutError as error:
            limit = f"it did not arrive within {self._seconds:g} s"
            raise Unfetched(limit, _LATER) from error
        except Refused as error:
            remedy = "feeds are fetched from public addresses; name others in feed_networks"
            raise Unfetched(str(error), remedy) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            why = str(error) or type(error).__name__
            raise Unfetched(f"it did not arrive: {why}"[:500], _LATER) from error
        except (httpcore.UnsupportedProtocol, ValueError) as error:
            raise Unfetched(f"it cannot be asked for: {error}"[:500], _REMEDIES[404]) from error

    async def _follow(
        self, address: str, asked: dict[str, str], path: Path, now: datetime
    ) -> Fetched:
        for _ in range(MOST_REDIRECTS + 1):
            found = await self._ask(address, asked, path, now)
            if isinstance(found, Fetched):
                return found
            following = urljoin(address, found)
            if address.startswith("https:") and not following.startswith("https:"):
                raise Unfetched(
                    f"it has moved to {following[:200]}, which is not encrypted",
                    "have it answered under https, or add the feed with the new address",
                )
            if (wrong := _wrong_with(following, self._guard)) is not None:
                raise Unfetched(f"it has moved to {following[:200]}, which {wrong[0]}", wrong[1])
            address = following
        raise Unfetched(
            f"it was sent on more than {MOST_REDIRECTS} times",
            "give the address of the feed itself",
        )

    async def _ask(
        self, address: str, asked: dict[str, str], path: Path, now: datetime
    ) -> Fetched | str:
        """What came, or where it has moved to."""
        sent = {
            "user-agent": "Patron-Feed/1",
            "accept": "application/xml, application/rss+xml, application/atom+xml, text/plain, */*",
            "accept-encoding": "gzip",
            **asked,
        }
        limits = {"connect": CONNECT_SECONDS, "read": READ_SECONDS, "write": READ_SECONDS}
        async with self._pool.stream(
            "GET",
            address,
            headers=[(name.encode(), value.encode()) for name, value in sent.items()],
            extensions={"timeout": limits},
        ) as answer:
            told = {n.lower().decode(): v.decode("latin-1") for n, v in answer.headers}
            if answer.status == 304 and asked:
                return Fetched(None)
            if answer.status in _MOVED and "location" in told:
                return told["location"]
            if answer.status != 200:
                raise _refused(answer.status, wish(told.get("retry-after"), now))
            if told.get("content-encoding", "identity").lower() not in ("identity", "gzip"):
                raise Unfetched(
                    f"it is packed with {told['content-encoding']!r}, which was not asked for",
                    "have it sent plain or with gzip",
                )
            size = 0
            with path.open("wb") as file:
                async for part in answer.aiter_stream():
                    size += len(part)
                    if size > self._most:
                        raise _too_large(self._most)
                    file.write(part)
        return Fetched(path, size, _kept(told.get("etag")), _kept(told.get("last-modified")))


def _file(path: Path, most: int) -> Fetched:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise Unfetched(
            f"file {path} cannot be read: {error.strerror}",
            "put it there again, or correct the path",
        ) from error
    if size > most:
        raise _too_large(most)
    return Fetched(path, size)


def _refused(status: int, later: float | None) -> Unfetched:
    return Unfetched(f"the answer was {status}", _REMEDIES.get(status, _LATER), later)


def _too_large(most: int) -> Unfetched:
    return Unfetched(
        f"it is larger than {most >> 20:,} MB", "pack it with gzip, or split it into several feeds"
    )


def _kept(header: str | None) -> str | None:
    """What may be sent back as it came."""
    return header if header and len(header) <= 500 and header.isprintable() else None

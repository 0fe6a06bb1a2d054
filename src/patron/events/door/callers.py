"""Who is calling: the key of a call, and the address it comes from."""

import asyncio
import base64
import binascii
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, Protocol

import msgspec

from patron.events.types import Source, Trust
from patron.kit.log import logger
from patron.kit.problems import Problem, forbidden
from patron.shops.types import Access, KeyKind, Scope, Shop

log = logger(__name__)

REMEMBERED = 10_000
"""Bound of every memory here; a full one is emptied, which costs a few look-ups."""

_encode = msgspec.json.Encoder().encode


class KeyRing(Protocol):
    """What the door needs to know about keys."""

    def remembered(self, key: str) -> tuple[bool, Access | None]:
        """(True, what `key` opens) while the answer is fresh, else (False, None)."""

    async def find(self, key: str) -> Access | None:
        """What `key` opens, asked of the database unless it is remembered."""


class Caller(msgspec.Struct, frozen=True, eq=False):
    """A known caller: its shop, and the part of its envelopes that is always the same."""

    access: Access
    shop: Shop
    trusted: bool
    stamp: bytes  # ,"t":…,"s":…,"f":false,"k":…


class Callers:
    """Turns keys into callers without asking the database in the way of a call."""

    def __init__(self, keys: KeyRing, patience: float) -> None:
        self._keys = keys
        self._patience = patience
        self._known: dict[str, Caller] = {}
        self._asking: dict[str, asyncio.Task[Access | None]] = {}
        self._headers: dict[bytes, str | None] = {}

    def known(self, key: str) -> Caller | None:
        """The caller, if it was seen before; what it may do is then looked up again meanwhile.

        Raises Problem 401 for a key that is known to open nothing.
        """
        fresh, access = self._keys.remembered(key)
        caller = self._known.get(key)
        if not fresh:
            if caller is not None:
                self._ask(key)
            return caller
        if caller is not None and caller.access is access:
            return caller
        return self._admit(key, access)

    async def find(self, key: str) -> Caller:
        """The caller of a key not seen before. Raises Problem 401 or 403, TimeoutError."""
        async with asyncio.timeout(self._patience):
            access = await asyncio.shield(self._ask(key))
        return self._admit(key, access)

    def header_key(self, header: bytes) -> str | None:
        """The key in an Authorization header: Basic (with or without a colon) or Bearer."""
        try:
            return self._headers[header]
        except KeyError:
            if len(self._headers) >= REMEMBERED:
                self._headers.clear()
            key = self._headers[header] = key_in(header)
            return key

    def _admit(self, key: str, access: Access | None) -> Caller:
        if access is None:
            self._known.pop(key, None)
            raise unknown_key()
        server = access.kind is KeyKind.SERVER
        if server and not access.allows(Scope.INGEST):
            raise forbidden(
                "this server key may not send events",
                remedy="make one that may: `patron key create NAME --scope ingest`",
            )
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        stamp = b',"t":%d,"s":%d,"f":false,"k":%s' % (
            Trust.SERVER if server else Trust.PUBLIC,
            Source.SERVER if server else Source.BROWSER,
            _encode(access.key_id),
        )
        caller = self._known[key] = Caller(access, access.shop, server, stamp)
        return caller

    def _ask(self, key: str) -> "asyncio.Task[Access | None]":
        """Look the key up, once at a time however many calls wait for it."""
        task = self._asking.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._keys.find(key))
            self._asking[key] = task
            task.add_done_callback(lambda done: self._answered(key, done))
        return task

    def _answered(self, key: str, task: "asyncio.Task[Access | None]") -> None:
        self._asking.pop(key, None)
        if not task.cancelled() and (error := task.exception()):
            log.warning("a key could not be looked up", extra={"reason": str(error)})


def key_in(header: bytes) -> str | None:
    """The key of an Authorization header, None when it holds none."""
    scheme, _, rest = header.strip().partition(b" ")
    rest = rest.strip()
    if scheme.lower() == b"bearer":
        return rest.decode("latin-1") or None
    if scheme.lower() != b"basic":
        return None
    try:
        pair = base64.b64decode(rest + b"=" * (-len(rest) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return pair.partition(b":")[0].decode("latin-1") or None


def unknown_key() -> Problem:
    return Problem(
        401,
        "Unknown key",
        "the key of this call is missing or opens no shop",
        remedy="send the shop's write key as 'writeKey' in the body or as the user name of Basic"
        " authentication, or a server key as 'Authorization: Bearer sk_…'",
    )


class Origins:
    """Where a call comes from, believing only proxies that were named."""

    def __init__(self, trusted_proxies: Iterable[str]) -> None:
        """`trusted_proxies`: networks in CIDR notation. Raises ValueError for what is none."""
        self._trusted: list[IPv4Network | IPv6Network] = [ip_network(p) for p in trusted_proxies]
        self._is_trusted: dict[str, bool] = {}

    def address(self, peer: str | None, forwarded_for: bytes | None) -> str | None:
        """The client's IP address: the last one in X-Forwarded-For that no trusted proxy has."""
        if peer is None or not forwarded_for or not self._trusted or not self.trusts(peer):
            return peer
        hops = [hop.strip() for hop in forwarded_for.decode("latin-1").split(",")]
        client = peer
        for hop in reversed(hops):
            if not _is_address(hop):
                break
            client = hop
            if not self.trusts(hop):
                break
        return client

    def trusts(self, host: str) -> bool:
        found = self._is_trusted.get(host)
        if found is None:
            if len(self._is_trusted) >= REMEMBERED:
                self._is_trusted.clear()
            found = _is_address(host) and any(ip_address(host) in n for n in self._trusted)
            self._is_trusted[host] = found
        return found


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text  # a zone may be any text, and means nothing elsewhere


def as_json(value: Any) -> bytes:
    return _encode(value)

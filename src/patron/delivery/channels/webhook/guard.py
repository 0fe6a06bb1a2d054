"""Where a webhook may go: to the public Internet, and to private networks only by leave.

Whoever may register an address could otherwise have this machine call the services beside it. The
address that is checked is the one that is connected to, so a name that means another address a
moment later is no way around.
"""

import asyncio
import socket
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

import httpcore

from patron.kit.problems import Problem, bad_request

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
LONGEST_URL = 2_000

# Networks of IPv6 that carry an IPv4 address inside: what they lead to is judged nowhere else.
_TUNNELS = tuple(ip_network(one) for one in ("2002::/16", "2001::/32", "64:ff9b::/96"))


class Refused(Exception):
    """An address a webhook may not go to; says which, and what would allow it."""


def networks_of(text: str | None) -> list[Network]:
    """Networks from a setting, with commas between. Raises ValueError."""
    return [ip_network(part.strip()) for part in (text or "").split(",") if part.strip()]


class Guard:
    """Judges addresses; `allowed` are private networks that may be reached all the same, as
    `setting` says."""

    def __init__(self, allowed: Iterable[Network] = (), setting: str = "webhook_networks") -> None:
        self._allowed = list(allowed)
        self._setting = setting

    def checked(self, url: str) -> str:
        """`url`, if a webhook may be registered for it. Problem 400 that says what is wrong.

        http is for addresses in allowed networks alone: whatever leaves the machine is encrypted.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise _wrong(url, f"cannot be read ({error})") from error
        printable = url.isascii() and url.isprintable() and " " not in url
        if not host or not printable or len(url) > LONGEST_URL or port == 0:
            raise _wrong(url, "is no address")
        if parts.scheme not in ("https", "http"):
            raise _wrong(url, f"begins with {parts.scheme!r}")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise _wrong(url, "has a user name, a password or a fragment in it")
        literal = _literal(host)
        if literal is not None and not self.allows(literal):
            raise _private(host)
        if parts.scheme == "http" and (literal is None or not self._exempt(literal)):
            if host == "localhost" and self._exempt(IPv4Address("127.0.0.1")):
                return url
            raise _wrong(url, "is not encrypted")
        return url

    def allows(self, address: Address) -> bool:
        """Whether a connection to `address` may be opened."""
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if self._exempt(address):
            return True
        if any(address in tunnel for tunnel in _TUNNELS if tunnel.version == address.version):
            return False
        return address.is_global and not address.is_multicast

    def _exempt(self, address: Address) -> bool:
        return any(address in one for one in self._allowed if one.version == address.version)

    async def addresses(self, host: str, port: int) -> list[str]:
        """What `host` means now, of that what may be reached. Raises Refused, and OSError for a
        name that means nothing."""
        if (literal := _literal(host)) is not None:
            found: Sequence[Address] = [literal]
        else:
            loop = asyncio.get_running_loop()
            told = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = [ip_address(str(one[4][0]).partition("%")[0]) for one in told]
        kept = [str(one) for one in dict.fromkeys(found) if self.allows(one)]
        if not kept:
            shown = ", ".join(str(one) for one in found)
            raise Refused(f"{host} is {shown}, which is private: see {self._setting}")
        return kept


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connections of httpcore to addresses that the guard allows."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            addresses = await self._guard.addresses(host, port)
        except OSError as error:
            raise httpcore.ConnectError(f"{host} cannot be found: {error}") from error
        for address in addresses[:-1]:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(addresses[-1], port, timeout, local_address)

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _wrong(url: str, what: str) -> Problem:
    return bad_request(
        f"url {url[:200]!r} {what}",
        remedy="give an address such as https://crm.example/hooks/patron",
        path="url",
    )


def _private(host: str) -> Problem:
    return bad_request(
        f"{host} is a private address",
        remedy="name its network in the setting webhook_networks, or give a public address",
        path="url",
    )

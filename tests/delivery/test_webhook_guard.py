"""Where webhooks may go, when they are tried again, and what a Retry-After means."""

import asyncio
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import httpcore
import pytest

from patron.delivery.channels.webhook.guard import Guard, GuardedNetwork, Refused, networks_of
from patron.delivery.channels.webhook.post import Poster
from patron.delivery.channels.webhook.schedule import delay, pause, wish
from patron.kit.problems import Problem

PRIVATE = [
    "127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1",
    "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fd00::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:1::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_refused_unless_they_are_allowed(address: str) -> None:
    assert not Guard().allows(ip_address(address))
    literal = f"[{address}]" if ":" in address else address
    with pytest.raises(Problem, match="private address"):
        Guard().checked(f"https://{literal}/hook")
    with pytest.raises(Refused, match="is private"):
        asyncio.run(Guard().addresses(address, 443))


def test_public_and_allowed_addresses() -> None:
    for address in ("93.184.216.34", "2606:2800:220:1::1"):
        assert Guard().allows(ip_address(address))
    here = Guard(networks_of("127.0.0.0/8, 10.1.0.0/16"))
    assert here.allows(ip_address("127.3.2.1")) and here.allows(ip_address("::ffff:10.1.0.9"))
    assert not here.allows(ip_address("10.2.0.1")) and not here.allows(ip_address("::1"))
    for url in ("http://127.0.0.1:8000/x", "http://localhost/x", "https://10.1.0.1/"):
        assert here.checked(url) == url
    assert asyncio.run(here.addresses("localhost", 80)) == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://crm.example/hook", "is not encrypted"),
        ("http://localhost/hook", "is not encrypted"),
        ("http://93.184.216.34/", "is not encrypted"),
        ("ftp://crm.example/", "begins with 'ftp'"),
        ("crm.example/hook", "is no address"),
        ("https:///hook", "is no address"),
        ("https://me:pw@crm.example/", "user name"),
        ("https://crm.example/#top", "fragment"),
        ("https://crm.example/\r\nX: y", "is no address"),
        ("https://crm.example:99999/", "cannot be read"),
        ("https://crm.example:0/", "is no address"),
        ("https://[::1/", "cannot be read"),
        ("https://crm.exämple/", "is no address"),
        ("https://crm.example/" + "x" * 2_000, "is no address"),
    ],
)
def test_addresses_that_cannot_be_registered(url: str, why: str) -> None:
    with pytest.raises(Problem, match=why) as found:
        Guard().checked(url)
    assert found.value.document.path == "url" and found.value.document.remedy


def test_a_name_is_judged_by_the_address_it_is_connected_to() -> None:
    async def story() -> None:
        poster = Poster(Guard(), 5)
        try:
            heard = await poster.post("http://localhost:1/x", {}, "{}", datetime.now(UTC))
            assert heard.status_code is None and "is private" in heard.answer
            # Other spellings of 127.0.0.1, as resolvers read them.
            for host in ("0x7f.1", "2130706433", "127.1"):
                heard = await poster.post(f"http://{host}:1/x", {}, "{}", datetime.now(UTC))
                assert heard.status_code is None and "no answer after" not in heard.answer
                assert "private" in heard.answer or "cannot be found" in heard.answer
            heard = await poster.post("http://nobody.invalid/", {}, "{}", datetime.now(UTC))
            assert "cannot be found" in heard.answer
        finally:
            await poster.close()
        network = GuardedNetwork(Guard([ip_network("127.0.0.0/8")]))
        with pytest.raises(httpcore.ConnectError):
            await network.connect_tcp("127.0.0.1", 1, timeout=2)

    asyncio.run(story())


def test_delays_grow_to_half_a_day_and_spread_a_fifth() -> None:
    assert [delay(n, 0.5).total_seconds() for n in (1, 2, 3, 10, 99)] == [
        5,
        30,
        120,
        43_200,
        43_200,
    ]
    assert (delay(1, 0.0), delay(2, 1.0)) == (timedelta(seconds=4), timedelta(seconds=36))
    assert [pause(n, 0.5).total_seconds() for n in (1, 2, 3, 4, 50)] == [0, 0, 2, 4, 300]


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (None, None),
        ("120", 120),
        (" 5 ", 5),
        ("0", 0),
        ("99999999999999999999", 86_400),
        ("Mon, 02 Mar 2026 12:01:00 GMT", 60),
        ("Mon, 02 Mar 2026 11:00:00 GMT", 0),
        ("Mon, 02 Mar 2026 12:01:00", None),
        ("soon", None),
        ("-5", None),
        ("²", None),
    ],
)
def test_a_wish_to_be_left_alone(given: str | None, seconds: float | None) -> None:
    assert wish(given, datetime(2026, 3, 2, 12, 0, tzinfo=UTC)) == seconds

"""Opens and clicks: counted once, believed only when signed, and told apart from machines."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg_pool import PoolTimeout

from conftest import House
from delivery.scene import BASE, appended, doors, mint
from patron.delivery.machines import is_machine
from patron.kit.db import Database
from patron.messages.links import Mint
from patron.shops.types import Shop

MESSAGE = UUID("01936d3e-7c00-7000-8000-00000000aaaa")
ANNA = UUID("01936d3e-7c00-7000-8000-00000000bbbb")
CART = "AZNtPnwAcACAAAAAAAAAAw"
PHONE = {"user-agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Safari"}
PAGE = "https://acme.example/p/1?a=1&b=ü".replace("ü", "%C3%BC")
Visit = Callable[[httpx.AsyncClient, Mint], Awaitable[Any]]


def visit(house: House, story: Visit) -> tuple[Any, list[dict[str, Any]]]:
    async def told(db: Database) -> tuple[Any, list[dict[str, Any]]]:
        async with doors(house, db) as client:
            answer = await story(client, mint(house, MESSAGE, ANNA, cart=CART))
        return answer, await appended(db, house.acme)

    return house.run(told)


def test_a_click_goes_on_and_is_counted(house: House) -> None:
    async def story(client: httpx.AsyncClient, made: Mint) -> httpx.Response:
        return await client.get(made.click(PAGE, "item-1"), headers=PHONE)

    answer, events = visit(house, story)
    assert (answer.status_code, answer.headers["location"]) == (302, PAGE)
    assert "no-store" in answer.headers["cache-control"]
    (event,) = events
    assert event["event"] == "Email Link Clicked"
    assert event["context"]["patron"] == {"origin_id": str(ANNA)}
    assert event["properties"] == {
        "message_id": str(MESSAGE),
        "journey": "abandoned_cart",
        "step": "mail/1",
        "template": "abandoned_cart",
        "channel": "email",
        "cart_id": "01936d3e-7c00-7000-8000-000000000003",
        "link_id": "item-1",
        "link_url": PAGE,
        "machine_click": False,
        "rehearsal": False,
    }


def test_a_page_beyond_ascii_is_the_page_she_comes_to(house: House) -> None:
    async def story(client: httpx.AsyncClient, made: Mint) -> list[str]:
        pages = ("https://acme.example/käse?größe=2#ü", "https://käse.example:8080/p/é")
        answers = [await client.get(made.click(page, "item-1"), headers=PHONE) for page in pages]
        return [answer.headers["location"] for answer in answers]

    locations, _ = visit(house, story)
    assert locations == [
        "https://acme.example/k%C3%A4se?gr%C3%B6%C3%9Fe=2#%C3%BC",
        "https://xn--kse-qla.example:8080/p/%C3%A9",
    ]


def test_a_click_leads_on_while_the_shop_cannot_be_looked_up(house: House) -> None:
    async def told() -> list[int]:
        made = mint(house, MESSAGE, ANNA, cart=CART)
        async with doors(house, Database(house.url), opens=out_of_reach) as client:
            links = (made.click(PAGE, "item-1"), made.open_pixel())
            return [(await client.get(link, headers=PHONE)).status_code for link in links]

    async def out_of_reach(slug: str) -> Shop:
        raise PoolTimeout("no connection within 8 seconds")

    assert asyncio.run(told()) == [302, 200]


def test_the_key_to_a_cart_is_not_written_into_the_log(house: House) -> None:
    async def story(client: httpx.AsyncClient, made: Mint) -> None:
        await client.get(made.click(f"{BASE}/c/secret", "cart"), headers=PHONE)

    _, (event,) = visit(house, story)
    assert event["properties"]["link_id"] == "cart"
    assert "link_url" not in event["properties"]


def test_an_open_is_a_picture_and_an_event(house: House) -> None:
    async def story(client: httpx.AsyncClient, made: Mint) -> httpx.Response:
        return await client.get(made.open_pixel(), headers=PHONE)

    answer, (event,) = visit(house, story)
    assert answer.headers["content-type"] == "image/gif"
    assert answer.content.startswith(b"GIF89a")
    assert event["event"] == "Email Opened"
    assert event["properties"]["machine_open"] is False


def test_asking_often_counts_once_a_minute(house: House) -> None:
    async def story(client: httpx.AsyncClient, made: Mint) -> None:
        for _ in range(5):
            await client.get(made.click(PAGE, "item-1"), headers=PHONE)
        house.clock.advance(timedelta(minutes=1))
        await client.get(made.click(PAGE, "item-1"), headers=PHONE)
        await client.get(made.click(PAGE, "item-2"), headers=PHONE)

    _, events = visit(house, story)
    assert len(events) == 3
    assert len({event["messageId"] for event in events}) == 3


def test_a_scanner_before_her_does_not_hide_her_click(house: House) -> None:
    async def story(client: httpx.AsyncClient, made: Mint) -> None:
        await client.get(made.click(PAGE, "item-1"), headers={"user-agent": "Proofpoint/2"})
        await client.get(made.click(PAGE, "item-1"), headers=PHONE)

    _, events = visit(house, story)
    assert [event["properties"]["machine_click"] for event in events] == [True, False]


def test_looking_at_the_head_only_counts_nothing(house: House) -> None:
    async def story(client: httpx.AsyncClient, made: Mint) -> list[int]:
        answers = [await client.head(made.click(PAGE, "x")), await client.head(made.open_pixel())]
        assert answers[0].headers["location"] == PAGE
        return [answer.status_code for answer in answers]

    assert visit(house, story) == ([302, 200], [])


def test_what_we_did_not_sign_leads_nowhere(house: House) -> None:
    async def story(client: httpx.AsyncClient, made: Mint) -> list[httpx.Response]:
        good = made.click(PAGE, "x")
        token = good.removeprefix(f"{BASE}/l/")
        tries = [
            f"/l/{token[:-1]}",
            "/l/",
            "/l/https://evil.example",
            f"/l/{made.open_pixel().removeprefix(f'{BASE}/o/').removesuffix('.gif')}",
            f"/o/{token}.gif",
            "/o/.gif",
        ]
        return [await client.get(each) for each in tries]

    answers, events = visit(house, story)
    assert {answer.status_code for answer in answers} == {404}
    assert all("location" not in answer.headers for answer in answers)
    assert "This link does not work" in answers[0].text
    assert events == []


def test_other_methods_are_refused(house: House) -> None:
    async def story(client: httpx.AsyncClient, made: Mint) -> int:
        return (await client.post(made.click(PAGE, "x"))).status_code

    assert visit(house, story) == (405, [])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"user-agent": "Mozilla/5.0"},
        {"user-agent": "python-requests/2.31"},
        {"user-agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"},
        {"user-agent": "Mozilla/5.0 BarracudaCentral"},
        {"user-agent": "facebookexternalhit/1.1"},
        PHONE | {"sec-purpose": "prefetch;prerender"},
        PHONE | {"x-purpose": "preview"},
    ],
)
def test_machines(headers: dict[str, str]) -> None:
    assert is_machine(headers)


@pytest.mark.parametrize(
    "agent",
    [
        PHONE["user-agent"],
        "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
        "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
        "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17126; Pro)",
    ],
)
def test_people(agent: str) -> None:
    assert not is_machine({"user-agent": agent})


@given(st.dictionaries(st.sampled_from(["user-agent", "purpose"]), st.text(max_size=200)))
def test_no_header_breaks_the_judgement(headers: dict[str, str]) -> None:
    assert is_machine(headers) in (True, False)

"""The owner opens the page of one customer: everything known, with who said it and when."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from conftest import House
from patron.analytics.person.page import page
from patron.analytics.person.routes import routes
from patron.catalog import store as catalog
from patron.catalog.types import FactSource, ProductIn
from patron.events.types import Event, EventType, Trust
from patron.kit.db import Tx, execute
from patron.profiles import store as profiles
from patron.profiles.consents import wish_store
from patron.profiles.consents.types import Frequency, Wish
from patron.profiles.labels import mark
from patron.profiles.types import ConsentState, ConsentWord
from patron.segments.computed import keeping
from patron.segments.lists import store as lists
from profiles.asking import asking
from stage import Stage, play

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ADA = "ada@x.example"


def visiting(event: Event, session: int, channel: str, **context: Any) -> Event:
    event.session_id, event.channel, event.device = UUID(int=session), channel, "mobile"
    event.trust, event.context = Trust.PUBLIC, context
    event.body = msgspec.json.encode({"properties": event.properties, "context": context})
    return event


def knows(stage: Stage, who: str, ago: timedelta, **traits: Any) -> Event:
    event = stage.event("Identified", who, ago)
    event.type, event.traits = EventType.IDENTIFY, traits
    return event


async def lives(stage: Stage) -> None:
    """Ada, over forty days: visits as `b`, orders and words of the shop's server as `ada`."""
    view = {"product_id": "p1", "category": "Tea > Green", "price": 12}
    letter = {"campaign": {"source": "letter", "medium": "email", "name": "May"}}
    async with stage.unit() as tx:
        product = ProductIn(id="p1", title="Sencha", brand="Hollin")
        await catalog.upsert(tx, [product], FactSource.API, stage.now)
    first = stage.event("Product Viewed", "u:ada", 40 * DAY, browser="b", **view)
    last = stage.event("Product Viewed", "u:ada", HOUR, browser="b", **view)
    wish = stage.event(
        "Product Added to Wishlist", "u:ada", HOUR, browser="b", product_id="w", name="Pot"
    )
    await stage.walk(
        knows(stage, "u:ada", 41 * DAY, email=ADA, first_name="Ada", last_name="L", points=7),
        visiting(first, 1, "paid_search", page={"url": "https://acme.example/tea?x=1"}),
        visiting(last, 2, "email", **letter),
        visiting(wish, 2, "email"),
        stage.orders("u:ada", 30 * DAY, order_id="o1", revenue=30, total=30, coupon="SPRING",
                     products=[{"product_id": "p1", "price": 15, "quantity": 2}]),
        stage.orders("u:ada", 2 * DAY, order_id="o2", revenue=20, total=20, products=[]),
        stage.orders("u:ada", 3 * DAY, order_id="o3", revenue=99, total=99, coupon="GONE"),
        stage.event("Order Cancelled", "u:ada", DAY, order_id="o3"),
        stage.event("Order Refunded", "u:ada", DAY, order_id="o2", total=5),
        stage.event("Question Answered", "u:ada", DAY, question="Your skin?", answer="dry"),
        stage.adds("u:ada", HOUR, product_id="p9", name="Cup", price=8, quantity=2),
    )  # fmt: skip


async def tells(stage: Stage) -> None:
    """What people at the shop write down, and what she agreed to."""
    async with stage.unit() as tx:
        await mark.tag(tx, stage.shop, "user_id:ada", "VIP", "command line", stage.now)
        await mark.note(tx, stage.shop, "user_id:ada", "Likes it dark.", "command line", stage.now)
        yes = ConsentWord(
            address_key=ADA, channel="email", purpose="marketing", state=ConsentState.GRANTED,
            at=stage.now, source="api", trust=Trust.SERVER,
        )  # fmt: skip
        await profiles.set_consent(tx, yes, stage.now)
        await belongs(tx, stage)
        spent = {"event": "Order Completed", "compute": "sum", "property": "revenue"}
        await keeping.put(tx, stage.shop, "spent", "Spent", spent, stage.now)


async def belongs(tx: Tx, stage: Stage) -> None:
    """She is on a list, in one segment and no more in another, and wants mail once a week."""
    root = await profiles.find(tx, "user_id:ada")
    fair = await lists.create(tx, "fair", "Fair", "", stage.now)
    assert root is not None and fair is not None
    await lists.add(tx, fair, [root], "stand 7", stage.now)
    for key, left in (("tea", None), ("coffee", stage.now)):
        await execute(
            tx,
            "WITH made AS (INSERT INTO segment (key, name, rule, status, created_at,"
            " changed_at) VALUES (%s, %s, '{}', 'on', %s, %s) RETURNING id)"
            " INSERT INTO membership (segment_id, origin_id, entered_at, left_at, cause)"
            " SELECT id, %s, %s, %s, 'event' FROM made",
            (key, key.title(), stage.now, stage.now, root, stage.now, left),
        )
    wish = Wish(ADA, "email", Frequency.WEEKLY, None, stage.now, "her page", root)
    await wish_store.keep(tx, wish)


@pytest.fixture
def ada(house: House) -> House:
    async def story(stage: Stage) -> None:
        await lives(stage)
        await tells(stage)

    play(house, story)
    return house


def asked(house: House, who: str = "user_id:ada") -> Any:
    with asking(house, routes) as client:
        answer = client.get(f"/api/profiles/{who}/page")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_who_she_is_and_who_said_so(ada: House) -> None:
    told = asked(ada)
    assert (told["name"], told["known"]) == ("Ada L", True)
    assert {(n["kind"], n["value"], n["said_by"]) for n in told["identifiers"]} == {
        ("user_id", "ada", "server"), ("email", ADA, "server"), ("anonymous_id", "b", "public"),
    }  # fmt: skip
    assert [(t["name"], t["value"], t["said_by"], t["at"][:10]) for t in told["traits"]] == [
        ("first_name", "Ada", "server", "2026-01-20"),
        ("last_name", "L", "server", "2026-01-20"),
        ("points", 7, "server", "2026-01-20"),
    ]
    assert (told["first_seen"][:10], told["last_seen"][:13]) == ("2026-01-20", "2026-03-02T11")
    assert [(t["tag"], t["by"]) for t in told["tags"]] == [("VIP", "command line")]
    assert [n["text"] for n in told["notes"]] == ["Likes it dark."]
    assert [(a["question"], a["answer"], a["said_by"]) for a in told["answers"]] == [
        ("Your skin?", "dry", "server")
    ]
    assert told["totals"]["Order Completed"]["count"] == 3
    assert [(one["segment"], one["cause"]) for one in told["segments"]] == [("tea", "event")]
    assert [(one["key"], one["source"]) for one in told["lists"]] == [("fair", "stand 7")]
    assert [one["frequency"] for one in told["wishes"]] == ["weekly"]


def test_whether_she_may_be_written_to(ada: House) -> None:
    ways = {(w["channel"], w["purpose"]): w for w in asked(ada)["ways"]}
    assert ways["email", "marketing"]["reachable"] is True
    assert ways["email", "marketing"]["reach"]["address"] == ADA
    assert ways["sms", "marketing"]["reachable"] is False
    assert ways["sms", "marketing"]["obstacle"] is not None
    assert [word["state"] for word in asked(ada)["consents"]] == ["granted"]


def test_what_she_bought_and_may_buy(ada: House) -> None:
    told = asked(ada)
    orders = told["orders"]
    assert (orders["number"], orders["value"], orders["average"]) == (2, 4_500, 2_250)
    assert (orders["refunded"] - 9_900, orders["cancelled"]) == (500, 1)
    assert [o["order_id"] for o in orders["last"]] == ["o2", "o3", "o1"]
    assert {o["said_by"] for o in orders["last"]} == {"server"}
    assert [(c["code"], c["orders"]) for c in told["coupons"]] == [("SPRING", 1)]
    assert told["cart"]["value"] == 1_600 and told["cart"]["items"][0]["title"] == "Cup"
    assert [(w["title"], w["said_by"]) for w in told["wish_list"]] == [("Pot", "public")]
    assert [(c["key"], c["value"], c["events"]) for c in told["computed"]] == [("spent", 149, 3)]


def test_how_she_comes_and_what_she_likes(ada: House) -> None:
    told = asked(ada)
    sessions = told["sessions"]
    assert sessions["number"] == 2
    assert [(s["events"], s["channel"], s["device"]) for s in sessions["last"]] == [
        (2, "email", "mobile"), (1, "paid_search", "mobile"),
    ]  # fmt: skip
    assert sessions["first_touch"]["landed_on"] == "/tea"
    assert sessions["last_touch"]["campaign"] == {
        "source": "letter",
        "medium": "email",
        "name": "may",
    }
    assert (told["habits"]["hour"]["value"], told["habits"]["channel"]["value"]) == ("06", "email")
    # Views an hour and 40 days ago and the order 30 days ago: 0.999 + 0.397 + 9 / 2 of Hollin.
    brand = told["affinities"]["brands"][0]
    assert (brand["value"], brand["share"]) == ("Hollin", 1.0)
    assert brand["score"] == pytest.approx(0.999 + 0.3969 + 4.5, abs=0.001)
    assert [c["value"] for c in told["affinities"]["categories"]] == ["Tea", "Tea > Green"]
    assert {b["value"] for b in told["affinities"]["price_bands"]} == {"10–20 USD", "5–10 USD"}


def test_what_was_done_before_two_became_one_is_hers(ada: House) -> None:
    async def join(stage: Stage) -> None:
        await stage.walk(
            knows(stage, "u:eve", DAY, email="eve@x.example", city="Boston"),
            stage.orders("u:eve", DAY, order_id="o4", revenue=10, total=10),
        )
        alias = stage.event("Aliased", "u:ada")
        alias.type, alias.previous_id = EventType.ALIAS, "eve"
        await stage.walk(alias)

    play(ada, join)
    told = asked(ada, "user_id:eve")
    assert told["orders"]["number"] == 3 and len(told["origins"]) == 2
    assert [(m["reason"], m["undone_at"]) for m in told["merges"]] == [("alias", None)]
    assert "city" in {t["name"] for t in told["traits"]}
    assert told == asked(ada)


def test_nobody_and_strangers(ada: House) -> None:
    with asking(ada, routes) as client:
        assert client.get("/api/profiles/user_id:noone/page").status_code == 404
    with asking(ada, routes, shop=ada.bolt) as client:
        assert client.get("/api/profiles/user_id:ada/page").status_code == 404
    with asking(ada, routes, frozenset({"messages:read"})) as client:
        assert client.get("/api/profiles/user_id:ada/page").status_code == 403


def test_somebody_who_did_nothing_has_a_page(house: House) -> None:
    async def story(stage: Stage) -> Any:
        await stage.walk(stage.event("Page Viewed", "b"))
        async with stage.unit() as tx:
            return await _page(tx, stage)

    told = play(house, story)
    assert told is not None and told.name is None and told.known is False
    assert (told.orders.number, told.cart, told.sessions.number) == (0, None, 0)
    assert told.affinities.brands == [] and told.habits.hour is None


async def _page(tx: Tx, stage: Stage) -> Any:
    root = await profiles.find(tx, "anonymous_id:b")
    assert root is not None
    return await page(tx, stage.shop, root, stage.now)

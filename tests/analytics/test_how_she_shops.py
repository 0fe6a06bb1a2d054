"""Orders, coupons, wish list, habits and visits of one person, each worked by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest

from patron.analytics.person import coming, shopping
from patron.analytics.person.habits import Habit, Visit, favourite, habits
from patron.analytics.person.page import answers
from patron.analytics.person.types import Campaign, Deed, Order, Session

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
WORDS = shopping.words_of({})


def deed(name: str, days: float, /, **properties: Any) -> Deed:
    return Deed(int(1_000 + days * 10), NOW + days * DAY, name, "server", properties)


def order(number: str, days: float, revenue: int, **more: Any) -> Order:
    refunded, cancelled = more.get("refunded", 0), more.get("cancelled", False)
    net = 0 if cancelled else revenue - refunded
    stands = not cancelled and (net > 0 or refunded == 0)
    currency = more.get("currency", "USD")
    return Order(number, NOW + days * DAY, revenue, refunded, net, currency, cancelled, stands)


ORDERS = [
    order("o5", -1, 900, currency="EUR"),
    order("o4", -2, 5_000, refunded=5_000),
    order("o3", -3, 8_000, cancelled=True),
    order("o2", -4, 2_001, refunded=500),
    order("o1", -9, 3_000),
]


def test_refunds_are_taken_back() -> None:
    """o1 and o2 stand with 30.00 and 15.01 dollars, o5 stands in euros, o3 and o4 fell."""
    found = shopping.orders(ORDERS, "USD")
    assert (found.number, found.value, found.average) == (3, 4_501, 2_250)
    assert (found.in_other_currencies, found.refunded, found.cancelled) == (1, 5_500, 1)
    assert (found.first_at, found.last_at) == (NOW - 9 * DAY, NOW - DAY)
    assert [one.order_id for one in found.last] == ["o5", "o4", "o3", "o2", "o1"]
    none = shopping.orders([], "USD")
    assert (none.number, none.value, none.average, none.last_at) == (0, 0, None, None)


def test_coupons_of_orders_that_stand() -> None:
    deeds = [
        deed("Order Completed", -9, order_id="o1", coupon="spring"),
        deed("Order Completed", -9, order_id="o1", coupon="SPRING "),  # told a second time
        deed("Order Completed", -4, order_id="o2", coupon="",
             products=[{"product_id": "p", "coupon": "TEN"}, {"product_id": "q"}]),
        deed("Order Completed", -3, order_id="o3", coupon="CANCELLED"),
        deed("Order Completed", -1, order_id="o5", coupon="Spring"),
        deed("Coupon Applied", -1, coupon="ENTERED"),
    ]  # fmt: skip
    standing = shopping.standing_deeds(deeds, WORDS, ORDERS)
    found = shopping.coupons(standing, WORDS)
    assert [(one.code, one.orders) for one in found] == [("spring", 2), ("TEN", 1)]
    assert (found[0].first_at, found[0].last_at) == (NOW - 9 * DAY, NOW - DAY)


def test_an_order_without_a_number_falls_by_its_time() -> None:
    fell = [order("message:m1", -3, 100, cancelled=True)]
    deeds = [deed("Order Completed", -3), deed("Order Completed", -2)]
    assert shopping.standing_deeds(deeds, WORDS, fell) == deeds[1:]


def test_what_is_left_on_the_wish_list() -> None:
    wishes = [
        deed("Product Added to Wishlist", -9, product_id="lamp", name="Lamp"),
        deed("Product Added to Wishlist", -8, product_id="chair", name="Chair"),
        deed("Product Added to Wishlist", -7, sku="rug", name="Rug"),
        deed("Product Added to Wishlist", -6, product_id="bed", name="Bed"),
        deed("Product Removed from Wishlist", -5, product_id="chair"),
        deed("Wishlist Product Added to Cart", -4, sku="rug"),
        deed("Order Completed", -3, order_id="o1", products=[{"product_id": "bed"}]),
        deed("Product Added to Wishlist", -2, product_id="chair", name="Chair, again"),
        deed("Product Removed from Wishlist", -2, product_id="never"),
        deed("Product Added to Wishlist", -1, name="of no product"),
    ]
    found = shopping.wish_list(wishes, WORDS)
    assert [(one.title, one.ordered_at) for one in found] == [
        ("Chair, again", None), ("Bed", NOW - 3 * DAY), ("Lamp", None),
    ]  # fmt: skip
    assert found[0].said_by == "server"


def test_the_last_answer_stands() -> None:
    found = answers(
        [
            deed("Question Answered", -5, question="Your skin?", answer="dry", form="quiz"),
            deed("Question Answered", -4, question="Your size?", answer=38),
            deed("Question Answered", -3, question="your skin? ", answer=["dry", "red"]),
            deed("Question Answered", -2, question="Taken back", answer="x"),
            deed("Question Answered", -1, question="Taken back", answer=None),
            deed("Question Answered", -1, question=7, answer="x"),
            deed("Product Viewed", 0, question="No", answer="x"),
        ]
    )
    assert [(one.question, one.answer, one.form) for one in found] == [
        ("your skin?", ["dry", "red"], None), ("Your size?", 38, None),
    ]  # fmt: skip


def test_favourites_are_in_the_shops_time() -> None:
    """New York is five hours behind on these days: 01:30 UTC on Monday is her Sunday evening."""
    zone = ZoneInfo("America/New_York")
    visits = [
        Visit(datetime(2026, 3, 2, 1, 30, tzinfo=UTC), "email", "mobile"),
        Visit(datetime(2026, 2, 23, 1, 59, tzinfo=UTC), "email", "desktop"),
        Visit(datetime(2026, 2, 25, 15, 0, tzinfo=UTC), "direct", None),
        Visit(datetime(2026, 2, 26, 15, 0, tzinfo=UTC), "direct", "mobile"),
    ]
    found = habits(visits, [], zone)
    assert found.hour == Habit("20", 2, 4, "visits")
    assert found.weekday == Habit("Sunday", 2, 4, "visits")
    assert found.channel == Habit("email", 2, 4, "visits"), "of equals, the one that came last"
    assert found.device == Habit("mobile", 2, 3, "visits")
    by_orders = habits([], [NOW, NOW - DAY, NOW - 8 * DAY], zone)
    assert by_orders.hour == Habit("07", 3, 3, "orders") and by_orders.channel is None
    assert habits([], [], zone).hour is None and favourite([None], "visits") is None


def session(n: int, channel: str | None) -> Session:
    at = NOW - n * DAY
    return Session(UUID(int=n + 1), at, at, 1, 1, channel, None)


def test_what_brought_her_first_and_last() -> None:
    every = [session(n, "direct") for n in range(12)] + [
        session(12, "email"),
        session(13, "direct"),
    ]
    assert coming.last_touch(every) == every[12]
    assert coming.first_touch(every) == every[13]
    assert coming.last_touch(every[:3]) == every[0] and coming.last_touch([]) is None
    context = {
        "page": {"url": "https://acme.example/tea?email=a@b.example", "referrer": "https://www.x.org/"},
        "campaign": {"source": "Letter", "medium": "email", "name": "May"},
    }  # fmt: skip
    found = coming.sessions(every, {every[12].id: context})
    assert found.number == 14 and len(found.last) == 10
    assert found.last_touch is not None
    assert found.last_touch.campaign == Campaign("letter", "email", "may")
    assert (found.last_touch.landed_on, found.last_touch.came_from) == ("/tea", "x.org")
    assert coming.sessions([], {}).first_touch is None


def test_a_call_of_the_server_is_no_visit() -> None:
    called = Session(UUID(int=1), NOW, NOW, 1, 0, None, None)
    told: list[dict[str, Any]] = [{"pages": 1}, {"channel": "direct"}, {"device": "mobile"}]
    seen = [msgspec.structs.replace(called, **one) for one in told]
    assert coming.visits([*seen, called]) == seen


@pytest.mark.parametrize("page", [None, 7, {}, {"url": 7}, {"url": "http://[bad"}, {"path": ""}])
def test_a_page_that_tells_nothing(page: Any) -> None:
    landed = coming.landed(session(1, None), {"page": page, "campaign": {"source": 7}})
    assert (landed.campaign, landed.landed_on, landed.came_from) == (None, None, None)

"""What events mean for carts, and when a silence of orders is one."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from carts.test_carts import NINE, event
from patron.carts.feed import beats, silence
from patron.carts.read import acts, deed
from patron.carts.types import Act, Deed, FeedHour
from patron.events.types import Event
from patron.shops.types import METRICS

KNOWN = acts(METRICS)


def read(one: Event) -> Deed | None:
    return deed(one, KNOWN[one.name], "USD", "US")


def lines(one: Deed | None) -> list[tuple[Any, ...]]:
    assert one is not None
    return [(i.product_id, i.sku, i.quantity, i.price) for i in one.items]


def test_a_line_is_read_as_far_as_it_can_be() -> None:
    found = read(
        event(
            "Cart Viewed",
            1,
            cart_id=77,
            currency="eur",
            products=[
                {"product_id": 5, "price": "1.234,50", "quantity": "2"},
                {"sku": "S", "price": 3, "quantity": 1.5, "url": "javascript:1", "name": "x" * 999},
                {"variant_id": "v", "quantity": None, "price": {"odd": 1}},
                {"product_id": "gone", "quantity": 0},
                {"product_id": "minus", "quantity": -4},
                {"name": "nameless"},
                "text",
            ],
        )
    )
    assert found is not None and found.tokens == ["cart:77"] and found.currency == "EUR"
    assert lines(found) == [
        ("5", None, 2, 123450),
        (None, "S", 1.5, 300),
        ("v", None, 1, None),
    ]
    assert found.items[1].url is None and len(found.items[1].title or "") == 300


@pytest.mark.parametrize("token", ["null", "undefined", "", "0", None, True, [], {"a": 1}])
def test_a_token_that_is_none_is_none(token: Any) -> None:
    found = read(event("Product Added", 1, product_id="tea", cart_id=token))
    assert found is not None and found.tokens == [] and found.weak == "browser:ann"


def test_a_list_that_is_missing_says_nothing_and_an_empty_one_that_nothing_is_left() -> None:
    missing = read(event("Cart Viewed", 1))
    empty = read(event("Cart Viewed", 1, products=[]))
    damaged = read(event("Checkout Started", 1, products=[{"name": "x"}], checkout_id="x1"))
    assert [one.act for one in (missing, empty, damaged) if one] == [Act.LINK, Act.SET, Act.LINK]
    removed = read(event("Product Removed", 1, product_id="tea"))
    assert removed is not None and removed.items[0].quantity == 0  # the whole line


def test_an_event_of_nobody_is_left_alone() -> None:
    assert read(event("Product Added", 1, product_id="tea", anonymous_id=None)) is None


def test_the_addresses_of_tills_are_nobodys() -> None:
    said = {"email": "Ann@Example.com", "phone": "nonsense"}
    found = read(event("Order Completed", 1, **said, traits={"email": "noreply@shop.example"}))
    assert found is not None and found.addresses == ["ann@example.com"]


def fed(moments: list[datetime]) -> dict[Any, FeedHour]:
    return beats(None, moments)


def test_a_quiet_night_is_normal_and_a_quiet_noon_is_not() -> None:
    """Orders from eight to twenty-two, about two an hour, for four weeks."""
    chance = random.Random(1)
    start = datetime(2026, 2, 1, tzinfo=UTC)
    orders = [
        start + timedelta(days=day, hours=8, minutes=chance.uniform(0, 14 * 60))
        for day in range(28)
        for _ in range(28)
    ]
    hours, last = fed(orders), max(orders)
    night = last.replace(hour=23, minute=0) + timedelta(hours=7)
    assert night - last > timedelta(hours=6) and silence(night, last, hours) is None
    noon = night + timedelta(hours=9)
    found = silence(noon, last, hours)
    assert found is not None and found.last_order_at == last
    assert found.since == last + found.normal_gap and found.normal_gap >= timedelta(hours=6)


def test_a_silence_does_not_end_by_lasting() -> None:
    """One order a day: after nine days of silence the last four weeks hold nineteen."""
    orders = [NINE + timedelta(days=n) for n in range(28)]
    hours, last = fed(orders), max(orders)
    for days in (2, 9, 40):
        found = silence(last + timedelta(days=days), last, hours)
        assert found is not None and found.normal_gap == timedelta(days=1)


def test_nobody_knows_what_is_normal_for_a_new_shop() -> None:
    orders = [NINE + timedelta(hours=n) for n in range(19)]
    assert silence(NINE + timedelta(days=9), max(orders), fed(orders)) is None


def test_the_threshold_is_the_99th_percentile() -> None:
    hour = NINE.replace(minute=0)
    gaps = FeedHour(orders=200, gaps=200, long_gaps=[8 * 3600, 9 * 3600])
    # Rank 198 of 200: two are longer, so it is a short one, and six hours count.
    day = {(hour.date(), hour.hour): gaps}
    # What is usual at night says nothing of the morning.
    day[hour.date(), hour.hour - 6] = FeedHour(gaps=200, long_gaps=[20 * 3600] * 50)
    assert silence(hour, hour - timedelta(hours=6, minutes=1), day) is not None
    gaps.long_gaps.append(7 * 3600)
    assert silence(hour, hour - timedelta(hours=6, minutes=59), day) is None
    assert silence(hour, hour - timedelta(hours=7, minutes=1), day) is not None


def test_late_receipts_add_no_gap() -> None:
    found = beats(NINE, [NINE - timedelta(hours=9), NINE + timedelta(minutes=1)])
    assert sum(hour.orders for hour in found.values()) == 2
    assert sum(hour.gaps for hour in found.values()) == 1

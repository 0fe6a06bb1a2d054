"""The demo's past is imported: one basket one order, money right, nothing lost uncounted."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patron.app.demo.catalogue import Catalogue
from patron.app.demo.history import History
from patron.app.demo.source import NOTICE
from patron.app.demo.zone import WEEK, ZONE, to_utc, weeks_until


def decoded(events: Any) -> list[dict[str, Any]]:
    return [msgspec.json.decode(event) for event in events]


def test_baskets_and_lines_are_counted_by_reason(history: History) -> None:
    counts = history.counts
    assert counts.baskets_before == 155_848
    assert counts.baskets_kept == 139_865
    assert counts.lines_before == 1_469_307
    assert dict(counts.dropped) == {
        "unknown product": 4_836,
        "fuel": 14_697,
        "coupon": 454,
        "tobacco": 7_453,
        "service": 6_088,
        "nothing sold": 3_870,
    }
    assert counts.lines_kept + sum(counts.dropped.values()) == counts.lines_before


def test_every_kept_basket_is_one_order_with_money_that_adds_up(history: History) -> None:
    seen, taken_off = set(), 0
    last = ""
    for number, raw in enumerate(history.orders()):
        assert len(raw) < 32 * 1024
        order = msgspec.json.decode(raw)
        seen.add(order["properties"]["order_id"])
        assert order["messageId"] == f"cj-{order['properties']['order_id']}"
        assert order["timestamp"] >= last
        last = order["timestamp"]
        taken_off += round(100 * order["properties"]["discount"])
        if not number % 97:
            adds_up(order["properties"])
    assert len(seen) == history.counts.baskets_kept
    assert taken_off == history.baskets.discount.sum() > 1_000_000


def adds_up(properties: dict[str, Any]) -> None:
    """Revenue is the sum of the lines."""
    lines = sum(Decimal(str(line["price"])) * line["quantity"] for line in properties["products"])
    assert lines == Decimal(str(properties["revenue"]))
    assert properties["revenue"] == properties["total"] == properties["subtotal"]
    assert properties["currency"] == "USD"
    assert properties["discount"] >= 0
    assert all(line["quantity"] > 0 for line in properties["products"])


def test_the_past_ends_within_the_last_seven_days(history: History, now: datetime) -> None:
    assert now - timedelta(days=7) - timedelta(hours=1) < history.end <= now
    assert history.end - history.start > timedelta(days=364)


@given(st.datetimes(datetime(2024, 1, 1), datetime(2032, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_times_move_by_whole_weeks_for_any_now(now: datetime) -> None:
    last = int(datetime(2018, 1, 1, 4, 1, 20, tzinfo=UTC).timestamp())
    moved = last + weeks_until(last, now) * WEEK
    wall = int(now.astimezone(ZONE).replace(tzinfo=UTC).timestamp())
    assert 0 <= wall - moved < WEEK


@given(st.integers(1_700_000_000, 1_900_000_000))
def test_the_tills_clock_stays_new_yorks(local: int) -> None:
    at = int(to_utc(np.array([local]))[0])
    wall = datetime.fromtimestamp(at, UTC).astimezone(ZONE).replace(tzinfo=UTC)
    # The hour that daylight saving skips does not exist on a wall.
    assert abs(int(wall.timestamp()) - local) in (0, 3600)


def test_people_are_invented_and_most_agree_to_mail(history: History) -> None:
    events = decoded(history.people())
    made_up = [event for event in events if event["context"].get("generated")]
    people = [event for event in made_up if event["type"] == "identify"]
    agreed = [event for event in events if event.get("event") == "Email Subscribed"]
    addresses = Counter(event["traits"]["email"] for event in people)
    assert len(people) >= 2_466
    assert max(addresses.values()) == 1
    assert all(address.endswith("@example.com") for address in addresses)
    assert 0.66 < len(agreed) / len(people) < 0.74
    assert all(event["context"]["generated"] for event in agreed)
    told = [
        event["traits"] for event in events
        if event["type"] == "identify" and "generated" not in event["context"]
    ]  # fmt: skip
    assert len(told) == 801
    assert {key for traits in told for key in traits} == {"age_band", "household_size", "kids"}
    assert {event["properties"]["email"] for event in agreed} <= set(addresses)
    for event in agreed:
        assert event["properties"]["purpose"] == "marketing"
        assert event["properties"]["channel"] == "email"
        assert event["properties"]["text"]


def test_twenty_seven_campaigns_and_their_redemptions_become_events(history: History) -> None:
    events = decoded(history.campaigns())
    received = [event for event in events if event["event"] == "Campaign Received"]
    applied = [event for event in events if event["event"] == "Coupon Applied"]
    assert len({event["properties"]["campaign_id"] for event in received}) == 27
    assert len(received) == 6_589
    assert len(applied) == 2_102
    assert len({event["messageId"] for event in events}) == len(events)
    owner = {
        str(basket): f"hh-{household}"
        for basket, household in zip(
            history.baskets.basket.tolist(), history.baskets.household.tolist(), strict=True
        )
    }
    orders = [event for event in applied if "order_id" in event["properties"]]
    assert len(orders) > 0.99 * len(applied)
    assert all(owner[event["properties"]["order_id"]] == event["userId"] for event in orders)


def test_a_customer_is_known_before_her_first_order(history: History) -> None:
    known: set[str] = set()
    for raw in islice(history.events(), 30_000):
        event = msgspec.json.decode(raw)
        if event["type"] == "identify":
            known.add(event["userId"])
        assert event["userId"] in known


def test_the_past_can_be_cut_in_two_without_loss(history: History) -> None:
    cut = history.end - timedelta(days=90)
    before = sum(1 for _ in history.orders(before=cut))
    after = sum(1 for _ in history.orders(after=cut))
    assert before + after == history.counts.baskets_kept
    assert after > 20_000


@pytest.mark.parametrize("seed", [7, 8])
def test_same_seed_and_now_same_bytes(catalogue: Catalogue, now: datetime, seed: int) -> None:
    first = list(islice(History(catalogue, now, seed).events(), 5_000))
    second = list(islice(History(catalogue, now, seed).events(), 5_000))
    assert first == second


def test_the_demo_says_what_it_is() -> None:
    assert "simulated-based" in NOTICE
    assert "education" in NOTICE

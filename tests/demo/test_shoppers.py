"""The demo's last 90 days are walked live, and its planted truth can be found again."""

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from patron.app.demo.generator import Click, Shoppers, open_shoppers
from patron.app.demo.history import History
from patron.app.demo.people import person
from patron.app.demo.shoppers.plan import APART, LINKED_ORDERS, NEW_CONSENTING, SESSIONS, UPLIFT

pytestmark = pytest.mark.slow
SEED = 7
STEP = timedelta(minutes=30)
HOLDOUT = 0.1


@dataclass
class Run:
    """Everything the shoppers did while a coin decided who is mailed after an hour."""

    shoppers: Shoppers
    events: list[dict[str, Any]] = field(default_factory=list)
    clicks: list[Click] = field(default_factory=list)
    arms: dict[str, str] = field(default_factory=dict)
    ordered: dict[str, datetime] = field(default_factory=dict)

    def walk(self) -> None:
        coin = random.Random(1)
        moment = self.shoppers.start
        waiting: list[str] = []
        seen: set[str] = set()
        while (upcoming := self.shoppers.next_time()) is not None:
            moment = max(moment + STEP, upcoming)
            walked = self.shoppers.until(moment)
            self.clicks += walked.clicks
            for raw in walked.events:
                event = msgspec.json.decode(raw)
                self.events.append(event)
                properties = event.get("properties", {})
                if event.get("event") == "Order Completed" and "cart_id" in properties:
                    at = datetime.fromisoformat(event["timestamp"])
                    self.ordered[properties["cart_id"]] = at
            waiting += [cart for cart in self.shoppers.truth.carts if cart not in seen]
            seen.update(waiting)
            waiting = [cart for cart in waiting if not self._decide(cart, moment, coin)]

    def _decide(self, cart_id: str, moment: datetime, coin: random.Random) -> bool:
        cart = self.shoppers.truth.carts[cart_id]
        if cart.at + 3600 > moment.timestamp():
            return False
        share = NEW_CONSENTING if cart.user_id.startswith("new-") else 0.7
        if cart_id in self.ordered or not person(cart.user_id, SEED, share).consents:
            return True
        if coin.random() < HOLDOUT:
            self.arms[cart_id] = "held out"
        else:
            self.arms[cart_id] = "mailed"
            self.shoppers.mailed(cart_id, cart.user_id, moment)
        return True

    def rate(self, arm: str) -> float:
        carts = [cart for cart, given in self.arms.items() if given == arm]
        return sum(cart in self.ordered for cart in carts) / len(carts)


@pytest.fixture(scope="module")
def run(history: History) -> Run:
    run = Run(open_shoppers(history, SEED))
    run.walk()
    return run


def named(run: Run, event: str) -> list[dict[str, Any]]:
    return [each for each in run.events if each.get("event") == event]


def test_the_volume_is_a_small_shops(run: Run) -> None:
    generated = [event for event in run.events if event["context"].get("generated")]
    visits = {event["messageId"].rsplit("-", 1)[0] for event in generated}
    carts = {event["properties"]["cart_id"] for event in named(run, "Product Added")}
    assert 0.97 * SESSIONS < len(visits) < 1.06 * SESSIONS
    assert 8_000 <= len(carts) <= 9_500
    assert 100_000 <= len(generated) <= 120_000
    new = {event["userId"] for event in run.events
           if event["type"] == "identify" and event["userId"].startswith("new-")}  # fmt: skip
    assert len(new) > 2_900


def test_about_seventy_percent_of_carts_are_left_behind(run: Run) -> None:
    added: dict[str, datetime] = {}
    for event in named(run, "Product Added"):
        added[event["properties"]["cart_id"]] = datetime.fromisoformat(event["timestamp"])
    at_once = sum(
        run.ordered[cart] - at < timedelta(minutes=30)
        for cart, at in added.items()
        if cart in run.ordered
    )
    assert 0.67 < 1 - at_once / len(added) < 0.73


def test_the_planted_effect_is_found_by_a_randomised_run(run: Run) -> None:
    arms = Counter(run.arms.values())
    assert sum(arms.values()) >= 3_000
    mailed, held = run.rate("mailed"), run.rate("held out")
    error = (mailed * (1 - mailed) / arms["mailed"] + held * (1 - held) / arms["held out"]) ** 0.5
    assert abs(mailed - held - UPLIFT) < 3 * error
    assert mailed - held > 2 * error


def test_the_truth_agrees_with_what_happened(run: Run) -> None:
    truth = run.shoppers.truth.summary()
    assert truth["planted_effect_percentage_points"] == pytest.approx(100 * UPLIFT)
    assert truth["mailed"] == Counter(run.arms.values())["mailed"]
    assert "education" in truth["notice"]
    through_mail = {click.cart_id for click in run.clicks}
    from_truth = {
        cart_id
        for cart_id, cart in run.shoppers.truth.carts.items()
        if cart.mailed_at and cart.fate.name == "IF_MAILED"
    }
    assert truth["realised_incremental_orders"] == len(from_truth)
    assert from_truth <= through_mail
    values = {e["properties"]["cart_id"]: e["properties"]["revenue"]
              for e in named(run, "Order Completed") if "cart_id" in e["properties"]}  # fmt: skip
    revenue = sum(round(100 * values[cart]) for cart in from_truth)
    assert truth["realised_incremental_revenue"] == revenue


def test_time_never_runs_backwards(run: Run) -> None:
    times = [event["timestamp"] for event in run.events]
    assert times == sorted(times)
    assert [click.at for click in run.clicks] == sorted(click.at for click in run.clicks)


def test_message_ids_are_unique(run: Run) -> None:
    assert len({event["messageId"] for event in run.events}) == len(run.events)


def test_only_the_shoppers_own_rows_are_labelled_generated(run: Run) -> None:
    for event in run.events:
        assert event["messageId"].startswith("gen-" if event["context"].get("generated") else "cj-")


def test_real_orders_are_all_there_once(run: Run, history: History) -> None:
    start = run.shoppers.start
    walked = {event["messageId"] for event in named(run, "Order Completed")
              if event["messageId"].startswith("cj-")}  # fmt: skip
    expected = {
        msgspec.json.decode(raw)["messageId"]
        for raw in history.orders(after=start, before=run.shoppers.end)
    }
    assert walked == expected


def test_a_real_order_with_a_visit_closes_that_visits_cart(run: Run) -> None:
    contents: dict[str, Counter[str]] = defaultdict(Counter)
    linked = 0
    for event in run.events:
        properties = event.get("properties", {})
        if event.get("event") == "Product Added":
            contents[properties["cart_id"]][properties["product_id"]] += 1
        elif event.get("event") == "Order Completed" and "cart_id" in properties:
            bought = {line["product_id"] for line in properties["products"]}
            assert bought == set(contents[properties["cart_id"]])
            linked += event["messageId"].startswith("cj-")
    assert linked == LINKED_ORDERS


def test_only_shown_products_are_looked_at(run: Run, history: History) -> None:
    shown = {product.product_id for product in history.catalogue.shown}
    for event in run.events:
        if event.get("event") in ("Product Viewed", "Product Added"):
            assert event["properties"]["product_id"] in shown


def test_no_other_order_falls_into_the_days_of_an_open_cart(run: Run) -> None:
    orders: dict[str, list[float]] = defaultdict(list)
    for event in named(run, "Order Completed"):
        if "cart_id" not in event["properties"]:
            at = datetime.fromisoformat(event["timestamp"]).timestamp()
            orders[event["userId"]].append(at)
    for cart in run.shoppers.truth.carts.values():
        assert not [at for at in orders[cart.user_id] if 0 < at - cart.at < APART - 6 * 3600]


def test_a_new_customer_is_stitched_from_her_anonymous_visits(run: Run) -> None:
    before: set[str] = set()
    stitched = 0
    for event in run.events:
        device = event.get("anonymousId")
        if device and "userId" not in event:
            before.add(device)
        elif event["type"] == "identify" and device in before:
            stitched += 1
    assert stitched > 2_000


def test_same_seed_same_bytes(history: History) -> None:
    def first_days() -> list[bytes]:
        shoppers = open_shoppers(history, SEED)
        events: list[bytes] = []
        for day in range(1, 5):
            walked = shoppers.until(shoppers.start + timedelta(days=day))
            events += walked.events
            for cart_id, cart in list(shoppers.truth.carts.items()):
                shoppers.mailed(cart_id, cart.user_id, shoppers.start + timedelta(days=day))
        return events

    assert first_days() == first_days()


def test_big_steps_and_small_steps_tell_the_same_story(history: History) -> None:
    big, small = open_shoppers(history, SEED), open_shoppers(history, SEED)
    end = big.start + timedelta(days=2)
    whole = big.until(end).events
    parts: list[bytes] = []
    while (upcoming := small.next_time()) is not None and upcoming <= end:
        parts += small.until(upcoming).events
    assert parts == whole


def test_mails_about_unknown_carts_change_nothing(history: History) -> None:
    shoppers = open_shoppers(history, SEED)
    shoppers.until(shoppers.start + timedelta(days=1))
    before = shoppers.next_time()
    shoppers.mailed("cart-0", "hh-1", datetime(2026, 1, 1, tzinfo=UTC))
    assert shoppers.next_time() == before
    assert shoppers.truth.summary()["mailed"] == 0

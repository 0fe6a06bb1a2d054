"""Segments of real processes on a clock of the test: windows end to the second, by themselves."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from musthold.inside import soon
from musthold.slow_motion import SlowMotion, in_slow_motion
from postbox import mailbox
from running import HANG, eventually

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def town() -> Iterator[SlowMotion]:
    with mailbox() as box, in_slow_motion(box) as town:
        yield town


def save(town: SlowMotion, key: str, rule: Any) -> None:
    town.shop.call("POST", "/api/segments", json={"name": key, "rule": rule})

    def there() -> bool:
        # Housekeeping looks at the clock of the test, which stands still.
        town.conductor.advance(seconds=1)
        return bool(town.shop.call("GET", f"/api/segments/{key}").json()["status"] == "on")

    eventually(there, f"everybody being asked about {key}")


def members(town: SlowMotion, key: str) -> set[str]:
    found = town.shop.call("GET", f"/api/segments/{key}/members").json()["items"]
    return {one["user_id"] for one in found}


def stay(town: SlowMotion, who: str, key: str) -> dict[str, Any]:
    found = town.shop.call("GET", f"/api/profiles/user_id:{who}/segments").json()["items"]
    return dict(next(one for one in found if one["segment"] == key))


def test_a_window_of_seven_days_ends_by_itself(town: SlowMotion) -> None:
    save(town, "keen", {"event": "Product Viewed", "within": {"days": 7}})
    town.say("Product Viewed", "vera", {})
    entered = town.conductor.now
    eventually(lambda: members(town, "keen") == {"vera"}, "her entering")
    town.conductor.advance(days=6, hours=23, minutes=59, seconds=58)
    town.say("Page Viewed", "somebody", {})
    town.inside.walked()
    assert members(town, "keen") == {"vera"}
    town.conductor.advance(seconds=3)
    eventually(lambda: members(town, "keen") == set(), "her leaving without doing anything")
    left = stay(town, "vera", "keen")
    assert left["left_cause"] == "clock"
    assert left["left_at"] == (entered + timedelta(days=7, seconds=1)).isoformat().replace(
        "+00:00", "Z"
    )


def test_whoever_orders_has_no_open_cart(town: SlowMotion) -> None:
    save(town, "cart-open", {"cart": "any", "is": "open"})
    town.leaves("nina")
    eventually(lambda: members(town, "cart-open") == {"nina"}, "her cart")
    town.orders("nina")
    eventually(lambda: members(town, "cart-open") == set(), "her order")
    assert stay(town, "nina", "cart-open")["left_cause"] == "event"
    town.leaves("olga")
    eventually(lambda: members(town, "cart-open") == {"olga"}, "another cart")
    town.conductor.advance(days=31)
    eventually(lambda: members(town, "cart-open") == set(), "an old cart being put away")


def test_nothing_overtakes_the_log(town: SlowMotion) -> None:
    """What was received before a window ends counts, though it is walked after that."""
    save(town, "busy", {"event": "Product Searched", "within": {"hours": 1}})
    for who in ("rosa", "sara"):
        town.say("Product Searched", who, {})
    eventually(lambda: members(town, "busy") == {"rosa", "sara"}, "their entering")
    town.conductor.advance(minutes=59)
    with town.conductor.hold("walk.before_commit", "worker") as held:
        again = town.conductor.now.isoformat()
        town.shop.track("Product Searched", {}, userId="rosa", timestamp=again)
        held.awaited()
        town.conductor.advance(minutes=2)
        assert not soon(lambda: members(town, "busy") != {"rosa", "sara"}, 1.0)
    eventually(lambda: members(town, "busy") == {"rosa"}, "the other one leaving")
    assert stay(town, "rosa", "busy")["left_at"] is None


def logged(town: SlowMotion, who: str, name: str) -> int:
    """How often the log says so of her."""
    found = town.inside.value(
        "SELECT count(*) FROM event e JOIN identifier i ON i.origin_id = e.origin_id"
        " WHERE i.kind = 'user_id' AND i.value = %s AND e.name = %s",
        (who, name),
    )
    return int(found)


def comes_back(town: SlowMotion) -> None:
    town.conductor.wait(lambda: town.conductor.count("worker") == 1, "a new worker", HANG)


@pytest.mark.parametrize("point", ["segments.fired", "segments.told"])
def test_whoever_leaves_leaves_once(town: SlowMotion, point: str) -> None:
    """kill -9 while her window ends, and while others are told of it."""
    key, who = f"at-{point.replace('.', '-')}", f"paula-{point}"
    save(town, key, {"event": f"Seen {point}", "within": {"hours": 1}})
    town.say(f"Seen {point}", who, {})
    eventually(lambda: logged(town, who, "Segment Entered") == 1, "her entering being told")
    with town.conductor.hold(point, "worker") as held:
        town.conductor.advance(hours=1, seconds=1)
        held.kill()
    comes_back(town)
    eventually(lambda: members(town, key) == set(), "her leaving")
    eventually(lambda: logged(town, who, "Segment Left") == 1, "her leaving being told")
    town.inside.walked()
    left = "SELECT count(*) FROM segment_change"
    eventually(lambda: town.inside.value(left) == 0, "nothing being left to tell")
    town.inside.walked()
    assert (logged(town, who, "Segment Entered"), logged(town, who, "Segment Left")) == (1, 1)


@pytest.mark.parametrize("point", ["segments.filled", "segments.table_written"])
def test_filling_that_dies_is_done_again(town: SlowMotion, point: str) -> None:
    key = f"at-{point.replace('.', '-').replace('_', '-')}"
    town.say(f"Known {point}", "rita", {})
    town.orders(f"rita-{point}")
    town.inside.walked()
    rule: dict[str, Any] = {"event": f"Known {point}"}
    if point == "segments.table_written":
        rule = {"or": [rule, {"percentile": "value", "op": "at_least", "value": 80}]}
    with town.conductor.hold(point, "job") as held:
        made = town.shop.call("POST", "/api/segments", json={"name": key, "rule": rule})
        assert made.status_code == 201, made.text
        held.kill()

    def there() -> bool:
        town.conductor.advance(seconds=1)
        return bool(town.shop.call("GET", f"/api/segments/{key}").json()["status"] == "on")

    eventually(there, "filling being done again")
    assert "rita" in members(town, key)
    assert stay(town, "rita", key)["cause"] == "definition"


def test_a_night_of_predictions_that_dies_is_worked_again(town: SlowMotion) -> None:
    town.orders("theo")
    town.inside.walked()

    def looked() -> list[Any]:
        found = town.shop.call("GET", "/api/predictions").json()["items"]
        return [one["looked_at"] for one in found if one["source"] == "patron"]

    before = looked()
    with town.conductor.hold("segments.predicted", "job") as held:
        town.conductor.advance(days=1)
        held.kill()
    assert looked() == before

    def done() -> bool:
        town.conductor.advance(seconds=1)
        after = looked()
        return len(after) == 3 and all(at is not None and at not in before for at in after)

    eventually(done, "the predictions of the night")


def test_a_night_of_comparing_people_that_dies_is_worked_again(town: SlowMotion) -> None:
    def compared() -> tuple[str | None, int]:
        found = town.shop.call("GET", "/api/profiles/user_id:dora-0/similar").json()
        return found["made_at"], found["compared"]

    with town.conductor.hold("segments.compared", "job") as held:
        for number in range(25):
            product = {"product_id": f"shoe-{number % 3}", "category": "Shoes"}
            town.say("Product Viewed", f"dora-{number}", product)
        town.inside.walked()
        town.conductor.advance(days=1)
        held.kill()
    assert compared() == (None, 0)

    def done() -> bool:
        town.conductor.advance(seconds=1)
        made_at, people = compared()
        return made_at is not None and people >= 25

    eventually(done, "people being compared")

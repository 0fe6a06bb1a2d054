"""Events that come late, and orders that wait unread: the mail that would be wrong does not go."""

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

import outside
from musthold.inside import Inside, consent, item, open_shop, quick_cart_journey, soon
from postbox import Mailbox, mailbox
from running import Running, eventually

pytestmark = pytest.mark.slow

LATER = "server_said_later"
QUIET = 3.0  # seconds: timers look ten times in each
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def box() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


@pytest.fixture(scope="module")
def shop(box: Mailbox) -> Iterator[Running]:
    with open_shop(**box.settings) as house:
        quick_cart_journey(house)
        yield house


@pytest.fixture
def inside(shop: Running) -> Inside:
    return Inside(shop)


@contextmanager
def paused_walk(inside: Inside) -> Iterator["psycopg.Connection[Any]"]:
    """The walk of the worker waits for its row, which we hold."""
    with inside.connect() as holder:
        holder.execute("SELECT * FROM walk FOR UPDATE")
        yield holder
        holder.rollback()


def now() -> datetime:
    return datetime.now(UTC)


def known(shop: Running, inside: Inside, who: str) -> str:
    """A person with an address and her consent; the address."""
    address = f"{who}@people.example"
    shop.track(
        "Email Subscribed", consent(address), userId=who, context={"traits": {"email": address}}
    )
    inside.walked()
    return address


def added(who: str, at: datetime) -> dict[str, Any]:
    return {
        "type": "track", "event": "Product Added", "userId": who, "timestamp": at.isoformat(),
        "messageId": f"add-{who}", "properties": {"cart_id": f"cart-{who}", **item("tea")},
    }  # fmt: skip


def ordered(who: str, at: datetime, **more: Any) -> dict[str, Any]:
    properties = {"order_id": f"order-{who}", "total": 4.5, "products": [item("tea")], **more}
    return {
        "type": "track", "event": "Order Completed", "userId": who, "timestamp": at.isoformat(),
        "messageId": f"order-{who}", "properties": properties,
    }  # fmt: skip


def batch(
    shop: Running, *events: dict[str, Any], key: str = "", sent_at: datetime | None = None
) -> None:
    body: dict[str, Any] = {"batch": list(events)}
    if sent_at is not None:
        body["sentAt"] = sent_at.isoformat()
    answer = outside.post(
        f"{shop.url}/v1/batch", json=body, auth=(key or shop.server_key, ""), timeout=30
    )
    assert answer.status_code == 200, answer.text


def her_messages(inside: Inside, who: str) -> list[tuple[str, str | None]]:
    """(state, reason) of the messages written for a person."""
    return [
        (state, reason)
        for state, reason in inside.rows(
            "SELECT o.state, o.reason FROM outbox o JOIN identifier i ON i.origin_id = o.origin_id"
            " WHERE i.kind = 'user_id' AND i.value = %s ORDER BY o.id",
            (who,),
        )
    ]


def another_is_answered(shop: Running, inside: Inside, box: Mailbox) -> None:
    """Somebody leaves her cart now and gets her mail: a wrong one that was due before has come."""
    who = f"other-{next(NUMBERS)}"
    address = known(shop, inside, who)
    batch(shop, added(who, now()))
    eventually(lambda: box.to(address), "the mail of somebody else")


def timers_wait(inside: Inside) -> int:
    """Runs whose time has come and that are held back."""
    return int(
        inside.value(
            "SELECT count(*) FROM run WHERE state = 'waiting'"
            " AND waits_from + wait_seconds * interval '1 second' < now()"
        )
    )


def walk_is_told(shop: Running) -> bool:
    """Whether the doctor calls the walk late."""
    found = json.loads(shop.command("doctor", "--no-mail", "--json").stdout)
    walk = next(one for one in found if one["what"] == "acme: walk")
    return walk["state"] == "failed" and "s behind" in walk["detail"]


def test_a_cart_that_is_left_is_answered_here(shop: Running, box: Mailbox, inside: Inside) -> None:
    """Without this, the tests below would prove nothing."""
    address = known(shop, inside, "ada")
    batch(shop, added("ada", now()))
    eventually(lambda: box.to(address), "the mail")


@pytest.mark.parametrize("apart", [False, True], ids=["in one batch", "the order later"])
@pytest.mark.parametrize("corrected", [False, True], ids=["true clock", "sentAt"])
def test_a_phone_that_was_offline_for_three_days(
    shop: Running, box: Mailbox, inside: Inside, apart: bool, corrected: bool
) -> None:
    who = f"phone-{apart:d}{corrected:d}"
    address = known(shop, inside, who)
    then = now() - timedelta(days=3)
    cart, order = added(who, then), ordered(who, then + timedelta(minutes=20))
    sent_at = now() if corrected else None
    if apart:
        batch(shop, cart, sent_at=sent_at)
        inside.walked()
        batch(shop, order, sent_at=sent_at)
    else:
        batch(shop, cart, order, sent_at=sent_at)
    inside.walked()
    another_is_answered(shop, inside, box)
    assert box.to(address) == []
    assert her_messages(inside, who) == []
    assert inside.events("message_id = %s AND ts < now() - interval '2 days'", (f"add-{who}",)) == 1


def test_a_phone_delivers_an_old_cart_alone_and_it_starts_nothing(
    shop: Running, box: Mailbox, inside: Inside
) -> None:
    address = known(shop, inside, "alone")
    batch(shop, added("alone", now() - timedelta(days=3)))
    inside.walked()
    another_is_answered(shop, inside, box)
    assert box.to(address) == []
    assert her_messages(inside, "alone") == []


def test_an_order_that_comes_before_its_cart_closes_it(
    shop: Running, box: Mailbox, inside: Inside
) -> None:
    address = known(shop, inside, "before")
    batch(shop, ordered("before", now(), cart_id="cart-before"))
    inside.walked()
    batch(shop, added("before", now() - timedelta(seconds=5)))
    inside.walked()
    another_is_answered(shop, inside, box)
    assert box.to(address) == []


def test_the_order_is_still_in_the_inbox_when_the_timer_fires(
    shop: Running, box: Mailbox, inside: Inside
) -> None:
    address = known(shop, inside, "inbox")
    batch(shop, added("inbox", now()))
    inside.walked()
    with paused_walk(inside):
        batch(shop, ordered("inbox", now()))
        eventually(lambda: timers_wait(inside) == 1, "a timer that is due and waits")
        assert not soon(lambda: bool(her_messages(inside, "inbox")), QUIET)
    inside.walked()
    eventually(lambda: timers_wait(inside) == 0, "the end of her run")
    another_is_answered(shop, inside, box)
    assert box.to(address) == []
    assert her_messages(inside, "inbox") == []
    reasons = inside.rows(
        "SELECT r.state, r.exit_reason FROM run r JOIN identifier i ON i.origin_id = r.origin_id"
        " WHERE i.value = 'inbox'"
    )
    assert reasons == [("exited", "cart_closed")] or reasons == [("exited", "ordered")]


def test_an_order_elsewhere_is_heard_by_the_condition(
    shop: Running, box: Mailbox, inside: Inside
) -> None:
    """An order without the cart's token, from the till: found by her address alone."""
    address = known(shop, inside, "tilda")
    batch(shop, added("tilda", now()))
    inside.walked()
    with paused_walk(inside):
        order = ordered("nobody-yet", now(), email=address)
        del order["userId"]
        order["context"] = {"traits": {"email": address}}
        order["anonymousId"] = "the-till"
        batch(shop, order)
        eventually(lambda: timers_wait(inside) == 1, "a timer that is due and waits")
    inside.walked()
    another_is_answered(shop, inside, box)
    assert box.to(address) == []
    assert her_messages(inside, "tilda") == []


def test_the_order_is_in_the_inbox_while_the_message_is_claimed(
    shop: Running, box: Mailbox, inside: Inside
) -> None:
    address = known(shop, inside, "claimed")
    box.later.add(address)  # so that her mail stands in the outbox and waits for its next try
    batch(shop, added("claimed", now()))
    eventually(lambda: her_messages(inside, "claimed") == [("delayed", LATER)], "the delay")
    box.later.clear()
    with paused_walk(inside):
        batch(shop, ordered("claimed", now()))
        inside.rows("UPDATE outbox SET due_at = now() WHERE state = 'delayed'")
        eventually(lambda: her_messages(inside, "claimed")[0][0] == "claimed", "the claim")
    inside.walked()
    eventually(lambda: her_messages(inside, "claimed")[0][0] in ("skipped", "cancelled"), "its end")
    another_is_answered(shop, inside, box)
    assert box.to(address) == []


def test_while_the_walk_is_behind_nothing_is_sent_and_it_says_why(
    shop: Running, box: Mailbox, inside: Inside
) -> None:
    address = known(shop, inside, "behind")
    box.later.add(address)
    batch(shop, added("behind", now()))
    eventually(lambda: her_messages(inside, "behind") == [("delayed", LATER)], "the delay")
    box.later.clear()
    with paused_walk(inside):
        shop.track("Product Viewed", item("rye"), userId="somebody")
        inside.rows("UPDATE outbox SET due_at = now() WHERE state = 'delayed'")
        eventually(
            lambda: her_messages(inside, "behind") == [("delayed", "events_behind")], "the wait"
        )
        assert box.to(address) == []
        eventually(lambda: walk_is_told(shop), "the doctor's word")
    eventually(lambda: box.to(address), "the mail, once the walk has caught up")
    assert len(box.to(address)) == 1

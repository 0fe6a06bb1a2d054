"""The rules of identity and sending, from outside: workers die, the provider is in doubt."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

import outside
from musthold.inside import Inside, consent, item, open_shop, quick_cart_journey, soon
from postbox import Mailbox, mailbox
from running import HANG, Running, eventually

LEASE = 6

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def box() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


@pytest.fixture(scope="module")
def shop(box: Mailbox) -> Iterator[Running]:
    with open_shop(
        **box.settings,
        send_lease_seconds=LEASE,
    ) as house:
        quick_cart_journey(house)
        yield house


@pytest.fixture
def inside(shop: Running) -> Inside:
    return Inside(shop)


def known(shop: Running, who: str, address: str = "", **word: Any) -> str:
    address = address or f"{who}@people.example"
    more = {"userId": who, "context": {"traits": {"email": address}}}
    shop.track("Email Subscribed", consent(address), **more, **word)
    return address


def leaves(shop: Running, who: str) -> None:
    shop.track("Product Added", {"cart_id": f"cart-{who}", **item("tea")}, userId=who)


def message_to(inside: Inside, address: str) -> dict[str, Any] | None:
    return next((one for one in inside.messages() if one["address"] == address), None)


def state_of(inside: Inside, address: str) -> str:
    found = message_to(inside, address)
    return found["state"] if found else ""


# --- sending ---------------------------------------------------------------------------------


def test_a_worker_that_dies_while_the_provider_thinks_leaves_one_ambiguous_message(
    shop: Running, inside: Inside, box: Mailbox
) -> None:
    address = known(shop, "doubt")
    box.hold()
    try:
        leaves(shop, "doubt")
        assert box.holding.wait(HANG)
        assert state_of(inside, address) == "handing_over"
        shop.kill("worker")
    finally:
        box.release()
    eventually(lambda: state_of(inside, address) == "ambiguous", "the doubt")
    assert len(box.to(address)) == 1
    found = message_to(inside, address)
    assert found is not None
    assert not soon(lambda: len(box.to(address)) > 1, 3)
    listed = shop.run("message", "list", "--state", "ambiguous")
    assert [one["id"] for one in listed] == [str(found["id"])]
    doctor = shop.command("doctor", "--no-mail").stdout
    assert "nobody knows" in " ".join(doctor.split())
    # A human decides: sent again, once.
    answer = shop.call("POST", f"/api/messages/{found['id']}/resolve", json={"answer": "resend"})
    assert answer.status_code == 200, answer.text
    eventually(lambda: state_of(inside, address) == "sent", "the second try")
    assert len(box.to(address)) == 2


@contextmanager
def put_off(shop: Running, inside: Inside, box: Mailbox, who: str) -> Iterator[UUID]:
    """Her cart mail stands in the outbox, put off by the mail server; her origin id.

    At the end of the block the mail server takes mails to her again.
    """
    address = known(shop, who)
    inside.walked()
    box.later.add(address)
    leaves(shop, who)
    eventually(lambda: state_of(inside, address) == "delayed", "the delay")
    origin = inside.value("SELECT origin_id FROM identifier WHERE value = %s", (who,))
    assert isinstance(origin, UUID)
    yield origin
    box.later.clear()


def test_a_worker_that_dies_with_a_claim_in_hand_loses_nothing(
    shop: Running, inside: Inside, box: Mailbox
) -> None:
    address = "claim@people.example"
    with put_off(shop, inside, box, "claim"), inside.connect() as holder:
        # The walk stands still with something to read, so the worker waits between claim and gate.
        holder.execute("SELECT * FROM walk FOR UPDATE")
        shop.track("Product Viewed", item("rye"), userId="somebody")
        inside.rows("UPDATE outbox SET due_at = now() WHERE state = 'delayed'")
        eventually(lambda: state_of(inside, address) == "claimed", "a claim")
        shop.kill("worker")
        assert state_of(inside, address) == "claimed"
        holder.rollback()
    assert box.to(address) == []
    inside.rows("UPDATE outbox SET lease_until = now() WHERE state = 'claimed'")
    eventually(lambda: state_of(inside, address) == "sent", "the mail")
    assert len(box.to(address)) == 1
    story = shop.run("message", "why", str(message_to(inside, address)["id"]))["story"]  # type: ignore[index]
    assert [line["state"] for line in story].count("sent") == 1


def test_an_exit_takes_back_what_is_queued_in_the_same_moment(
    shop: Running, inside: Inside, box: Mailbox
) -> None:
    address = "exit@people.example"
    with put_off(shop, inside, box, "exit") as origin:
        inside.rows(
            "UPDATE outbox SET state = 'queued', token = NULL, lease_until = NULL,"
            " due_at = now() + interval '1 hour' WHERE origin_id = %s",
            (origin,),
        )
    shop.track("Order Completed", {"order_id": "o-exit", "cart_id": "cart-exit"}, userId="exit")
    inside.walked()
    found = inside.rows("SELECT state, reason FROM outbox WHERE origin_id = %s", (origin,))
    assert found in ([("cancelled", "ordered")], [("cancelled", "cart_closed")])
    runs = inside.rows("SELECT state FROM run WHERE origin_id = %s", (origin,))
    assert set(runs) <= {("exited",), ("done",)}
    assert box.to(address) == []


# --- identity and consent --------------------------------------------------------------------


def test_a_merge_edits_the_map_and_its_undo_too_rows_keep_their_origin(
    shop: Running, inside: Inside
) -> None:
    for browser in ("left", "right"):
        shop.track("Product Viewed", item(browser), anonymousId=browser, messageId=f"m-{browser}")
    inside.walked()
    origins = dict(
        inside.rows("SELECT anonymous_id, origin_id FROM event WHERE message_id LIKE 'm-%'")
    )
    assert len(set(origins.values())) == 2
    for browser in ("left", "right"):
        shop.track("Product Viewed", item("tea"), anonymousId=browser, userId="merged")
    inside.walked()
    after = dict(
        inside.rows("SELECT anonymous_id, origin_id FROM event WHERE message_id LIKE 'm-%'")
    )
    assert after == origins
    shown = shop.call("GET", "/api/profiles/user_id:merged").json()
    assert set(shown["origins"]) >= {str(origin) for origin in origins.values()}
    assert shown["totals"]["Product Viewed"]["count"] == 4
    merges = shop.call("GET", f"/api/profiles/{shown['id']}/merges").json()["merges"]
    undone = shop.call("POST", f"/api/profiles/{shown['id']}/merges/{merges[0]['id']}/undo")
    assert undone.status_code in (200, 201), undone.text
    parted = shop.call("GET", "/api/profiles/user_id:merged").json()
    assert parted["totals"]["Product Viewed"]["count"] < 4
    assert inside.events("message_id LIKE 'm-%'") == 2
    assert (
        dict(inside.rows("SELECT anonymous_id, origin_id FROM event WHERE message_id LIKE 'm-%'"))
        == origins
    )


def reach(shop: Running, who: str) -> dict[str, Any]:
    found: dict[str, Any] = shop.call("GET", f"/api/profiles/user_id:{who}").json()["reach"][
        "email"
    ]
    return found


def test_the_latest_explicit_word_wins_whatever_order_it_comes_in(
    shop: Running, inside: Inside
) -> None:
    now = datetime.now(UTC)
    address = "word@people.example"
    more = {"userId": "word", "context": {"traits": {"email": address}}}

    def say(event: str, minutes_ago: int) -> str:
        at = (now - timedelta(minutes=minutes_ago)).isoformat()
        shop.track(event, consent(address), timestamp=at, **more)
        inside.walked()
        return str(reach(shop, "word")["consent"])

    assert say("Email Subscribed", 30) == "granted"
    assert say("Email Unsubscribed", 20) == "withdrawn"
    assert say("Email Subscribed", 25) == "withdrawn"  # said earlier, heard later
    assert say("Email Subscribed", 20) == "withdrawn"  # a tie
    assert say("Email Subscribed", 10) == "granted"


def test_what_only_the_public_key_says_opens_no_mailbox(
    shop: Running, inside: Inside, box: Mailbox
) -> None:
    address = "victim@people.example"
    traits = {"traits": {"email": address}}
    for event, properties in (
        ("Email Subscribed", consent(address)),
        ("Product Added", {"cart_id": "v", **item("tea")}),
    ):
        body = {
            "event": event,
            "anonymousId": "attacker",
            "properties": properties,
            "context": traits,
        }
        answer = outside.post(f"{shop.url}/v1/track", json=body, auth=(shop.write_key, ""))
        assert answer.status_code == 200
    inside.walked()
    assert not soon(lambda: bool(box.to(address)), 3)
    # Nor does a browser's word take a known customer's address or consent.
    known(shop, "owner", address)
    inside.walked()
    assert reach(shop, "owner")["consent"] == "granted"


def test_suppression_is_written_in_the_request_and_a_merge_does_not_lift_it(
    shop: Running, inside: Inside
) -> None:
    address = known(shop, "sup")
    inside.walked()
    with inside.connect() as holder:  # the walk stands still: the word must not wait for it
        holder.execute("SELECT * FROM walk FOR UPDATE")
        answer = shop.call("POST", "/api/suppressions", json={"address": address})
        assert answer.status_code == 201
        assert reach(shop, "sup")["suppressed"] == "manual"
        holder.rollback()
    shop.track("Product Viewed", item("tea"), anonymousId="sup-browser")
    shop.track("Product Viewed", item("tea"), anonymousId="sup-browser", userId="sup")
    known(shop, "sup")
    inside.walked()
    assert reach(shop, "sup")["suppressed"] == "manual"


# --- many writers ----------------------------------------------------------------------------


def test_writers_that_meet_on_the_same_people_neither_fail_nor_lose_a_word(
    shop: Running, inside: Inside
) -> None:
    people = [f"crowd-{n}" for n in range(12)]
    for who in people:
        known(shop, who)
    inside.walked()
    wrong: list[str] = []
    rounds = 15

    def write(offset: int) -> None:
        with outside.client(
            base_url=shop.url, headers={"Authorization": f"Bearer {shop.server_key}"}, timeout=60
        ) as client:
            for n in range(rounds):
                for who in people[offset:] + people[:offset]:
                    state = "granted" if n % 2 else "withdrawn"
                    path = f"/api/profiles/user_id:{who}/consents"
                    answer = client.post(path, json={"state": state, "text_shown": "x"})
                    if answer.status_code != 201:
                        wrong.append(answer.text)

    def speak(number: int) -> None:
        for n in range(rounds * 2):
            batch = [
                {"type": "track", "event": "Product Added", "userId": who,
                 "anonymousId": f"shared-{(number + k) % 5}-{who}",
                 "properties": {"cart_id": f"cart-{who}", **item(f"p{n}")}}
                for k, who in enumerate(people)
            ]  # fmt: skip
            answer = outside.post(
                f"{shop.url}/v1/batch",
                json={"batch": batch},
                auth=(shop.server_key, ""),
                timeout=60,
            )
            if answer.status_code != 200:
                wrong.append(answer.text)

    threads = [threading.Thread(target=write, args=(n * 4,)) for n in range(3)]
    threads += [threading.Thread(target=speak, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    inside.walked()
    for who in people:
        shown = shop.call("GET", f"/api/profiles/user_id:{who}").json()
        assert shown["totals"]["Product Added"]["count"] == rounds * 4
        assert len(shown["consents"]) == 3 * rounds + 1
    assert inside.dead_letters() == []

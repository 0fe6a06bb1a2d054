"""The owner's system is told what happened: signed, in order, however badly it listens."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from standardwebhooks import Webhook

from conftest import House
from delivery.telling import Told, told
from patron.app.webhooks import hearing
from patron.delivery.channels.webhook import feed, keeping, store
from patron.delivery.channels.webhook.signature import secret_of
from patron.delivery.channels.webhook.types import State, Status
from patron.kit.clock import ManualClock, SystemClock
from patron.profiles import store as profiles
from patron.profiles.erasure import store as erasure


def test_what_happens_is_told_signed_and_in_order(house: House) -> None:
    # The library judges timestamps by the wall clock.
    house.clock = ManualClock(SystemClock().now())

    async def story(here: Told) -> None:
        stage = here.stage
        before = here.identifies("u:ann", city="Boston")
        await stage.walk(before)
        crm = await here.register()
        ann = here.identifies("u:ann", city="Salem", email="Ann@x.example")
        order = stage.orders("u:ann", order_id="o1", total=40)
        quiet = stage.orders("u:ann", backfill=True)
        entered = here.of_ours("Segment Entered", before, segment="vip", cause="event")
        faked = stage.event("Segment Entered", "u:ann", segment="vip")
        mailed = here.of_ours("Email Sent", before, journey="abandoned_cart")
        for event in (ann, order, quiet, entered, faked, mailed, stage.adds("u:ann")):
            await stage.walk(event)
        await here.tell()
        heard = here.receiver.heard
        assert here.receiver.topics() == [
            "profile.updated", "order.completed", "segment.entered", "message.sent",
        ]  # fmt: skip
        secret = secret_of(house.signer, crm.id, 1)
        for one in heard:
            assert Webhook(secret).verify(one.body, one.headers) == one.said
            assert one.headers["content-type"] == "application/json"
        assert len({one.id for one in heard}) == 4
        updated, ordered, entry, _ = (one.said["data"] for one in heard)
        async with stage.unit() as tx:
            root = await profiles.find(tx, "user_id:ann")
        assert updated == {
            "shop": "acme",
            "profile": {
                "id": str(root), "user_ids": ["ann"], "emails": ["Ann@x.example"], "phones": [],
                "traits": {"city": "Salem", "email": "Ann@x.example"}, "tags": [],
            },
            "changed": ["city", "email"],
        }  # fmt: skip
        assert "traits" not in ordered["profile"]
        assert ordered["event"]["properties"]["order_id"] == "o1"
        assert (ordered["event"]["name"], ordered["event"]["trust"]) == (
            "Order Completed", "server",
        )  # fmt: skip
        assert entry["event"]["properties"] == {"segment": "vip", "cause": "event"}
        assert {one.state for one in await here.deliveries()} == {State.DELIVERED}
        assert (await here.endpoint()).succeeded_at == stage.now

    told(house, story)


def test_a_new_secret_signs_beside_the_old_one_for_a_day(house: House) -> None:
    house.clock = ManualClock(SystemClock().now())

    async def story(here: Told) -> None:
        stage = here.stage
        crm = await here.register()
        async with stage.unit() as tx:
            await keeping.rotate(tx, "crm", stage.now)
        await stage.walk(stage.orders("u:ann"))
        await here.tell()
        [both] = here.receiver.heard
        for generation in (1, 2):
            key = secret_of(house.signer, crm.id, generation)
            Webhook(key).verify(both.body, both.headers)
        here.pass_time(hours=25)
        await stage.walk(stage.orders("u:ann"))
        await here.tell()
        assert len(both.headers["webhook-signature"].split()) == 2
        assert len(here.receiver.heard[1].headers["webhook-signature"].split()) == 1

    told(house, story)


def test_merges_and_topics(house: House) -> None:
    async def story(here: Told) -> None:
        stage = here.stage
        await here.register("profile.merged", "consent.*")
        first, second = stage.event("Page Viewed", "b1"), stage.event("Page Viewed", "u:ann")
        await stage.walk(first, second, stage.orders("u:ann"))
        await stage.walk(stage.event("Page Viewed", "u:ann", browser="b1"))
        await stage.walk(stage.event("Email Subscribed", "u:ann", email="ann@x.example"))
        await stage.walk(stage.event("Preferences Updated", "u:ann", interests=["tea"]))
        await here.register("profile.*", key="erp", url=f"{here.receiver.url}/erp")
        await stage.walk(here.of_ours("Preferences Updated", second, interests=["tea"]))
        await here.tell()
        heard = sorted(here.receiver.heard, key=lambda one: one.path)  # two at the same time
        assert [(one.path, one.said["type"]) for one in heard] == [
            ("/hook", "profile.merged"), ("/hook", "consent.changed"),
            ("/hook/erp", "profile.updated"),
        ]  # fmt: skip
        assert heard[2].said["data"]["changed"] == ["interests"]
        merged = heard[0].said["data"]
        assert merged["merged"] == {
            "id": str(first.origin_id), "into": str(second.origin_id), "reason": "stitch",
        }  # fmt: skip
        assert merged["profile"]["user_ids"] == ["ann"]

    told(house, story)


def test_an_order_that_the_shop_calls_otherwise_is_an_order(house: House) -> None:
    async def story(here: Told) -> None:
        stage = here.stage
        settings = msgspec.structs.replace(stage.shop.settings, metrics={"revenue": "Bought"})
        stage.shop = msgspec.structs.replace(stage.shop, settings=settings)
        await here.register("order.completed")
        await stage.walk(stage.event("Bought", "u:ann", order_id="o1"), stage.event("B", "u:ann"))
        await here.tell()
        (heard,) = here.receiver.heard
        assert heard.said["data"]["event"]["name"] == "Bought"

    told(house, story)


FAILURES: list[tuple[Any, int | None, str]] = [
    (500, 500, ""),
    ((503, {}, b"down \xff\x00" + b"x" * 5_000), 503, "down"),
    ((302, {"Location": "/elsewhere"}, b""), 302, ""),
    (404, 404, ""),
    ("reset", None, "no answer"),
    ("half", None, "no answer"),
    ("silence", None, "no answer within 0.3 s"),
]


def test_receivers_that_fail_are_tried_again(house: House) -> None:
    async def story(here: Told) -> None:
        stage = here.stage
        await here.register("order.*")
        here.receiver.answers = [answer for answer, _, _ in FAILURES]
        await stage.walk(stage.orders("u:ann", order_id="o1"))
        for attempt, (_, status, answer) in enumerate(FAILURES, 1):
            await here.tell()
            [one] = await here.deliveries()
            assert (one.state, one.attempts, one.status_code) == (State.WAITING, attempt, status)
            assert (one.answer or "").startswith(answer) and len(one.answer or "") <= 1_000
            assert len(here.receiver.heard) == attempt
            crm = await here.endpoint()
            assert (crm.failures, crm.status) == (attempt, Status.ON)
            here.pass_time(seconds=(one.due_at - stage.now).total_seconds() - 1)
            await here.tell()
            assert len(here.receiver.heard) == attempt
            here.pass_time(seconds=1)
        await here.tell()
        assert len({one.id for one in here.receiver.heard}) == 1
        assert {one.path for one in here.receiver.heard} == {"/hook"}
        [one] = await here.deliveries()
        crm = await here.endpoint()
        assert (one.state, one.status_code) == (State.DELIVERED, 204)
        assert (crm.failures, crm.failing_since) == (0, None)

    told(house, story, seconds=0.3)


def test_one_persons_messages_keep_their_order(house: House) -> None:
    async def story(here: Told) -> None:
        stage = here.stage
        await here.register("order.*")
        here.receiver.answers = [500]
        await stage.walk(stage.orders("u:ann", order_id="o1"))
        await here.tell()
        await stage.walk(stage.orders("u:ann", order_id="o2"), stage.orders("u:bob", order_id="o3"))
        await here.tell()
        assert orders(here) == ["o1", "o3"]
        here.pass_time(seconds=10)
        await here.tell()
        assert orders(here) == ["o1", "o3", "o1", "o2"]

    told(house, story)


def orders(here: Told) -> list[str]:
    return [one.said["data"]["event"]["properties"]["order_id"] for one in here.receiver.heard]


def test_whoever_asks_for_rest_gets_it(house: House) -> None:
    async def story(here: Told) -> None:
        stage = here.stage
        await here.register("order.*")
        here.receiver.answers = [(429, {"Retry-After": "600"}, b"slowly")]
        await stage.walk(stage.orders("u:ann"))
        await here.tell()
        await stage.walk(stage.orders("u:bob"))
        here.pass_time(seconds=599)
        await here.tell()
        assert len(here.receiver.heard) == 1
        here.pass_time(seconds=2)
        await here.tell()
        assert len(here.receiver.heard) == 3

    told(house, story)


def test_gone_is_gone(house: House) -> None:
    async def story(here: Told) -> None:
        stage = here.stage
        await here.register("order.*")
        here.receiver.answers = [410]
        await stage.walk(stage.orders("u:ann"))
        await here.tell()
        crm = await here.endpoint()
        assert (crm.status, crm.reason) == (
            Status.OFF, "it answered 410 Gone: nobody is there any more",
        )  # fmt: skip
        await stage.walk(stage.orders("u:bob", order_id="o2"))
        await here.tell()
        assert len(here.receiver.heard) == 1
        async with stage.unit() as tx:
            [found] = await hearing.of_shop(tx, stage.shop)
            assert (found.state, "410 Gone" in found.detail) == ("failed", True)
            assert "patron webhook enable crm --catch-up" in (found.remedy or "")
            await keeping.enable(tx, "crm", stage.now, catch_up=True)
        await here.tell()
        assert orders(here)[1:] == ["o2"]

    told(house, story)


def test_after_three_days_without_a_success_it_is_switched_off(house: House) -> None:
    async def story(here: Told) -> None:
        stage = here.stage
        await here.register("order.*")
        here.receiver.always = (500, {}, b"broken")
        await stage.walk(stage.orders("u:ann"))
        for _ in range(40):
            await here.tell()
            if (await here.endpoint()).status == Status.OFF:
                break
            here.pass_time(hours=4)
            await stage.walk(stage.orders("u:bob"))
        crm = await here.endpoint()
        assert crm.reason is not None
        assert crm.reason.startswith("no delivery has succeeded since 2026-03-02 12:00 UTC")
        assert "came to 500: broken" in crm.reason
        assert stage.now - crm.created_at < timedelta(hours=80)
        first = (await here.deliveries())[0]
        assert first.state == State.FAILED and 8 <= first.attempts <= 14
        here.receiver.always = 204
        async with stage.unit() as tx:
            await keeping.enable(tx, "crm", stage.now, catch_up=False)
            _, again = await keeping.replay(tx, "crm", None, None, stage.now)
        assert again >= 1
        await here.tell()
        assert {one.state for one in await here.deliveries()} == {State.DELIVERED}

    told(house, story)


def test_what_a_sender_took_with_it_is_told_again_under_the_same_id(house: House) -> None:
    async def story(here: Told) -> None:
        stage = here.stage
        crm = await here.register("order.*")
        await stage.walk(stage.orders("u:ann"))
        await feed.feed(stage.db, stage.shop, stage.now)
        async with stage.unit() as tx:
            [lost] = await store.claim(tx, crm.id, 8, stage.now, timedelta(seconds=60))
        await here.tell()
        assert here.receiver.heard == []
        here.pass_time(seconds=61)
        await here.tell()
        assert [one.id for one in here.receiver.heard] == [lost.message_id]
        [one] = await here.deliveries()
        assert (one.attempts, one.state) == (2, State.DELIVERED)

    told(house, story)


def test_told_again_on_request_under_the_old_ids(house: House) -> None:
    async def story(here: Told) -> None:
        stage = here.stage
        await here.register("order.*")
        for number in range(60):
            await stage.walk(stage.orders("u:ann", order_id=f"o{number}"))
            here.pass_time(minutes=1)
        since = stage.now - timedelta(minutes=10)
        await here.tell(200)
        before = [one.id for one in here.receiver.heard]
        assert len(before) == 60
        async with stage.unit() as tx:
            await keeping.replay(tx, "crm", since, None, stage.now)
        await here.tell(200)
        again = [one.id for one in here.receiver.heard[60:]]
        assert again == before[-len(again) :] and 10 <= len(again) <= 30
        one = (await here.deliveries())[0]
        async with stage.unit() as tx:
            _, count = await keeping.replay(tx, "crm", None, one.id, stage.now)
        await here.tell()
        assert count == 1 and here.receiver.heard[-1].id == one.message_id == before[0]

    told(house, story)


def test_an_erased_customer_is_told_of_by_her_id_alone(house: House) -> None:
    async def story(here: Told) -> None:
        stage = here.stage
        await here.register("*")
        await here.register("order.*", key="erp")
        here.receiver.always = 500
        ann = here.identifies("u:ann", email="ann@x.example")
        await stage.walk(ann, stage.orders("u:ann"), stage.orders("u:bob"))
        await here.tell()
        assert len(await here.deliveries()) == 3
        async with stage.unit() as tx:
            erased = await erasure.erase(tx, ann.origin_id, house.signer, stage.now)
            assert erased is not None
            told_of = await store.export(tx, erased.origins)
            assert {one["webhook"] for one in told_of} == {"crm", "erp"}
            removed = await feed.forget(tx, stage.shop, erased.root, erased.origins, stage.now)
        assert removed == 3
        here.receiver.always = 204
        heard = len(here.receiver.heard)
        here.pass_time(hours=1)
        await here.tell()
        later = here.receiver.heard[heard:]
        assert sorted(one.said["type"] for one in later) == [
            "order.completed", "order.completed", "profile.erased",
        ]  # fmt: skip
        [gone] = [one for one in later if one.said["type"] == "profile.erased"]
        assert gone.said["data"] == {
            "shop": "acme", "profile": {"id": str(erased.root), "former_ids": []},
        }  # fmt: skip
        assert not any(b"ann" in one.body for one in later)
        await nothing_of(here, erased.root)

    told(house, story)


async def nothing_of(here: Told, root: UUID) -> None:
    """What was told about an erasure is not kept either."""
    async with here.stage.unit() as tx:
        for table in ("webhook_delivery", "webhook"):
            cursor = await tx.execute(f"SELECT t::text FROM {table} t")
            for (text,) in await cursor.fetchall():
                assert str(root) not in text and "ann" not in text


def test_history_of_deliveries_ends(house: House) -> None:
    async def story(here: Told) -> None:
        stage = here.stage
        await here.register("order.*")
        await stage.walk(stage.orders("u:ann"))
        await here.tell()
        async with stage.unit() as tx:
            assert await store.expire(tx, stage.now, timedelta(days=7)) == 0
            later = stage.now + timedelta(days=8)
            assert await store.expire(tx, later, timedelta(days=7)) == 1

    told(house, story)


def test_a_slow_system_keeps_no_other_waiting(house: House) -> None:
    async def story(here: Told) -> None:
        stage = here.stage
        await here.register("order.*", key="slow", url=f"{here.receiver.url}/slow")
        here.receiver.answers = ["silence"]
        await stage.walk(stage.orders("u:ann", order_id="o0"))
        await here.teller.turn(stage.shop)
        await here.register("order.*", key="quick")
        for number in range(1, 4):
            await stage.walk(stage.orders("u:bob", order_id=f"o{number}"))
            await here.teller.turn(stage.shop)
        paths = [one.path for one in here.receiver.heard]
        assert paths == ["/hook/slow"] + ["/hook"] * 3
        assert (await here.endpoint("slow")).waiting == 4

    told(house, story, seconds=15)

"""From the outbox to the mailbox: what arrives, what does not, and what the owner is told."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from conftest import House
from delivery.scene import appended
from delivery.stage import Stage, live, play
from patron.analytics.journeys import results
from patron.catalog import store as catalog
from patron.catalog.types import FactSource, ProductIn
from patron.delivery.channels.recorded import Recorder
from patron.delivery.tasks import deliver_due
from patron.journeys.builtin import install
from patron.journeys.types import Status
from patron.kit.db import execute, tuples
from patron.messages import store
from patron.messages.types import Arm, State
from patron.profiles import store as profiles
from patron.shops.types import Mode, Shop

HOUR = timedelta(hours=1)


def test_an_abandoned_cart_is_answered(house: House) -> None:
    async def story(stage: Stage) -> None:
        message_id = await stage.abandoned("anna", "Anna@example.com")
        stage.house.clock.advance(timedelta(seconds=3))
        done = await stage.deliver()
        assert (done.states, done.told) == ({"sent": 1}, 1)
        assert (await stage.deliver()).idle
        assert stage.box.recipients == ["Anna@example.com"]
        mail = stage.box.parsed()
        assert mail["Subject"] == "Hollin Farm Cheese, Mild, 8 oz is still in your cart"
        assert mail["List-Unsubscribe"].startswith("<https://patron.example/u/")
        text = stage.box.text()
        assert "Hello Anna," in text
        assert "2 x Hollin Farm Cheese, Mild, 8 oz - $4.98" in text
        state, reason, words = await stage.last_words(message_id)
        assert (state, reason) == ("sent", None)
        assert words == "The mail server took it: 250 2.0.0 Ok: queued as 4F1A."
        (event,) = await appended(stage.db, stage.shop)
        assert event["event"] == "Email Sent"
        assert event["messageId"] == f"patron-{message_id}-email-sent"
        assert event["properties"]["message_id"] == str(message_id)
        assert event["properties"]["journey"] == "abandoned_cart"

    play(house, story)


def test_her_timeline_shows_the_mail(house: House) -> None:
    async def story(stage: Stage) -> None:
        origin, cart = await stage.cart("anna", "anna@example.com")
        await stage.message(origin, cart)
        await stage.deliver()
        await stage.walk()
        async with stage.unit() as tx:
            person = await profiles.person(tx, origin)
        assert person is not None
        assert person.totals["Email Sent"].count == 1
        assert len(person.origins) == 1

    play(house, story)


def test_four_products_bought_together_are_shown(house: House) -> None:
    async def story(stage: Stage) -> None:
        wanted = [f"t{n}" for n in range(6)]
        products = [
            ProductIn(
                id=each,
                title=f"Together {each}",
                price=309,
                compare_at=399,
                currency="USD",
                available=each != "t0",
                url=f"https://acme.example/{each}" if each != "t1" else "https://evil.example/",
                image_url=f"https://acme.example/{each}.png",
            )
            for each in wanted
        ]
        products.append(ProductIn(id="p1", title="Cheese by its shop", price=249, currency="USD"))
        async with stage.unit() as tx:
            await catalog.upsert(tx, products, FactSource.API, stage.now)
        asked: list[Any] = []

        def picks(product_ids: list[str], n: int) -> list[str]:
            asked.append(product_ids)
            return ["p1", *wanted][:n]

        stage.picks = picks
        await stage.abandoned("anna", "anna@example.com")
        await stage.deliver()
        page = stage.box.page()
        assert asked == [["p1"]]
        assert "Cheese by its shop" in page
        assert [each for each in wanted if f"Together {each}" in page] == ["t2", "t3", "t4", "t5"]
        assert "evil.example" not in page

    play(house, story)


def test_in_rehearsal_the_owner_gets_it(house: House) -> None:
    async def story(stage: Stage) -> None:
        stage.shop = msgspec.structs.replace(stage.shop, mode=Mode.REHEARSAL)
        await stage.abandoned("anna", "anna@example.com")
        await stage.deliver()
        assert stage.box.recipients == ["owner@acme.example"]
        assert stage.box.parsed()["X-Patron-Rehearsal-For"] == "anna@example.com"
        (event,) = await appended(stage.db, stage.shop)
        assert event["properties"]["rehearsal"] is True

    play(house, story)


def test_a_shop_that_went_back_to_rehearsal_is_believed_although_the_worker_knew_it_live(
    house: House,
) -> None:
    async def back(shop: Shop) -> Shop:
        return msgspec.structs.replace(shop, mode=Mode.REHEARSAL)

    async def story(stage: Stage) -> None:
        await stage.abandoned("anna", "anna@example.com")
        deps = msgspec.structs.replace(stage.deps(), newest=back)
        await deliver_due(stage.db, stage.shop, deps, stage.now)
        assert stage.box.recipients == ["owner@acme.example"]

    play(house, story)


def test_two_people_with_one_address_get_one_mail_of_a_journey_in_a_day(house: House) -> None:
    async def story(stage: Stage) -> None:
        await stage.abandoned("anna", "shared@example.com")
        await stage.work()
        bert, cart = await stage.cart("bert", "bert@example.com")
        async with stage.unit() as tx:  # the mailbox turns out to be his
            await execute(
                tx,
                "UPDATE identifier SET origin_id = %s WHERE value = 'shared@example.com'",
                (bert,),
            )
            await execute(tx, "DELETE FROM identifier WHERE value = 'bert@example.com'")
        message_id = await stage.message(bert, cart)
        await stage.work()
        assert (await stage.last_words(message_id))[:2] == ("skipped", "same_journey_recently")
        assert stage.box.recipients == ["shared@example.com"]

    play(house, story)


def test_workers_that_judge_one_address_at_once_send_one_mail(house: House) -> None:
    async def story(stage: Stage) -> None:
        origin, cart = await stage.cart("anna", "anna@example.com")
        mails = [await stage.message(origin, cart) for _ in range(6)]
        stage.limits = msgspec.structs.replace(stage.limits, claims=2)
        await asyncio.gather(*(stage.deliver() for _ in range(3)))
        ends = [(await stage.last_words(mail))[:2] for mail in mails]
        assert ends.count(("sent", None)) == 1
        assert ends.count(("skipped", "same_journey_recently")) == 5
        assert stage.box.recipients == ["anna@example.com"]

    play(house, story)


def test_one_marketing_mail_in_sixteen_hours(house: House) -> None:
    async def story(stage: Stage) -> None:
        origin, cart = await stage.cart("anna", "anna@example.com")
        await stage.message(origin, cart)
        await stage.work()
        same = await stage.message(origin, cart)
        other = await stage.message(origin, cart, source="journey:winback")
        await stage.work()
        state, reason, words = await stage.last_words(same)
        assert (state, reason) == ("skipped", "same_journey_recently")
        assert words == "Not sent: this journey wrote to her on March 2, 07:00."
        assert (await stage.last_words(other))[:2] == ("skipped", "too_often")
        stage.house.clock.advance(16 * HOUR - timedelta(minutes=1))
        early = await stage.message(origin, cart, source="journey:birthday")
        await stage.work()
        assert (await stage.last_words(early))[:2] == ("skipped", "too_often")
        stage.house.clock.advance(timedelta(minutes=1))
        later = await stage.message(origin, cart, source="journey:winback")
        again = await stage.message(origin, cart)
        await stage.work()
        assert {(await stage.find(m)).state for m in (later, again)} == {State.SENT, State.SKIPPED}
        assert len(stage.box.mails) == 2

    play(house, story)


def test_a_person_in_the_holdout_is_judged_and_not_sent_to(house: House) -> None:
    async def story(stage: Stage) -> None:
        origin, cart = await stage.cart("anna", "anna@example.com")
        held = await stage.message(origin, cart, arm=Arm.HOLDOUT)
        again = await stage.message(origin, cart, arm=Arm.HOLDOUT)
        await stage.work()
        ends = {(await stage.find(m)).state: (await stage.find(m)).reason for m in (held, again)}
        assert ends == {State.HELD_OUT: None, State.SKIPPED: "same_journey_recently"}
        end = {"arm": Arm.HOLDOUT, "expires_at": stage.now}
        shut = await stage.abandoned("bert", "bert@example.com", **end)
        await stage.work()
        assert (await stage.last_words(shut))[:2] == ("skipped", "too_late")
        assert stage.box.mails == []
        assert await appended(stage.db, stage.shop) == []

    play(house, story)


def test_who_was_held_out_in_rehearsal_is_compared_with_nobody(house: House) -> None:
    """Those treated in rehearsal got nothing and leave the comparison; so do the held-out."""

    async def story(stage: Stage) -> None:
        origin, cart = await stage.cart("anna", "anna@example.com")
        stage.shop = msgspec.structs.replace(stage.shop, mode=Mode.REHEARSAL)
        rehearsed = await stage.message(origin, cart, arm=Arm.HOLDOUT)
        await stage.work()
        assert (await stage.find(rehearsed)).state is State.HELD_OUT
        stage.shop = live(stage.shop)
        async with stage.unit() as tx:
            await install(tx, stage.shop, stage.now, status=Status.ON)
            told = await results(tx, stage.shop, "abandoned_cart", stage.now + timedelta(days=6))
        assert told is not None
        assert (told.held_out, told.proof.held_out.people) == (0, 0)
        in_earnest = await stage.message(origin, cart, arm=Arm.HOLDOUT)
        await stage.work()
        assert (await stage.find(in_earnest)).state is State.HELD_OUT

    play(house, story)


def test_what_another_journey_held_back_caps_neither_arm(house: House) -> None:
    """Else the held-out would be other people than the treated: only those never held out there."""

    async def story(stage: Stage) -> None:
        origin, cart = await stage.cart("anna", "anna@example.com")
        await stage.message(origin, cart, arm=Arm.HOLDOUT, source="journey:winback")
        await stage.work()
        held = await stage.message(origin, cart, arm=Arm.HOLDOUT)
        await stage.work()
        assert (await stage.find(held)).state is State.HELD_OUT

    play(house, story)


def test_without_consent_nothing_is_sent(house: House) -> None:
    async def story(stage: Stage) -> None:
        origin, cart = await stage.cart("anna", "anna@example.com", consents=False)
        message_id = await stage.message(origin, cart)
        await stage.deliver()
        assert (await stage.last_words(message_id))[:2] == ("skipped", "no_consent")
        assert stage.box.mails == []

    play(house, story)


def test_a_mail_that_cannot_be_written_is_not_sent(house: House) -> None:
    async def story(stage: Stage) -> None:
        nameless = {"product_id": "p9", "price": 2.49}
        origin, cart = await stage.cart("anna", "anna@example.com", product=nameless)
        message_id = await stage.message(origin, cart)
        unknown = await stage.abandoned("bert", "bert@example.com", template="no_such")
        await stage.deliver()
        state, reason, words = await stage.last_words(message_id)
        assert (state, reason) == ("skipped", "render_failed")
        assert "none of the products in the cart has a name" in words
        assert (await stage.last_words(unknown))[:2] == ("skipped", "render_failed")
        assert stage.box.mails == []

    play(house, story)


def test_a_bug_in_judging_one_message_does_not_hold_up_the_others(house: House) -> None:
    async def story(stage: Stage) -> None:
        bad = await stage.abandoned("anna", "anna@example.com", condition={"no": "rule"})
        good = await stage.abandoned("bert", "bert@example.com")
        await stage.deliver()
        assert (await stage.last_words(bad))[:2] == ("delayed", "error")
        assert (await stage.find(good)).state is State.SENT
        stage.house.clock.advance(timedelta(days=2))
        await stage.work()
        assert (await stage.last_words(bad))[:2] == ("skipped", "error")

    play(house, story)


def test_replayed_history_is_written_down_and_counts_for_caps(house: House) -> None:
    async def story(stage: Stage) -> None:
        recorder = Recorder(kept=3)
        stage.channels = {"email": recorder}
        origin, cart = await stage.cart("anna", "anna@example.com")
        message_id = await stage.message(origin, cart)
        await stage.work()
        assert (await stage.find(message_id)).state is State.RECORDED
        assert [letter.to for letter in recorder.letters] == ["anna@example.com"]
        again = await stage.message(origin, cart)
        await stage.work()
        assert (await stage.last_words(again))[:2] == ("skipped", "same_journey_recently")
        assert stage.box.mails == []
        (event,) = await appended(stage.db, stage.shop)
        assert event["event"] == "Email Sent"

    play(house, story)


def test_sixty_mails_and_three_workers(house: House) -> None:
    async def story(stage: Stage) -> None:
        stage.limits = msgspec.structs.replace(stage.limits, claims=7)
        for number in range(60):
            await stage.abandoned(f"c{number}", f"c{number}@example.com")
        await asyncio.gather(stage.work(), stage.work(), stage.work())
        assert sorted(stage.box.recipients) == sorted(f"c{n}@example.com" for n in range(60))
        async with stage.unit() as tx:
            assert await store.counts(tx) == {State.SENT: 60}
        events = await appended(stage.db, stage.shop)
        assert len({event["messageId"] for event in events}) == 60

    play(house, story)


@pytest.mark.parametrize(("in_flight", "connections"), [(8, 3), (3, 8)])
def test_no_more_rows_are_handed_over_than_are_in_flight(
    house: House, in_flight: int, connections: int
) -> None:
    async def story(stage: Stage) -> None:
        stage.limits = msgspec.structs.replace(stage.limits, in_flight=in_flight)
        for number in range(8):
            await stage.abandoned(f"c{number}", f"c{number}@example.com")
        stage.box.hold.clear()
        round_ = asyncio.ensure_future(stage.deliver())
        counted: list[int] = []
        while not counted or counted[-1] < 3:
            async with stage.unit() as tx:
                found = await tuples(tx, "SELECT count(*) FROM outbox WHERE state = 'handing_over'")
            counted.append(int(found[0][0]))
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        async with stage.unit() as tx:
            assert (await store.counts(tx))[State.HANDING_OVER] == 3
        stage.box.hold.set()
        assert (await round_).states == {"sent": 8}

    play(house, story, connections=connections)

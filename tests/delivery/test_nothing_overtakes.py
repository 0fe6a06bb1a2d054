"""Nothing overtakes the log: what was received before a claim is known before the mail leaves."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec

from conftest import House
from delivery.stage import CHEESE, Stage, at, play
from patron.carts import store as carts
from patron.events.types import Source, Trust
from patron.messages import outbox
from patron.messages.types import State

HOUR = timedelta(hours=1)


def order(user: str, stage: Stage) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Order Completed",
        "userId": user,
        "messageId": f"order-{user}",
        "timestamp": stage.now.isoformat(),
        "properties": {"order_id": f"o-{user}", "cart_id": user, "products": [CHEESE]},
    }


def test_an_order_received_before_the_claim_stops_the_mail(house: House) -> None:
    async def story(stage: Stage) -> None:
        message_id = await stage.abandoned("anna", "anna@example.com")
        await stage.inbox.append(
            stage.shop, [order("anna", stage)], trust=Trust.SERVER, source=Source.SERVER
        )
        # The walk comes late: the claim stands and waits for it.
        late: list[asyncio.Future[None]] = []

        async def walk_later() -> None:
            async def walk() -> None:
                await asyncio.sleep(0.2)
                await stage.walk()

            late.append(asyncio.ensure_future(walk()))

        with at("delivery.claimed", walk_later):
            await stage.deliver()
        await late[0]
        state, reason, words = await stage.last_words(message_id)
        assert (state, reason) == ("skipped", "cart_closed")
        assert words == "Not sent: she has ordered what was in the cart."
        assert stage.box.mails == []

    play(house, story)


def test_while_the_walk_does_not_catch_up_nothing_is_sent(house: House) -> None:
    async def story(stage: Stage) -> None:
        stage.limits = msgspec.structs.replace(stage.limits, walk_wait=0.1)
        message_id = await stage.abandoned("anna", "anna@example.com")
        await stage.inbox.append(
            stage.shop, [order("bert", stage)], trust=Trust.SERVER, source=Source.SERVER
        )
        await stage.deliver()
        assert (await stage.last_words(message_id))[:2] == ("delayed", "events_behind")
        assert (await stage.deliver()).states == {}
        await stage.walk()
        stage.house.clock.advance(timedelta(seconds=5))
        await stage.deliver()
        assert (await stage.find(message_id)).state is State.SENT

    play(house, story)


def test_while_orders_are_silent_cart_mails_wait_and_say_so(house: House) -> None:
    async def story(stage: Stage) -> None:
        start = stage.now - timedelta(days=29)
        hourly = [start + n * HOUR for n in range(29 * 24 - 9)]
        async with stage.unit() as tx:
            await carts.beat(tx, {"any": hourly})
        message_id = await stage.abandoned("anna", "anna@example.com")
        await stage.deliver()
        state, reason, words = await stage.last_words(message_id)
        assert (state, reason) == ("delayed", "order_feed_silent")
        assert "no order has come in since March 1, 21:00" in words
        stage.house.clock.advance(timedelta(minutes=15))
        async with stage.unit() as tx:
            await carts.beat(tx, {"any": [stage.now]})
        await stage.deliver()
        assert (await stage.find(message_id)).state is State.SENT

    play(house, story)


def test_an_exit_between_claim_and_hand_over_stops_the_mail(house: House) -> None:
    async def story(stage: Stage) -> None:
        message_id = await stage.abandoned("anna", "anna@example.com")
        run = (await stage.find(message_id)).run_id

        async def leave() -> None:
            async with stage.unit() as tx:
                await outbox.cancel(tx, [run], "ordered", stage.now)

        with at("delivery.claimed", leave):
            assert (await stage.deliver()).states == {}
        assert (await stage.last_words(message_id))[:2] == ("cancelled", "ordered")
        assert stage.box.mails == []

    play(house, story)


def test_a_condition_is_judged_by_the_gate(house: House) -> None:
    async def story(stage: Stage) -> None:
        origin, cart = await stage.cart("anna", "anna@example.com")
        start = (stage.now - HOUR).isoformat()
        rule = {"event": "Order Completed", "did": False, "after": "start"}
        context = {"cart_id": str(cart), "start": start}
        message_id = await stage.message(origin, cart, condition=rule, context=context)
        bought = order("anna", stage)
        bought["properties"] = {"order_id": "elsewhere"}
        await stage.inbox.append(stage.shop, [bought], trust=Trust.SERVER, source=Source.SERVER)
        await stage.walk()
        await stage.deliver()
        state, reason, words = await stage.last_words(message_id)
        assert state == "skipped"
        assert reason in ("condition_not_met", "cart_closed")
        assert words.startswith("Not sent: ")

    play(house, story)


def test_a_claim_that_had_no_turn_is_given_back_without_a_word(house: House) -> None:
    async def story(stage: Stage) -> None:
        message_id = await stage.abandoned("anna", "anna@example.com")

        async def slow() -> None:
            stage.house.clock.advance(timedelta(seconds=55))

        with at("delivery.claimed", slow):
            assert (await stage.deliver()).states == {}
        assert len((await stage.find(message_id)).story) == 1
        await stage.work()
        assert (await stage.find(message_id)).state is State.SENT

    play(house, story)

"""Journeys that an event starts: at once, again, round and round, and for one person once."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from conftest import House
from delivery.scene import appended
from patron.carts import store as carts
from patron.events.inbox import Inbox
from patron.journeys.switch import switch
from patron.journeys.tasks import tell
from patron.journeys.types import RunState, Status
from patron.kit import pauses
from patron.messages.types import State
from patron.profiles import store as profiles
from stage import Stage, play

LOOK = {
    "trigger": {
        "event": "Product Viewed",
        "where": [{"property": "price", "op": "at_least", "value": 100}],
    },
    "steps": [{"id": "mail", "send": {"template": "look_again"}}],
    "exit_on": [{"event": "Order Completed"}],
    "holdout": 0,
}


def test_a_message_may_follow_at_once_in_the_walk(house: House) -> None:
    async def story(stage: Stage) -> None:
        await stage.put("look", LOOK)
        await stage.walk(
            stage.event("Product Viewed", "anna", price=120),
            stage.event("Product Viewed", "berta", price=20),
            stage.event("Product Viewed", "carla"),
            stage.event("Product Viewed", "dora", price=120, backfill=True),
        )
        [message] = await stage.outbox()
        [run] = await stage.runs("look")
        assert (run.state, run.arm, run.started_at) == (RunState.DONE, "treatment", stage.now)
        assert message.condition == {
            "and": [{"event": "Order Completed", "did": False, "after": stage.now.isoformat()}]
        }
        assert "cart_id" not in message.context
        stage.pass_time(minutes=1)
        await stage.walk(stage.orders("anna"))
        assert [one.state for one in await stage.outbox()] == [State.CANCELLED]

    play(house, story)


CHECKOUT = {
    "trigger": {"event": "Checkout Started"},
    "steps": [{"id": "mail", "send": {"template": "abandoned_cart"}}],
    "holdout": 0,
}


def test_a_cart_mail_after_an_event_speaks_of_her_open_cart(house: House) -> None:
    async def story(stage: Stage) -> None:
        await stage.put("checkout", CHECKOUT)
        await stage.walk(
            stage.adds("anna", timedelta(minutes=9), cart_id="older"),
            stage.adds("anna", timedelta(minutes=5), cart_id="newer"),
            stage.event("Checkout Started", "anna"),
        )
        (message,) = [one for one in await stage.outbox() if one.journey == "checkout"]
        async with stage.unit() as tx:
            cart = await carts.cart(tx, UUID(message.context["cart_id"]))
        assert cart is not None
        assert "cart:newer" in cart.key
        assert message.condition is None

    play(house, story)


def test_without_an_open_cart_no_cart_mail_is_written_and_the_run_says_so(house: House) -> None:
    async def story(stage: Stage) -> None:
        await stage.put("viewed", CHECKOUT | {"trigger": {"event": "Product Viewed"}})
        await stage.walk(stage.event("Product Viewed", "anna", product_id="p1"))
        (run,) = await stage.runs("viewed")
        assert (run.state, run.arm) == (RunState.DONE, None)
        assert "Nothing was written: she has no open cart" in run.story[-2].words
        assert await stage.outbox() == []

    play(house, story)


def test_re_entry(house: House) -> None:
    async def story(stage: Stage) -> None:
        await stage.put("never", LOOK | {"reentry": "never"})
        await stage.put("weekly", LOOK | {"reentry": {"days": 7}})
        await stage.put("always", LOOK)
        for _ in range(3):
            for _ in range(2):
                await stage.walk(stage.event("Product Viewed", "u:anna", price=120))
            stage.pass_time(days=4)
        assert [len(await stage.runs(key)) for key in ("never", "weekly", "always")] == [1, 2, 6]

    play(house, story)


def test_a_condition_reads_what_has_just_been_walked(house: House) -> None:
    async def story(stage: Stage) -> None:
        rule = {"event": "Product Viewed", "count": {"op": "at_least", "value": 3}}
        steps = [{"condition": {"rule": rule}}, *LOOK["steps"]]  # type: ignore[misc]
        await stage.put("look", LOOK | {"steps": steps})
        await stage.walk(stage.event("Product Viewed", "anna", price=120))
        views = [stage.event("Product Viewed", "anna", price=1) for _ in range(2)]
        await stage.walk(*views[:1], stage.event("Product Viewed", "anna", price=120))
        first, second = sorted(await stage.runs("look"), key=lambda run: run.state, reverse=True)
        assert (first.exit_reason, second.state) == ("condition", RunState.DONE)
        assert first.story[1].why == [
            "looked at a product once, last on 2 Mar 2026, 07:00, but asked was: at least 3"
        ]

    play(house, story)


def test_traits_of_the_person_decide(house: House) -> None:
    async def story(stage: Stage) -> None:
        rule = {"trait": "vip", "op": "is_true"}
        steps = [{"wait": {"minutes": 5}}, {"condition": {"rule": rule}}, *LOOK["steps"]]  # type: ignore[misc]
        await stage.put("look", LOOK | {"steps": steps})
        for who, vip in (("u:anna", True), ("u:berta", False)):
            told = stage.event("Product Viewed", who, price=120)
            told.traits = {"vip": vip}
            named = stage.event("Identified", who)
            named.type, named.traits = type(named.type)("identify"), {"vip": vip}
            await stage.walk(named, told)
            stage.pass_time(seconds=1)
        stage.pass_time(minutes=5)
        assert await stage.fire() == 2
        anna, berta = await stage.runs("look")
        assert (anna.state, berta.exit_reason) == (RunState.DONE, "condition")
        assert [line.why for line in anna.story if line.why] == [["vip is true"]]

    play(house, story)


def test_round_and_round_each_lap_speaks_once(house: House) -> None:
    async def story(stage: Stage) -> None:
        rule = {"event": "Email Opened", "since": "start"}
        steps: list[dict[str, Any]] = [
            {"id": "mail", "send": {"template": "look_again"}},
            {"wait": {"days": 7}},
            {"condition": {"rule": rule, "else": "mail"}},
        ]
        await stage.put("look", LOOK | {"steps": steps})
        await stage.walk(stage.event("Product Viewed", "anna", price=120))
        for _ in range(3):
            stage.pass_time(days=7)
            assert await stage.fire() == 1
        await stage.walk(stage.event("Email Opened", "anna"))
        stage.pass_time(days=7)
        assert await stage.fire() == 1
        assert [one.step_visit for one in await stage.outbox()] == [
            f"mail:{n}" for n in (1, 2, 3, 4)
        ]
        assert (await stage.runs("look"))[0].state is RunState.DONE

    play(house, story)


def test_two_who_become_one_have_one_run(house: House) -> None:
    async def story(stage: Stage) -> None:
        steps = [{"wait": {"days": 1}}, *LOOK["steps"]]  # type: ignore[misc]
        await stage.put("look", LOOK | {"steps": steps})
        await stage.walk(stage.event("Product Viewed", "u:anna", price=120))
        stage.pass_time(minutes=1)
        await stage.walk(stage.event("Product Viewed", "browser", price=120))
        assert len(await stage.runs("look")) == 2
        stage.pass_time(minutes=1)
        await stage.walk(stage.event("Page Viewed", "u:anna", browser="browser"))
        older, younger = await stage.runs("look")
        assert (older.state, younger.exit_reason) == (RunState.WAITING, "duplicate")
        # And what the one does ends the run of the other.
        await stage.walk(stage.orders("browser"))
        assert (await stage.runs("look"))[0].exit_reason == "ordered"

    play(house, story)


def test_two_who_are_parted_again_each_have_a_run_of_their_own(house: House) -> None:
    async def story(stage: Stage) -> None:
        steps = [{"wait": {"days": 1}}, *LOOK["steps"]]  # type: ignore[misc]
        await stage.put("look", LOOK | {"steps": steps})
        await stage.walk(
            stage.event("Page Viewed", "u:anna"), stage.event("Page Viewed", "browser")
        )
        await stage.walk(stage.event("Page Viewed", "u:anna", browser="browser"))
        async with stage.unit() as tx:
            anna = await profiles.find(tx, "user_id:anna")
            assert anna is not None
            (merge,) = await profiles.merges(tx, await profiles.origins(tx, anna))
        await stage.walk(stage.event("Product Viewed", "browser", price=120))
        async with stage.unit() as tx:
            await profiles.undo(tx, merge.id, stage.now)
        await stage.walk(stage.event("Product Viewed", "u:anna", price=120))
        one, other = await stage.runs("look")
        assert one.origin_id != other.origin_id
        assert {one.state, other.state} == {RunState.WAITING}

    play(house, story)


def test_off_ends_a_message_however_long_it_has_waited(house: House) -> None:
    """It may wait for as long as the journey lets it: for the mail server, for the order feed."""

    async def story(stage: Stage) -> None:
        send = {"template": "look_again", "expires": {"days": 10}}
        await stage.put("look", LOOK | {"steps": [{"id": "mail", "send": send}]})
        await stage.walk(stage.event("Product Viewed", "anna", price=120))
        stage.pass_time(days=5)
        async with stage.unit() as tx:
            await switch(tx, "look", Status.OFF, stage.now)
        assert [one.reason for one in await stage.outbox()] == ["journey_off"]

    play(house, story)


def test_runs_keep_to_the_steps_they_began_with(house: House) -> None:
    async def story(stage: Stage) -> None:
        steps = [{"wait": {"days": 1}}, *LOOK["steps"]]  # type: ignore[misc]
        await stage.put("look", LOOK | {"steps": steps})
        await stage.walk(stage.event("Product Viewed", "anna", price=120))
        await stage.put("look", LOOK | {"steps": [{"wait": {"days": 3}}, {"exit": "changed"}]})
        stage.pass_time(minutes=1)
        await stage.walk(stage.event("Product Viewed", "berta", price=120))
        anna, berta = await stage.runs("look")
        assert (anna.version, berta.version) == (1, 2)
        assert berta.due_at == stage.now + timedelta(days=3)
        stage.pass_time(days=1)
        assert await stage.fire() == 1
        assert [one.run_id for one in await stage.outbox()] == [anna.id]

    play(house, story)


def test_one_run_that_cannot_be_decided_fails_alone(house: House, monkeypatch: Any) -> None:
    async def story(stage: Stage) -> None:
        steps = [{"wait": {"days": 1}}, *LOOK["steps"]]  # type: ignore[misc]
        await stage.put("look", LOOK | {"steps": steps})
        await stage.walk(stage.adds("anna"), stage.event("Product Viewed", "berta", price=120))
        stage.pass_time(days=1)

        def broken(*_: Any) -> Any:
            raise ZeroDivisionError

        monkeypatch.setattr("patron.segments.rules.language.Event.evaluate", broken)
        assert await stage.fire() == 2
        [bad], [good] = await stage.runs(), await stage.runs("look")
        assert (bad.state, good.state) == (RunState.FAILED, RunState.DONE)
        assert bad.story[-1].words == "Failed: ZeroDivisionError at this step."

    play(house, story)


def test_who_was_given_an_arm_is_told_once_though_a_worker_dies_in_between(house: House) -> None:
    async def dies(reached: str) -> None:
        if reached == "journeys.told":
            raise RuntimeError(reached)

    async def story(stage: Stage) -> None:
        await stage.walk(stage.adds("anna"))
        stage.pass_time(hours=1)
        await stage.fire()
        inbox = Inbox(house.url, house.clock)
        pauses.install(dies)
        with pytest.raises(RuntimeError):
            await tell(stage.db, stage.shop, inbox)
        pauses.install(None)
        assert [await tell(stage.db, stage.shop, inbox) for _ in range(2)] == [1, 0]
        await inbox.close()
        first, second = await appended(stage.db, stage.shop)
        assert first == second and first["event"] == "Journey Entered"

    play(house, story)

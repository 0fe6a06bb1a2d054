"""The cart journey: who gets a message, who does not, and what is said about it."""

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from conftest import House
from patron.app.care.forgetting import forget
from patron.experiments.assign import arm
from patron.journeys import store
from patron.journeys.switch import switch
from patron.journeys.types import RunState, Status
from patron.kit import pauses
from patron.kit.db import execute, value
from patron.kit.settings import Settings
from patron.messages.types import Arm, State
from patron.profiles import store as profiles
from stage import Stage, play

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def test_a_cart_left_for_an_hour_is_answered_once(house: House) -> None:
    async def story(stage: Stage) -> None:
        await stage.walk(stage.adds("anna"))
        [run] = await stage.runs()
        assert run.due_at == stage.now + HOUR
        stage.pass_time(minutes=59)
        assert await stage.fire() == 0
        stage.pass_time(minutes=1)
        assert await stage.fire() == 1
        assert await stage.fire() == 0
        [message] = await stage.outbox()
        [run] = await stage.runs()
        assert (message.state, message.template) == (State.QUEUED, "abandoned_cart")
        assert (run.state, run.arm, run.ended_at) == (RunState.DONE, message.arm, stage.now)
        assert message.step_visit == "mail:1" and message.source == "journey:abandoned_cart"
        assert message.context["cart_id"] == run.key
        assert message.condition == {
            "and": [
                {"event": ["Order Completed"], "did": False, "since": run.started_at.isoformat()},
                {"cart": run.key, "is": "open"},
            ]
        }
        words = [line.words for line in run.story]
        assert words[:3] == ["Something was put into the cart.", "Waited 1 hour.", "Went on."]
        assert words[3].startswith("Wrote a message for her")
        assert words[4:] == ["Reached its end."]
        assert run.story[2].why == ["did not order since this journey began (2 Mar 2026, 07:00)"]

    play(house, story)


def test_new_activity_starts_the_wait_anew_and_old_activity_does_not(house: House) -> None:
    async def story(stage: Stage) -> None:
        await stage.walk(stage.adds("anna"))
        stage.pass_time(minutes=40)
        later, sooner = (
            stage.adds("anna", timedelta(minutes=m), product_id=f"q{m}") for m in (0, 9)
        )
        await stage.walk(later, sooner)
        latest = stage.now
        await stage.walk(stage.adds("anna", timedelta(minutes=20), product_id="p3"))
        [run] = await stage.runs()
        assert run.due_at == latest + HOUR
        assert run.started_at == latest - timedelta(minutes=40)
        stage.pass_time(minutes=59)
        assert await stage.fire() == 0
        stage.pass_time(minutes=1)
        assert await stage.fire() == 1

    play(house, story)


def test_who_orders_in_time_gets_no_message_and_the_run_says_why(house: House) -> None:
    async def story(stage: Stage) -> None:
        await stage.walk(stage.adds("anna"))
        stage.pass_time(minutes=30)
        await stage.walk(stage.orders("anna"))
        stage.pass_time(hours=3)
        assert await stage.fire() == 0
        [run] = await stage.runs()
        assert (run.state, run.exit_reason, run.due_at) == (RunState.EXITED, "ordered", None)
        assert run.story[-1].words == "Left: she ordered."
        assert await stage.outbox() == []

    play(house, story)


def test_an_order_cancels_the_message_that_waits(house: House) -> None:
    async def story(stage: Stage) -> None:
        await stage.walk(stage.adds("anna"))
        stage.pass_time(hours=1)
        await stage.fire()
        stage.pass_time(minutes=1)
        await stage.walk(stage.orders("anna"))
        [message] = await stage.outbox()
        assert (message.state, message.reason) == (State.CANCELLED, "ordered")
        [run] = await stage.runs()
        assert run.state is RunState.DONE

    play(house, story)


def test_an_order_that_closed_no_cart_still_holds_the_message_back(house: House) -> None:
    """By event time: one made before the cart does not count, however late it arrives."""

    async def story(stage: Stage) -> None:
        await stage.walk(stage.adds("anna", cart_id="c1"), stage.adds("berta", cart_id="c2"))
        stage.pass_time(minutes=50)
        # Identified meanwhile in another browser, where the order was made.
        await stage.walk(stage.orders("berta", timedelta(days=2), cart_id="c9"))
        await stage.walk(stage.orders("anna", timedelta(minutes=10), cart_id="c8"))
        stage.pass_time(minutes=10)
        await stage.fire()
        first, second = sorted(await stage.runs(), key=lambda run: run.state)
        assert (first.state, second.exit_reason) == (RunState.DONE, "ordered")
        [message] = await stage.outbox()
        assert message.run_id == first.id

    play(house, story)


def test_no_timer_overtakes_the_inbox(house: House) -> None:
    """The 09:50 order still lies in the inbox when the 10:00 timer is due."""

    async def story(stage: Stage) -> None:
        await stage.walk(stage.adds("anna"), stage.adds("berta"))
        stage.pass_time(minutes=50)
        order = stage.orders("anna")
        await stage.unwalked(stage.now)
        stage.pass_time(minutes=10)
        assert await stage.fire() == 0
        stage.pass_time(minutes=5)
        assert await stage.fire() == 0
        await stage.walk(order)
        await stage.walked()
        assert await stage.fire() == 1
        runs = {run.exit_reason: run for run in await stage.runs()}
        assert set(runs) == {"ordered", None}
        assert [message.run_id for message in await stage.outbox()] == [runs[None].id]

    play(house, story)


def test_what_was_received_after_the_timer_was_due_does_not_hold_it(house: House) -> None:
    async def story(stage: Stage) -> None:
        await stage.walk(stage.adds("anna"))
        stage.pass_time(hours=1)
        await stage.unwalked(stage.now + timedelta(milliseconds=1))
        assert await stage.fire() == 1

    play(house, story)


def test_history_and_old_events_start_nothing(house: House) -> None:
    async def story(stage: Stage) -> None:
        # A phone that was offline for three days; an import; a cart of 61 minutes ago.
        await stage.walk(stage.adds("anna", 3 * DAY), stage.orders("anna", 3 * DAY))
        await stage.walk(stage.adds("berta", backfill=True))
        await stage.walk(stage.adds("carla", timedelta(minutes=61)))
        assert await stage.runs() == []
        await stage.walk(stage.adds("dora", timedelta(minutes=59)))
        [run] = await stage.runs()
        assert run.due_at == stage.now + timedelta(minutes=1)
        # Old news may end what is fresh.
        stage.pass_time(hours=1)
        await stage.walk(stage.orders("dora", timedelta(minutes=70), backfill=True))
        assert (await stage.runs())[0].exit_reason == "ordered"

    play(house, story)


def test_an_emptied_cart_is_forgotten_until_it_is_filled_again(house: House) -> None:
    async def story(stage: Stage) -> None:
        await stage.walk(stage.adds("anna"))
        stage.pass_time(minutes=5)
        emptied = stage.event("Product Removed", "anna", product_id="p1", quantity=1)
        await stage.walk(emptied)
        [run] = await stage.runs()
        assert run.exit_reason == "emptied"
        stage.pass_time(minutes=5)
        await stage.walk(stage.adds("anna"))
        stage.pass_time(hours=1)
        assert await stage.fire() == 1
        assert Counter(run.state for run in await stage.runs()) == {"exited": 1, "done": 1}

    play(house, story)


def test_one_person_in_ten_is_held_out_by_her_oldest_origin(house: House) -> None:
    async def story(stage: Stage) -> None:
        await stage.walk(*(stage.adds(f"b{number}") for number in range(600)))
        stage.pass_time(hours=1)
        assert await stage.fire() == 600
        found = await stage.outbox()
        for message in found:
            assert message.arm == arm("journey:abandoned_cart", message.origin_id, 0.1)
        held = sum(message.arm is Arm.HOLDOUT for message in found)
        assert 30 <= held <= 95
        assert {message.state for message in found} == {State.QUEUED}

    play(house, story)


def test_who_is_recognised_before_the_message_keeps_the_arm_of_her_oldest_origin(
    house: House,
) -> None:
    async def story(stage: Stage) -> None:
        await stage.walk(*(stage.event("Page Viewed", f"u:k{number}") for number in range(120)))
        stage.pass_time(minutes=1)
        await stage.walk(*(stage.adds(f"b{number}") for number in range(120)))
        stage.pass_time(minutes=1)
        known = [stage.event("Page Viewed", f"u:k{n}", browser=f"b{n}") for n in range(120)]
        await stage.walk(*known)
        stage.pass_time(hours=1)
        assert await stage.fire() == 120
        found = await stage.outbox()
        async with stage.unit() as tx:
            for message in found:
                eldest = (await profiles.origins(tx, message.origin_id))[0]
                assert eldest != message.origin_id
                assert message.arm == arm("journey:abandoned_cart", eldest, 0.1)
        assert {message.arm for message in found} == {Arm.TREATMENT, Arm.HOLDOUT}

    play(house, story)


class Killed(BaseException):
    """What kill -9 does, as far as one process can do it to itself."""


@pytest.mark.parametrize("point", ["journeys.claimed", "journeys.carried", "journeys.fired"])
def test_a_worker_that_dies_loses_no_step_and_doubles_none(house: House, point: str) -> None:
    async def story(stage: Stage) -> None:
        await stage.walk(*(stage.adds(f"b{number}") for number in range(20)))
        stage.pass_time(hours=1)

        async def kill(reached: str) -> None:
            if reached == point:
                raise Killed

        pauses.install(kill)
        try:
            with pytest.raises(Killed):
                await stage.fire()
        finally:
            pauses.install(None)
        after = await stage.outbox()
        assert len(after) == (20 if point == "journeys.fired" else 0)
        # The dead worker's lease still holds; when it ends, another goes on.
        assert await stage.fire() == 0
        stage.pass_time(seconds=61)
        assert await stage.fire() == (0 if point == "journeys.fired" else 20)
        assert len(await stage.outbox()) == 20
        assert {run.state for run in await stage.runs()} == {RunState.DONE}

    play(house, story)


def test_two_workers_share_the_timers(house: House) -> None:
    async def story(stage: Stage) -> None:
        await stage.walk(*(stage.adds(f"b{number}") for number in range(300)))
        stage.pass_time(hours=1)
        fired = await asyncio.gather(*(stage.fire() for _ in range(4)))
        assert sum(fired) == 300
        assert len({message.run_id for message in await stage.outbox()}) == 300

    play(house, story)


def test_a_late_worker_does_not_go_on_with_a_run_another_has_taken(house: House) -> None:
    """Its lease ended while it stood still between claiming and carrying on."""

    async def story(stage: Stage) -> None:
        await stage.walk(stage.adds("anna"))
        stage.pass_time(hours=1)
        others: list[int] = []

        async def stand_still(reached: str) -> None:
            if reached == "journeys.claimed" and not others:
                others.append(0)
                stage.pass_time(seconds=61)
                others[0] = await stage.fire()

        pauses.install(stand_still)
        try:
            assert await stage.fire() == 0
        finally:
            pauses.install(None)
        assert others == [1]
        assert len(await stage.outbox()) == 1

    play(house, story)


@pytest.mark.parametrize("writer", ["timers", "switching off", "an erasure"])
def test_whoever_writes_besides_the_walk_takes_people_before_runs_and_messages(
    house: House, writer: str, tmp_path: Path
) -> None:
    """The walk holds her and goes on to her run: what another held by then, it would wait for."""

    async def write(stage: Stage) -> None:
        if writer == "timers":
            assert await stage.fire() == 1
        elif writer == "switching off":
            async with stage.unit() as tx:
                await switch(tx, "abandoned_cart", Status.OFF, stage.now)
        else:
            files = Settings(data_dir=tmp_path)
            await forget(
                stage.db, stage.shop, "anonymous_id:anna", house.signer, house.clock, files
            )

    async def story(stage: Stage) -> None:
        await stage.walk(stage.adds("anna"))
        stage.pass_time(hours=1)
        [run] = await stage.runs()
        async with stage.unit() as walk:
            await profiles.lock(walk, [run.origin_id])
            other = asyncio.ensure_future(write(stage))
            while not await value(walk, "SELECT count(*) FROM pg_locks WHERE NOT granted"):
                assert not other.done(), "it asked for nobody"
                await asyncio.sleep(0.01)
            for table in ("run", "outbox"):
                await execute(walk, f"SELECT 1 FROM {table} FOR UPDATE NOWAIT")
        await other

    play(house, story)


def test_switching_off_ends_runs_and_takes_back_what_waits(house: House) -> None:
    async def story(stage: Stage) -> None:
        await stage.walk(stage.adds("anna"))
        stage.pass_time(hours=1)
        await stage.fire()
        await stage.walk(stage.adds("berta"))
        async with stage.unit() as tx:
            await switch(tx, "abandoned_cart", Status.OFF, stage.now)
        await stage.walk(stage.adds("carla"))
        done, left = await stage.runs()
        assert (done.state, left.exit_reason) == (RunState.DONE, "journey_off")
        [message] = await stage.outbox()
        assert (message.state, message.reason) == (State.CANCELLED, "journey_off")
        async with stage.unit() as tx:
            await switch(tx, "abandoned_cart", Status.ON, stage.now)
        stage.pass_time(hours=2)
        assert await stage.fire() == 0

    play(house, story)


def test_one_shops_journey_is_not_anothers(house: House) -> None:
    async def story(stage: Stage) -> None:
        await stage.walk(stage.adds("anna"))
        await stage.open(house.bolt)
        assert await stage.runs() == []
        stage.pass_time(hours=1)
        assert await stage.fire() == 0

    play(house, story)


def test_a_person_takes_her_runs_with_her(house: House) -> None:
    async def story(stage: Stage) -> None:
        await stage.walk(stage.adds("anna"), stage.adds("berta"))
        first, second = await stage.runs()
        async with stage.unit() as tx:
            [told] = await store.export(tx, [first.origin_id])
            assert (told["journey"], told["state"]) == ("abandoned_cart", "waiting")
            assert told["story"][0]["words"] == "Something was put into the cart."
            assert await store.erase(tx, [first.origin_id]) == 1
        assert [run.id for run in await stage.runs()] == [second.id]

    play(house, story)

"""Who enters a segment because of another one does so for the reason that holds above."""

from datetime import timedelta
from typing import Any

import pytest

from conftest import House
from patron.events.types import Source
from patron.kit.db import tuples
from patron.profiles import store as profiles
from patron.profiles.changes.store import Why
from patron.segments import filling, saving, tasks
from patron.segments.keeping import Touch
from patron.segments.members import store as members
from patron.segments.members.types import Cause
from patron.segments.saving import Draft
from patron.segments.telling import ENTERED, LEFT, starts_something
from profiles.stories import seen
from stage import Stage, play

SOON = {
    "event": "Trip Booked",
    "where": [{"property": "starts", "op": "in_the_next", "value": {"days": 7}}],
}


def test_reasons_have_the_same_numbers_in_both_rooms() -> None:
    assert {why.name: int(why) for why in Why} == {t.name: int(t) for t in Touch if t}
    assert {why.name.lower() for why in Why} == set(Cause)


@pytest.mark.parametrize("cause", Cause)
def test_only_what_she_did_or_a_window_that_ran_out_starts_a_journey(cause: Cause) -> None:
    for name in (ENTERED, LEFT):
        told: dict[str, Any] = {"name": name, "properties": {"cause": str(cause)}}
        starts = cause in (Cause.EVENT, Cause.CLOCK)
        assert starts_something(seen("ann", source=Source.PATRON, **told)) is starts
        assert not starts_something(seen("ann", source=Source.SERVER, **told))  # no word of ours
    assert starts_something(seen("ann", name="Trip Booked"))


async def causes(stage: Stage, who: str = "ann") -> dict[str, str]:
    async with stage.unit() as tx:
        root = await profiles.find(tx, f"user_id:{who}")
        assert root is not None
        return {one.segment: one.cause for one in await members.stays(tx, [root])}


def test_two_who_become_one_are_in_it_because_of_that(house: House) -> None:
    """Neither looked twice; nothing was done that a journey may follow from."""

    async def story(stage: Stage) -> None:
        await stage.walk(*(stage.event("Product Viewed", who) for who in ("u:ann", "u:bea")))
        await stage.walk(stage.event("Coupon Applied", "u:bea"))
        twice = {"event": "Product Viewed", "count": {"op": "at_least", "value": 2}}
        never = {"event": "Coupon Applied", "did": False}
        async with stage.unit() as tx:
            for key, rule in (("twice", twice), ("never", never)):
                draft = Draft(name=key, rule=rule)
                await saving.create(tx, stage.shop, key, draft, stage.now)
        await filling.fill(stage.db, stage.shop, None, stage.house.clock)
        alias = stage.event("Aliased", "u:ann")
        alias.type, alias.previous_id = alias.type.ALIAS, "bea"
        await stage.walk(alias)
        assert await causes(stage) == {"twice": "merge", "never": "definition"}
        async with stage.unit() as tx:
            root = await profiles.find(tx, "user_id:ann")
            assert root is not None
            left = {one.segment: one.left_cause for one in await members.stays(tx, [root])}
        assert left == {"twice": None, "never": "merge"}

    play(house, story)


def test_a_past_that_is_brought_is_asked_about_once_and_apart(house: House) -> None:
    """A year of orders speaks of her in every batch, and all her orders would be read each time."""

    async def story(stage: Stage) -> None:
        twice = {"orders": "number", "op": "at_least", "value": 2}
        looked = {"event": "Product Viewed"}
        async with stage.unit() as tx:
            for key, rule in (("twice", twice), ("looked", looked)):
                draft = Draft(name=key, rule=rule)
                await saving.create(tx, stage.shop, key, draft, stage.now)
        await filling.fill(stage.db, stage.shop, None, stage.house.clock)
        await stage.walk(stage.event("Product Viewed", "u:ann", backfill=True))
        for days in (30, 20, 10):
            await stage.walk(stage.orders("u:ann", timedelta(days=days), backfill=True))
        assert await causes(stage) == {"looked": "backfill"}
        async with stage.unit() as tx:
            assert len(await tuples(tx, "SELECT origin_id FROM profile_change")) == 1
        await tasks.fire_due(stage.db, stage.shop, stage.now)
        assert await causes(stage) == {"looked": "backfill", "twice": "backfill"}
        await stage.walk(stage.orders("u:bea", timedelta(days=9), backfill=True))
        await stage.walk(stage.orders("u:bea"))  # what happens now is asked about now
        assert (await causes(stage, "bea"))["twice"] == "event"

    play(house, story)


@pytest.mark.parametrize("after", [timedelta(), timedelta(days=3)])
def test_below_what_the_clock_asks_the_cause_is_the_clocks(house: House, after: timedelta) -> None:
    """She is in it when it is saved, or the day comes near later."""

    async def story(stage: Stage) -> None:
        starts = (stage.now + timedelta(days=6) + after).isoformat()
        await stage.walk(stage.event("Trip Booked", "u:ann", starts=starts))
        async with stage.unit() as tx:
            for key, rule in (("soon", SOON), ("below", {"segment": "soon"})):
                draft = Draft(name=key, description="", rule=rule)
                await saving.create(tx, stage.shop, key, draft, stage.now)
        for step in (timedelta(), after):
            stage.pass_time(seconds=step.total_seconds() + 3601)
            await filling.fill(stage.db, stage.shop, None, stage.house.clock)
            await tasks.fire_due(stage.db, stage.shop, stage.now)
        cause = "clock" if after else "definition"
        assert await causes(stage) == {"soon": cause, "below": cause}

    play(house, story)

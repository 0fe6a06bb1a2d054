"""Live, filled anew and by the plain reference: memberships are the same, whatever happens."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import reference
import rules
from conftest import House
from known import Known
from patron.kit.db import Database
from patron.segments import filling, saving, tasks
from patron.segments.forms import standing
from patron.segments.population import keeping, types
from patron.segments.predictions import types as predicted
from patron.segments.rules.language import bind
from stage import Stage
from tale import Tale, expected, happenings, inside, put_up, save


async def agree(tale: Tale, wanted: dict[str, dict[str, Any]], when: str) -> None:
    for key, data in wanted.items():
        assert await inside(tale, key) == await expected(tale, data), (when, data)


async def tell(tale: Tale, data: Sequence[dict[str, Any]], steps: Sequence[Any]) -> None:
    stage = tale.stage
    await put_up(stage)
    wanted = {f"r-{tale.tag}-{n}": rule for n, rule in enumerate(data)}
    for key, rule in wanted.items():
        await save(stage, key, rule)
    await filling.fill(stage.db, stage.shop, None, stage.house.clock)
    for what, hours, told in steps:
        if what == "order":
            tale.orders(hours)
        elif what == "foretell":
            await tale.foretold()
        elif what == "place":
            tale.is_somewhere(hours)
        elif what == "variant":
            tale.is_shown(hours)
        elif what == "merge":
            await tale.merges()
        elif what == "undo":
            await tale.undone()
        elif what == "tag":
            await tale.tagged()
        elif what == "erase":
            await tale.erased()
        elif what == "wait":
            await tale.walks()
            stage.pass_time(hours=hours)
        else:
            tale.does(what, hours, told)
    await tale.walks()
    await settled(stage)
    await agree(tale, wanted, "live")
    stage.pass_time(hours=tale.draw.choice([1, 24, 72]))
    await settled(stage)
    await agree(tale, wanted, "after a while")
    again = {f"again-{key}": rule for key, rule in wanted.items()}
    for key, rule in again.items():
        await save(stage, key, rule)
    await filling.fill(stage.db, stage.shop, None, stage.house.clock)
    await agree(tale, again, "from history")
    async with stage.unit() as tx:
        for key in (*wanted, *again):
            await saving.remove(tx, stage.shop, key)


async def settled(stage: Stage) -> None:
    """Whatever the clock, a log or an answer by hand changes is seen, and new tables are."""
    while await tasks.fire_due(stage.db, stage.shop, stage.now):
        pass
    await filling.fill(stage.db, stage.shop, None, stage.house.clock)
    while await tasks.fire_due(stage.db, stage.shop, stage.now):
        pass


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    data=st.lists(rules.rules, min_size=8, max_size=8),
    steps=st.lists(happenings, min_size=8, max_size=20),
    seed=st.integers(0, 1_000),
)
def test_live_is_full_is_the_reference(
    house: House, data: list[dict[str, Any]], steps: list[Any], seed: int
) -> None:
    """Three people are a population here, so that it matters where they stand."""
    bound = [bind(rule, Known().moments, "any") for rule in data]

    async def story(db: Database) -> None:
        stage = Stage(house, db)
        await tell(Tale(stage, random.Random(seed)), bound, steps)

    with pytest.MonkeyPatch.context() as patch:
        for module in (types, standing, keeping, predicted, reference):
            patch.setattr(module, "FEWEST", 1)
        house.run(story)

"""The sorted copy: rules asked of everybody at once say what the reference says."""

import random
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import rules
from conftest import House
from known import Known
from patron.events.lake import copying
from patron.events.lake import store as lake_store
from patron.events.sorted import keeping, layout, writing
from patron.events.sorted.layout import Folder, folder_of
from patron.kit.db import Database, connect
from patron.kit.lake import Lake
from patron.segments import filling, saving
from patron.segments.everybody import answering as everybody
from patron.segments.everybody.answering import holders
from patron.segments.full import answering, scan
from patron.segments.rules.language import bind, parse
from patron.segments.trying import preview
from stage import Stage
from tale import Tale, everyone, expected, happenings, inside, put_up, save


async def copied(stage: Stage, lake: Lake, folder: Folder) -> None:
    """The lake and its sorted copy as the night leaves them."""
    async with await connect(stage.house.url, "lake") as connection:
        kept = copying.Cut(Path(lake.uri).parent / "cut")
        await copying.copy(connection, stage.shop, lake, kept, stage.now)
    async with stage.unit() as tx:
        state = await lake_store.state(tx)
    keeping.refresh(folder, lake, str(state.epoch), state.lake_position, str(stage.now.date()))


async def whole(
    stage: Stage, folder: Folder, data: dict[str, Any], ours: set[UUID]
) -> set[UUID] | None:
    """Those of `ours` for whom a rule holds; None when the copy does not suffice."""
    found = await holders(stage.db, stage.shop, parse(data), stage.now, folder)
    if found is None:
        return None
    assert found.complete and found.looked.all()
    seen = await preview(stage.db, stage.shop, parse(data), stage.now, copy=folder)
    assert (seen.count, seen.complete) == (found.held.sum(), True)
    return set(found.people.roots(np.flatnonzero(found.held))) & ours


async def tell(tale: Tale, data: list[dict[str, Any]], steps: list[Any], lake: Lake) -> int:
    """How many of the rules the copy answered."""
    stage, folder = tale.stage, folder_of(lake.uri)
    await put_up(stage)
    for n, (what, hours, told) in enumerate(steps):
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
        elif what == "erase":
            await tale.erased()
        elif what == "wait":
            await tale.walks()
            stage.pass_time(hours=hours)
        else:
            tale.does(what, hours, told)
        if n == len(steps) // 2:
            await tale.walks()
            await copied(stage, lake, folder)
    await tale.walks()
    answered = 0
    for turn in range(2):
        for rule in data:
            ours = set((await everyone(tale)).values())
            found = await whole(stage, folder, rule, ours)
            if found is not None:
                assert found == await expected(tale, rule), (turn, rule)
                answered += 1
        await copied(stage, lake, folder)
    keys = {f"r-{tale.tag}-{n}": rule for n, rule in enumerate(data)}
    for key, rule in keys.items():
        await save(stage, key, rule)
    await filling.fill(stage.db, stage.shop, lake, stage.house.clock)
    for key, rule in keys.items():
        assert await inside(tale, key) == await expected(tale, rule), rule
    async with stage.unit() as tx:
        for key in keys:
            await saving.remove(tx, stage.shop, key)
    return answered


@settings(
    phases=[Phase.generate],
    derandomize=True,  # docs/critiques.md tells what other examples find, once in some thirty runs
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    data=st.lists(rules.rules, min_size=8, max_size=8),
    steps=st.lists(happenings, min_size=8, max_size=20),
    seed=st.integers(0, 1_000),
)
def test_full_is_the_reference(
    house: House,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    data: list[dict[str, Any]],
    steps: list[Any],
    seed: int,
) -> None:
    monkeypatch.setattr(answering, "ROWS_AT_ONCE", 7)  # several chunks, as of millions of events
    monkeypatch.setattr(everybody, "ROWS_BESIDE", 64)
    monkeypatch.setattr(everybody, "FACTS_AT_ONCE", 3)
    monkeypatch.setattr(answering, "APART_AT_ONCE", 2)
    monkeypatch.setattr(writing, "ROWS_AT_ONCE", 64)
    more = ("born", *layout.PATHS), ("born", *layout.COLUMNS)
    monkeypatch.setattr(writing, "PATHS", more[0])
    monkeypatch.setattr(writing, "COLUMNS", more[1])
    monkeypatch.setattr(scan, "COLUMNS", more[1])
    bound = [bind(rule, Known().moments, "any") for rule in data]
    lake = Lake(str(tmp_path / "lake" / "events"))
    Path(lake.uri).mkdir(parents=True, exist_ok=True)

    async def story(db: Database) -> None:
        stage = Stage(house, db)
        await tell(Tale(stage, random.Random(seed)), bound, steps, lake)

    house.run(story)

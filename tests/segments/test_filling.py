"""A new segment is filled from the lake and the log, however often filling is broken off."""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from conftest import House
from patron.events.lake.copying import Cut, copy
from patron.kit.db import Database, Tx, connect, execute, value
from patron.kit.lake import Lake
from patron.profiles import store as profiles
from patron.segments import filling, saving
from patron.segments.live import book
from patron.segments.live import store as remembered
from patron.segments.members import store as members
from patron.segments.rules.reading import Misread
from patron.segments.saved import showing
from patron.segments.saved import store as saved
from patron.segments.saved.types import Status
from patron.segments.saving import Draft
from stage import Stage

TWICE = {"event": "Product Viewed", "count": {"op": "at_least", "value": 2}}
SPENT = {"event": "Product Viewed", "sum": {"property": "price", "op": "equals", "value": 6}}
CAME = {"channel": "email", "touch": "first"}


async def views(stage: Stage, *people: str) -> None:
    events = [stage.event("Product Viewed", f"u:{who}", price=3) for who in people]
    for event in events:
        event.channel = "email"
    await stage.walk(*events)


async def save(stage: Stage, key: str, rule: object) -> None:
    async with stage.unit() as tx:
        assert isinstance(rule, dict)
        await saving.create(tx, stage.shop, key, Draft(name=key, rule=rule), stage.now)


async def inside(stage: Stage, key: str) -> set[str]:
    async with stage.unit() as tx:
        segment = await saved.by_key(tx, key)
        assert segment is not None and segment.status == Status.ON
        found = set()
        for one in await members.members(tx, segment.id, None, 100):
            names = await profiles.identifiers(tx, [one.id])
            (name,) = {each.value for each in names if each.kind == "user_id"}
            found.add(name)
        return found


async def fill(stage: Stage, lake: Lake | None = None) -> filling.Filled:
    return await filling.fill(stage.db, stage.shop, lake, stage.house.clock)


def test_from_the_lake_and_from_the_log_behind_it(house: House, tmp_path: Path) -> None:
    async def story(db: Database) -> None:
        stage = Stage(house, db)
        lake = Lake(str(tmp_path / "lake"))
        await views(stage, "anna", "anna", "bert", "cora")
        async with await connect(house.url, "lake") as connection:
            await copy(connection, stage.shop, lake, Cut(tmp_path), stage.now)
        async with stage.unit() as tx:
            # PostgreSQL keeps some months only; what is older is in the lake.
            await execute(tx, "DELETE FROM event")
        stage.pass_time(days=1)
        await views(stage, "bert", "dora")
        await save(stage, "twice", TWICE)
        await save(stage, "spent", SPENT)
        await save(stage, "came", CAME)
        did = await fill(stage, lake)
        assert (did.streams, did.events) == (3, 6)
        assert await inside(stage, "twice") == {"anna", "bert"}
        assert await inside(stage, "spent") == {"anna", "bert"}
        assert await inside(stage, "came") == {"anna", "bert", "cora", "dora"}
        await views(stage, "cora")
        assert await inside(stage, "twice") == {"anna", "bert", "cora"}
        assert await inside(stage, "spent") == {"anna", "bert", "cora"}

    house.run(story)


def test_what_happens_meanwhile_counts_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(db: Database) -> None:
        stage = Stage(house, db)
        await views(stage, "anna", "bert", "bert")
        await save(stage, "spent", SPENT)
        read = filling._read_history

        async def and_meanwhile(*told: object) -> None:
            await views(stage, "anna", "cora")
            await read(*told)  # type: ignore[arg-type]
            await views(stage, "cora", "new", "new")

        monkeypatch.setattr(filling, "_read_history", and_meanwhile)
        await fill(stage)
        assert await inside(stage, "spent") == {"anna", "bert", "cora", "new"}

    house.run(story)


@pytest.mark.parametrize("after", [0, 1, 2, 5, 8, 20])
def test_broken_off_anywhere_it_begins_anew(
    house: House, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """The connection is lost after so many transactions; nothing counts twice."""

    async def story(db: Database) -> None:
        stage = Stage(house, db)
        people = ["anna", "bert", "cora", "dora"]
        await views(stage, *people, "anna", "bert")
        await save(stage, "spent", SPENT)
        await save(stage, "twice", TWICE)
        monkeypatch.setattr(filling, "AT_ONCE", 2)
        monkeypatch.setattr(book, "AT_ONCE", 2)
        monkeypatch.setattr(filling, "ROWS_AT_ONCE", 3)
        left = after

        class Lost(Exception):
            pass

        unit = db.unit

        def counted(schema: str) -> object:
            nonlocal left
            left -= 1
            if left < 0:
                raise Lost
            return unit(schema)

        with monkeypatch.context() as patched:
            patched.setattr(db, "unit", counted)
            with contextlib.suppress(Lost):
                await fill(stage)
        await views(stage, "cora", "emma")
        await fill(stage)
        assert await inside(stage, "spent") == {"anna", "bert", "cora"}
        assert await inside(stage, "twice") == {"anna", "bert", "cora"}
        async with stage.unit() as tx:
            assert await value(tx, "SELECT count(*) FROM segment_stream WHERE NOT filled") == 0
            history = await value(tx, "SELECT count(*) FROM membership WHERE cause <> 'definition'")
        assert history <= 2  # cora, when she entered by her act after filling was done

    house.run(story)


def test_meanwhile_it_says_how_far_it_is(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    views_of: list[showing.SegmentView] = []
    write = saved.progress

    async def look(stage: Stage, key: str) -> showing.SegmentView:
        async with stage.unit() as tx:
            return await showing.shown(tx, await saving.existing(tx, key))

    async def story(db: Database) -> None:
        stage = Stage(house, db)

        async def written(tx: Tx, ids: Sequence[int], done: int, total: int) -> None:
            await write(tx, ids, done, total)
            views_of.append(await showing.shown(tx, await saving.existing(tx, "twice")))

        monkeypatch.setattr(saved, "progress", written)
        monkeypatch.setattr(filling, "EVENTS_AT_ONCE", 2)
        monkeypatch.setattr(filling, "ROWS_AT_ONCE", 2)
        for _ in range(3):
            await views(stage, "anna", "bea")
        await save(stage, "twice", TWICE)
        first = await look(stage, "twice")
        assert (first.status, first.progress) == ("filling", 0.0)
        assert first.said == "0 people so far; history is being read"
        async with Database(house.url, max_size=2, name="few connections") as few:
            await filling.fill(few, stage.shop, None, stage.house.clock)
        last = await look(stage, "twice")
        assert (last.status, last.progress, last.said) == ("on", None, "2 people")

    house.run(story)
    for status, said in (("filling", "history is being read"), ("settling", "is being asked")):
        told = [one for one in views_of if one.status == status]
        far = [one.progress or 0.0 for one in told]
        assert told and all(said in one.said for one in told)
        assert far == sorted(far) and 0 < far[-1] <= 1


def test_two_do_not_fill_at_once(house: House) -> None:
    async def story(db: Database) -> None:
        stage = Stage(house, db)
        await views(stage, "anna")
        async with await connect(house.url, "other") as other:
            assert await saved.try_lock(other, stage.shop.schema)
            with pytest.raises(filling.Busy):
                await fill(stage)
        await save(stage, "twice", TWICE)
        await fill(stage)

    house.run(story)


def test_two_that_are_saved_at_once_make_no_circle(house: House) -> None:
    async def story(db: Database) -> None:
        stage = Stage(house, db)
        await save(stage, "one", CAME)
        await save(stage, "two", TWICE)

        async def ask(key: str, other: str) -> None:
            async with stage.unit() as tx:
                draft = Draft(rule={"segment": other})
                await saving.change(tx, stage.shop, key, draft, stage.now)

        async with stage.unit() as tx:
            draft = Draft(rule={"segment": "two"})
            await saving.change(tx, stage.shop, "one", draft, stage.now)
            behind = asyncio.create_task(ask("two", "one"))
            async with db.session() as other:
                while not await value(other, "SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    assert not behind.done()
        with pytest.raises(Misread, match="two → one → two"):
            await behind
        # As if it had been written by other means: the walk goes on, and neither stops it.
        async with stage.unit() as tx:
            rule = '{"segment": "one"}'
            await execute(
                tx, "UPDATE segment SET status = 'on', rule = %s WHERE key = 'two'", (rule,)
            )
            await saved.turn_page(tx)
        await views(stage, "anna")

    house.run(story)


def test_a_robot_keeps_little_and_stops_nobody(house: House) -> None:
    """Ten thousand events of one person leave what fifty rules need of her, and no more."""

    async def story(db: Database) -> None:
        stage = Stage(house, db)
        await views(stage, "robot")
        for number in range(50):
            rule = {
                "event": "Product Viewed",
                "where": [{"property": "price", "op": "at_most", "value": number}],
                "count": {"op": "at_least", "value": 2},
                "within": {"days": 30},
            }
            await save(stage, f"few-{number}", rule)
        await save(stage, "sum", SPENT)
        await fill(stage)
        for _ in range(10):
            stage.pass_time(minutes=1)
            await views(stage, *["robot"] * 1_000)
        async with stage.unit() as tx:
            kept = await remembered.load(tx, await _roots(stage))
            assert len(kept) == 1
            assert len(kept[0].records) <= 26 * (47 * 3 + 1_000)
            assert len(kept[0].records) >= 26 * (47 * 3 + 1_000)

    house.run(story)


async def _roots(stage: Stage) -> list[UUID]:
    async with stage.unit() as tx:
        root = await profiles.find(tx, "user_id:robot")
        assert root is not None
        return [root]


def test_a_thousand_conditions_are_kept(house: House) -> None:
    """The largest rule there may be is bounded work for whoever walks."""

    async def story(db: Database) -> None:
        stage = Stage(house, db)
        names = [f"E{n}" for n in range(998)]
        await save(stage, "large", {"or": [{"event": name} for name in names]})
        await views(stage, "anna")
        await fill(stage)
        assert await inside(stage, "large") == set()
        await stage.walk(stage.event("E997", "u:anna"), stage.event("E5", "u:bert"))
        assert await inside(stage, "large") == {"anna", "bert"}
        stage.pass_time(seconds=timedelta(days=1).total_seconds())
        await asyncio.wait_for(stage.walk(stage.event("E1", "u:cora")), 20)
        assert await inside(stage, "large") == {"anna", "bert", "cora"}

    house.run(story)


def test_what_is_saved_while_history_is_read_waits_for_its_own(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(db: Database) -> None:
        stage = Stage(house, db)
        await views(stage, "anna", "anna")
        await save(stage, "spent", SPENT)
        read = filling._read_history

        async def and_meanwhile(*told: object) -> None:
            await read(*told)  # type: ignore[arg-type]
            await save(stage, "twice", TWICE)

        with monkeypatch.context() as patched:
            patched.setattr(filling, "_read_history", and_meanwhile)
            await fill(stage)
        assert await inside(stage, "spent") == {"anna"}
        async with stage.unit() as tx:
            late = await saved.by_key(tx, "twice")
            assert late is not None and late.status == Status.FILLING
            assert await filling.work_waits(tx, stage.shop, stage.now)
        await fill(stage)
        assert await inside(stage, "twice") == {"anna"}

    house.run(story)


def test_other_legal_grounds_have_everybody_asked_again(house: House) -> None:
    async def story(db: Database) -> None:
        stage = Stage(house, db)
        await views(stage, "anna")
        word = {"email": "anna@mail.example", "list": "news", "text": "Yes", "where": "shop"}
        await stage.walk(stage.event("Email Subscribed", "u:anna", **word))
        await save(stage, "reachable", {"reachable": "email"})
        await fill(stage)
        assert await inside(stage, "reachable") == {"anna"}
        strict = {**stage.shop.settings.legal_basis, "email/marketing": ["double_opt_in"]}
        settings = msgspec.structs.replace(stage.shop.settings, legal_basis=strict)
        stage.shop = msgspec.structs.replace(stage.shop, settings=settings)
        async with stage.unit() as tx:
            assert await filling.work_waits(tx, stage.shop, stage.now)
        await fill(stage)
        assert await inside(stage, "reachable") == set()
        async with stage.unit() as tx:
            assert not await filling.work_waits(tx, stage.shop, stage.now)

    house.run(story)


def test_what_she_allowed_no_advertising_to_follow_from_starts_nothing(house: House) -> None:
    async def story(db: Database) -> None:
        stage = Stage(house, db)
        await save(stage, "once", {"event": "Product Viewed"})
        await fill(stage)
        event = stage.event("Product Viewed", "u:anna")
        event.context = {"consent": {"marketing": False}}
        await stage.walk(event)
        assert await inside(stage, "once") == {"anna"}
        async with stage.unit() as tx:
            assert await members.untold(tx, 10) == []
        await views(stage, "bert")
        async with stage.unit() as tx:
            assert [one.cause for one in await members.untold(tx, 10)] == ["event"]

    house.run(story)


def test_another_time_zone_has_history_read_and_everybody_asked_again(house: House) -> None:
    """A day that began in New York began six hours earlier in Vienna."""

    async def story(db: Database) -> None:
        stage = Stage(house, db)
        booked = {"property": "day", "op": "after", "value": "2026-03-02T00:00:00"}
        told = {"day": "2026-03-02T03:00:00+00:00"}  # ten in the evening before, in New York
        await stage.walk(stage.event("Booked", "u:anna", **told))
        await save(stage, "march", {"event": "Booked", "where": [booked]})
        await save(stage, "twice", TWICE)
        await fill(stage)
        assert await inside(stage, "march") == set()
        stage.shop = msgspec.structs.replace(stage.shop, time_zone="Europe/Vienna")
        async with stage.unit() as tx:
            assert await filling.work_waits(tx, stage.shop, stage.now)
        did = await fill(stage)
        assert did.streams == 1  # the other rule asks for no day
        assert await inside(stage, "march") == {"anna"}
        await stage.walk(stage.event("Booked", "u:bert", **told))
        assert await inside(stage, "march") == {"anna", "bert"}
        async with stage.unit() as tx:
            assert not await filling.work_waits(tx, stage.shop, stage.now)

    house.run(story)

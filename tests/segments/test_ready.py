"""Segments that need no rule of one's own: in a shop made by hand each has the right people."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from conftest import House
from patron.app.cli.ready_made.commands import people
from patron.app.founding import found
from patron.kit.db import Database
from patron.kit.problems import Problem
from patron.profiles import store as profiles
from patron.segments import filling, saving
from patron.segments.live.program import made_ready
from patron.segments.members import store as members
from patron.segments.population.types import GROUPS
from patron.segments.ready import showing
from patron.segments.ready.catalogue import catalogue
from patron.segments.ready.movement import movement
from patron.segments.rules.language import parse
from patron.segments.saved import store as saved
from patron.segments.saved.types import Status
from patron.segments.suggesting import store as suggested
from patron.segments.suggesting.measuring import Names, fans_rule
from patron.segments.suggesting.store import Run
from patron.segments.suggesting.types import Suggestion
from stage import Stage, play

PAGE = (Path(__file__).parents[2] / "docs" / "segments.md").read_text("utf-8")
DAY = timedelta(days=1)
PEOPLE = ("new", "browser", "filler", "lapsed", "once", "sale", "full", "fan", "vip", "asleep")


async def _shop(stage: Stage) -> None:
    """One of each, and thirty more who ordered so that there are fifths."""
    for number in range(30):
        await stage.walk(stage.orders(f"u:crowd{number}", (100 + number) * DAY, total=20 + number))
    view, page = "Product Viewed", "Page Viewed"
    await stage.walk(
        stage.event(page, "u:new", DAY),
        *(stage.event(view, "u:browser", (20 + n) * DAY, category="Boots") for n in range(5)),
        stage.adds("u:filler", timedelta(hours=1), cart_id="c1"),
        stage.event(page, "u:lapsed", 200 * DAY),
        stage.event("Identified", "u:once", 50 * DAY, birthday="1990-03-14"),
        stage.orders("u:once", 50 * DAY, total=30),
        *(stage.orders("u:sale", (n + 10) * DAY, total=40, discount=5) for n in range(2)),
        *(stage.orders("u:full", (n + 10) * DAY, total=40, discount=0) for n in range(2)),
        *(stage.orders("u:fan", (n + 300) * DAY, total=40) for n in range(2)),
        stage.event("Product Reviewed", "u:fan", 290 * DAY, rating=5),
        *(stage.orders("u:vip", (n + 3) * DAY, total=900) for n in range(6)),
        *(stage.event("Email Sent", f"u:{who}", 5 * DAY) for who in ("asleep", "vip")),
    )
    born = stage.event("", "u:once")
    born.type, born.traits = born.type.IDENTIFY, {"birthday": "1990-03-14"}
    await stage.walk(born)


CROWD = frozenset(f"crowd{number}" for number in range(30))
WANTED: dict[str, set[str]] = {
    "cart-open": {"filler"},
    "birthday-this-month": {"once"},
    "one-time-buyers": {"once"} | CROWD,
    "repeat-buyers": {"sale", "full", "fan", "vip"},
    "vip": {"vip"},
    "lapsed-buyers": {"fan"},
    "sale-only-buyers": {"sale"},
    "full-price-buyers": {"full"},
    "stage-awareness": {"new", "lapsed", "asleep"},
    "stage-consideration": {"browser", "filler"},
    "stage-purchase": {"once"} | CROWD,
    "stage-retention": {"sale", "full", "vip"},
    "stage-advocacy": {"fan"},
    "new-visitors": {"new", "filler"},
    "returning-visitors": {"browser"},
    "lapsed-visitors": {"lapsed"},
    "browsers": {"browser"},
    "engaged-30": {"new", "browser", "filler", "sale", "full", "vip"},
    "engaged-60": {"new", "browser", "filler", "once", "sale", "full", "vip"},
    "engaged-90": {"new", "browser", "filler", "once", "sale", "full", "vip"},
    "unengaged-30": {"asleep"},
    "unengaged-60": {"asleep"},
    "unengaged-90": {"asleep"},
    "fans-of-boots": {"browser"},
}


async def _names(stage: Stage) -> dict[UUID, str]:
    found = {}
    async with stage.unit() as tx:
        for name in (*PEOPLE, *CROWD):
            root = await profiles.find(tx, f"user_id:{name}")
            assert root is not None, name
            found[root] = name
    return found


async def _fans(stage: Stage) -> None:
    """As a night would find them."""
    rule = fans_rule("Boots", Names.of(stage.shop))
    fan = Suggestion("fans-of-boots", "fans", "Fans of Boots", "", rule, 40, None, None, [])
    async with stage.unit() as tx:
        await suggested.replace(tx, Run(stage.now, 1, 1, "said"), [fan])


async def _inside(stage: Stage, names: dict[UUID, str], key: str) -> set[str]:
    async with stage.unit() as tx:
        segment = await saving.existing(tx, key)
        return {names[one.id] for one in await members.members(tx, segment.id, None, 500)}


def test_each_has_the_right_people_saved_or_counted(house: House) -> None:
    async def story(stage: Stage) -> None:
        await _shop(stage)
        await _fans(stage)
        await filling.fill(stage.db, stage.shop, None, stage.house.clock)  # the table of scores
        names = await _names(stage)
        counted = await showing.shown(stage.db, stage.shop, stage.now, None)
        assert all(one.saved is None and one.counted_all for one in counted)
        begun = await showing.shown(stage.db, stage.shop, stage.now, 1e-9)
        assert {people(one)[:8] for one in begun} == {"at least"}
        assert {people(one).isdigit() for one in counted} == {True}
        uncounted = await showing.shown(stage.db, stage.shop, stage.now, 0)
        assert all(one.count is None for one in uncounted)
        async with stage.unit() as tx:
            for one in counted:
                await showing.save(tx, stage.shop, one.key, stage.now)
        await filling.fill(stage.db, stage.shop, None, stage.house.clock)
        now_saved = await showing.shown(stage.db, stage.shop, stage.now, 8)
        assert [(one.key, one.count) for one in now_saved] == [
            (one.key, one.count) for one in counted
        ]
        assert all(one.saved == one.key for one in now_saved)
        inside = {one.key: await _inside(stage, names, one.key) for one in counted}
        assert {key: inside[key] for key in WANTED} == WANTED
        groups = [inside[key] for key in inside if key.startswith("rfm-")]
        assert len(groups) == len(GROUPS) and set(inside) == {*WANTED} | {
            key for key in inside if key.startswith("rfm-")
        }
        buyers = WANTED["one-time-buyers"] | WANTED["repeat-buyers"]
        assert set().union(*groups) == buyers
        assert sum(len(group) for group in groups) == len(buyers)
        assert "vip" in inside["rfm-champions"]
        stages = [inside[key] for key in inside if key.startswith("stage-")]
        assert sum(len(stage) for stage in stages) == len(names)
        with pytest.raises(Problem, match="there is a segment 'vip' already"):
            async with stage.unit() as tx:
                await showing.save(tx, stage.shop, "vip", stage.now)

    play(house, story)


def test_none_of_them_takes_reading_a_log(house: House) -> None:
    zone = ZoneInfo(house.acme.time_zone)
    for one in catalogue(house.acme):
        assert made_ready(parse(one.rule), zone).from_log == [], one.key
        assert one.name and one.description.endswith("."), one.key
        told = f"**`{one.key}`**" if one.core else f" `{one.key}`"
        assert told in PAGE, one.key


def test_the_core_is_there_from_the_first_day(house: House) -> None:
    async def story(db: Database) -> None:
        new = await found(
            db,
            house.clock.now(),
            name="Corner",
            currency="EUR",
            time_zone="Europe/Berlin",
            public_url="https://corner.example",
            owner_email="owner@corner.example",
        )
        core = [one.key for one in catalogue(house.acme) if one.core]
        async with db.unit(f"shop_{new.shop.slug}") as tx:
            there = await saved.every(tx)
        assert sorted(core) == [one.key for one in there]
        assert all(one.status is Status.ON and one.ready_made == one.key for one in there)

    house.run(story)


def test_who_moves_between_the_groups_is_seen(house: House) -> None:
    async def story(stage: Stage) -> None:
        async with stage.unit() as tx:
            with pytest.raises(Problem, match="only where all six are saved"):
                await movement(tx, None, stage.now)
            await showing.save_core(tx, stage.shop, stage.now)
        began = stage.now
        await _shop(stage)
        stage.pass_time(minutes=2)
        await filling.fill(stage.db, stage.shop, None, stage.house.clock)
        async with stage.unit() as tx:
            first = await movement(tx, began - DAY, stage.now)
            with pytest.raises(Problem, match="is to come"):
                await movement(tx, stage.now + 2 * DAY, stage.now)
        assert first.since == first.known_since == began
        assert {one.from_ for one in first.moves} == {None}
        assert sum(one.people for one in first.moves) == 35
        then = stage.now
        sizes = {one.group: one.now for one in first.groups}
        assert sizes["champions"] >= 1

        stage.pass_time(hours=2)
        names = await _names(stage)
        inactive = sorted(await _inside(stage, names, "rfm-inactive"))
        for _ in range(7):
            await stage.walk(stage.orders(f"u:{inactive[0]}", total=800))
        alias = stage.event("Aliased", f"u:{inactive[1]}")
        alias.type, alias.previous_id = alias.type.ALIAS, inactive[2]
        await stage.walk(alias)
        async with stage.unit() as tx:
            found = await movement(tx, then, stage.now)
        moves = {(one.from_, one.to): one.people for one in found.moves}
        assert moves[("inactive", "champions")] == 1
        assert {one.group: one.then for one in found.groups}["inactive"] == sizes["inactive"] - 1

    play(house, story)

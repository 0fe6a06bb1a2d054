"""Where people stand among all who ordered: tables made of everybody's orders, and asked about."""

from datetime import datetime, timedelta
from math import ceil
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import reference
from conftest import House
from known import NOW, Known
from patron.kit.db import Database, tuples
from patron.segments import filling, saving
from patron.segments.facts import Subject, load_many
from patron.segments.members import store as members
from patron.segments.members.types import Cause
from patron.segments.population import store
from patron.segments.population.types import GROUPS, PERIOD, RANKED, SCORES, Cuts, Population
from patron.segments.rules.dates import micros
from patron.segments.rules.language import needs, parse
from patron.segments.saved import store as saved
from patron.segments.saving import Draft
from patron.segments.store import people
from patron.segments.trying import judged
from patron.segments.types import Order
from stage import Stage, play

BEST: dict[str, Any] = {"rfm": "money", "op": "equals", "value": 5}
TOP: dict[str, Any] = {"percentile": "value", "op": "at_least", "value": 90}
TWICE: dict[str, Any] = {"orders": "number", "op": "at_least", "value": 2}


def test_who_ties_with_a_cut_point_scores_less() -> None:
    cuts = Cuts(100, tuple(range(1, 100)))
    assert [cuts.score(value) for value in (0, 20, 21, 40, 60, 61, 80, 81, 500)] == [
        1, 1, 2, 2, 3, 4, 4, 5, 5,
    ]  # fmt: skip
    assert [cuts.below(value) for value in (0, 1, 2, 90, 91, 100)] == [0, 0, 1, 89, 90, 99]
    once = Cuts(100, (1,) * 70 + (2,) * 29)
    assert [once.score(orders) for orders in (1, 2, 3)] == [1, 4, 5]


def test_the_groups_part_all_scores() -> None:
    said = set()
    for recency in range(1, 6):
        for frequency in range(1, 6):
            for money in range(1, 6):
                her = Known(orders=[Order(NOW, 1, "USD")], population=_scoring(
                    recency, frequency, money))  # fmt: skip
                assert her.population is not None
                held = [
                    group for group in GROUPS
                    if reference.holds({"rfm": "group", "is": group}, her, NOW)
                ]  # fmt: skip
                assert held == [her.population.group(her.orders)]
                said.add(held[0])
    assert said == set(GROUPS)


def _scoring(*scores: int) -> Population:
    """A table in which one order of a cent, now, has these scores."""
    values = (micros(NOW), 1, 1)
    cuts = {
        name: Cuts(50, tuple(value - 1 if k // 20 < score - 1 else value for k in range(1, 100)))
        for name, score, value in zip(SCORES, scores, values, strict=True)
    }
    return Population(1, NOW, NOW - PERIOD, "USD", cuts)


async def _shop(stage: Stage, buyers: int = 40) -> None:
    """Orders of all ages, worths and currencies, some refunded, some cancelled, some merged."""
    for number in range(buyers):
        batch = []
        for turn in range(1 + number % 4):
            ago = timedelta(days=(number * 37 + turn * 11) % 800, hours=number)
            order = f"o{number}-{turn}"
            total = 10 + (number * 7919 + turn * 13) % 90
            currency = "EUR" if number % 9 == 4 else "USD"
            batch.append(
                stage.orders(f"u:b{number}", ago, order_id=order, total=total, currency=currency)
            )
            if number % 10 == 3:
                batch.append(stage.event("Order Cancelled", f"u:b{number}", ago, order_id=order))
            if number % 8 == 5:
                back = {"order_id": order, "total": 4}
                batch.append(stage.event("Order Refunded", f"u:b{number}", ago, **back))
        await stage.walk(*batch)
    alias = stage.event("Aliased", "u:b0")
    alias.type, alias.previous_id = alias.type.ALIAS, "b8"
    await stage.walk(alias)


async def _orders(stage: Stage) -> dict[UUID, list[Order]]:
    async with stage.unit() as tx:
        roots = await people(tx, None, 1_000)
        asked = needs(parse({"orders": "number", "op": "at_least", "value": 0}))
        subjects = [Subject(root) for root in roots]
        found = await load_many(tx, subjects, asked, stage.now, stage.shop)
    return {one.person: one.orders for one in found if one.orders}


def _counted(orders: dict[UUID, list[Order]], since: datetime) -> dict[str, list[int]]:
    """What is compared of each buyer, by measure, in order."""
    recent = [[one for one in some if one.ts >= since] for some in orders.values()]
    recent = [some for some in recent if some]
    dollars = [[one.net for one in some if one.currency == "USD"] for some in orders.values()]
    dollars = [some for some in dollars if some]
    return {
        "recency": sorted(max(micros(one.ts) for one in some) for some in recent),
        "frequency": sorted(len(some) for some in recent),
        "money": sorted(sum(o.net for o in some if o.currency == "USD") for some in recent),
        "value": sorted(sum(some) for some in dollars),
        "average": sorted(sum(some) // len(some) for some in dollars),
        "number": sorted(len(some) for some in orders.values()),
    }


def test_the_table_is_what_everybodys_orders_say(house: House) -> None:
    async def story(stage: Stage) -> None:
        await _shop(stage)
        since = stage.now - PERIOD
        async with stage.unit() as tx:
            cuts = await store.count(tx, since, "USD")
        every = _counted(await _orders(stage), since)
        assert set(every) == {*SCORES, *RANKED} == set(cuts)
        for measure, values in every.items():
            points = [values[ceil(k * len(values) / 100) - 1] for k in range(1, 100)]
            assert cuts[measure] == Cuts(len(values), tuple(points)), measure

    play(house, story)


async def _save(stage: Stage, **rules: dict[str, Any]) -> None:
    async with stage.unit() as tx:
        for key, rule in rules.items():
            await saving.create(tx, stage.shop, key, Draft(name=key, rule=rule), stage.now)
    await _fill(stage)


async def _fill(stage: Stage) -> None:
    await filling.fill(stage.db, stage.shop, None, stage.house.clock)


async def _inside(stage: Stage, key: str) -> dict[UUID, str]:
    async with stage.unit() as tx:
        segment = await saved.by_key(tx, key)
        assert segment is not None
        return {one.id: one.cause for one in await members.members(tx, segment.id, None, 1_000)}


async def _waits(stage: Stage) -> bool:
    async with stage.unit() as tx:
        return await filling.work_waits(tx, stage.shop, stage.now)


def test_a_new_table_moves_people_and_starts_nothing(house: House) -> None:
    async def story(stage: Stage) -> None:
        await _shop(stage)
        await _save(stage, best=BEST, top=TOP, twice=TWICE, both={"segment": "best"})
        best = await _inside(stage, "best")
        assert best and set(best.values()) == {Cause.DEFINITION}
        assert not await _waits(stage)
        twice = await _inside(stage, "twice")

        # Those who spend more come; until the night the cuts stay where they are.
        stage.house.clock.advance(timedelta(hours=1))
        for number in range(20):
            await stage.walk(stage.orders(f"u:rich{number}", total=5_000))
        now_in = await _inside(stage, "best")
        assert set(best) < set(now_in) and len(now_in) == len(best) + 20
        assert not await _waits(stage)
        async with stage.unit() as tx:
            told = await tuples(tx, "SELECT count(*) FROM segment_change")

        await _until_three(stage)
        assert await _waits(stage)
        await _fill(stage)
        assert not await _waits(stage)
        left = set(best) - set(await _inside(stage, "best"))
        assert left == set(best) and len(await _inside(stage, "best")) < 20
        assert not left & set(await _inside(stage, "both"))
        async with stage.unit() as tx:
            causes = await tuples(
                tx,
                "SELECT s.key, m.left_cause, count(*) FROM membership m JOIN segment s"
                " ON s.id = m.segment_id WHERE m.left_at = %s GROUP BY 1, 2 ORDER BY 1",
                (stage.now,),
            )
            assert {(key, cause) for key, cause, _ in causes} >= {
                ("best", "thresholds"), ("both", "thresholds"), ("top", "thresholds"),
            }  # fmt: skip
            assert {cause for _, cause, _ in causes} == {"thresholds"}
            assert await tuples(tx, "SELECT count(*) FROM segment_change") == told
        assert twice.items() <= (await _inside(stage, "twice")).items()
        await _agrees(stage, best=BEST, top=TOP)

    play(house, story)


async def _until_three(stage: Stage) -> None:
    """A minute before three in the shop's night nothing is due; then it is."""
    zone = ZoneInfo(stage.shop.time_zone)
    tomorrow = stage.now.astimezone(zone).date() + timedelta(days=1)
    three = datetime(tomorrow.year, tomorrow.month, tomorrow.day, 3, tzinfo=zone)
    stage.house.clock.advance(three - timedelta(minutes=1) - stage.now)
    assert not await _waits(stage)
    stage.pass_time(minutes=1)


async def _agrees(stage: Stage, **rules: dict[str, Any]) -> None:
    """Who is in is whom a preview, and the plain reading of the page, would name."""
    for key, data in rules.items():
        rule = parse(data)
        async with stage.unit() as tx:
            roots = await people(tx, None, 1_000)
            found = await judged(tx, rule, roots, needs(rule), stage.now, stage.shop)
            table = await store.published(tx)
        assert set(await _inside(stage, key)) == set(found), key
        plainly = {
            person
            for person, orders in (await _orders(stage)).items()
            if reference.holds(data, Known(orders=orders, population=table), stage.now)
        }
        assert plainly == set(found), key


def test_a_small_shop_has_no_fifths_and_says_so(house: House) -> None:
    async def story(stage: Stage) -> None:
        assert not await _waits(stage)
        await stage.walk(*[stage.orders(f"u:b{number}") for number in range(24)])
        await _save(stage, best=BEST, top=TOP)
        assert await _inside(stage, "best") == await _inside(stage, "top") == {}
        async with stage.unit() as tx:
            (root, *_) = await people(tx, None, 1)
            for rule in (parse(BEST), parse(TOP), parse({"rfm": "group", "is": "inactive"})):
                (facts,) = await load_many(
                    tx, [Subject(root)], needs(rule), stage.now, stage.shop
                )  # fmt: skip
                answer = rule.evaluate(facts, stage.now)
                assert not answer.value
                assert "before 25 people have ordered, which 24 have" in answer.why[0]

        # The twenty-fifth need not wait for the night.
        stage.pass_time(minutes=2)
        assert not await _waits(stage)
        await stage.walk(stage.orders("u:b24", total=900))
        assert await _waits(stage)
        await _fill(stage)
        assert len(await _inside(stage, "best")) == len(await _inside(stage, "top")) == 1
        assert not await _waits(stage)

    play(house, story)


def test_why_says_where_she_stands(house: House) -> None:
    async def story(db: Database) -> None:
        stage = Stage(house, db)
        await _shop(stage)
        await _save(stage, best=BEST)
        asked = (
            (BEST, "of 5 for what she spends"),
            ({"rfm": "recency", "op": "at_most", "value": 5}, "how recently the last order was"),
            ({"rfm": "group", "is": list(GROUPS)}, "stands among "),
            (TOP, "is more than that of "),
        )
        async with stage.unit() as tx:
            assert await store.published(tx) is not None
            for data, said in asked:
                rule = parse(data)
                roots = await people(tx, None, 1_000)
                subjects = [Subject(root) for root in roots]
                found = await load_many(tx, subjects, needs(rule), stage.now, stage.shop)
                whys = [rule.evaluate(facts, stage.now).why[0] for facts in found]
                assert any(said in why for why in whys)
                assert any("has no order that stands, so" in why for why in whys)
                if data == BEST:
                    assert any("did not order since 2 Mar 2024" in why for why in whys)

    house.run(story)

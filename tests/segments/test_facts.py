"""What is known about people when a rule is asked: under every origin, and no more than asked."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from conftest import House
from patron.segments.facts import Subject, load_many
from patron.segments.language import Answer, Scope, needs, parse
from stage import Stage, play

SCOPE = Scope(frozenset({"start"}), cart=True)
ZONE = ZoneInfo("America/New_York")


async def ask(stage: Stage, rule: dict[str, Any], *subjects: Subject) -> list[Answer]:
    parsed = parse(rule, SCOPE)
    async with stage.unit() as tx:
        found = await load_many(tx, subjects, needs(parsed), stage.now, ZONE)
    return [parsed.evaluate(facts, stage.now) for facts in found]


async def origin(stage: Stage, event: Any) -> UUID:
    await stage.walk(event)
    found: UUID = event.origin_id
    return found


def test_all_her_origins_count_as_she_is_known_today(house: House) -> None:
    async def story(stage: Stage) -> None:
        known = await origin(stage, stage.event("Product Viewed", "u:anna"))
        browser = await origin(stage, stage.event("Product Viewed", "b1"))
        stranger = await origin(stage, stage.event("Product Viewed", "b2"))
        rule = {"event": "Product Viewed", "count": {"op": "at_least", "value": 2}}
        subjects = [Subject(one) for one in (known, browser, stranger)]
        assert [one.value for one in await ask(stage, rule, *subjects)] == [False] * 3
        await stage.walk(stage.event("Page Viewed", "u:anna", browser="b1"))
        assert [one.value for one in await ask(stage, rule, *subjects)] == [True, True, False]
        assert not (await ask(stage, rule, Subject(uuid4())))[0].value

    play(house, story)


def test_each_subject_has_her_own_start(house: House) -> None:
    async def story(stage: Stage) -> None:
        anna = await origin(stage, stage.orders("anna"))
        early = {"start": stage.now - timedelta(hours=1)}
        late = {"start": stage.now + timedelta(hours=1)}
        rule = {"event": "Order Completed", "since": "start"}
        asked = [Subject(anna, early), Subject(anna, late), Subject(anna, {"start": stage.now})]
        assert [one.value for one in await ask(stage, rule, *asked)] == [True, False, True]

    play(house, story)


def test_properties_traits_and_carts(house: House) -> None:
    async def story(stage: Stage) -> None:
        order = stage.orders("u:anna", total=80, products=[{"sku": "A1"}, {"sku": "B2"}])
        anna = await origin(stage, order)
        sku = [{"property": "products.sku", "op": "equals", "value": "b2"}]
        assert (await ask(stage, {"event": "Order Completed", "where": sku}, Subject(anna)))[
            0
        ].value
        named = stage.event("Identified", "u:anna")
        named.type, named.traits = type(named.type)("identify"), {"city": "Boston"}
        await stage.walk(named)
        city = {"trait": "city", "op": "equals", "value": "boston"}
        assert (await ask(stage, city, Subject(anna)))[0].why == ["city is “boston”"]
        stage.pass_time(minutes=1)
        await stage.walk(stage.adds("u:anna"))
        [run] = await stage.runs()
        subjects = [Subject(anna, cart=run.key), Subject(anna, cart="no id"), Subject(anna)]
        this = {"cart": "this", "is": "open"}
        assert [one.value for one in await ask(stage, this, *subjects)] == [True, False, False]
        by_id = {"cart": run.key, "is": "open"}
        assert (await ask(stage, by_id, Subject(anna)))[0].value
        await stage.walk(stage.orders("u:anna"))
        assert not (await ask(stage, by_id, Subject(anna)))[0].value

    play(house, story)

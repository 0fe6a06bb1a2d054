"""Rules about computed traits and about what somebody likes, saved and followed."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from conftest import House
from known import NOW, Known
from patron.kit.problems import Problem
from patron.profiles import store as profiles
from patron.segments import filling, saving, trying
from patron.segments import store as log
from patron.segments.computed import keeping
from patron.segments.members import store as members
from patron.segments.rules.language import parse
from patron.segments.rules.reading import Misread
from patron.segments.saved import store as saved
from patron.segments.saving import Draft
from patron.segments.tasks import fire_due
from stage import Stage, play
from tale import save

SPENT = {"event": "Order Completed", "compute": "sum", "property": "revenue"}
BRAND = {"event": "Product Viewed", "compute": "most_frequent", "property": "brand"}
MORE: dict[str, Any] = {"computed": "spent", "op": "greater_than", "value": 50}


async def _in(stage: Stage, key: str) -> set[str]:
    async with stage.unit() as tx:
        segment = await saved.by_key(tx, key)
        assert segment is not None
        found = await members.members(tx, segment.id, None, 100)
        known = await profiles.identifiers(tx, [one.id for one in found])
        return {one.value for one in known if one.kind == "user_id"}


async def _fill(stage: Stage) -> None:
    await filling.fill(stage.db, stage.shop, None, stage.house.clock)


async def _define(stage: Stage, key: str, definition: dict[str, Any]) -> None:
    async with stage.unit() as tx:
        await keeping.put(tx, stage.shop, key, key, definition, stage.now)


def test_a_segment_follows_a_computed_trait_and_its_definition(house: House) -> None:
    async def story(stage: Stage) -> None:
        await _define(stage, "spent", SPENT)
        await stage.walk(stage.orders("u:ada", timedelta(days=9), revenue=60))
        await save(stage, "spenders", MORE)
        await _fill(stage)
        assert await _in(stage, "spenders") == {"ada"}
        await stage.walk(stage.orders("u:eva", revenue=40), stage.orders("u:eva", revenue=20))
        assert await _in(stage, "spenders") == {"ada", "eva"}
        await _define(stage, "spent", {**SPENT, "within": {"days": 7}})
        async with stage.unit() as tx:
            segment = await saved.by_key(tx, "spenders")
            assert segment is not None and segment.status == "filling"
            assert segment.rule["as"]["within"] == {"days": 7}
        await _fill(stage)
        assert await _in(stage, "spenders") == {"eva"}
        with pytest.raises(Problem, match="asked for by spenders"):
            async with stage.unit() as tx:
                await keeping.drop(tx, "spent")
        with pytest.raises(Problem, match="'spenders' compares 'spent' as it was"):
            await _define(stage, "spent", {"event": "Order Completed", "compute": "last"})

    play(house, story)


def test_what_is_no_number_and_what_she_likes_are_read_from_her_log_at_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    likes = {"affinity": "category", "for": "boots", "share": {"op": "at_least", "value": 60}}

    async def story(stage: Stage) -> None:
        await _define(stage, "brand", BRAND)
        await save(stage, "acme", {"computed": "brand", "op": "equals", "value": "acme"})
        await save(stage, "boots", likes)
        boots = {"product_id": "b", "category": "Shoes > Boots", "brand": "Acme", "price": 30}
        await stage.walk(stage.event("Product Viewed", "u:ada", **boots))
        await _fill(stage)
        assert await _in(stage, "acme") == await _in(stage, "boots") == {"ada"}
        read = _logs_read(monkeypatch)
        await stage.walk(stage.event("Product Viewed", "u:eva", **boots))
        assert read == [], "the walk reads nobody's log"
        assert await _in(stage, "boots") == {"ada"}
        assert await fire_due(stage.db, stage.shop, stage.now) == 1
        assert await _in(stage, "acme") == await _in(stage, "boots") == {"ada", "eva"}
        assert read == [1, 1]
        async with stage.unit() as tx:
            stays = await members.stays(tx, [await _root(tx, "eva")])
            assert {stay.cause for stay in stays} == {"event"}
        await stage.walk(stage.orders("u:eva", products=[{"category": "Tea"}], order_id="o2"))
        await fire_due(stage.db, stage.shop, stage.now)
        assert await _in(stage, "acme") == {"ada", "eva"}
        assert await _in(stage, "boots") == {"ada"}
        gone = stage.orders("u:ada", timedelta(0), products=[{"category": "Tea"}], order_id="o1")
        await stage.walk(gone)
        await fire_due(stage.db, stage.shop, stage.now)
        assert await _in(stage, "boots") == set(), "an order of tea weighs nine views"
        await stage.walk(stage.event("Order Cancelled", "u:ada", order_id="o1"))
        await fire_due(stage.db, stage.shop, stage.now)
        assert await _in(stage, "boots") == {"ada"}, "a cancelled order shows nothing"
        async with stage.unit() as tx:
            root = await profiles.find(tx, "user_id:ada")
            assert root is not None
            rule = parse({**likes, "for": "Tea"}, await saving.scope(tx))
            said = await trying.explain(tx, stage.shop, rule, root, stage.now)
            assert said.why == [
                "the share of the category “Tea” in what she likes is 0%,"
                " but asked was: at least 60"
            ]
            with pytest.raises(Misread, match="there is no computed trait of this key"):
                await saving.change(tx, stage.shop, "boots", Draft(rule=MORE), stage.now)

    play(house, story)


def _logs_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many people's logs are read from now on, each time."""
    read: list[int] = []
    happened = log.happened

    async def counted(tx: Any, origins: Any, *rest: Any, **more: Any) -> Any:
        read.append(len(origins))
        return await happened(tx, origins, *rest, **more)

    monkeypatch.setattr(log, "happened", counted)
    return read


async def _root(tx: Any, user: str) -> UUID:
    root = await profiles.find(tx, f"user_id:{user}")
    assert root is not None
    return root


def test_a_trait_compares_as_what_it_is() -> None:
    for definition, op, value in (
        (SPENT, "contains", "x"),
        ({"event": "A", "compute": "last"}, "equals", "x"),
        ({"event": "A", "compute": "count"}, "in_the_last", {"days": 1}),
    ):
        with pytest.raises(Misread):
            parse({"computed": "x", "op": op, "value": value, "as": definition})
    assert not parse(MORE).holds(Known(), NOW), "what nobody defined is not known"


def test_a_score_fades_and_says_when() -> None:
    her = Known(goods=[(0, "Product Added", {"product_id": "p", "brand": "Acme"})])
    rule = parse({"affinity": "brand", "for": "acme", "score": {"op": "at_least", "value": 1.5}})
    assert rule.holds(her, NOW)
    (edge, *_) = list(rule.edges(her, NOW))
    assert abs(edge - (NOW + timedelta(days=30))) < timedelta(minutes=2)
    top = {"affinity": "brand", "for": "acme", "top": 1}
    assert parse(top).evaluate(her, NOW).why == ["the brand “acme” is number 1 of what she likes"]
    assert parse({**top, "for": "Bolt"}).evaluate(Known(), NOW).why == [
        "showed no interest in the brand “Bolt”, but asked was: the first 1"
    ]

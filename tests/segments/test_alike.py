"""Who is like whom: found in what people do, told in words, forgotten with whoever is erased."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import House
from known import NOW, Known
from patron.app import people as rooms
from patron.app.care.forgetting import from_the_rooms
from patron.events.types import Event
from patron.kit.problems import Problem
from patron.profiles import store as profiles
from patron.profiles.erasure import store as erasure
from patron.segments.alike import building, store
from patron.segments.alike.finding import similar
from patron.segments.alike.growing import grow, source_of
from patron.segments.alike.indexing import Gathered, best, scored
from patron.segments.alike.measuring import features, likeness, weighed
from patron.segments.alike.types import Similar
from patron.segments.lists import store as lists
from stage import Stage, play

NAMES = [
    *(f"{kind}:{n}" for kind in ("category", "brand", "channel") for n in range(4)),
    "standing:buyer",
    "standing:visitor",
]
SOMEBODY = st.dictionaries(st.sampled_from(NAMES), st.floats(0.05, 1.0), min_size=1, max_size=6)


@given(st.lists(SOMEBODY, min_size=2, max_size=12))
def test_the_index_finds_whom_a_comparison_of_everybody_finds(
    people: list[dict[str, float]],
) -> None:
    gathered = Gathered()
    gathered.add(people[:5])
    gathered.add(people[5:])
    index = gathered.index()
    common = {one.feature: one.people for one in index.postings()}
    hers = weighed(people[0], common, len(people))
    postings = [(hers[one.feature], one) for one in index.postings() if one.feature in hers]
    found = scored(len(people), postings)
    for number, one in enumerate(people):
        theirs = weighed(one, common, len(people))
        shared = {name: by for name, by in likeness(hers, theirs).items() if name in common}
        assert found[number] == pytest.approx(sum(shared.values()), abs=0.03)
    assert sum(likeness(hers, hers).values()) <= 1.0001
    order = best(found, 3)
    assert list(order) == sorted(np.flatnonzero(found > 0), key=lambda n: (-found[n], n))[:3]
    assert index.packed()[0].__len__() == 5 * sum(name in common for name in people[0])


def test_who_showed_no_interest_is_compared_with_nobody() -> None:
    assert features(Known(log=[(5, "Page Viewed", {})]), NOW) == {}
    boots = {"product_id": "b", "category": "Shoes > Boots", "brand": "Acme", "price": 70}
    found = features(Known(goods=[(5, "Product Viewed", boots)]), NOW)
    assert set(found) == {
        "category:Shoes", "category:Shoes > Boots", "brand:Acme", "price_band:50–100 USD",
        "standing:visitor",
    }  # fmt: skip


def goods(what: str, number: int = 0) -> dict[str, Any]:
    brand = "Acme" if what == "Boots" else "Bolt"
    return {"product_id": f"{what}-{number}", "category": what, "brand": brand, "price": 70}


def looks(stage: Stage, who: str, what: str, number: int = 0) -> Event:
    ago = timedelta(days=2, minutes=number)
    return stage.event("Product Viewed", who, ago, **goods(what, number))


async def crowd(stage: Stage) -> None:
    """Thirty like boots, every other of whom hats too; thirty like coats. Boots sell."""
    for start in range(0, 60, 20):
        batch = []
        for number in range(start, start + 20):
            who, what = f"u:c{number}", "Boots" if number < 30 else "Coats"
            batch += [looks(stage, who, what, turn) for turn in range(3)]
            if number < 30 and number % 2:
                batch.append(looks(stage, who, "Hats"))
                batch.append(stage.orders(who, products=[goods("Boots", 7)], total=70))
        await stage.walk(*batch)


async def of(stage: Stage, who: str, limit: int = 40) -> Similar:
    async with stage.unit() as tx:
        root = await profiles.find(tx, f"user_id:{who}", "US")
        assert root is not None
        return await similar(tx, stage.shop, root, stage.now, limit)


def test_customers_like_her_are_interested_in_hats(house: House) -> None:
    async def story(stage: Stage) -> None:
        await crowd(stage)
        before = await of(stage, "c0")
        assert before.made_at is None and before.said.startswith("nobody was compared yet")
        async with stage.unit() as tx:
            assert await building.is_due(tx, stage.shop, stage.now)
        assert await building.build(stage.db, stage.shop, stage.house.clock) == 60
        async with stage.unit() as tx:
            assert not await building.is_due(tx, stage.shop, stage.now)
            roots = {n: await profiles.find(tx, f"user_id:c{n}", "US") for n in range(60)}
        boots = {roots[n] for n in range(30)} - {roots[0]}
        her = await of(stage, "c0")
        assert {one.id for one in her.people} == boots and her.compared == 60
        assert her.people[0].likeness > 0.95 and "both like Boots" in her.people[0].why[0]
        assert "neither has ordered yet" in her.people[0].why
        turns = her.interested_in
        assert [(one.value, one.people) for one in turns.categories] == [("Hats", 15)]
        assert turns.brands == []  # of all people more turn to Bolt than of those like her
        found = [(one.product_id, one.people, one.ordered) for one in turns.products]
        assert found == [("Boots-7", 15, 15), ("Hats-0", 15, 0)]
        assert her.said == "Customers like her are interested in Hats."
        assert len((await of(stage, "c0", 3)).people) == 3
        # Somebody who came today is compared as she is now; who did nothing with nobody.
        await stage.walk(
            looks(stage, "u:new", "Coats"), stage.event("Page Viewed", "u:idle", path="/")
        )
        assert {one.id for one in (await of(stage, "new")).people} == {
            roots[n] for n in range(30, 60)
        }
        idle = await of(stage, "idle")
        assert idle.people == [] and "no interest in any product yet" in idle.said
        await _forgotten(stage, roots[2])
        await _become_one(stage)

    play(house, story)


async def _forgotten(stage: Stage, root: UUID | None) -> None:
    assert root is not None
    async with stage.unit() as tx:
        exported = (await rooms.export(tx, stage.shop, str(root)))["alike"]
        assert exported[0]["features"]["category:Boots"] > 0.5
        erased = await erasure.erase(tx, root, None, stage.now)
        assert erased is not None
        await from_the_rooms(tx, erased.origins)
        assert await store.export(tx, erased.origins) == []
    assert root not in {one.id for one in (await of(stage, "c0")).people}


async def _become_one(stage: Stage) -> None:
    """Two who turn out to be one are one of those like her, and never like themselves."""
    told = [one.id for one in (await of(stage, "c0")).people]
    batch = [stage.event("Page Viewed", "u:c4", browser="b4", path="/")]
    await stage.walk(*batch)
    async with stage.unit() as tx:
        one, other = [await profiles.find(tx, f"user_id:c{n}", "US") for n in (4, 6)]
        assert one is not None and other is not None
        await tx.execute("UPDATE origin SET root_id = %s WHERE root_id = %s", (one, other))
    assert len((await of(stage, "c0")).people) == len(told) - 1
    assert (await of(stage, "c4")).id == one
    assert not {one, other} & {each.id for each in (await of(stage, "c4")).people}


def test_a_list_of_people_like_those_on_another(house: House) -> None:
    async def story(stage: Stage) -> None:
        await crowd(stage)
        async with stage.unit() as tx:
            made = await lists.create(tx, "vips", "VIPs", "", stage.now)
            assert made is not None
            roots = [await profiles.find(tx, f"user_id:c{n}", "US") for n in range(60)]
            vips = [one for one in roots[:12] if one is not None]
            await lists.add(tx, made, vips, "api", stage.now)
            with pytest.raises(Problem, match="0 people on list 'vips' are known"):
                await grow(tx, "Like VIPs", None, ("list", "vips"), 10, stage.now)
        await building.build(stage.db, stage.shop, stage.house.clock)
        async with stage.unit() as tx:
            grown = await grow(tx, "Like VIPs", None, ("list", "vips"), 18, stage.now)
            assert grown.of == 12 and grown.made.key == "like-vips" and "Boots" in grown.alike_in
            members, _ = await lists.members(tx, grown.made.id, None, 100)
            assert {one.profile_id for one in members} == set(roots[12:30])
            assert {one.source for one in members} == {"people like those on list vips"}
            with pytest.raises(Problem, match="segment nowhere does not exist"):
                await grow(tx, "Nobody", None, ("segment", "nowhere"), 10, stage.now)
            with pytest.raises(Problem, match="cannot be made"):
                await grow(tx, "Nobody", None, ("list", "vips"), 0, stage.now)

    play(house, story)


def test_whom_they_shall_be_like_is_given_once() -> None:
    assert source_of("vip", None) == ("segment", "vip") and source_of(None, "x") == ("list", "x")
    with pytest.raises(Problem, match="both segment 'vip' and list 'x' are given"):
        source_of("vip", "x")
    with pytest.raises(Problem, match="neither a segment nor a list is given"):
        source_of("", None)

"""Some are held out of a placement, and by them is seen what it earns."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from conftest import House
from patron.app.care.forgetting import from_the_rooms
from patron.experiments import store
from patron.experiments.assign import arm
from patron.kit.db import tuples, value
from patron.recommend.many.batching import Batch, batched
from patron.recommend.serving.asking import Question
from patron.recommend.serving.visitors import Asked
from recommend.floor import Floor, play, product

GOODS = [product(id, 1_000) for id in ("lamp", "bulb", "cup", "tea")]
VIEWED = {
    "name": "Seen", "count": 3, "chain": ["recently_viewed"], "fallback": ["new"],
    "holdout": {"share": 0.5}, "exclude": {"current": False},
}  # fmt: skip


async def placed(floor: Floor, key: str, **more: Any) -> None:
    async with floor.api() as http:
        answer = await http.put(f"/api/placements/{key}", json={"definition": VIEWED | more})
        assert answer.status_code == 200, answer.text
    await floor.engine()


async def results(floor: Floor, key: str, **asked: Any) -> dict[str, Any]:
    await floor.engine()  # what was asked is written down
    async with floor.api() as http:
        answer = await http.get(f"/api/placements/{key}/results", params=asked)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
    return found


async def exposures(floor: Floor) -> list[tuple[Any, ...]]:
    await floor.engine()
    async with floor.stage.unit() as tx:
        return await tuples(tx, "SELECT experiment, origin_id, arm FROM exposure ORDER BY 1, 2, 3")


async def origin(floor: Floor, who: str) -> UUID:
    async with floor.stage.unit() as tx:
        sql = "SELECT origin_id FROM identifier WHERE value = %s"
        return UUID(str(await value(tx, sql, (who,))))


async def come(floor: Floor, people: list[str]) -> None:
    seen = [floor.stage.event("Product Viewed", who, product_id="lamp") for who in people]
    for first in range(0, len(people), 200):
        await floor.stage.walk(*seen[first : first + 200])


def test_a_planted_effect_is_found(house: House, tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        stage = floor.stage
        await floor.stock(*GOODS)
        await placed(floor, "home")
        assert (await results(floor, "home"))["proof"] is None
        people = [f"b{n}" for n in range(600)]
        await come(floor, people)
        await stage.walk(stage.orders("b5", timedelta(hours=1), total=900))  # before she is asked
        held = set()
        for who in people:
            for _ in range(1 if who > "b2" else 2):
                first = await floor.answer("home", anonymousId=who)
            if first["why"]:
                held.add(who)
                assert first["why"] == "held_out"
                assert {one["codes"][0] for one in first["items"]} == {"best_sellers"}
            else:
                assert first["items"][0]["codes"] == ["recently_viewed"]
        assert 250 < len(held) < 350
        stage.pass_time(days=1)
        orders, spent = [], {True: 0, False: 0}
        for n, who in enumerate(people):
            if n % (8 if who in held else 3) == 0:
                orders.append(stage.orders(who, order_id=f"o{n}", total=30 + n % 21))
                spent[who in held] += (30 + n % 21) * 100
        orders.append(stage.event("Order Refunded", "b0", order_id="o0", total=10))
        spent["b0" in held] -= 10_00
        await stage.walk(*orders)
        early = (await results(floor, "home"))["proof"]
        assert (early["verdict"], early["maturing"]) == ("too_early", 600)
        assert "the 5 days of 600 people have to pass" in early["words"]
        stage.pass_time(days=5)
        late = [stage.orders(who, total=500) for who in sorted(held)[:3]]  # after the window
        await stage.walk(*late)
        proof = (await results(floor, "home"))["proof"]
        assert proof["verdict"] == "proven" and proof["more"] == 0
        assert proof["treated"]["revenue"] == spent[False]
        assert proof["held_out"]["revenue"] == spent[True]
        assert proof["held_out"]["people"] == len(held)
        means = spent[False] / (600 - len(held)), spent[True] / len(held)
        assert proof["per_person"]["value"] == round(means[0] - means[1])
        assert proof["lift"]["low"] > 0
        assert (await results(floor, "home", window=7))["proof"]["maturing"] == 600

    play(house, tmp_path, story)


def test_no_effect_is_found_where_there_is_none(house: House, tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        await floor.stock(*GOODS)
        await placed(floor, "home")
        people = [f"b{n}" for n in range(300)]
        await come(floor, people)
        arms: dict[str, list[str]] = {"": [], "held_out": []}
        for who in people:
            arms[(await floor.answer("home", anonymousId=who))["why"]].append(who)
        floor.stage.pass_time(hours=1)
        each = [who for some in arms.values() for who in some[::4]]
        await floor.stage.walk(*(floor.stage.orders(who, total=40) for who in each))
        floor.stage.pass_time(days=5)
        proof = (await results(floor, "home"))["proof"]
        assert proof["verdict"] == "too_early" and proof["more"] > 0
        assert "more people before it can be told from chance" in proof["words"]
        assert proof["per_person"]["low"] < 0 < proof["per_person"]["high"]
        assert "it may be anything between" in proof["words"]

    play(house, tmp_path, story)


def test_who_is_compared_and_who_is_not(house: House, tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        await floor.stock(*GOODS)
        await placed(floor, "home", holdout={"share": 0.5, "sees": "nothing"})
        people = [f"b{n}" for n in range(12)]
        await come(floor, people)
        ids = {who: await origin(floor, who) for who in people}
        given = {who: arm("placement:home", ids[who], 0.5) for who in people}
        assert set(given.values()) == {"holdout", "treatment"}
        held = next(who for who in people if given[who] == "holdout")
        # Nobody the log does not know, none who does not want it, and not who only looks.
        for asked in ({"anonymousId": "stranger"}, {"anonymousId": held, "compare": False}):
            answer = await floor.answer("home", **asked)
            assert answer["items"] and answer["why"] == ""
        engine = await floor.engine()
        visitor = await engine.visitors.find(Asked(anonymous_id=held))
        assert engine.answer(Question(placements=["home"]), visitor).placements[0].items
        assert await exposures(floor) == []
        # A mail to many counts as a page does, and who would get nothing anyway is not exposed.
        (looked,) = (await batched(engine, Batch("home", [str(ids[held])], compare=False))).answers
        assert looked.answer.items and await exposures(floor) == []
        (mailed,) = (await batched(engine, Batch("home", [str(ids[held])]))).answers
        assert mailed.answer.why == "held_out" and mailed.answer.items == []
        assert await exposures(floor) == [("placement:home", ids[held], "holdout")]
        empty = await floor.answer("home", anonymousId=people[-1], exclude=[g.id for g in GOODS])
        assert empty["items"] == [] and empty["why"] == "kept_out"
        assert len(await exposures(floor)) == 1
        await placed(floor, "menu", chain=["categories"], fallback=[], shows="categories")
        # What she sees in its place is no success of the placement, nor is it counted as shown.
        await placed(floor, "plain")
        for which in ("holdout", "treatment"):
            who = next(one for one in people if arm("placement:plain", ids[one], 0.5) == which)
            got = await floor.answer("plain", anonymousId=who)
            told = {"rec_id": got["rec_id"], "product_id": got["items"][0]["id"]}
            for name in ("Recommendation Shown", "Recommendation Clicked"):
                await floor.stage.walk(floor.stage.event(name, who, **told))
            floor.stage.pass_time(minutes=1)
            found = await results(floor, "plain")
            counts = int(which == "treatment")
            assert [found[what] for what in ("shown", "viewers", "clicks")] == [counts] * 3
        menu = await floor.answer("menu", anonymousId=held)
        assert [one["category"] for one in menu["categories"]] == ["Home"]

    play(house, tmp_path, story)


def test_people_who_become_one_count_once_and_who_is_erased_is_gone(
    house: House, tmp_path: Path
) -> None:
    async def story(floor: Floor) -> None:
        stage = floor.stage
        await floor.stock(*GOODS)
        await placed(floor, "home")
        people = [f"b{n}" for n in range(40)]
        await come(floor, people)
        for who in people:
            await floor.answer("home", anonymousId=who)
        ids = {who: await origin(floor, who) for who in people}
        by_arm: dict[str, list[str]] = {"holdout": [], "treatment": []}
        for who in people:
            by_arm[arm("placement:home", ids[who], 0.5)].append(who)
        for which in ((*by_arm["holdout"][:1], *by_arm["treatment"][:1]), by_arm["holdout"][1:3]):
            user = f"u:{which[0]}-known"
            await stage.walk(
                *(
                    stage.event("Product Viewed", user, browser=one, product_id="cup")
                    for one in which
                )
            )
        stage.pass_time(days=6)
        proof = (await results(floor, "home"))["proof"]
        assert proof["mixed"] == 1
        assert proof["held_out"]["people"] == len(by_arm["holdout"]) - 2
        assert proof["treated"]["people"] == len(by_arm["treatment"]) - 1
        gone = ids[by_arm["treatment"][-1]]
        async with stage.unit() as tx:
            (told,) = await store.export(tx, [gone])
            assert told["experiment"] == "placement:home" and told["arm"] == "treatment"
            await from_the_rooms(tx, [gone])
            assert await store.export(tx, [gone]) == []

    play(house, tmp_path, story)


def test_a_share_that_is_changed_leaves_everybody_in_her_first_arm(
    house: House, tmp_path: Path
) -> None:
    async def story(floor: Floor) -> None:
        await floor.stock(*GOODS)
        await placed(floor, "home", holdout={"share": 0.2})
        people = [f"b{n}" for n in range(40)]
        await come(floor, people)

        async def arms() -> dict[str, str]:
            return {who: (await floor.answer("home", anonymousId=who))["why"] for who in people}

        first = await arms()
        floor.stage.pass_time(days=6)
        await placed(floor, "home", holdout={"share": 0.5})
        moved = [who for who, why in (await arms()).items() if why != first[who]]
        assert moved and len(await exposures(floor)) == len(people) + len(moved)
        proof = (await results(floor, "home"))["proof"]
        assert (proof["mixed"], proof["maturing"]) == (0, 0)
        assert proof["held_out"]["people"] == sum(map(bool, first.values()))
        assert proof["treated"]["people"] == len(people) - proof["held_out"]["people"]
        # Seven days reach into the time of the new share: those who came back met both in it.
        assert (await results(floor, "home", window=7))["proof"]["mixed"] == len(moved)

    play(house, tmp_path, story)

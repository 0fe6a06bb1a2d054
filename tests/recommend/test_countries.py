"""What sells in her country and in her segment, and her own order of categories."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import House
from patron.events.types import Event, EventType
from patron.kit.db import Tx
from patron.profiles import store as profiles
from patron.recommend.history import belonging
from patron.recommend.popular.areas import of_members
from patron.recommend.serving.visitors import Asked
from patron.segments.members import store as members
from patron.segments.members.types import Cause, Change
from patron.segments.saved import store as saved
from patron.segments.saved.types import Segment, Status
from recommend.floor import Floor, play, product

GOODS = [product(id) for id in ("lamp", "bulb", "cup", "tea")]


def lives(floor: Floor, who: str, traits: dict[str, Any]) -> Event:
    told = floor.stage.event("Identified", who)
    told.type, told.traits = EventType.IDENTIFY, traits
    return told


async def saved_ids(tx: Tx, key: str) -> list[int]:
    return [one.id for one in await saved.every(tx) if one.key == key]


async def enters(floor: Floor, key: str, who: list[str]) -> None:
    """A segment with these people in it."""
    now = floor.stage.now
    async with floor.stage.unit() as tx:
        segment = Segment(0, key, key, "", {}, None, Status.ON, 0, 0, now, now, None)
        number = await saved.insert(tx, segment)
        found = [await profiles.find(tx, f"user_id:{one}") for one in who]
        assert number is not None
        roots = [root for root in found if root is not None]
        assert len(roots) == len(who)
        entered = [Change(number, root, True, now, Cause.EVENT) for root in roots]
        await members.write(tx, entered, [])


def test_best_sellers_of_her_country_then_those_of_the_shop(house: House, tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        stage = floor.stage
        await floor.stock(*GOODS)
        events = []
        for number in range(110):
            who, ago = f"u:p{number}", timedelta(hours=number)
            bought = "lamp" if number < 60 else "tea" if number < 100 else "cup"
            if number >= 60:
                said = "LV" if number % 2 else {"country": " lv "}
                traits = {"country" if isinstance(said, str) else "address": said}
                events.append(lives(floor, who, traits if number < 100 else {"country": "EE"}))
            events.append(stage.orders(who, ago, products=[{"product_id": bought}]))
        await stage.walk(*events)
        near = {"name": "Near", "count": 4, "chain": ["best_sellers"], "popular_in": "country"}
        rising = near | {"chain": ["trending", "best_sellers"]}
        async with floor.api() as api:
            for key, one in (("near", near), ("rising", rising)):
                put = await api.put(f"/api/placements/{key}", json={"definition": one})
                assert put.status_code == 200, put.text
        assert len(await floor.offered("near", country="LV")) == 4  # nothing is counted yet
        await floor.train(refresh=True)
        shop = await floor.offered("near")
        assert shop[:3] == ["lamp", "tea", "cup"]
        assert await floor.offered("near", country="lv") == ["tea", "lamp", "cup", "bulb"]
        # Ten Estonians are too few to be told apart, and of nowhere nobody knows anything.
        for country in ("EE", "XX"):
            assert await floor.offered("near", country=country) == shop
        assert len(await floor.offered("rising", country="LV")) == 4
        for who, first in (("p98", "tea"), ("p1", "lamp")):
            assert (await floor.offered("near", floor.server_key, userId=who))[0] == first

    play(house, tmp_path, story)


def test_best_sellers_of_the_smallest_of_her_segments(house: House, tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        stage = floor.stage
        await floor.stock(*GOODS)
        sold = ["lamp"] * 60 + ["tea"] * 40 + ["cup"] * 10
        await stage.walk(
            *[
                stage.orders(f"u:p{n}", timedelta(hours=n), products=[{"product_id": bought}])
                for n, bought in enumerate(sold)
            ]
        )
        await enters(floor, "all", [f"p{n}" for n in range(110)])
        await enters(floor, "tea-drinkers", [f"p{n}" for n in range(60, 100)])
        await enters(floor, "few", [f"p{n}" for n in range(100, 110)])
        hers = {"name": "Hers", "count": 4, "chain": ["best_sellers"], "popular_in": "segment"}
        async with floor.api() as api:
            put = await api.put("/api/placements/hers", json={"definition": hers})
            assert put.status_code == 200, put.text
        await floor.train(refresh=True)
        shop = await floor.offered("hers")
        assert shop[:3] == ["lamp", "tea", "cup"]
        theirs = await floor.offered("hers", floor.server_key, userId="p98")
        assert theirs == ["tea", "lamp", "cup", "bulb"]
        # Ten are too few to be told apart, so hers is the one that everybody is in.
        for who in ("p1", "p105"):
            assert await floor.offered("hers", floor.server_key, userId=who) == shop
        async with stage.unit() as tx:
            (stay,) = await saved_ids(tx, "tea-drinkers")
            root = await profiles.find(tx, "user_id:p98")
            assert root is not None
            left = Change(stay, root, False, stage.now + timedelta(seconds=1), Cause.EVENT)
            await members.write(tx, [left], [])
        engine = await floor.engine()
        read = await engine.visitors.read(Asked(user_id="p98", trusted=True))
        assert read.facts["segments"] == ["all"]
        # A page that nobody has vouched for learns nothing of her segments.
        assert await floor.offered("hers", userId="p98") == shop

    play(house, tmp_path, story)


def test_segments_are_counted_as_far_as_their_deeds_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    who = np.array([n.to_bytes(16, "big") for n in range(1, 201)], "S16")
    deeds = np.full(200, 10)
    ids = [n.to_bytes(16, "big") for n in range(1, 201)]
    moved = {(1_000 + n).to_bytes(16, "big"): ids[n] for n in range(40)}
    segments = {"half": ids[:100], "some": [*ids[:20], *moved, b"x" * 16], "few": ids[:29]}

    def names() -> list[str]:
        found = belonging.belonging(who, deeds, {}, segments, moved)
        return [] if found is None else list(found.names)

    found = belonging.belonging(who, deeds, dict.fromkeys(ids, "LV"), segments, moved)
    assert found is not None and list(found.names) == ["LV", "segment:some", "segment:half"]
    assert np.bincount(found.group).tolist() == [200, 40, 100]
    assert of_members(found)[0] == {"country": "LV", "segments": ["some", "half"]}
    monkeypatch.setattr(belonging, "DEEDS", 0)
    assert names() == ["segment:some"]
    deeds = np.full(200, 0)
    assert names() == ["segment:some", "segment:half"]
    assert belonging.belonging(who[:0], deeds[:0], {}, segments, {}) is None


def test_categories_that_she_longs_for_may_come_first(house: House, tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        stage = floor.stage
        await floor.stock(
            *[product(id, categories=[id.capitalize()]) for id in ("lamp", "cup", "tea")]
        )
        tea = [{"product_id": "tea"}]
        await stage.walk(
            *[stage.orders("u:her", timedelta(days=n), products=tea) for n in range(1, 6)],
            *[
                stage.event("Product Viewed", "u:her", timedelta(minutes=n), product_id="cup")
                for n in range(3)
            ],
        )
        await floor.train(refresh=True)
        longed = {
            "name": "Longed", "count": 3, "shows": "categories", "chain": ["categories"],
            "longed_first": True,
        }  # fmt: skip
        async with floor.api() as api:
            put = await api.put("/api/placements/longed", json={"definition": longed})
            assert put.status_code == 200, put.text
        for key, expected in (("categories", ["Tea", "Cup"]), ("longed", ["Cup", "Tea"])):
            await (await floor.engine()).look()
            asked = {"placements": [key], "userId": "her"}
            answer = (await floor.say(asked, floor.server_key)).json()["placements"][0]
            assert [one["category"] for one in answer["categories"]][:2] == expected

    play(house, tmp_path, story)

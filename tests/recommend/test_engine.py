"""What one process keeps up: the visits of this hour, models that are swapped, what is tried."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from conftest import House
from patron.kit.lake import lake_of
from patron.profiles import store as profiles
from patron.recommend import shelf, tasks
from recommend.floor import Floor, a_past, play, product

SHOP = [product(id) for id in ("lamp", "bulb", "cup", "tea")]
NEXT: dict[str, Any] = {"name": "Next", "count": 2, "chain": ["session"]}


class Strange(msgspec.Struct, frozen=True):
    start: NDArray[Any]


async def put(floor: Floor, **placements: dict[str, Any]) -> None:
    async with floor.api() as api:
        for key, one in placements.items():
            told = await api.put(f"/api/placements/{key}", json={"definition": one})
            assert told.status_code == 200, told.text


async def looks(floor: Floor, who: str, *seen: str) -> None:
    for id in seen:
        floor.stage.pass_time(seconds=2)
        await floor.stage.walk(floor.stage.event("Product Viewed", who, product_id=id))
    await (await floor.engine()).look()


def test_visits_of_this_hour_have_a_say_until_who_made_them_is_erased(
    house: House, tmp_path: Path
) -> None:
    async def story(floor: Floor) -> None:
        await floor.stock(*SHOP, *[product(f"lamp-{n}") for n in range(5)], product("novelty"))
        await a_past(floor)
        await floor.train(refresh=True)
        await put(floor, next=NEXT)
        lake = lake_of(floor.folder, floor.stage.shop.slug)
        before = await tasks.gather(floor.stage.db, floor.stage.shop, lake, floor.stage.now)

        async def offered() -> list[str]:
            return await floor.offered("next", product="novelty")

        assert await offered() == []
        await looks(floor, "her", "novelty", "tea")
        await looks(floor, "him", "novelty", "cup")
        assert set(await offered()) == {"tea", "cup"}
        # Counted from what was known before they came: they are not lost with the old models.
        tasks.refresh(before, floor.models, floor.stage.now + timedelta(seconds=1))
        engine = await floor.engine()
        was = engine.models.version
        await engine.look()
        assert engine.models.version != was or set(await offered()) == {"tea", "cup"}
        assert set(await offered()) == {"tea", "cup"}
        async with floor.stage.unit() as tx:
            her = await profiles.find(tx, "anonymous_id:her")
        engine.erased(str(her))
        assert await offered() == ["cup"]

    play(house, tmp_path, story)


def test_models_of_another_version_are_refused_and_the_ones_before_answer(
    house: House, tmp_path: Path
) -> None:
    async def story(floor: Floor) -> None:
        await floor.stock(*SHOP)
        await a_past(floor)
        await floor.train(refresh=True)
        together = await floor.offered("bought_together", product="cup", count=1)
        assert together == ["tea"]
        engine = await floor.engine()
        was = engine.models.version
        strange = Strange(np.arange(3))
        later = floor.stage.now + timedelta(seconds=1)
        shelf.write(floor.models, ["lamp"], {"session": (strange, shelf.About())}, later)
        await engine.look()
        assert engine.models.version == was
        assert await floor.offered("bought_together", product="cup", count=1) == together

    play(house, tmp_path, story)


def test_a_placement_that_is_off_tried_new_products_and_a_seed(
    house: House, tmp_path: Path
) -> None:
    async def story(floor: Floor) -> None:
        stage = floor.stage
        many = [product(f"p{n:03}", brand="Acme", categories=["Many"]) for n in range(260)]
        gone = product("gone", available=False, categories=["Sold out"])
        await floor.stock(
            *many, gone, product("zz", brand="Brio", categories=["Else"], compare_at=2_000)
        )
        stage.pass_time(days=60)
        await floor.stock(*[product(f"young-{n}", categories=["Else"]) for n in range(9)])
        # Rules take more away than was to spare: what is left of the chain is asked all the same.
        await put(
            floor,
            brio={
                "name": "Brio", "count": 3, "chain": ["best_sellers"], "fallback": ["on_sale"],
                "filters": ['brand = "Brio"'],
            },
            young={
                "name": "Young", "count": 10, "chain": ["best_sellers"],
                "filters": ['brand = "Acme" or brand is missing'], "explore": {"share": 0.3},
                "boosts": ['1 if brand = "Acme" else 0.01'],
            },
            turning={"name": "Turning", "count": 8, "chain": ["best_sellers"], "rotation": 1},
            off={"name": "Off", "on": False, "count": 2, "chain": ["best_sellers"]},
        )  # fmt: skip
        assert await floor.offered("brio") == ["zz"]
        tried = (await floor.answer("young"))["items"]
        codes = [code for one in tried for code in one["codes"]]
        assert "explored" in codes and tried[0]["codes"] != ["explored"]
        once, twice, other = [await floor.offered("turning", seed=seed) for seed in (7, 7, 8)]
        assert once == twice != other
        assert (await floor.say({"placements": ["off"]})).json()["placements"] == []
        answer = await floor.answer("categories")
        assert {one["category"] for one in answer["categories"]} == {"Many", "Else"}

    play(house, tmp_path, story)

"""What sells in her country, and her own order of categories."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from conftest import House
from patron.events.types import Event, EventType
from recommend.floor import Floor, play, product

GOODS = [product(id) for id in ("lamp", "bulb", "cup", "tea")]


def lives(floor: Floor, who: str, traits: dict[str, Any]) -> Event:
    told = floor.stage.event("Identified", who)
    told.type, told.traits = EventType.IDENTIFY, traits
    return told


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

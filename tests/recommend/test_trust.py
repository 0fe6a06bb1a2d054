"""What a write key is told of a known customer, whom a server may ask for, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from conftest import House
from patron.app.notebook import open_shop
from patron.events.types import EventType
from patron.kit.problems import Problem
from patron.recommend.serving.visitors import Asked
from recommend.floor import Floor, play, product

GOODS = [product(id) for id in ("lamp", "bulb", "cup", "tea")]


async def anna(floor: Floor) -> None:
    """Anna is known; she looked at a lamp last week, and at a cup just now, in one browser."""
    stage = floor.stage
    await floor.stock(*GOODS)
    await stage.walk(stage.event("Product Viewed", "u:anna", browser="hers", product_id="lamp"))
    told = stage.event("Identified", "u:anna", browser="hers")
    told.type, told.traits = EventType.IDENTIFY, {"email": "anna@x.example", "vip": True}
    await stage.walk(told)
    await stage.walk(stage.orders("u:anna", products=[{"product_id": "bulb"}]))
    stage.pass_time(days=7)
    await stage.walk(stage.event("Product Viewed", "u:anna", browser="hers", product_id="cup"))


def test_a_page_knows_of_a_known_customer_what_her_browser_did_in_this_visit(
    house: House, tmp_path: Path
) -> None:
    async def story(floor: Floor) -> None:
        await anna(floor)
        vip = {"name": "VIP", "count": 4, "chain": ["best_sellers"], "filters": ["customer.vip"]}
        async with floor.api() as api:
            put = await api.put("/api/placements/vip", json={"definition": vip})
            assert put.status_code == 200, put.text

        async def all_of(**who: Any) -> tuple[list[str], bool, bool]:
            viewed = await floor.offered("recently_viewed", **who)
            again = "bulb" in await floor.offered("recommended_for_you", **who)
            return viewed, not again, bool(await floor.offered("vip", **who))

        nothing: tuple[list[str], bool, bool] = ([], False, False)
        everything = (["cup", "lamp"], True, True)
        assert await all_of(anonymousId="hers") == (["cup"], False, False)
        assert await all_of(userId="anna") == nothing
        assert await all_of(userId="anna", userHash="0" * 64) == nothing
        assert await all_of(userId="anna", userHash=floor.signed("bert")) == nothing
        assert await all_of(userId="anna", userHash=floor.signed("anna")) == everything
        assert await all_of(userId="anna", key=floor.server_key) == everything
        assert await all_of(profile="email:anna@x.example", key=floor.server_key) == everything

    play(house, tmp_path, story)


REFUSED: list[tuple[Any, int, str]] = [
    (b"{", 400, "JSON"),
    (b'{"placements": []}', 400, "placements"),
    ({"placements": "new"}, 400, "placements"),
    ({"placements": ["new"], "count": 0}, 400, "count"),
    ({"placements": ["new"], "cart": [5]}, 400, "cart"),
    ({"placements": ["new"], "profile": "email:anna@x.example"}, 403, "server key"),
    ({"placements": ["new"], "cart_value": 500}, 400, "did you mean cartValue?"),
    ({"placements": ["new"], "zzzz": 500}, 400, "leave out zzzz"),
    (b"[" * 40_000, 413, "fewer `exclude`"),
    ({"placements": ["new"] * 21}, 400, "placements"),
]


def test_what_cannot_be_answered_is_refused_in_words(house: House, tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        for question, status, word in REFUSED:
            answer = await floor.say(question)
            assert answer.status_code == status, (question, answer.text)
            assert word in answer.text and answer.json()["remedy"]
            assert answer.headers["access-control-allow-origin"] == "*"
        good = {"placements": ["new"]}
        assert (await floor.say(good, "wk_wrong")).status_code == 401
        assert (await floor.say(good, "")).status_code == 401
        refused = await floor.say(good, floor.other_key)
        assert refused.status_code == 403
        assert "recommend:read" in refused.json()["remedy"]
        assert (await floor.say(b"", method="GET")).status_code == 405
        assert (await floor.say(b"", method="OPTIONS")).status_code == 204
        in_body = await floor.say({**good, "writeKey": floor.write_key}, "")
        assert in_body.status_code == 200

    play(house, tmp_path, story)


def test_two_shops_have_nothing_in_common(house: House, tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        await anna(floor)
        engine = await floor.engines.of(house.bolt)
        assert engine.stock.ids == []
        other = await engine.visitor(Asked(user_id="anna", trusted=True))
        assert (other.views, other.known) == ([], False)

    play(house, tmp_path, story)


def test_in_a_notebook(house: House, tmp_path: Path) -> None:
    play(house, tmp_path, anna)
    (tmp_path / "shops" / house.acme.slug).mkdir(parents=True, exist_ok=True)
    shop = open_shop(house.acme.slug, tmp_path)
    answer = shop.recommend("best_sellers", count=2, database_url=house.url)
    assert len(answer.items) == 2 and answer.rec_id.startswith("best_sellers.")
    hers = shop.recommend("best_sellers", "user_id:anna", cart=["cup"], database_url=house.url)
    assert {one.id for one in hers.items} == {"lamp", "bulb", "tea"}
    with pytest.raises(Problem, match="nobody"):
        shop.recommend("new", "user_id:nobody", database_url=house.url)
    with pytest.raises(Problem, match="nothing"):
        shop.recommend("nothing", database_url=house.url)

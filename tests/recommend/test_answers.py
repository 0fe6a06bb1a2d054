"""A page asks what to offer: the first answer of a new shop, and what happened a moment ago."""

import asyncio
import time
from contextlib import suppress
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from threading import Event

import pytest

from conftest import House
from patron.catalog.watching import store as watching
from patron.kit.db import execute
from patron.recommend import compiling
from patron.recommend.placements.builtin import built_in
from patron.recommend.rules import rank
from patron.recommend.rules.rank import Compiled
from patron.recommend.serving.engine import Engine, Engines
from patron.recommend.warming import AGAIN, SEQUENCE, SESSION, Loops
from recommend.floor import Floor, a_past, eventually, play, product

HOME = [product("lamp", 4_000), product("bulb", 500), product("cup", 1_200), product("tea", 900)]
MORE = [product(f"{kind}-{n}", 1_000 + n) for kind in ("lamp", "cup") for n in range(5)]
PERSONAL = {"buy_it_again", "recently_viewed", "because_you_viewed", "good_to_read"}
OF_A_PRODUCT = {"upsell", "bundles"}


def test_a_new_shop_has_a_first_answer_for_a_new_visitor(house: House, tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        assert await floor.offered("best_sellers", anonymousId="new") == []
        reduced = product("sale", 700, compare_at=900)
        await floor.stock(*HOME, reduced, product("gone", 500, available=False))
        for placement in built_in():
            answer = await floor.answer(placement.key, anonymousId="new", product="lamp")
            ids = [one["id"] for one in answer["items"]]
            if placement.key == "categories":
                assert [one["category"] for one in answer["categories"]] == ["Home"]
            elif placement.key == "on_sale":
                assert ids == ["sale"]
            elif placement.key in PERSONAL | OF_A_PRODUCT | {"free_shipping_filler"}:
                assert answer["fallback_share"] in (0.0, 1.0)
            else:
                assert {"bulb", "cup", "tea", "sale"} == set(ids), placement.key
            assert "gone" not in ids and "lamp" not in ids, placement.key
        await floor.train(refresh=True)
        assert set(await floor.offered("similar_products", product="lamp")) >= {"bulb", "cup"}
        answer = await floor.answer("new", count=2)
        item = answer["items"][0]
        assert item["price_text"].startswith("$") and item["reason"] == "New here"

    play(house, tmp_path, story)


def test_what_runs_out_changes_or_comes_counts_within_a_second(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(floor: Floor) -> None:
        await floor.stock(*HOME)
        await floor.engine()

        async def ids() -> set[str]:
            answer = await floor.say({"placements": ["best_sellers"]})
            return {one["id"] for one in answer.json()["placements"][0]["items"]}

        async def prices() -> dict[str, int]:
            answer = await floor.say({"placements": ["best_sellers"]})
            return {one["id"]: one["price"] for one in answer.json()["placements"][0]["items"]}

        async def bulb_costs(price: int) -> bool:
            return (await prices())["bulb"] == price

        async def lost(*_: object) -> None:
            raise OSError("the connection is gone")

        assert await ids() == {"lamp", "bulb", "cup", "tea"}
        await floor.stock(product("lamp", 4_000, available=False), product("cup", 1_300))
        async with floor.stage.unit() as tx:
            await execute(tx, "DELETE FROM product WHERE id = 'tea'")
        await floor.stock(product("vase", 3_000))

        async def known() -> bool:
            return await prices() == {"bulb": 500, "cup": 1_300, "vase": 3_000}

        assert await eventually(known)
        took = []
        for price in (510, 520, 530):
            began = time.monotonic()
            await floor.stock(product("bulb", price))
            assert await eventually(partial(bulb_costs, price))
            took.append(time.monotonic() - began)
        assert min(took) < 2.0  # one second, on a machine that has nothing else to do
        # A connection that is lost while changes are read loses none of them.
        engine = await floor.engine()
        with monkeypatch.context() as cut:
            cut.setattr(watching, "these", lost)
            await floor.stock(product("bulb", 600))
            with pytest.raises(OSError):
                await engine.stock.look()
        assert await eventually(lambda: bulb_costs(600))

    play(house, tmp_path, story)


def test_a_rule_sees_the_price_of_this_moment(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Compiled, "is_ready", compiling.possible())
    cheap = {"name": "Cheap", "count": 9, "chain": ["best_sellers"], "filters": ["price < 10"]}

    async def story(floor: Floor) -> None:
        await floor.stock(*HOME)
        async with floor.api() as http:
            saved = await http.put("/api/placements/cheap", json={"definition": cheap})
            assert saved.status_code == 200, saved.text
        assert set(await floor.offered("cheap")) == {"bulb", "tea"}
        await floor.stock(product("tea", 1_100), product("cup", 950))
        assert set(await floor.offered("cheap")) == {"bulb", "cup"}
        await floor.stock(product("bulb", 500, available=False))
        assert set(await floor.offered("cheap")) == {"cup"}

    play(house, tmp_path, story)


def test_what_she_did_a_moment_ago_is_known(house: House, tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        await floor.stock(*HOME, *MORE)
        await a_past(floor)
        await floor.train(refresh=True)
        stage = floor.stage
        assert await floor.offered("recently_viewed", anonymousId="visitor") == []
        for number, id in enumerate(["cup", "lamp"]):
            stage.pass_time(seconds=5)
            await stage.walk(stage.event("Product Viewed", "visitor", product_id=id))
            seen = await floor.offered("recently_viewed", anonymousId="visitor")
            assert seen == ["lamp", "cup"][1 - number :]
        answer = await floor.answer("recommended_for_you", anonymousId="visitor")
        assert answer["items"][0]["id"] == "bulb"
        assert answer["items"][0]["codes"][0] in ("session", "for_you")
        near = await floor.answer("because_you_viewed", anonymousId="visitor")
        assert near["items"][0]["reason"].startswith("Because you looked at ")
        # What the page knows before the log does counts at once.
        together = await floor.offered("bought_together", anonymousId="visitor", product="cup")
        assert together[0] == "tea"
        cart = await floor.answer("for_this_cart", cart=["lamp"])
        assert cart["items"][0]["id"] == "bulb"
        assert cart["items"][0]["reason"] == "Goes with Lamp"

    play(house, tmp_path, story)


def test_what_is_bought_or_in_the_cart_is_not_offered(house: House, tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        await floor.stock(*HOME)
        stage = floor.stage
        lines = [{"product_id": "lamp", "price": 40}]
        await stage.walk(stage.orders("u:anna", timedelta(days=2), products=lines))
        await stage.walk(stage.adds("u:anna", product_id="tea"))
        asked = {"userId": "anna", "key": floor.server_key}
        for_her = await floor.offered("recommended_for_you", **asked)
        assert set(for_her) == {"bulb", "cup"}
        await stage.walk(stage.event("Product Removed", "u:anna", product_id="tea"))
        assert "tea" in await floor.offered("recommended_for_you", **asked)
        left_out = await floor.offered("recommended_for_you", exclude=["cup"], **asked)
        assert "cup" not in left_out

    play(house, tmp_path, story)


def test_placements_asked_together_offer_nothing_twice(house: House, tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        await floor.stock(*HOME, *MORE)
        await floor.engine()
        both = {"placements": ["best_sellers", "nothing", "new"], "count": 4, "distinct": True}
        answer = (await floor.say(both)).json()
        assert answer["unknown"] == ["nothing"]
        first, second = answer["placements"]
        ids = [one["id"] for one in (*first["items"], *second["items"])]
        assert len(ids) == len(set(ids)) == 8
        again = (await floor.say({**both, "distinct": False})).json()["placements"]
        assert again[0]["items"] == first["items"]
        assert again[0]["rec_id"] != first["rec_id"]

    play(house, tmp_path, story)


def test_what_is_used_up_comes_with_a_date(house: House, tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        await floor.stock(*HOME)
        stage = floor.stage
        for person in range(30):
            for month in range(6, 0, -1):
                ago = timedelta(days=30 * month - person % 3)
                lines = [{"product_id": "tea", "price": 9}]
                if month == 6:
                    lines.append({"product_id": "lamp", "price": 40})
                await stage.walk(stage.orders(f"u:p{person}", ago, products=lines))
        await floor.train(refresh=True)
        answer = await floor.say({"placements": ["buy_it_again"], "userId": "p0"}, floor.server_key)
        (offered,) = answer.json()["placements"][0]["items"]
        assert (offered["id"], offered["codes"]) == ("tea", ["again"])
        due = date.fromisoformat(offered["due"])
        assert abs((due - stage.now.date()).days) <= 3
        assert offered["reason"] == "Time for more of it?"
        whole = {"name": "Whole", "count": 3, "chain": ["next_order"]}
        async with floor.api() as api:
            put = await api.put("/api/placements/whole", json={"definition": whole})
            assert put.status_code == 200, put.text
        assert (await floor.offered("whole", floor.server_key, userId="p0"))[0] == "tea"
        assert await floor.offered("whole", floor.server_key, userId="stranger") == []

    play(house, tmp_path, story)


PRICES = {"zero": 0, "missing": None}


def test_odd_prices_and_a_single_product(house: House, tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        await floor.stock(product("only"))
        assert await floor.offered("best_sellers") == ["only"]
        assert await floor.offered("similar_products", product="only") == []
        await floor.stage.walk(*[floor.stage.orders("u:one", products=[{"product_id": "only"}])])
        await floor.train()
        assert await floor.offered("best_sellers") == ["only"]
        await floor.stock(*[product(id, price) for id, price in PRICES.items()])
        await floor.stock(product("euro", 500, currency="EUR"))
        assert set(await floor.offered("best_sellers")) == {"only", "euro", *PRICES}
        cheap = {"name": "Cheap", "count": 5, "chain": ["best_sellers"], "price": {"at_most": 99}}
        async with floor.api() as api:
            put = await api.put("/api/placements/cheap", json={"definition": cheap})
            assert put.status_code == 200, put.text
        assert await floor.offered("cheap") == ["only"]

    play(house, tmp_path, story)


@pytest.mark.parametrize("path", ["models", "catalog"])
def test_engines_follow_many_questions_at_once(house: House, tmp_path: Path, path: str) -> None:
    async def story(floor: Floor) -> None:
        await floor.stock(*HOME)
        asked = [floor.say({"placements": ["best_sellers"]}) for _ in range(20)]
        answers = await asyncio.gather(*asked)
        assert {one.status_code for one in answers} == {200}
        first = await floor.engine()
        assert await floor.engines.of(floor.stage.shop) is first
        if path == "models":
            await floor.train(refresh=True)
            before = first.models.version
            await first.look()
            assert first.models.version != before

    play(house, tmp_path, story)


@pytest.mark.skipif(not compiling.possible(), reason="numba, the extra `fast`, is not installed")
def test_the_first_answers_do_not_wait_for_the_compiler(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, numpy answers; the compiled loops then say the same to the last bit."""
    compiler, loops = Event(), Loops(beside=True)
    monkeypatch.setattr(rank, "warm", compiler.wait)
    chains = {"on": "session", "hers": "for_you", "whole": "next_order"}
    visit = {"viewed": ["lamp", "lamp-1"], "userId": "person-1", "seed": 7}

    async def story(floor: Floor) -> None:
        floor.engines = Engines(floor.stage.db, floor.folder, house.clock, loops=loops)
        await floor.stock(*HOME, *MORE)
        await a_past(floor)
        await floor.train(refresh=True)
        async with floor.api() as api:
            for key, chain in chains.items():
                definition = {"name": key, "count": 12, "chain": [chain]}
                await api.put(f"/api/placements/{key}", json={"definition": definition})

        async def answers() -> list[list[dict[str, object]]]:
            asked = {"placements": list(chains), **visit}
            found = (await floor.say(asked, floor.server_key)).json()["placements"]
            return [one["items"] for one in found]

        async def compiled() -> bool:
            return all(loops.ready(one) for one in (SESSION, SEQUENCE, AGAIN))

        first = await answers()
        assert [one[0]["codes"] for one in first] == [[chain] for chain in chains.values()]
        assert not any(loops.ready(one) for one in (SESSION, SEQUENCE, AGAIN))
        compiler.set()
        assert await eventually(compiled, 120)
        assert await answers() == first
        await floor.engines.close()

    play(house, tmp_path, story)


def test_closing_waits_for_nobody_who_did_not_hear_the_first_word(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = asyncio.Event()

    async def deaf(engine: Engine) -> None:
        looking.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    async def story(floor: Floor) -> None:
        await floor.engine()
        monkeypatch.setattr(Engine, "look", deaf)
        await looking.wait()
        async with asyncio.timeout(30):
            await floor.engines.close()

    play(house, tmp_path, story)

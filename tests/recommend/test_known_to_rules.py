"""What an answer knows of whoever asks: what she ignored, what the page sends, who she is."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from conftest import House
from patron.events.lake import store as lake_store
from patron.events.types import EventType
from patron.profiles import store as profiles
from patron.recommend.rules.types import Context
from patron.recommend.serving.strategies import Moment, deeds
from patron.recommend.serving.visitors import Asked, Seen
from patron.recommend.types import Kind
from recommend.floor import Floor, a_past, play, product

SHOP = [
    product("lamp", 4_000), product("bulb", 500, brand="Acme"), product("cup", 1_200),
    product("tea", 900),
]  # fmt: skip
TIRED: dict[str, Any] = {
    "name": "Tired", "count": 4, "chain": ["best_sellers"], "ignored": {"hidden_after": 2}
}  # fmt: skip
SAID: dict[str, Any] = {
    "name": "Said", "count": 4, "chain": ["best_sellers"],
    "filters": [
        "context.param.most is missing or price <= context.param.most",
        'customer.vip is missing or customer.vip or brand != "Acme"',
        'customer.country is missing or customer.country = "LV" or price < 20',
    ],
}  # fmt: skip


def test_what_she_was_shown_in_vain_goes_until_she_cares_for_it(
    house: House, tmp_path: Path
) -> None:
    async def story(floor: Floor) -> None:
        stage = floor.stage
        await floor.stock(*SHOP)
        async with floor.api() as api:
            put = await api.put("/api/placements/tired", json={"definition": TIRED})
            assert put.status_code == 200, put.text
        answer = await floor.answer("tired", anonymousId="her")

        async def shown(*products: str) -> None:
            stage.pass_time(seconds=5)
            told = [
                stage.event("Product List Viewed", "her", list_id=answer["rec_id"],
                            products=[{"product_id": id} for id in products]),
                # Lists that are no answers of ours say nothing, nor do answers we never gave.
                stage.event("Recommendation Shown", "her", rec_id=answer["rec_id"][:-1] + "é",
                            products=[{"product_id": "tea"}]),
                stage.event("Product List Viewed", "her", list_id="sale",
                            products=[{"product_id": "tea"}]),
            ]  # fmt: skip
            await stage.walk(*told)

        async def left() -> set[str]:
            return set(await floor.offered("tired", anonymousId="her"))

        every = {"lamp", "bulb", "cup", "tea"}
        await shown("lamp", "bulb", "cup")
        assert await left() == every
        await shown("lamp", "bulb", "cup")
        assert await left() == {"tea"}
        assert set(await floor.offered("tired", anonymousId="another")) == every
        stage.pass_time(seconds=5)
        clicked = {"rec_id": answer["rec_id"], "product_id": "lamp"}
        await stage.walk(stage.event("Recommendation Clicked", "her", **clicked))
        assert await left() == {"tea", "lamp"}
        stage.pass_time(seconds=5)
        await stage.walk(stage.event("Product Viewed", "her", product_id="bulb"))
        assert await left() == {"tea", "lamp", "bulb"}
        stage.pass_time(seconds=5)
        await stage.walk(stage.orders("her", products=[{"product_id": "cup"}]))
        assert await left() == every

    play(house, tmp_path, story)


def test_rules_see_what_the_page_sends_and_who_she_is(house: House, tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        stage = floor.stage
        await floor.stock(*SHOP)
        told = stage.event("Identified", "u:her")
        told.type, told.traits = EventType.IDENTIFY, {"vip": False, "address": {"country": "EE"}}
        await stage.walk(told)
        async with floor.api() as api:
            put = await api.put("/api/placements/said", json={"definition": SAID})
            assert put.status_code == 200, put.text
        assert set(await floor.offered("said")) == {"lamp", "bulb", "cup", "tea"}
        assert set(await floor.offered("said", params={"most": 10})) == {"bulb", "tea"}
        # Written as text it is compared as text, and a word of theirs is never a rule.
        hers: dict[str, Any] = {"key": floor.server_key, "userId": "her"}
        assert set(await floor.offered("said", **hers)) == {"cup", "tea"}
        assert set(await floor.offered("said", country="lv", **hers)) == {"lamp", "cup", "tea"}

    play(house, tmp_path, story)


def test_a_visit_is_over_after_half_an_hour_and_the_page_knows_its_product(
    house: House, tmp_path: Path
) -> None:
    async def story(floor: Floor) -> None:
        stage = floor.stage
        await floor.stock(*SHOP)
        await a_past(floor)
        await floor.train(refresh=True)
        next_one = {"name": "Next", "count": 1, "chain": ["session"], "exclude": {"viewed": True}}
        seen = {"name": "Seen", "count": 4, "chain": ["best_sellers"], "exclude": {"viewed": True}}
        async with floor.api() as api:
            for key, one in (("next", next_one), ("seen", seen)):
                put = await api.put(f"/api/placements/{key}", json={"definition": one})
                assert put.status_code == 200, put.text
        assert await floor.offered("next", anonymousId="her") == []
        # The page is quicker than its event.
        assert await floor.offered("next", anonymousId="her", product="lamp") == ["bulb"]
        await stage.walk(stage.event("Product Viewed", "her", timedelta(minutes=50),
                                     product_id="cup"))  # fmt: skip
        assert await floor.offered("next", anonymousId="her") == []
        await stage.walk(stage.event("Product Viewed", "her", product_id="lamp"))
        assert await floor.offered("next", anonymousId="her") == ["bulb"]
        assert set(await floor.offered("seen", anonymousId="her")) == {"bulb", "cup", "tea"}
        stage.pass_time(minutes=31)
        assert set(await floor.offered("seen", anonymousId="her")) == {
            "bulb", "cup", "tea", "lamp"
        }  # fmt: skip

    play(house, tmp_path, story)


def test_a_page_that_nobody_vouched_for_sees_no_other_browser_of_hers(
    house: House, tmp_path: Path
) -> None:
    async def story(floor: Floor) -> None:
        stage = floor.stage
        await floor.stock(*SHOP)
        for browser in ("phone", "laptop"):
            told = stage.event("Identified", "u:her", browser=browser)
            told.type, told.traits = EventType.IDENTIFY, {"email": "her@x.example"}
            await stage.walk(told)

        async def looks(browser: str, id: str) -> None:
            stage.pass_time(seconds=2)
            await stage.walk(stage.event("Product Viewed", "u:her", browser=browser, product_id=id))

        async def seen(**who: str) -> list[str]:
            return await floor.offered("recently_viewed", anonymousId="phone", **who)

        await looks("phone", "lamp")
        await looks("laptop", "cup")
        assert await seen() == ["lamp"]  # read from the database
        await looks("laptop", "tea")
        await looks("phone", "bulb")
        assert await seen() == ["bulb", "lamp"]  # followed
        signed = {"userId": "her", "userHash": floor.signed("her")}
        assert await seen(**signed) == ["bulb", "tea", "cup", "lamp"]
        await looks("laptop", "lamp")
        assert await seen(**signed) == ["lamp", "bulb", "tea", "cup"]

    play(house, tmp_path, story)


def test_an_ordered_cart_is_none_and_one_in_other_money_has_no_value(
    house: House, tmp_path: Path
) -> None:
    async def story(floor: Floor) -> None:
        stage = floor.stage
        await floor.stock(*SHOP)
        visitors = (await floor.engine()).visitors
        abroad = {"product_id": "tea", "price": 9, "quantity": 1, "currency": "EUR"}
        for who, currency in (("u:her", "USD"), ("u:him", "EUR")):
            await stage.walk(stage.adds(who, **(abroad | {"currency": currency})))
        her, him = [await visitors.read(Asked(user_id=id, trusted=True)) for id in ("her", "him")]
        assert (her.cart, her.cart_value, him.cart, him.cart_value) == (["tea"], 900, ["tea"], None)
        stage.pass_time(seconds=5)
        await stage.walk(stage.orders("u:her", products=[{"product_id": "tea"}]))
        her = await visitors.read(Asked(user_id="her", trusted=True))
        assert her.cart == [] and [one.product for one in her.bought] == ["tea"]

    play(house, tmp_path, story)


def test_who_is_erased_is_not_remembered(house: House, tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        stage = floor.stage
        await floor.stock(*SHOP)
        for who in ("her", "him"):
            await stage.walk(stage.event("Product Viewed", who, product_id="lamp"))
            assert await floor.offered("recently_viewed", anonymousId=who) == ["lamp"]
        async with stage.unit() as tx:
            root = await profiles.find(tx, "anonymous_id:her")
            assert root is not None
            await lake_store.queue_erasure(tx, [root], stage.now)
        visitors = (await floor.engine()).visitors
        await visitors.follow()
        assert visitors.remembered(Asked(anonymous_id="her")) is None
        assert visitors.remembered(Asked(anonymous_id="him")) is not None

    play(house, tmp_path, story)


def test_deeds_are_told_in_order_with_what_they_were() -> None:
    bought, viewed, cart = (np.array(ids, np.int32) for ids in ([5, 6], [1, 2, 3], [4]))
    none = np.empty(0, np.int32)
    seen = Seen(
        generation=0, views=viewed, view_at=np.array([10.0, 30.0, 90.0]), viewed=viewed, cart=cart,
        bought=bought, bought_at=np.array([20, 40], np.int64), baskets=np.zeros(2, np.int32),
        ignored=none, ignored_times=none,
    )  # fmt: skip
    moment = Moment(Context(now=100.0, n=4, cart=cart), seen, viewed[2:], np.array([10.0]))
    items, kinds, times = deeds(moment)
    assert items.tolist() == [1, 5, 2, 6, 3, 4, 3]
    view, put, buy = Kind.VIEW, Kind.CART, Kind.BUY
    assert kinds.tolist() == [view, buy, view, buy, view, put, view]
    assert times.tolist() == [10, 20, 30, 40, 90, 100, 100]

"""What fills a cart up to free shipping, as the shop has set it or the page says it."""

from pathlib import Path
from typing import Any

import pytest

from conftest import House
from patron.kit.migrate import HOUSE
from patron.kit.problems import Problem
from patron.shops import store as shops
from patron.shops.found import changed
from patron.shops.types import ShopSettings
from recommend.floor import Floor, play, product

GOODS = [
    product("lamp", 4_000),
    product("bulb", 500),
    product("cup", 1_200),
    product("vase", 9_000),
]


async def set_to(floor: Floor, amount: Any) -> None:
    shop = floor.stage.shop
    async with floor.stage.db.unit(HOUSE) as tx:
        settings = changed(
            await shops.locked_settings(tx, shop.slug), {"free_shipping_from": amount}
        )
        await shops.set_settings(tx, shop.slug, settings)


def test_the_shop_says_from_when_on_shipping_is_free(house: House, tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        await floor.stock(*GOODS)

        async def fills(**more: Any) -> list[str]:
            return await floor.offered("free_shipping_filler", cart=["lamp"], **more)

        assert await fills() == []
        assert await fills(freeShippingFrom=5_000) == ["cup"]
        await set_to(floor, 50)
        assert await fills() == ["cup"]
        assert await fills(freeShippingFrom=4_400) == ["bulb", "cup"]
        assert await fills(freeShippingFrom=0) == []
        await set_to(floor, 44.0)
        assert set(await fills()) == {"bulb", "cup"}
        await set_to(floor, 0)
        assert await fills() == []
        await set_to(floor, None)
        assert await fills() == []

    play(house, tmp_path, story)


@pytest.mark.parametrize("wrong", [-1, -0.01, 1e11, "fifty", "50", True, [50]])
def test_an_amount_that_is_none_is_refused(wrong: Any) -> None:
    with pytest.raises(Problem, match="free_shipping_from"):
        changed(ShopSettings(), {"free_shipping_from": wrong})


def test_an_amount_is_kept_as_people_write_it() -> None:
    for amount in (0, 49.9, 1_000):
        assert changed(ShopSettings(), {"free_shipping_from": amount}).free_shipping_from == amount

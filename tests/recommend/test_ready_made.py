"""Each ready-made placement says what its name says, of a shop with guides and things not shown."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from conftest import House
from patron.recommend.placements.builtin import built_in
from recommend.floor import Floor, a_past, play, product

GUIDE = "https://acme.example/guides/tea"
LIGHT, KITCHEN = ["Home > Light"], ["Home > Kitchen"]
SHOP = [
    product("lamp", 4_000, categories=LIGHT, margin=0.1),
    product("bulb", 500, categories=LIGHT, margin=0.2),
    product("cup", 1_200, categories=KITCHEN),
    product("tea", 900, categories=KITCHEN, margin=0.9, compare_at=1_500),
    *[product(f"lamp-{n}", 4_500 + n, categories=LIGHT) for n in range(5)],
    *[product(f"cup-{n}", 1_300 + n, categories=KITCHEN) for n in range(5)],
    product("lamp-xl", 6_000, categories=LIGHT),
    product("lamp-palace", 90_000, categories=LIGHT),
    product("sofa", 5_000, categories=["Garden"]),
    product("samovar", 700, categories=["Old"], shown=False),
    product(GUIDE, None, title="How to brew tea", url=GUIDE, attributes={"kind": "guide"}),
]


async def a_year(floor: Floor) -> None:
    """Who looks at the cup reads the guide and looks at a samovar, which is not sold any more."""
    stage = floor.stage
    await floor.stock(*SHOP)
    await a_past(floor)
    events = []
    for number in range(20):
        ago = timedelta(hours=100 + 3 * number)
        for place, id in enumerate(["cup", GUIDE, "samovar", "tea"]):
            said: dict[str, Any] = {"product_id": id}
            events.append(
                stage.event("Product Viewed", f"reader-{number}", ago - timedelta(minutes=place),
                            **said)
            )  # fmt: skip
    await stage.walk(*events)
    stage.pass_time(days=1)
    await floor.stock(product("latest", 2_000, categories=["Garden"]))
    stage.pass_time(days=1)
    await floor.train(refresh=True)


def test_what_the_ready_made_placements_offer(house: House, tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        await a_year(floor)
        for placement in built_in():
            said = await floor.offered(placement.key, product="cup", viewed=["tea", "cup"])
            assert "samovar" not in said, placement.key
            assert (GUIDE in said) is (placement.key == "good_to_read"), placement.key
        order = (await floor.answer("categories", count=20))["categories"]
        assert {"Home > Kitchen", "Home > Light"} <= {one["category"] for one in order}
        assert "Old" not in {one["category"] for one in order}  # nothing to be bought there
        # What is not shown any more still says where to go from its page.
        assert {"cup", "tea"} & set(await floor.offered("also_viewed", product="samovar"))
        stars = await floor.answer("star_products", count=3)
        assert stars["items"][0]["id"] == "tea"
        assert stars["items"][1]["id"] == "cup"  # its margin is taken for usual: more than a tenth
        assert await floor.offered("on_sale") == ["tea"]
        assert (await floor.offered("new"))[0] == "latest"
        near = await floor.answer("because_you_viewed", product="tea", anonymousId="reader-3")
        assert near["items"] and all(one["because"] != "tea" for one in near["items"])
        steps = await floor.offered("upsell", product="lamp")
        assert steps and set(steps) <= {"lamp-xl", *(f"lamp-{n}" for n in range(5))}
        assert await floor.offered("upsell", product="lamp-palace") == []
        cart: dict[str, Any] = {"cart": ["tea"], "cartValue": 2_000, "freeShippingFrom": 3_000}
        filling = await floor.answer("free_shipping_filler", **cart)
        prices = [one["price"] for one in filling["items"]]
        assert prices and all(1_000 <= price <= 2_000 for price in prices)
        assert filling["items"][0]["codes"] == ["filler"]
        assert await floor.offered("free_shipping_filler", **(cart | {"cartValue": 3_000})) == []

    play(house, tmp_path, story)


def test_best_sellers_of_a_category_then_of_those_above(house: House, tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        await floor.stock(*SHOP)
        near = {"name": "Near", "count": 14, "chain": ["best_sellers"], "popular_in": "category"}
        stars = {"name": "Stars", "count": 4, "chain": ["star"]}
        upsell = {"name": "Up", "count": 9, "chain": ["upsell"]}
        sale = {"name": "Sale", "count": 9, "chain": ["on_sale"]}
        filler = {"name": "Fill", "count": 9, "chain": ["filler"]}
        async with floor.api() as api:
            for key, one in (
                ("near", near),
                ("stars", stars),
                ("up", upsell),
                ("fill", filler),
                ("sale", sale),
            ):
                put = await api.put(f"/api/placements/{key}", json={"definition": one})
                assert put.status_code == 200, put.text
        # Without a past the strategies hold their limits by themselves.
        dear = await floor.offered("up", product="lamp")
        assert set(dear) == {"lamp-xl", *(f"lamp-{n}" for n in range(5))}
        cart: dict[str, Any] = {"cart": ["tea"], "cartValue": 2_000, "freeShippingFrom": 3_000}
        assert set(await floor.offered("fill", **cart)) == {"cup", *(f"cup-{n}" for n in range(5))}
        assert await floor.offered("sale") == ["tea"]
        await a_year(floor)
        found = await floor.offered("near", product="lamp")
        light = {"bulb", "lamp-xl", "lamp-palace", *(f"lamp-{n}" for n in range(5))}
        assert found[0] == "bulb" and set(found[:8]) == light
        # What is left of its places comes from above, not from all over the shop.
        assert set(found[8:]) <= {GUIDE, "tea", "cup", *(f"cup-{n}" for n in range(5))}
        assert (await floor.offered("stars"))[:2] == ["tea", "cup"]

    play(house, tmp_path, story)

"""Catalogs as no shop should have them: everything that is asked has an answer."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from conftest import House
from patron.catalog.types import ProductIn, VariantIn
from patron.recommend.placements.builtin import built_in
from recommend.floor import Floor, play, product

DEEP = " > ".join(f"Level {n}" for n in range(12))
ONLY_VARIANTS = ProductIn(
    id="shirt", available=True, variants=[VariantIn(id=f"s-{n}", sku=f"S{n}") for n in range(40)]
)
STRANGE = [
    ONLY_VARIANTS,
    ProductIn(id="bare", available=True),
    ProductIn(id="nameless", title=None, price=0, currency="USD", available=True),
    ProductIn(id="\u202eodd\u0301 😀", title="  ", categories=[""], available=True),
    ProductIn(id="x" * 255, title="y" * 2_000, brand="z" * 300, available=True),
    *[product(f"deep-{n}", 100 * n, categories=[DEEP]) for n in range(3)],
    product("above", 500, categories=["Level 0 > Level 1"]),
    product("huge", 10**15, compare_at=10**15 + 1, stock=2**31 - 1),
]
EVERYTHING: dict[str, Any] = {
    "name": "All rules at once", "count": 50, "chain": ["session", "together", "trending"],
    "fallback": ["best_sellers", "new", "star"], "blend": ["for_you"], "popular_in": "category",
    "filters": ["price is missing or price < 10000000", "not (brand = \"q\")"],
    "boosts": ["1 + default(margin, 0)", "2 if on_sale else 1", "price / 0"],
    "bury": ["price < 1"], "price": {"at_least": 0, "at_most": 9_000_000},
    "pins": [{"product": "bare", "place": 3}, {"product": "deep-2", "place": 1}],
    "apart": [{"one": "price < 0.01", "other": "price > 100"}],
    "exclude": {"viewed": True, "bought": {"days": 30, "unless": "bought_again >= 10%"}},
    "diversity": {"per_brand": 2, "per_category": 2}, "weights": {"margin": 2, "popularity": -1},
    "min_relevance": 0.1, "rotation": 0.5, "explore": {"share": 0.3, "days": 3000},
    "ignored": {"factor": 0.5, "hidden_after": 3}, "holdout": {"share": 0.1},
}  # fmt: skip


def test_whatever_the_catalog_is_every_placement_answers(house: House, tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        stage = floor.stage
        await floor.stock(*STRANGE)
        async with floor.api() as api:
            put = await api.put("/api/placements/everything", json={"definition": EVERYTHING})
            assert put.status_code == 200, put.text
        keys = [*(one.key for one in built_in()), "everything"]

        async def all_answer() -> None:
            await (await floor.engine()).look()
            for id in (None, *(one.id for one in STRANGE), "S3", "gone"):
                asked = {"placements": keys, "anonymousId": "her", "product": id, "count": 50}
                answer = await floor.say(asked)
                assert answer.status_code == 200, answer.text
                found = {one["placement"]: one for one in answer.json()["placements"]}
                assert set(found) == set(keys)
                for key, one in found.items():
                    ids = [item["id"] for item in one["items"]]
                    assert len(ids) == len(set(ids)), key
                    assert all(item["reason"] or item["codes"] for item in one["items"]), key
                assert "huge" not in [item["id"] for item in found["everything"]["items"]]

        await all_answer()
        # One who does nothing else than look, variants by their SKU, the same order over and over.
        looks = [
            stage.event("Product Viewed", "her", timedelta(seconds=2 * n), product_id=f"S{n % 40}")
            for n in range(400)
        ]
        same = [{"product_id": "shirt"}, {"sku": "S7"}, {"product_id": "deep-0", "price": -5}]
        orders = [
            stage.orders(f"u:p{n}", timedelta(hours=n), products=same, total=0) for n in range(40)
        ]
        await stage.walk(*looks)
        await stage.walk(*orders)
        await floor.train()
        await all_answer()
        near = await floor.offered("bought_together", product="shirt")
        assert near[0] == "deep-0"
        deep = {"name": "Deep", "count": 3, "chain": ["best_sellers"], "popular_in": "category"}
        async with floor.api() as api:
            assert (await api.put("/api/placements/deep", json={"definition": deep})).is_success
        assert set(await floor.offered("deep", product="deep-0")) >= {"deep-1", "deep-2"}

    play(house, tmp_path, story)

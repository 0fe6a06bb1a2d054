"""A page calls products as it knows them: by variants, SKUs, GTINs."""

from pathlib import Path
from typing import Any

import pytest

from conftest import House
from patron.catalog.types import VariantIn
from patron.recommend.names import known
from patron.recommend.serving.engine import Engine
from recommend.floor import Floor, play, product


def shirt(id: str, *variants: str, **more: Any) -> Any:
    told = [VariantIn(id=one, sku=f"SKU-{one}", gtin=more.pop("gtin", None)) for one in variants]
    return product(id, variants=told, **more)


async def left(floor: Floor, **asked: Any) -> tuple[set[str], list[str]]:
    """What best-sellers offer beside a cart, and which names nobody knows."""
    answer = (await floor.say({"placements": ["best_sellers"], **asked})).json()
    (found,) = answer["placements"]
    return {one["id"] for one in found["items"]}, answer["unknown_products"]


def are_read(engine: Engine) -> bool:
    return engine.stock.names.are_read


def test_variants_and_skus_are_understood(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "AT_ONCE", 2)
    monkeypatch.setattr(known, "PATIENCE", 20.0)
    monkeypatch.setattr(known, "MOST_NEWER", 3)

    async def story(floor: Floor) -> None:
        await floor.stock(
            shirt("red", "r-s", "r-m", gtin="4006381333931"),
            shirt("blue", "b-s", "red"),  # a variant that is called as a product is
            shirt("green", "g-s"),
        )
        engine = await floor.engine()
        assert await left(floor, cart=["red"]) == ({"blue", "green"}, [])
        assert not are_read(engine)  # an id costs nothing
        assert await left(floor, cart=["r-m"]) == ({"blue", "green"}, [])
        assert are_read(engine)
        every = {"SKU-g-s": "green", "b-s": "blue", "SKU-red": "blue", " r-s": "red"}
        every |= {"red": "red", "4006381333931": "red"}
        for name, id in every.items():
            offered, unknown = await left(floor, exclude=[name])
            assert (offered, unknown) == ({"red", "blue", "green"} - {id}, []), name
        offered, unknown = await left(floor, cart=["r-x", "g-s", "r-x"], viewed=["what"])
        assert (offered, unknown) == ({"red", "blue"}, ["r-x", "what"])
        near = await floor.answer("similar_products", product="SKU-r-s")
        assert "red" not in {one["id"] for one in near["items"]} and near["items"]
        # New, and renamed: as soon as the catalog is looked at.
        await floor.stock(shirt("gray", "y-s", "r-x"), shirt("blue", "g-s"))
        await engine.look()
        assert await left(floor, cart=["y-s", "SKU-r-x"]) == ({"red", "blue", "green"}, [])
        assert await left(floor, cart=["g-s", "gray"]) == ({"red", "green"}, [])
        for _ in range(8):  # enough is new for all to be read again
            await engine.look()
        assert await left(floor, cart=["g-s", "r-x"]) == ({"red", "green"}, [])
        async with floor.api() as api:
            trial = {"key": "best_sellers", "product": "r-s", "cart": ["SKU-b-s", "what"]}
            tried = (await api.post("/api/placements/try", json=trial)).json()
        assert tried["unknown"] == ["what"] and tried["known"]["cart"] == 1
        assert {one["item"]["id"] for one in tried["items"]} == {"green", "gray"}

    play(house, tmp_path, story)


def test_nobody_waits_long_for_the_names_of_a_large_catalog(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "PATIENCE", 0.01)
    monkeypatch.setattr(known, "MOST", 3)

    async def story(floor: Floor) -> None:
        await floor.stock(shirt("red", "r-s"), shirt("blue", "b-s"))
        engine = await floor.engine()
        assert await left(floor, cart=["r-s"]) == ({"red", "blue"}, ["r-s"])
        for _ in range(3):
            await engine.look()
        assert are_read(engine)  # and no more are kept than one has room for

    play(house, tmp_path, story)

"""A shop's past as models see it: orders whole, people merged, nobody who was erased."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import House
from patron.app.care.forgetting import forget
from patron.app.jobs import copy_lake
from patron.catalog import store as catalog
from patron.catalog.types import FactSource, ProductIn, VariantIn
from patron.events.lake import copying
from patron.events.lake import store as lake_store
from patron.kit.db import Database, connect
from patron.kit.lake import Lake
from patron.kit.settings import Settings
from patron.recommend import tasks
from patron.recommend.history.kept import derived_of, kept_of
from patron.recommend.history.reading import Past
from patron.recommend.history.shaping import MOST_OF_ONE, Rows, shaped
from patron.recommend.types import Kind
from stage import Stage

LINES = [{"product_id": "lamp", "quantity": 2}, {"sku": "BULB-W"}, {"product_id": "never told"}]


class Shed:
    """A shop with three products, and its lake."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.stage = stage
        self.lake = Lake(str(folder / "lake" / "events"))

    async def stock(self) -> None:
        bulb = VariantIn(id="bulb-white", sku="BULB-W")
        async with self.stage.unit() as tx:
            await catalog.upsert(
                tx,
                [ProductIn(id="lamp"), ProductIn(id="bulb", variants=[bulb]), ProductIn(id="new")],
                FactSource.API,
                self.stage.now,
            )

    async def copy(self) -> None:
        async with await connect(self.stage.house.url, "lake") as connection:
            cut = Path(self.lake.uri).parent / "cut"
            kept = copying.Cut(cut, derived=derived_of(self.lake.uri))
            await copying.copy(connection, self.stage.shop, self.lake, kept, self.stage.now)

    async def past(self) -> Past:
        stage = self.stage
        return await tasks.read_past(stage.db, stage.shop, self.lake, stage.now)

    def told(self, past: Past) -> list[tuple[int, str, str, int]]:
        """(person, kind, product, basket) in order."""
        seen = past.interactions
        rows = zip(seen.person, seen.kind, seen.item, seen.basket, strict=True)
        return [(int(p), Kind(k).name, past.items[i], int(b)) for p, k, i, b in rows]


async def a_day(stage: Stage) -> None:
    """Anna looks, adds and orders; the order is told twice. Bert looks."""
    ago = [timedelta(minutes=m) for m in range(60, 0, -10)]
    order: dict[str, Any] = {"order_id": "o1", "products": LINES}
    await stage.walk(
        stage.event("Product Viewed", "u:anna", ago[0], product_id="lamp"),
        stage.event("Product Viewed", "u:anna", ago[1], product_id="bulb-white"),
        stage.event("Product Added", "u:anna", ago[2], product_id="lamp"),
        stage.event("Order Completed", "u:anna", ago[3], **order),
        stage.event("Order Completed", "u:anna", ago[4], **order),
        stage.event("Product Viewed", "u:bert", ago[5], product_id="lamp"),
        stage.event("Product Viewed", "u:bert", ago[5], product_id="never told"),
    )


@pytest.mark.parametrize("read", ["bit by bit", "at once"])
def test_orders_are_whole_and_products_found_by_any_name(
    house: House, tmp_path: Path, read: str
) -> None:
    async def story(db: Database) -> None:
        stage = Stage(house, db)
        shed = Shed(stage, tmp_path)
        await shed.stock()
        await a_day(stage)
        await shed.copy()
        if read == "bit by bit":
            await shed.past()
        await stage.walk(stage.event("Product Added", "u:bert", product_id="bulb"))
        await shed.copy()
        past = await shed.past()
        assert past.items == ["bulb", "lamp", "new"]
        anna = [
            ("VIEW", "lamp", -1),
            ("VIEW", "bulb", -1),
            ("CART", "lamp", -1),
            ("BUY", "bulb", 0),
            ("BUY", "lamp", 0),
        ]
        bert = [("VIEW", "lamp", -1), ("CART", "bulb", -1)]
        rows = shed.told(past)
        found = [[row[1:] for row in rows if row[0] == who] for who in (0, 1)]
        assert sorted(found, key=len) == [bert, anna]
        assert (past.interactions.people, past.interactions.items) == (2, 3)
        assert past.position == 8
        assert past.news == (1 if read == "bit by bit" else 8)
        material = await tasks.gather(db, stage.shop, shed.lake, stage.now)
        fitted = tasks.refresh(material, tmp_path / "models", stage.now)
        assert (fitted.orders, fitted.products, fitted.deeds) == (1, 3, 7)
        assert set(fitted.models) > {"together", "popular", "session"}

    house.run(story)


def test_who_is_merged_is_one_and_who_is_erased_is_nobody(house: House, tmp_path: Path) -> None:
    async def story(db: Database) -> None:
        stage = Stage(house, db)
        shed = Shed(stage, tmp_path / "shops" / stage.shop.slug)
        await shed.stock()
        await stage.walk(stage.event("Product Viewed", "phone", product_id="lamp"))
        await stage.walk(stage.event("Product Viewed", "u:anna", product_id="bulb"))
        await shed.copy()
        assert (await shed.past()).interactions.people == 2
        await stage.walk(stage.event("Product Viewed", "u:anna", browser="phone", product_id="new"))
        await stage.walk(stage.event("Product Viewed", "u:cora", product_id="lamp"))
        await shed.copy()
        past = await shed.past()
        assert past.interactions.people == 2
        assert [kind for _, kind, *_ in shed.told(past)] == ["VIEW"] * 4
        settings = Settings(data_dir=tmp_path)
        who = "user_id:anna"
        await forget(db, stage.shop, who, house.signer, house.clock, settings)
        # The lake still has her, and already she is nobody.
        left = [(0, "VIEW", "lamp", -1)]
        assert shed.told(await shed.past()) == left
        async with stage.unit() as tx:
            origins = await lake_store.erasures(tx)
        kept = kept_of(shed.lake.uri).path
        assert any(one.bytes in found for one in origins for found in read_in(kept))
        await copy_lake(settings, house.url, stage.shop, house.clock)
        assert not any(one.bytes in found for one in origins for found in read_in(kept))
        assert shed.told(await shed.past()) == left
        assert (await shed.past()).news == 0  # the others were not read anew

    house.run(story)


def read_in(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.iterdir()]


def test_nothing_has_happened_yet(house: House, tmp_path: Path) -> None:
    async def story(db: Database) -> None:
        shed = Shed(Stage(house, db), tmp_path)
        past = await shed.past()
        assert (len(past.interactions), past.items, past.position) == (0, [], 0)
        material = await tasks.gather(db, shed.stage.shop, shed.lake, shed.stage.now)
        assert tasks.refresh(material, tmp_path / "models", shed.stage.now).orders == 0
        report = tasks.train(material, tmp_path / "models", shed.stage.now, seconds=0)
        assert (report.interactions, report.placements) == (0, [])

    house.run(story)


def rows_of(deeds: list[tuple[int, int, int, int, int]]) -> Rows:
    table = np.array(deeds, np.int64).reshape(-1, 5)
    return Rows(
        table[:, 0],
        table[:, 1].astype(np.int32),
        table[:, 2],
        table[:, 3].astype(np.int8),
        table[:, 4].astype(np.int32),
    )


DEED = st.tuples(
    st.integers(-1, 3), st.integers(-1, 4), st.integers(0, 9_000), st.integers(0, 2),
    st.integers(-1, 3),
)  # fmt: skip


@given(st.lists(DEED, max_size=40), st.lists(st.integers(-1, 2), min_size=4, max_size=4))
def test_shaped_agrees_with_sorting_by_hand(
    deeds: list[tuple[int, int, int, int, int]], root: list[int]
) -> None:
    found = shaped(rows_of(deeds), np.array(root, np.int64), 5)
    kept = {
        (root[origin], at, kind, item, basket)
        for origin, item, at, kind, basket in deeds
        if origin >= 0 and item >= 0 and root[origin] >= 0
    }
    who = sorted({one[0] for one in kept})
    expected = sorted((who.index(p), at, k, i) for p, at, k, i, _ in kept)
    table = zip(found.person, found.at, found.kind, found.item, strict=True)
    rows = [(int(p), int(a), int(k), int(i)) for p, a, k, i in table]
    assert sorted(set(rows)) == sorted(set(expected))
    assert [(p, a) for p, a, *_ in rows] == sorted((p, a) for p, a, *_ in rows)
    assert found.people == len(who)
    gaps = [
        n == 0 or rows[n][0] != rows[n - 1][0] or rows[n][1] - rows[n - 1][1] > 1800
        for n in range(len(rows))
    ]
    assert found.session.tolist() == (np.cumsum(gaps) - 1).tolist()
    baskets = set(found.basket.tolist()) - {-1}
    assert baskets == set(range(len(baskets)))


def test_a_machine_that_looks_at_everything_counts_no_more_than_its_latest() -> None:
    many = 1_000_000
    rows = Rows(
        np.zeros(many + 1, np.int64),
        np.arange(many + 1, dtype=np.int32) % 7,
        np.arange(many + 1, dtype=np.int64),
        np.zeros(many + 1, np.int8),
        np.full(many + 1, -1, np.int32),
    )
    rows.origin[0] = 1
    found = shaped(rows, np.array([5, 9]), 7)
    assert np.bincount(found.person).tolist() == [MOST_OF_ONE, 1]
    assert found.at[:MOST_OF_ONE].tolist() == list(range(many - MOST_OF_ONE + 1, many + 1))

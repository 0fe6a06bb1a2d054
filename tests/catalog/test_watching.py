"""Whoever keeps the catalog in memory misses no change, in whatever order transactions end."""

import asyncio

import pytest

from conftest import NOON, House
from patron.catalog import store
from patron.catalog.types import FactSource, ProductIn, VariantIn
from patron.catalog.watching import store as watching
from patron.kit.db import Database, Tx, execute


async def tell(tx: Tx, *products: ProductIn) -> None:
    await store.upsert(tx, products, FactSource.API, NOON)


def test_what_is_made_changed_or_deleted_is_told(house: House) -> None:
    async def story(db: Database) -> None:
        schema = house.acme.schema
        async with db.unit(schema) as tx:
            await tell(tx, ProductIn(id="a", title="A", price=5, currency="USD"), ProductIn(id="b"))
        async with db.unit(schema) as tx:
            seen = await watching.seen(tx)
            assert await watching.ids(tx) == ["a", "b"]
        async with db.unit(schema) as tx:
            told, seen = await watching.changed(tx, seen)
            assert told == []
            await tell(tx, ProductIn(id="a", title="A", price=6, currency="USD"), ProductIn(id="b"))
        async with db.unit(schema) as tx:
            told, seen = await watching.changed(tx, seen)
            assert told == ["a"]
            assert [one.price for one in await watching.these(tx, told)] == [6]
            variants = [VariantIn(id="b1", stock=2, available=True), VariantIn(id="b2", stock=3)]
            await tell(tx, ProductIn(id="b", variants=variants))
        async with db.unit(schema) as tx:
            told, seen = await watching.changed(tx, seen)
            (ware,) = await watching.these(tx, told)
            assert (ware.id, ware.available, ware.stock) == ("b", True, 5)
            await execute(tx, "DELETE FROM product WHERE id = 'a'")
        async with db.unit(schema) as tx:
            told, seen = await watching.changed(tx, seen)
            assert (told, await watching.these(tx, told)) == (["a"], [])
            assert [one.id for one in await watching.wares(tx, None, 5)] == ["b"]
            assert await watching.wares(tx, "b", 5) == []
            await watching.sweep(tx)

    house.run(story)


@pytest.mark.parametrize("looks", [1, 3])
def test_who_began_earlier_and_ends_later_is_seen(house: House, looks: int) -> None:
    async def story(db: Database) -> None:
        schema = house.acme.schema
        began, may_end = asyncio.Event(), asyncio.Event()

        async def slow() -> None:
            async with db.unit(schema) as tx:
                await tell(tx, ProductIn(id="slow"))
                began.set()
                await may_end.wait()

        async with db.unit(schema) as tx:
            seen = await watching.seen(tx)
        task = asyncio.create_task(slow())
        await began.wait()
        async with db.unit(schema) as tx:
            await tell(tx, ProductIn(id="quick"))
        for _ in range(looks):
            async with db.unit(schema) as tx:
                told, seen = await watching.changed(tx, seen)
                assert told == ["quick"]
        may_end.set()
        await task
        async with db.unit(schema) as tx:
            told, seen = await watching.changed(tx, seen)
            assert "slow" in told

    house.run(story)

"""Fresh and upgraded installations reach the same schema; a changed file is refused."""

import asyncio
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from conftest import House
from patron.app.rooms import ROOMS, prepare_house, unapplied
from patron.kit.db import Database, tuples
from patron.kit.migrate import MigrationError, found, migrate

COLUMNS = (
    "SELECT table_name, column_name, data_type, is_nullable, column_default"
    " FROM information_schema.columns WHERE table_schema = %s ORDER BY 1, 2"
)
INDEXES = (
    "SELECT tablename, replace(indexdef, schemaname || '.', '') FROM pg_indexes"
    " WHERE schemaname = %s ORDER BY 1, 2"
)


@dataclass
class Picture:
    columns: list[tuple[Any, ...]]
    indexes: list[tuple[Any, ...]]


async def picture(db: Database, schema: str) -> Picture:
    async with db.session() as tx:
        defaults = [
            (*rest, default and str(default).replace(f"{schema}.", ""))
            for *rest, default in await tuples(tx, COLUMNS, (schema,))
        ]
        return Picture(defaults, await tuples(tx, INDEXES, (schema,)))


def test_upgraded_step_by_step_equals_fresh(house: House) -> None:
    every = found(ROOMS, house=False)
    assert every

    async def story(db: Database) -> tuple[Picture, Picture]:
        for count in range(1, len(every) + 1):
            await migrate(db, "shop_old", every[:count])
        await migrate(db, "shop_new", every)
        return await picture(db, "shop_old"), await picture(db, "shop_new")

    old, new = house.run(story)
    assert old.columns == new.columns
    assert old.indexes == new.indexes
    assert len(new.columns) > 50


def test_two_migrators_at_once_apply_everything_once(house: House) -> None:
    every = found(ROOMS, house=False)

    async def story(db: Database) -> list[str]:
        both = await asyncio.gather(
            migrate(db, "shop_twice", every), migrate(db, "shop_twice", every)
        )
        return both[0] + both[1]

    ran = house.run(story)
    assert sorted(ran) == sorted(f"{m.room}/{m.name}" for m in every)


def test_a_changed_file_is_refused_by_name(house: House) -> None:
    every = found(ROOMS, house=False)
    changed = [msgspec.structs.replace(every[0], sql=every[0].sql + "\n-- changed"), *every[1:]]

    async def story(db: Database) -> None:
        await migrate(db, "shop_acme", changed)

    with pytest.raises(MigrationError, match=f"{every[0].room}/{every[0].name}.*new file"):
        house.run(story)


def test_nothing_is_left_to_apply_after_preparing(house: House) -> None:
    async def story(db: Database) -> list[str]:
        await prepare_house(db)
        return await unapplied(db)

    assert house.run(story) == []

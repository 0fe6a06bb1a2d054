"""One unit of work is one transaction in one shop's schema, retried when PostgreSQL asks."""

import asyncio

import msgspec
import psycopg
import pytest

from conftest import House
from patron.kit.db import Database, Tx, connect, execute, row, rows, tuples, value


class Pair(msgspec.Struct, frozen=True):
    name: str
    amount: int


async def make(tx: Tx) -> None:
    await execute(tx, "CREATE TABLE shelf (name text PRIMARY KEY, amount int NOT NULL)")
    await execute(tx, "INSERT INTO shelf VALUES ('tea', 1), ('jam', 2)")


def test_rows_become_structs(house: House) -> None:
    house.unit(make)
    found = house.unit(lambda tx: rows(tx, Pair, "SELECT name, amount FROM shelf ORDER BY name"))
    assert found == [Pair("jam", 2), Pair("tea", 1)]
    one = house.unit(lambda tx: row(tx, Pair, "SELECT name, amount FROM shelf WHERE name = 'x'"))
    assert one is None


def test_a_unit_is_all_or_nothing(house: House) -> None:
    house.unit(make)

    async def half(tx: Tx) -> None:
        await execute(tx, "UPDATE shelf SET amount = 9")
        raise RuntimeError("half-way")

    with pytest.raises(RuntimeError):
        house.unit(half)
    assert house.unit(lambda tx: value(tx, "SELECT sum(amount) FROM shelf")) == 3


def test_shops_do_not_see_each_other_and_the_default_path_is_empty(house: House) -> None:
    house.unit(make, house.acme)
    with pytest.raises(psycopg.errors.UndefinedTable):
        house.unit(lambda tx: tuples(tx, "SELECT name FROM shelf"), house.bolt)

    async def without_a_shop(db: Database) -> str:
        async with db.session() as connection:
            return str(await value(connection, "SHOW search_path"))

    assert house.run(without_a_shop) in ("", '""')


def test_a_deadlock_is_retried(house: House) -> None:
    house.unit(make)

    async def story(db: Database) -> int:
        met = asyncio.Barrier(2)
        tries = 0

        async def change(first: str, second: str, tx: Tx) -> None:
            nonlocal tries
            tries += 1
            await execute(tx, "UPDATE shelf SET amount = amount + 1 WHERE name = %s", (first,))
            if tries <= 2:
                await met.wait()
            await execute(tx, "UPDATE shelf SET amount = amount + 1 WHERE name = %s", (second,))

        await asyncio.gather(
            db.run("shop_acme", lambda tx: change("tea", "jam", tx)),
            db.run("shop_acme", lambda tx: change("jam", "tea", tx)),
        )
        assert tries == 3
        async with db.unit("shop_acme") as tx:
            return int(await value(tx, "SELECT sum(amount) FROM shelf"))

    assert house.run(story) == 7


def test_a_connection_that_the_server_ended_is_replaced(house: House) -> None:
    """A pool hands out no dead connection, and asks about a living one nothing."""

    async def story(db: Database) -> tuple[int, int, int]:
        async with db.session() as connection:
            first = connection.info.backend_pid
        async with db.session() as connection:
            again = connection.info.backend_pid
        killer = await connect(db.url, "killer")
        async with killer:
            await killer.execute("SELECT pg_terminate_backend(%s, 5000)", (first,))
        async with db.unit("shop_acme") as tx:
            return first, again, int(await value(tx, "SELECT pg_backend_pid()"))

    first, again, replaced = house.run(story)
    assert first == again != replaced

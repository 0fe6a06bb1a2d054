"""A fresh database with the settings of production, fsync on."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from patron.app.rooms import open_shop, prepare_house
from patron.kit.clock import SystemClock
from patron.kit.db import Database
from patron.kit.postgres.server import PostgresServer
from patron.shops.found import found_shop
from patron.shops.types import Shop
from postgres_fixture import postgres_folder


@contextmanager
def base_database() -> Iterator[tuple[str, Shop]]:
    """A server with the settings of production, and one shop in it."""
    with postgres_folder() as folder:
        server = PostgresServer(folder)
        url = server.start()
        clock = SystemClock()
        shop = found_shop(
            "Bench",
            currency="USD",
            time_zone="America/New_York",
            public_url="https://shop.example",
            owner_email="owner@shop.example",
            now=clock.now(),
        )

        async def prepare() -> None:
            async with Database(url, max_size=2, name="bench") as db:
                await prepare_house(db)
                await open_shop(db, shop, clock.now())

        try:
            asyncio.run(prepare())
            yield url, shop
        finally:
            server.stop()

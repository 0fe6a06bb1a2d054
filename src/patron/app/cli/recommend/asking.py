"""An engine for the length of one command."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from patron.app.cli.house import OpenHouse, open_house
from patron.app.cli.output import clear_errors
from patron.kit.db import Database
from patron.recommend.serving.engine import Engine, Engines
from patron.shops.types import Shop

T = TypeVar("T")


def with_engine(shop: str | None, work: Callable[[Engine, Database], Awaitable[T]]) -> T:
    """Run `work` with the shop's models, catalog and placements in memory."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)
        return house.run(lambda db: _asked(db, house, which, work))


async def _asked(
    db: Database, house: OpenHouse, shop: Shop, work: Callable[[Engine, Database], Awaitable[T]]
) -> T:
    engines = Engines(db, house.settings.data_dir, house.clock)
    try:
        return await work(await engines.of(shop), db)
    finally:
        await engines.close()

"""Work of a command in one transaction of a shop."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from patron.app.cli.house import OpenHouse, open_house
from patron.app.cli.output import clear_errors
from patron.kit.db import Database, Tx
from patron.shops.types import Shop

T = TypeVar("T")


def in_shop(shop: str | None, work: Callable[[Tx, Shop, OpenHouse], Awaitable[T]]) -> T:
    """Run `work` in one transaction of the shop."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)

        async def told(db: Database) -> T:
            async with db.unit(which.schema) as tx:
                return await work(tx, which, house)

        return house.run(told)

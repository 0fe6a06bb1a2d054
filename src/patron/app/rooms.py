"""The rooms that keep something, lowest first: the order in which schemas are migrated."""

from datetime import datetime

from patron.kit.db import Database
from patron.kit.migrate import HOUSE, found, migrate, pending
from patron.kit.problems import conflict
from patron.shops import store as shops
from patron.shops.types import Shop

ROOMS = [
    "shops",
    "events",
    "catalog",
    "profiles",
    "carts",
    "segments",
    "experiments",
    "recommend",
    "messages",
    "journeys",
    "delivery",
    "analytics",
]


async def prepare_house(db: Database) -> list[str]:
    """Create or upgrade the schema of the house and of every shop; the names of what ran."""
    ran = await migrate(db, HOUSE, found(ROOMS, house=True))
    async with db.unit(HOUSE) as tx:
        every = await shops.every(tx)
    for shop in every:
        ran += [f"{shop.slug}: {name}" for name in await prepare_shop(db, shop)]
    return ran


async def prepare_shop(db: Database, shop: Shop) -> list[str]:
    return await migrate(db, shop.schema, found(ROOMS, house=False))


async def open_shop(db: Database, shop: Shop, now: datetime) -> None:
    """Give a founded shop its schema and enter it in the book of shops.

    The schema comes first: a shop that is in the book can always be served. Raises Problem 409 when
    there is a shop of this name.
    """
    async with db.unit(HOUSE) as tx:
        if await shops.by_slug(tx, shop.slug) is not None:
            raise conflict(
                f"shop {shop.slug!r} exists already", remedy="choose another name for the new one"
            )
    await prepare_shop(db, shop)
    async with db.unit(HOUSE) as tx:
        await shops.insert(tx, shop, now)


async def unapplied(db: Database) -> list[str]:
    """Migrations that are not applied yet, in any schema."""
    left = await pending(db, HOUSE, found(ROOMS, house=True))
    if left:
        return left
    async with db.unit(HOUSE) as tx:
        every = await shops.every(tx)
    for shop in every:
        left += [
            f"{shop.slug}: {name}"
            for name in await pending(db, shop.schema, found(ROOMS, house=False))
        ]
    return left

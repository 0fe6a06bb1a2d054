"""A list deleted, when nothing needs it; what needs it is kept by rooms that do not know lists."""

from litestar import delete as delete_route
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler

from patron.journeys import store as journeys
from patron.kit.db import Database, Tx
from patron.kit.problems import conflict
from patron.segments.lists import keeping, store
from patron.segments.lists.naming import named
from patron.segments.lists.routes import Key
from patron.segments.lists.types import StaticList
from patron.segments.saved import store as segments
from patron.shops.access import requires
from patron.shops.types import Shop


async def needing(tx: Tx, key: str) -> list[str]:
    """Whatever has conditions that name the list, in words."""
    found = []
    for journey in await journeys.journeys(tx):
        if key in named(journey.definition):
            found.append(f"journey {journey.key!r}")
    for segment in await segments.every(tx):
        if key in named(segment.rule):
            found.append(f"segment {segment.key!r}")
    return found


async def delete(tx: Tx, key: str) -> StaticList:
    """Delete a list and return what it was. Problem 404 names the lists there are, 409 what needs
    this one."""
    await segments.one_by_one(tx)
    one = await keeping.found(tx, key)
    if users := await needing(tx, key):
        raise conflict(
            f"list {key!r} is needed by {', '.join(users)}",
            remedy="change what needs it first",
        )
    await store.delete(tx, key)
    return one


@delete_route(
    "/api/lists/{key:str}",
    guards=[requires("profiles:write")],
    tags=["lists"],
    summary="Delete a list",
    status_code=200,
)
async def delete_list(
    db: NamedDependency[Database], shop: NamedDependency[Shop], key: Key
) -> StaticList:
    """The people stay. A list that a rule names is kept: 409 says which."""
    async with db.unit(shop.schema) as tx:
        return await delete(tx, key)


routes: list[HTTPRouteHandler] = [delete_list]

"""A segment deleted, when nothing needs it; journeys need some, and segments do not know them."""

from litestar import delete as delete_route
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler

from patron.journeys import store as journeys
from patron.kit.db import Database, Tx
from patron.kit.problems import conflict
from patron.segments import saving
from patron.segments.lists.naming import named
from patron.segments.saved import showing
from patron.segments.saved.routes import Key
from patron.segments.saved.showing import SegmentView
from patron.shops.access import requires
from patron.shops.types import Shop


async def delete(tx: Tx, shop: Shop, key: str) -> SegmentView:
    """Delete a segment and return what it was. Problem 404 for none, 409 naming what needs it."""
    users = [
        one.key for one in await journeys.journeys(tx) if key in named(one.definition, "segment")
    ]
    if users:
        raise conflict(
            f"segment {key!r} is needed by journey {', '.join(map(repr, users))}",
            remedy="change what needs it first",
        )
    was = await showing.shown(tx, await saving.existing(tx, key))
    await saving.remove(tx, shop, key)
    return was


@delete_route(
    "/api/segments/{key:str}",
    guards=[requires("profiles:write")],
    tags=["segments"],
    summary="Delete a segment",
    status_code=200,
)
async def delete_segment(
    db: NamedDependency[Database], shop: NamedDependency[Shop], key: Key
) -> SegmentView:
    """And with it who was in it when. One that a rule names is kept: 409 says which."""
    async with db.unit(shop.schema) as tx:
        return await delete(tx, shop, key)


routes: list[HTTPRouteHandler] = [delete_segment]

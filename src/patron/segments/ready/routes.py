"""Ready-made segments over HTTP."""

from datetime import datetime
from typing import Annotated

from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, PathParameter, QueryParameter

from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.segments.ready import showing
from patron.segments.ready.movement import Movement, movement
from patron.segments.ready.showing import ReadyMadeView
from patron.segments.saved.showing import SegmentView
from patron.segments.saved.showing import shown as shown_saved
from patron.shops.access import requires
from patron.shops.types import Shop

"""Seconds that counting those that are not saved may take over HTTP."""


@get(
    "/api/segments/ready-made",
    guards=[requires("profiles:read")],
    tags=["segments"],
    summary="The ready-made segments",
)
async def show_ready_made(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    count: FromQuery[bool] = True,
) -> list[ReadyMadeView]:
    """What they ask, and how many people are in them or would be. Those that are not saved are
    counted for eight seconds at most; `count=false` leaves that out."""
    return await showing.shown(db, shop, clock.now(), showing.PATIENCE if count else 0)


@post(
    "/api/segments/ready-made",
    guards=[requires("profiles:write")],
    tags=["segments"],
    summary="Save the ready-made segments that every new shop has",
)
async def save_core(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
) -> list[SegmentView]:
    """Those that are missing, and only they are answered. A shop founded before they existed has
    none of them."""
    async with db.unit(shop.schema) as tx:
        made = await showing.save_core(tx, shop, clock.now())
        return [await shown_saved(tx, one) for one in made]


@post(
    "/api/segments/ready-made/{key:str}",
    guards=[requires("profiles:write")],
    tags=["segments"],
    summary="Save a ready-made segment",
)
async def save_ready_made(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    key: Annotated[str, PathParameter(description="Its key, such as `engaged-30`.")],
) -> SegmentView:
    """It is a saved segment from then on, which may be renamed and changed."""
    async with db.unit(shop.schema) as tx:
        return await shown_saved(tx, await showing.save(tx, shop, key, clock.now()))


@get(
    "/api/segments/movement",
    guards=[requires("profiles:read")],
    tags=["segments"],
    summary="Who moved between the six groups of buyers",
)
async def show_movement(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    since: Annotated[
        datetime | None, QueryParameter(description="Compared with now; 30 days ago if left out.")
    ] = None,
) -> Movement:
    """Champions, loyal, recent, needs attention, at risk, inactive: how many were in each then and
    are now, and how many moved from which to which."""
    async with db.unit(shop.schema) as tx:
        return await movement(tx, since, clock.now())


routes: list[HTTPRouteHandler] = [show_ready_made, save_core, save_ready_made, show_movement]

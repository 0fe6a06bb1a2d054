"""Suggested segments over HTTP."""

from typing import Annotated

from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter

from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.segments.saved.showing import SegmentView, shown
from patron.segments.suggesting import keeping
from patron.segments.suggesting.keeping import Suggested
from patron.shops.access import requires
from patron.shops.types import Shop


@get(
    "/api/segments/suggestions",
    guards=[requires("profiles:read")],
    tags=["segments"],
    summary="Segments found in what customers do",
)
async def show_suggestions(db: NamedDependency[Database], shop: NamedDependency[Shop]) -> Suggested:
    """Groups of people who are alike, as the last night found them: named, with what they do
    otherwise than others, and where one describes them, with a rule that can be saved."""
    async with db.unit(shop.schema) as tx:
        return await keeping.suggested(tx)


@post(
    "/api/segments/suggestions/{key:str}",
    guards=[requires("profiles:write")],
    tags=["segments"],
    summary="Save a suggested segment",
)
async def save_suggestion(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    key: Annotated[str, PathParameter(description="The key of the suggestion.")],
) -> SegmentView:
    """Its rule is kept from then on, as any other. A suggestion without a rule cannot be saved."""
    async with db.unit(shop.schema) as tx:
        return await shown(tx, await keeping.save(tx, shop, key, clock.now()))


routes: list[HTTPRouteHandler] = [show_suggestions, save_suggestion]

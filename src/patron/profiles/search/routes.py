"""The search over HTTP."""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, QueryParameter

from patron.kit.db import Database
from patron.kit.paging import Page, bounded
from patron.profiles.search.look import look
from patron.profiles.search.types import Found
from patron.shops.access import requires
from patron.shops.types import Shop


@get(
    "/api/profiles",
    guards=[requires("profiles:read")],
    tags=["profiles"],
    summary="Find people",
)
async def find_profiles(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    q: Annotated[
        str,
        QueryParameter(
            description="The beginning of a name, an e-mail address, a phone number or a customer's"
            " number; an order's number, a profile id or a browser's id in whole. `email:…`,"
            " `phone:…`, `user_id:…`, `name:…`, `order:…`, `tag:…` look in one place only."
            " Nothing at all lists everybody, the last seen first."
        ),
    ] = "",
    known: Annotated[
        bool | None,
        QueryParameter(description="true: only people who are known by name; false: only visitors"),
    ] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> Page[Found]:
    """A person is listed once, with what she was found by. Ordered by that; exact finds first."""
    bounded(limit)
    async with db.unit(shop.schema) as tx:
        return await look(tx, shop, q, known=known, cursor=cursor, limit=limit)


routes: list[HTTPRouteHandler] = [find_profiles]

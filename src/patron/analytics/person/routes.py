"""The page about one person over HTTP."""

from litestar import get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from patron.analytics.person.page import page
from patron.analytics.person.types import PersonPage
from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.kit.problems import not_found
from patron.profiles.search.whom import root_of
from patron.shops.access import requires
from patron.shops.types import Shop


@get(
    "/api/profiles/{who:str}/page",
    guards=[requires("profiles:read")],
    tags=["analytics"],
    summary="Everything known about a person",
)
async def show_page(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    who: FromPath[str],
) -> PersonPage:
    """Each fact with who said it and when. `who` is a profile id or an identifier, as elsewhere."""
    async with db.unit(shop.schema) as tx:
        found = await page(tx, shop, await root_of(tx, shop, who), clock.now())
    if found is None:
        raise not_found("profile", who)
    return found


routes: list[HTTPRouteHandler] = [show_page]

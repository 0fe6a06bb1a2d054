"""How long what is kept, as the owner sees it."""

from litestar import get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler

from patron.app.retention.sweeping import Kept, report
from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.kit.settings import Settings
from patron.shops.access import requires
from patron.shops.types import Shop


@get(
    "/api/retention",
    guards=[requires("shop:admin")],
    tags=["shops"],
    summary="How long what is kept",
)
async def show_retention(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    settings: NamedDependency[Settings],
    clock: NamedDependency[Clock],
) -> list[Kept]:
    """Each kind of data with the setting that says how long it is kept, since when there is some,
    what is lost with it, when it was looked at last and how much went then and altogether."""
    return await report(db, shop, settings, settings.data_dir, clock.now())


routes: list[HTTPRouteHandler] = [show_retention]

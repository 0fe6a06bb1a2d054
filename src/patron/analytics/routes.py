"""What analytics answers over HTTP."""

from datetime import datetime, timedelta
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter

from patron.analytics.journeys import results
from patron.analytics.types import JourneyResult, Period
from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.kit.periods import refuse_odd
from patron.kit.problems import not_found
from patron.shops.access import requires
from patron.shops.types import Shop


@get(
    "/api/journeys/{key:str}/results",
    guards=[requires("analytics:read")],
    tags=["analytics"],
    summary="What a journey did and earned",
)
async def journey_results(
    shop: NamedDependency[Shop],
    db: NamedDependency[Database],
    clock: NamedDependency[Clock],
    key: FromPath[str],
    since: FromQuery[datetime | None] = None,
    until: FromQuery[datetime | None] = None,
    window: Annotated[
        int, QueryParameter(ge=1, le=60, description="Days after a message in which orders count")
    ] = 5,
) -> JourneyResult:
    """Counts, attributed revenue (last click) and the revenue proven against the holdout.

    `since` and `until` choose messages by the moment they left; both are ISO 8601 with a zone.
    """
    now = clock.now()
    refuse_odd(since, until, now)
    days = timedelta(days=window)
    async with db.unit(shop.schema) as tx:
        found = await results(tx, shop, key, now, Period(since, until), window=days)
    if found is None:
        raise not_found("journey", key)
    return found


routes: list[HTTPRouteHandler] = [journey_results]

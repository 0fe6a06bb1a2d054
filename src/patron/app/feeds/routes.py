"""Product feeds over the API. The worker fetches them; files of the machine are for the command
line alone."""

from datetime import timedelta
from typing import Annotated

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, FromQuery

from patron.app.feeds.fetching import guard_of, web_address
from patron.catalog.feeds import keeping, store
from patron.catalog.feeds.types import PRODUCT, FeedView, Report, view
from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.kit.paging import Page, paged
from patron.kit.settings import Settings
from patron.shops.access import requires
from patron.shops.types import Shop


class NewFeed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`kind` is product, or what content it lists (guide, post, review …); without a `key` it gets
    one from the address."""

    url: str
    key: str | None = None
    kind: str = PRODUCT
    every_minutes: Annotated[int, msgspec.Meta(ge=5, le=44_640)] = 360


class FeedTold(msgspec.Struct, frozen=True):
    """A feed and what came of it when it was last read."""

    feed: FeedView
    report: Report | None


_EXAMPLE = Example(
    summary="A feed of products",
    value={"url": "https://shop.example/feed.xml", "key": "products", "every_minutes": 360},
)


@get("/api/feeds", guards=[requires("catalog:read")], tags=["catalog"], summary="Feeds")
async def list_feeds(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> Page[FeedView]:
    """The feeds that keep the catalogue, by key."""
    async with db.unit(shop.schema) as tx:
        found = [view(one) for one in await store.every(tx)]
    return paged(found, lambda one: one.key, cursor, limit)


@post(
    "/api/feeds",
    guards=[requires("catalog:write")],
    status_code=201,
    tags=["catalog"],
    summary="Add a feed",
)
async def add_feed(
    data: Annotated[NewFeed, Body(examples=[_EXAMPLE])],
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    settings: NamedDependency[Settings],
) -> FeedView:
    """Google Merchant feeds (XML or text with tabs), or RSS and Atom of content. It is fetched
    within a minute, and from then on every `every_minutes`."""
    url = web_address(data.url, guard_of(settings))
    every = timedelta(minutes=data.every_minutes)
    async with db.unit(shop.schema) as tx:
        return view(await keeping.add(tx, url, data.key, data.kind, every, clock.now()))


@get(
    "/api/feeds/{key:str}",
    guards=[requires("catalog:read")],
    tags=["catalog"],
    summary="One feed and its report",
)
async def show_feed(
    key: FromPath[str], db: NamedDependency[Database], shop: NamedDependency[Shop]
) -> FeedTold:
    """How many items were read, new, changed and gone when it was last read, and what is wrong:
    counted over all items, with up to 20 of each kind."""
    async with db.unit(shop.schema) as tx:
        feed = await keeping.found(tx, key)
    return FeedTold(view(feed), feed.report)


@post(
    "/api/feeds/{key:str}/fetch",
    guards=[requires("catalog:write")],
    status_code=202,
    tags=["catalog"],
    summary="Fetch a feed now",
)
async def fetch_feed(
    key: FromPath[str],
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    accept: FromQuery[bool] = False,
) -> FeedView:
    """It is due at once, also when it is the same as before. `accept`: that it has shrunk by more
    than half is right."""
    async with db.unit(shop.schema) as tx:
        return view(await keeping.ask_for(tx, key, accept, clock.now()))


@post(
    "/api/feeds/{key:str}/pause",
    guards=[requires("catalog:write")],
    status_code=200,
    tags=["catalog"],
    summary="Leave a feed alone",
)
async def pause_feed(
    key: FromPath[str],
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
) -> FeedView:
    """It is not fetched any more; what it brought stays."""
    async with db.unit(shop.schema) as tx:
        return view(await keeping.pause(tx, key, True, clock.now()))


@post(
    "/api/feeds/{key:str}/resume",
    guards=[requires("catalog:write")],
    status_code=200,
    tags=["catalog"],
    summary="Go on with a feed",
)
async def resume_feed(
    key: FromPath[str],
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
) -> FeedView:
    """It is due at once."""
    async with db.unit(shop.schema) as tx:
        return view(await keeping.pause(tx, key, False, clock.now()))


@delete(
    "/api/feeds/{key:str}",
    guards=[requires("catalog:write")],
    tags=["catalog"],
    summary="Remove a feed",
)
async def remove_feed(
    key: FromPath[str], db: NamedDependency[Database], shop: NamedDependency[Shop]
) -> None:
    """It is forgotten; the products it brought stay as they are."""
    async with db.unit(shop.schema) as tx:
        await keeping.remove(tx, key)


routes: list[HTTPRouteHandler] = [
    list_feeds,
    add_feed,
    show_feed,
    fetch_feed,
    pause_feed,
    resume_feed,
    remove_feed,
]

"""Webhooks over HTTP: registered, tried, looked into, told again."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import delete, get, patch, post
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromQuery, PathParameter, QueryParameter

from patron.delivery.channels.webhook import keeping, store
from patron.delivery.channels.webhook.guard import Guard, networks_of
from patron.delivery.channels.webhook.keeping import EndpointView, Registered, view
from patron.delivery.channels.webhook.post import Poster
from patron.delivery.channels.webhook.types import Delivery, Heard, State
from patron.kit.clock import Clock
from patron.kit.cursors import whole
from patron.kit.db import Database
from patron.kit.paging import Page, bounded, decode, encode, paged
from patron.kit.settings import Settings
from patron.kit.signing import Signer
from patron.shops.access import requires
from patron.shops.types import Shop

Key = Annotated[str, PathParameter(description="What the webhook is called, such as `crm`.")]
Url = Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]
Description = Annotated[str, msgspec.Meta(max_length=2_000, pattern=r"^[^\x00]*$")]
Topics = Annotated[list[str], msgspec.Meta(min_length=1, max_length=50)]


class NewWebhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Topics by name; `order.*` means all about orders, `*` everything."""

    key: Annotated[str, msgspec.Meta(pattern=keeping.KEY)]
    url: Url
    topics: Topics
    description: Description = ""


class ChangedWebhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is null stays as it is."""

    url: Url | None = None
    topics: Topics | None = None
    description: Description | None = None


class Enabled(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`catch_up`: tell what happened while it was off, as far as the log has it."""

    catch_up: bool = False


class Again(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything received `since` a moment, or one `delivery`; without either, all that failed."""

    since: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    delivery: UUID | None = None


class Replayed(msgspec.Struct, frozen=True):
    """`again` deliveries wait to be told again; of a moment it is null, for they are written down
    as the log is read."""

    webhook: EndpointView
    again: int | None


def guard_of(settings: Settings) -> Guard:
    return Guard(networks_of(settings.webhook_networks))


@get(
    "/api/webhooks",
    guards=[requires("shop:admin")],
    tags=["webhooks"],
    summary="The webhooks there are",
)
async def show_webhooks(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> Page[EndpointView]:
    """By key, with how each is doing."""
    async with db.unit(shop.schema) as tx:
        found = [view(one) for one in await store.every(tx)]
    return paged(found, lambda one: one.key, cursor, limit)


@post(
    "/api/webhooks",
    guards=[requires("shop:admin")],
    tags=["webhooks"],
    summary="Register a webhook",
    cache_control=CacheControlHeader(no_store=True),
)
async def add_webhook(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    signer: NamedDependency[Signer],
    settings: NamedDependency[Settings],
    data: Annotated[
        NewWebhook,
        BodyKwarg(
            examples=[
                Example(
                    value={
                        "key": "crm",
                        "url": "https://crm.example/hooks/patron",
                        "topics": ["profile.*", "order.completed"],
                    }
                )
            ]
        ),
    ],
) -> Registered:
    """Told of what happens from now on. The secret in the answer is shown this once."""
    asked = (data.key, data.url, data.topics, data.description)
    async with db.unit(shop.schema) as tx:
        made = await keeping.register(tx, *asked, guard_of(settings), clock.now())
    return Registered(view(made), keeping.secret(made, signer))


@get(
    "/api/webhooks/{key:str}",
    guards=[requires("shop:admin")],
    tags=["webhooks"],
    summary="One webhook",
)
async def show_webhook(
    db: NamedDependency[Database], shop: NamedDependency[Shop], key: Key
) -> EndpointView:
    """Where it leads, what it is told, and how it is doing."""
    async with db.unit(shop.schema) as tx:
        return view(await keeping.found(tx, key))


@patch(
    "/api/webhooks/{key:str}",
    guards=[requires("shop:admin")],
    tags=["webhooks"],
    summary="Change a webhook",
)
async def change_webhook(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    settings: NamedDependency[Settings],
    key: Key,
    data: Annotated[ChangedWebhook, BodyKwarg(examples=[Example(value={"topics": ["*"]})])],
) -> EndpointView:
    """Another address, other topics. What waits is told to the new address."""
    asked = (data.url, data.topics, data.description)
    async with db.unit(shop.schema) as tx:
        return view(await keeping.change(tx, key, *asked, guard_of(settings)))


@delete(
    "/api/webhooks/{key:str}",
    guards=[requires("shop:admin")],
    tags=["webhooks"],
    summary="Remove a webhook",
    status_code=200,
)
async def remove_webhook(
    db: NamedDependency[Database], shop: NamedDependency[Shop], key: Key
) -> EndpointView:
    """What waits for it is told to nobody."""
    async with db.unit(shop.schema) as tx:
        return view(await keeping.remove(tx, key))


@post(
    "/api/webhooks/{key:str}/test",
    guards=[requires("shop:admin")],
    tags=["webhooks"],
    summary="Try a webhook",
    status_code=200,
)
async def try_webhook(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    signer: NamedDependency[Signer],
    settings: NamedDependency[Settings],
    key: Key,
) -> Heard:
    """Sends a signed message of the topic `webhook.test` at once, also while it is off, and says
    what came back."""
    async with db.unit(shop.schema) as tx:
        one = await keeping.found(tx, key)
    poster = Poster(guard_of(settings))
    try:
        return await keeping.tried(one, shop, poster, signer, clock.now())
    finally:
        await poster.close()


@post(
    "/api/webhooks/{key:str}/enable",
    guards=[requires("shop:admin")],
    tags=["webhooks"],
    summary="Switch a webhook on",
    status_code=200,
)
async def enable_webhook(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    key: Key,
    data: Annotated[Enabled, BodyKwarg(examples=[Example(value={"catch_up": True})])],
) -> EndpointView:
    """From now on, or with all that it missed."""
    async with db.unit(shop.schema) as tx:
        return view(await keeping.enable(tx, key, clock.now(), catch_up=data.catch_up))


@post(
    "/api/webhooks/{key:str}/disable",
    guards=[requires("shop:admin")],
    tags=["webhooks"],
    summary="Switch a webhook off",
    status_code=200,
)
async def disable_webhook(
    db: NamedDependency[Database], shop: NamedDependency[Shop], key: Key
) -> EndpointView:
    """What waits for it, waits."""
    async with db.unit(shop.schema) as tx:
        return view(await keeping.disable(tx, key))


@post(
    "/api/webhooks/{key:str}/rotate",
    guards=[requires("shop:admin")],
    tags=["webhooks"],
    summary="Give a webhook another secret",
    status_code=200,
    cache_control=CacheControlHeader(no_store=True),
)
async def rotate_secret(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    signer: NamedDependency[Signer],
    key: Key,
) -> Registered:
    """Both secrets sign for 24 hours, so that the receiver can change in between."""
    async with db.unit(shop.schema) as tx:
        one = await keeping.rotate(tx, key, clock.now())
    return Registered(view(one), keeping.secret(one, signer))


@post(
    "/api/webhooks/{key:str}/replay",
    guards=[requires("shop:admin")],
    tags=["webhooks"],
    summary="Tell a webhook again",
    status_code=200,
)
async def replay(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    key: Key,
    data: Annotated[Again, BodyKwarg(examples=[Example(value={"since": "2026-03-01T00:00:00Z"})])],
) -> Replayed:
    """Under the ids of the first time, so that a receiver knows what it has heard."""
    async with db.unit(shop.schema) as tx:
        one, again = await keeping.replay(tx, key, data.since, data.delivery, clock.now())
    return Replayed(view(one), None if data.since is not None else again)


@get(
    "/api/webhooks/{key:str}/deliveries",
    guards=[requires("shop:admin")],
    tags=["webhooks"],
    summary="What a webhook was told",
)
async def show_deliveries(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    key: Key,
    wanted: Annotated[
        State | None, QueryParameter(name="state", description="Only those in this state")
    ] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> Page[Delivery]:
    """The newest first, with what came back at the last attempt."""
    bounded(limit)
    behind = decode(cursor, 1)
    before = None if behind is None else whole(behind[0])
    async with db.unit(shop.schema) as tx:
        one = await keeping.found(tx, key)
        found = await store.deliveries(tx, one.id, wanted, before, limit)
    return Page(found, encode([found[-1].number]) if len(found) == limit else None)


routes: list[HTTPRouteHandler] = [
    show_webhooks,
    add_webhook,
    show_webhook,
    change_webhook,
    remove_webhook,
    try_webhook,
    enable_webhook,
    disable_webhook,
    rotate_secret,
    replay,
    show_deliveries,
]

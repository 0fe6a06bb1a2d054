"""The shop's own page of the API: its settings, its mode, its keys."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import delete, get, patch, post
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, FromQuery

from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.kit.migrate import HOUSE
from patron.kit.paging import Page, paged
from patron.kit.problems import not_found
from patron.shops import store
from patron.shops.access import requires
from patron.shops.found import changed, make_key, refounded
from patron.shops.types import Key, KeyKind, Mode, Shop, ShopChange, ShopSettings
from patron.shops.views import MadeKey, ShopView, view


class NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`kind` is public (a write key for pages) or server (secret, with scopes)."""

    name: str
    kind: KeyKind = KeyKind.SERVER
    scopes: list[str] = []


class ModeChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mode: Mode


@get("/api/shop", guards=[requires("shop:admin")], tags=["shops"], summary="The shop's settings")
async def show_shop(shop: NamedDependency[Shop], db: NamedDependency[Database]) -> ShopView:
    """The shop of the calling key."""
    async with db.unit(HOUSE) as tx:
        # Read anew: the shop of the key may be seconds old, and what was just changed is looked at.
        return view(await store.by_slug(tx, shop.slug) or shop)


@patch("/api/shop", guards=[requires("shop:admin")], tags=["shops"], summary="Change the shop")
async def change_shop(
    shop: NamedDependency[Shop],
    db: NamedDependency[Database],
    data: Annotated[
        ShopChange, Body(examples=[Example(value={"owner_email": "owner@shop.example"})])
    ],
) -> ShopView:
    """Its name, time zone, web address and owner. Currency and short name stay: amounts are kept in
    the one, addresses and files go by the other."""
    async with db.unit(HOUSE) as tx:
        made = refounded(await store.locked(tx, shop.slug), data)
        await store.set_shop(tx, made)
    return view(made)


@patch(
    "/api/shop/settings",
    guards=[requires("shop:admin")],
    tags=["shops"],
    summary="Change settings",
)
async def change_settings(
    shop: NamedDependency[Shop],
    db: NamedDependency[Database],
    data: Annotated[
        dict[str, object],
        Body(examples=[Example(value={"postal_address": "Mill Lane 4, Hollin, OH 43000"})]),
    ],
) -> ShopSettings:
    """Change the settings that are named; the others stay as they are."""
    async with db.unit(HOUSE) as tx:
        # Read anew and locked: the shop of the key may be seconds old.
        settings = changed(await store.locked_settings(tx, shop.slug), data)
        await store.set_settings(tx, shop.slug, settings)
    return settings


@post(
    "/api/shop/mode",
    guards=[requires("shop:admin")],
    tags=["shops"],
    summary="Go live, or back to rehearsal",
    status_code=200,
)
async def change_mode(
    shop: NamedDependency[Shop],
    db: NamedDependency[Database],
    data: Annotated[ModeChange, Body(examples=[Example(value={"mode": "rehearsal"})])],
) -> ModeChange:
    """In rehearsal every message goes to the owner; live, to the customer."""
    async with db.unit(HOUSE) as tx:
        await store.set_mode(tx, shop.slug, data.mode)
    return data


@get("/api/keys", guards=[requires("shop:admin")], tags=["shops"], summary="List the keys")
async def list_keys(
    shop: NamedDependency[Shop],
    db: NamedDependency[Database],
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> Page[Key]:
    """In the order in which they were made, revoked ones too. Server keys show a hint only."""
    async with db.unit(HOUSE) as tx:
        found = await store.keys(tx, shop.id)
    return paged(found, lambda key: f"{key.created_at} {key.id}", cursor, limit)


@post(
    "/api/keys",
    guards=[requires("shop:admin")],
    tags=["shops"],
    summary="Make a key",
    # Said to proxies and browsers as well as to our own memory of answers.
    cache_control=CacheControlHeader(no_store=True),
)
async def create_key(
    shop: NamedDependency[Shop],
    db: NamedDependency[Database],
    clock: NamedDependency[Clock],
    data: Annotated[NewKey, Body(examples=[Example(value={"name": "till", "scopes": ["ingest"]})])],
) -> MadeKey:
    """The secret of a server key is in this answer and nowhere else; sent again with its
    `Idempotency-Key`, the request makes no other key and is answered with 409."""
    key, secret = make_key(data.kind, data.name, data.scopes, clock.now())
    async with db.unit(HOUSE) as tx:
        await store.insert_key(tx, shop.id, key, secret, clock.now())
    return MadeKey(key, secret)


@delete(
    "/api/keys/{key_id:uuid}",
    guards=[requires("shop:admin")],
    tags=["shops"],
    summary="Revoke a key",
)
async def revoke_key(
    shop: NamedDependency[Shop],
    db: NamedDependency[Database],
    clock: NamedDependency[Clock],
    key_id: FromPath[UUID],
) -> None:
    """The key stops working within five seconds."""
    async with db.unit(HOUSE) as tx:
        if not await store.revoke_key(tx, shop.id, key_id, clock.now()):
            raise not_found("key", key_id)


routes: list[HTTPRouteHandler] = [
    show_shop,
    change_shop,
    change_settings,
    change_mode,
    list_keys,
    create_key,
    revoke_key,
]

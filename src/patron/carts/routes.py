"""Restore links, and a person's carts over the API."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, PathParameter, QueryParameter
from litestar.response import Redirect

from patron.carts import restore, store
from patron.carts.types import Cart, RestoredCart
from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.kit.paging import Page, bounded, decode, encode
from patron.kit.problems import Problem, bad_request, not_found
from patron.kit.signing import BadSignature, Signer
from patron.profiles import store as profiles
from patron.profiles.search.whom import root_of
from patron.shops.access import requires
from patron.shops.types import Shop

OpenShop = Callable[[str], Awaitable[Shop]]
_HEADERS = {
    "Cache-Control": "no-store, private",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src https: http:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)


class FeedState(msgspec.Struct, frozen=True):
    """`silent_since` is null while orders come as they normally do; otherwise cart mails wait."""

    silent_since: datetime | None
    last_order_at: datetime | None
    normal_gap_seconds: int | None


@get("/c/{token:str}", tags=["carts"], summary="Restore a cart", media_type="text/html")
async def open_cart(
    token: Annotated[str, PathParameter(description="From the link in a mail")],
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    signer: NamedDependency[Signer],
    open_shop: NamedDependency[OpenShop],
) -> Response[str] | Response[RestoredCart] | Redirect:
    """Sends the customer to the shop's own cart page when the shop has set `cart_url`; otherwise
    shows the cart. With `.json` behind the token: the lines, for the shop's own pages (CORS for
    its hosts). A cart that was ordered says so and shows no lines."""
    as_json = token.endswith(".json")
    token = token.removesuffix(".json")
    shop, cart = await _opened(token, db, signer, open_shop)
    headers = dict(_HEADERS)
    if as_json:
        origin = request.headers.get("origin")
        headers["Vary"] = "Origin"
        if origin and restore.origin_allowed(origin, shop):
            headers["Access-Control-Allow-Origin"] = origin
        return Response(restore.content(cart), media_type="application/json", headers=headers)
    if cart.closed_at is None:
        there = restore.destination(shop, cart, token)
        if there is not None:
            return Redirect(there, status_code=302, headers=headers)
    headers["Content-Security-Policy"] = _POLICY
    return Response(restore.page(shop, cart), media_type="text/html", headers=headers)


@get(
    "/api/carts",
    guards=[requires("profiles:read")],
    tags=["carts"],
    summary="A person's carts",
)
async def list_carts(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    profile: Annotated[str, QueryParameter(description="Id, or `email:…`, `user_id:…`")],
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> Page[Cart]:
    """The carts of one person, the latest changed first."""
    key = decode(cursor, 2)
    bounded(limit)
    before = None
    if key is not None:
        try:
            before = datetime.fromisoformat(str(key[0])), UUID(str(key[1]))
        except ValueError as error:
            raise bad_request(
                "cursor is not one of ours", remedy="pass next_cursor unchanged", path="cursor"
            ) from error
    async with db.unit(shop.schema) as tx:
        root = await root_of(tx, shop, profile)
        origins = await profiles.origins(tx, root)
        found = await store.carts_of(tx, origins, limit + 1, before)
    more = len(found) > limit
    page = found[:limit]
    last = page[-1] if more else None
    return Page(page, encode([last.changed_at.isoformat(), str(last.id)]) if last else None)


@get(
    "/api/carts/{cart_id:uuid}",
    guards=[requires("profiles:read")],
    tags=["carts"],
    summary="One cart",
)
async def show_cart(
    cart_id: FromPath[UUID], db: NamedDependency[Database], shop: NamedDependency[Shop]
) -> Cart:
    """A cart with its lines, and what closed it."""
    async with db.unit(shop.schema) as tx:
        cart = await store.cart(tx, cart_id)
    if cart is None:
        raise not_found("cart", cart_id)
    return cart


@get(
    "/api/carts/order-feed",
    guards=[requires("analytics:read")],
    tags=["carts"],
    summary="Is the order feed alive?",
)
async def show_feed(
    db: NamedDependency[Database], shop: NamedDependency[Shop], clock: NamedDependency[Clock]
) -> FeedState:
    """Cart mails wait while orders have been silent for longer than is normal at this hour."""
    async with db.unit(shop.schema) as tx:
        quiet = await store.feed_silence(tx, clock.now())
    if quiet is None:
        return FeedState(None, None, None)
    return FeedState(quiet.since, quiet.last_order_at, int(quiet.normal_gap.total_seconds()))


async def _opened(
    token: str, db: Database, signer: Signer, open_shop: OpenShop
) -> tuple[Shop, Cart]:
    try:
        slug, cart_id = restore.read(signer, token)
    except BadSignature as error:
        raise Problem(
            404, "Not found", str(error), remedy="open the link of the mail unchanged", path="token"
        ) from error
    shop = await open_shop(slug)
    async with db.unit(shop.schema) as tx:
        cart = await store.cart(tx, cart_id)
    if cart is None:
        raise not_found("cart", cart_id)
    return shop, cart


routes: list[HTTPRouteHandler] = [open_cart, list_carts, show_feed, show_cart]

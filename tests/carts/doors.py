"""The routes of a room behind a real Litestar application, called with a key of one's own."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from uuid import UUID

from litestar import Litestar, Request, Response
from litestar.di import Provide
from litestar.testing import TestClient
from litestar.types import ASGIApp, Receive, Scope, Send

from conftest import House
from patron.kit.db import Database
from patron.kit.problems import Problem, not_found
from patron.kit.settings import Settings
from patron.shops.types import Access, KeyKind, Shop

ADMIN = frozenset({"shop:admin"})


@contextmanager
def api(
    house: House, routes: Sequence[Any], scopes: frozenset[str] | None = ADMIN, *shops: Shop
) -> Iterator[TestClient[Litestar]]:
    """`routes` for a caller with a key of `scopes` (None: no key) in the first of `shops`."""
    shops = shops or house.shops
    db = Database(house.url, max_size=3, name="api")
    access = None if scopes is None else Access(shops[0], UUID(int=9), KeyKind.SERVER, scopes)

    def layer(app: ASGIApp) -> ASGIApp:
        async def call(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("state", {})["access"] = access
            await app(scope, receive, send)

        return call

    @asynccontextmanager
    async def open_database(_: Litestar) -> AsyncIterator[None]:
        async with db:
            yield

    async def open_shop(slug: str) -> Shop:
        for shop in shops:
            if shop.slug == slug:
                return shop
        raise not_found("shop", slug)

    def answer(_: Request[Any, Any, Any], error: Problem) -> Response[Any]:
        return Response(error.document, status_code=error.document.status)

    provided: dict[str, Any] = {
        "db": lambda: db,
        "clock": lambda: house.clock,
        "shop": lambda: shops[0],
        "signer": lambda: house.signer,
        "settings": Settings,
        "open_shop": lambda: open_shop,
    }
    app = Litestar(
        list(routes),
        dependencies={name: Provide(how, sync_to_thread=False) for name, how in provided.items()},
        middleware=[layer],
        exception_handlers={Problem: answer},
        lifespan=[open_database],
    )
    with TestClient(app) as client:
        yield client

"""Routes called in process, with a key of given scopes."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from uuid import UUID

from litestar import Litestar, Request, Response
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.testing import TestClient
from litestar.types import ASGIApp, Receive, Scope, Send

from conftest import House
from patron.kit.db import Database
from patron.kit.problems import Problem
from patron.shops.types import Access, KeyKind, Shop

ADMIN = frozenset({"shop:admin"})
KEY = UUID(int=9)


@contextmanager
def asking(
    house: House,
    routes: Sequence[HTTPRouteHandler],
    scopes: frozenset[str] = ADMIN,
    shop: Shop | None = None,
) -> Iterator[TestClient[Litestar]]:
    """A client of `routes` with a server key of `scopes` in a shop, acme's by default."""
    shop = shop or house.acme
    db = Database(house.url, max_size=3, name="api")
    access = Access(shop, KEY, KeyKind.SERVER, scopes, "till 3")

    @asynccontextmanager
    async def open_database(_: Litestar) -> AsyncIterator[None]:
        async with db:
            yield

    def answer(_: Request[Any, Any, Any], error: Problem) -> Response[Any]:
        return Response(error.document, status_code=error.document.status)

    def known(app: ASGIApp) -> ASGIApp:
        async def call(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("state", {})["access"] = access
            await app(scope, receive, send)

        return call

    provided: dict[str, Any] = {
        "db": lambda: db, "clock": lambda: house.clock, "shop": lambda: shop,
        "access": lambda: access,
    }  # fmt: skip
    app = Litestar(
        list(routes),
        dependencies={name: Provide(how, sync_to_thread=False) for name, how in provided.items()},
        middleware=[known],
        exception_handlers={Problem: answer},
        lifespan=[open_database],
    )
    with TestClient(app) as client:
        yield client

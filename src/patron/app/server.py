"""The web process: the hot doors as bare ASGI, everything else through Litestar."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Request
from litestar.datastructures import State
from litestar.di import Provide
from litestar.middleware import DefineMiddleware

from patron.app import apidocs
from patron.app.answering import health
from patron.app.answering.again import TryAgain
from patron.app.answering.failures import HANDLERS
from patron.app.answering.idempotency import LARGEST_BODY, RememberAnswers
from patron.app.answering.identify import Identify
from patron.app.answering.meant import only_known
from patron.app.audit.around import WriteDown
from patron.app.audit.trail import Trail
from patron.app.context import open_signer, read_settings, the_clock
from patron.app.doors import ROUTES, Doors, open_doors, proxies_of
from patron.app.occupancy import end_with_master
from patron.events.door.callers import Origins
from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.kit.garbage import collect_rarely
from patron.kit.log import configure
from patron.kit.memory import give_back_early
from patron.kit.migrate import HOUSE
from patron.kit.problems import not_found
from patron.kit.settings import Settings
from patron.kit.signing import Signer
from patron.shops import store as shops_store
from patron.shops.access import Keys, unauthenticated
from patron.shops.types import Access, Shop

PATIENCE = 8.0  # seconds a request waits for a connection before it is asked to come again


class Web:
    """What the handlers of one web process share."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.signer: Signer = open_signer(settings)
        self.db = Database(
            settings.database_url or "", max_size=8, name="patron-web", patience=PATIENCE
        )
        self.keys = Keys(self.db)
        self.trail = Trail(self.db)
        self.doors: Doors | None = None

    async def open_shop(self, slug: str) -> Shop:
        """The shop called `slug`; Problem 404 when there is none."""
        async with self.db.unit(HOUSE) as tx:
            shop = await shops_store.by_slug(tx, slug)
        if shop is None:
            raise not_found("shop", slug)
        return shop


def build(settings: Settings, clock: Clock) -> Callable[[Any, Any, Any], Awaitable[None]]:
    """The ASGI application of the web process."""
    web = Web(settings, clock)
    api = build_api(web)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and web.doors is not None:
            door = web.doors.at(scope["path"])
            if door is not None:
                await door(scope, receive, send)
                return
            if scope["method"] == "HEAD":
                scope, send = {**scope, "method": "GET"}, bodiless(send)
        await api(scope, receive, send)

    return app


def bodiless(send: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    """What a monitor asks with HEAD is answered as GET is, and ends behind its headers."""

    async def head(message: Any) -> None:
        if message["type"] != "http.response.body":
            await send(message)
        elif not message.get("more_body", False):
            await send({**message, "body": b""})

    return head


def build_api(web: Web) -> Litestar:
    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        await web.db.open(wait=False)  # without a database the doors still say when to come back
        web.doors = open_doors(web.settings, web.clock, web.db, web.keys, web.signer, web.open_shop)
        try:
            yield
        finally:
            await web.doors.close()
            await web.trail.close()
            await web.db.close()

    def access(request: Request[Any, Any, State]) -> Access:
        found: Access | None = request.scope["state"].get("access")
        if found is None:
            raise unauthenticated(request.headers.get("authorization"))
        return found

    def shop(request: Request[Any, Any, State]) -> Shop:
        return access(request).shop

    def inbox() -> Any:
        assert web.doors is not None
        return web.doors.inbox

    def engines() -> Any:
        assert web.doors is not None
        return web.doors.engines

    provided: dict[str, Callable[..., Any]] = {
        "db": lambda: web.db,
        "clock": lambda: web.clock,
        "signer": lambda: web.signer,
        "settings": lambda: web.settings,
        "open_shop": lambda: web.open_shop,
        "inbox": inbox,
        "engines": engines,
        "access": access,
        "shop": shop,
    }
    return Litestar(
        route_handlers=[*ROUTES, *health.routes],
        dependencies={name: Provide(how, sync_to_thread=False) for name, how in provided.items()},
        middleware=around(web),
        before_request=only_known,
        lifespan=[lifespan],
        exception_handlers=HANDLERS,
        logging_config=None,  # ours is set; Litestar's own would replace it
        openapi_config=apidocs.openapi_config(),
        request_max_body_size=LARGEST_BODY,
    )


def around(web: Web) -> list[DefineMiddleware]:
    """What stands around every route, the outermost first."""
    origins = Origins(proxies_of(web.settings))
    return [
        DefineMiddleware(Identify, keys=web.keys),
        DefineMiddleware(WriteDown, trail=web.trail, clock=web.clock, origins=origins),
        DefineMiddleware(RememberAnswers, db=web.db, clock=web.clock),
        DefineMiddleware(TryAgain),
    ]


def create() -> Callable[[Any, Any, Any], Awaitable[None]]:
    """The factory that Granian calls in the web process."""
    settings = read_settings()
    configure(settings.log_format, settings.log_level)
    if settings.database_url is None:
        raise SystemExit("database_url is not set: start the web process through `patron serve`")
    give_back_early()  # a preview counts in this process
    end_with_master()  # Granian's workers outlive a Granian that was killed
    collect_rarely()
    return build(settings, the_clock("web"))

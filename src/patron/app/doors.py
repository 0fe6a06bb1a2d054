"""The doors of the web process: the hot ones by path, and every room's routes."""

from typing import Any, Protocol

from litestar.handlers import HTTPRouteHandler

from patron.analytics import routes as analytics
from patron.analytics.person import routes as person
from patron.app import people
from patron.app.audit import routes as audit
from patron.app.context import inbox_limits
from patron.app.feeds import routes as feeds
from patron.app.installing import LIBRARY
from patron.app.lists import routes as lists
from patron.app.predictions import routes as score_files
from patron.app.retention import routes as retention
from patron.app.segments import deleting as deleted_segments
from patron.app.suppressions import routes as suppression_files
from patron.carts import routes as carts
from patron.catalog import routes as catalog
from patron.delivery import routes as delivery
from patron.delivery.channels.webhook import routes as webhooks
from patron.delivery.preferences import routes as preferences
from patron.events import debugger
from patron.events.inbox import Inbox
from patron.events.routes import Door, DoorSettings
from patron.journeys import routes as journeys
from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.kit.garbage import collect_rarely
from patron.kit.settings import Settings
from patron.kit.signing import Signer
from patron.messages import routes as messages
from patron.profiles import routes as profiles
from patron.profiles.consents import routes as consents
from patron.profiles.labels import routes as labels
from patron.profiles.search import routes as search
from patron.recommend import routes as recommend
from patron.recommend.serving.door import PATH as RECOMMEND
from patron.recommend.serving.door import Door as RecommendDoor
from patron.recommend.serving.engine import Engines
from patron.recommend.warming import Loops
from patron.segments import routes as segments
from patron.segments.alike import routes as alike
from patron.segments.computed import routes as computed
from patron.segments.lists import routes as static_lists
from patron.segments.predictions import routes as predictions
from patron.segments.ready import routes as ready_made
from patron.segments.saved import routes as saved_segments
from patron.segments.suggesting import routes as suggestions
from patron.shops import routes as shops
from patron.shops.access import Keys

ROUTES: list[HTTPRouteHandler] = [
    *shops.routes,
    *audit.routes,
    *retention.routes,
    *debugger.routes,
    *catalog.routes,
    *feeds.routes,
    *search.routes,
    *profiles.routes,
    *labels.routes,
    *alike.routes,
    *consents.routes,
    *suppression_files.routes,
    *people.routes,
    *carts.routes,
    *segments.routes,
    *saved_segments.routes,
    *ready_made.routes,
    *suggestions.routes,
    *deleted_segments.routes,
    *computed.routes,
    *predictions.routes,
    *score_files.routes,
    *static_lists.routes,
    *lists.routes,
    *recommend.routes,
    *messages.routes,
    *journeys.routes,
    *delivery.routes,
    *preferences.routes,
    *webhooks.routes,
    *analytics.routes,
    *person.routes,
]


class HotDoor(Protocol):
    """A bare ASGI application that knows its own paths."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


class Doors:
    """The hot doors and the inbox behind them; belongs to one event loop."""

    def __init__(
        self, inbox: Inbox, tracking: delivery.TrackingDoor, door: Door, engines: Engines,
        recommending: RecommendDoor,
    ) -> None:  # fmt: skip
        self.inbox = inbox
        self.engines = engines
        self._tracking = tracking
        self._door = door
        self._recommending = recommending

    def at(self, path: str) -> HotDoor | None:
        """The hot door for `path`, if it is one's."""
        if path == RECOMMEND:
            return self._recommending
        ours = path.startswith(("/v1/", "/analytics.js/", "/analytics-next/"))
        if ours and self._door.answers(path):
            return self._door
        if path.startswith(("/o/", "/l/")):
            return self._tracking
        return None

    async def close(self) -> None:
        """Put everything that was accepted on disk."""
        await self.engines.close()
        await self.inbox.close()


def proxies_of(settings: Settings) -> list[str]:
    """Networks of the proxies that are believed, in CIDR notation."""
    proxies = [part.strip() for part in (settings.trusted_proxies or "").split(",")]
    return [proxy for proxy in proxies if proxy]


def _settled() -> None:
    """A shop's catalog stands in memory: a million containers, and to look through them again and
    again costs pauses."""
    collect_rarely()


def open_doors(
    settings: Settings, clock: Clock, db: Database, keys: Keys, signer: Signer, shop_by_slug: Any
) -> Doors:
    """The doors of this process; call it in the event loop that serves them."""
    inbox = Inbox(settings.database_url or "", clock, inbox_limits(settings))
    door = Door(
        keys,
        inbox,
        clock,
        DoorSettings(
            public_url=settings.public_url,
            trusted_proxies=proxies_of(settings),
            browser_library=settings.browser_library or settings.data_dir / LIBRARY,
        ),
    )
    tracking = delivery.TrackingDoor(signer, shop_by_slug, inbox, clock)
    engines = Engines(db, settings.data_dir, clock, _settled, Loops(beside=True))
    return Doors(inbox, tracking, door, engines, RecommendDoor(keys, engines))

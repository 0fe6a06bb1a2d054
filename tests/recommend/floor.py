"""A shop's floor: its catalog, what visitors do on it, and the door that recommends."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import numpy as np
from litestar import Litestar
from litestar.di import Provide

from conftest import House
from events.doors import give_key
from patron.app.answering.failures import HANDLERS
from patron.catalog import store as catalog
from patron.catalog.types import FactSource, ProductIn
from patron.events.lake import copying
from patron.kit.db import Database, connect
from patron.kit.lake import lake_of
from patron.kit.settings import Settings
from patron.recommend import tasks
from patron.recommend.history.kept import derived_of
from patron.recommend.routes import routes
from patron.recommend.serving.door import PATH, Door
from patron.recommend.serving.engine import Engine, Engines
from patron.recommend.training.report import Report
from patron.shops.access import Keys
from patron.shops.types import Access, KeyKind
from stage import Stage

T = TypeVar("T")
ALL = frozenset({"shop:admin"})
HANG = 120.0
"""Seconds after which what has not happened hangs; a slow machine alone never takes so long."""


class Floor:
    """Acme's shop. `say` asks the door, with the write key unless another is given."""

    def __init__(self, stage: Stage, folder: Path, engines: Engines) -> None:
        self.stage, self.folder, self.engines = stage, folder, engines
        self.models = folder / "shops" / stage.shop.slug / "models"
        self.write_key = self.server_key = self.other_key = ""

    async def engine(self) -> Engine:
        """The shop's engine, having seen everything."""
        found = await self.engines.of(self.stage.shop)
        await found.look()
        return found

    async def stock(self, *products: ProductIn) -> None:
        async with self.stage.unit() as tx:
            await catalog.upsert(tx, products, FactSource.API, self.stage.now)

    async def say(self, question: Any, key: str | None = None, method: str = "POST") -> Any:
        door = Door(Keys(self.stage.db), self.engines)
        transport = httpx.ASGITransport(app=door)
        async with httpx.AsyncClient(transport=transport, base_url="http://patron.test") as http:
            headers = {"authorization": f"Bearer {self.write_key if key is None else key}"}
            if isinstance(question, bytes):
                return await http.request(method, PATH, content=question, headers=headers)
            return await http.request(method, PATH, json=question, headers=headers)

    async def offered(self, placement: str, /, key: str | None = None, **more: Any) -> list[str]:
        """The products of an answer, once everything that happened is known."""
        await (await self.engine()).look()
        answer = await self.say({"placements": [placement], **more}, key)
        assert answer.status_code == 200, answer.text
        (found,) = answer.json()["placements"]
        return [item["id"] for item in found["items"]]

    async def answer(self, placement: str, /, **more: Any) -> dict[str, Any]:
        await self.engine()
        answer = await self.say({"placements": [placement], **more})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["placements"][0]
        return found

    async def train(self, *, refresh: bool = False, seconds: float = 2.0) -> Report | None:
        """Have the lake follow, and train or only count anew."""
        lake = lake_of(self.folder, self.stage.shop.slug)
        async with await connect(self.stage.house.url, "lake") as connection:
            kept = copying.Cut(self.folder / "cut", derived=derived_of(lake.uri))
            await copying.copy(connection, self.stage.shop, lake, kept, self.stage.now)
        material = await tasks.gather(self.stage.db, self.stage.shop, lake, self.stage.now)
        if refresh:
            tasks.refresh(material, self.models, self.stage.now)
            return None
        return tasks.train(material, self.models, self.stage.now, seconds=seconds)

    def signed(self, user_id: str) -> str:
        secret = self.stage.shop.identity_secret
        return hmac.new(secret, user_id.encode(), hashlib.sha256).hexdigest()

    @asynccontextmanager
    async def api(self, scopes: frozenset[str] = ALL) -> AsyncIterator[httpx.AsyncClient]:
        """The routes of this room, for a key with `scopes`."""
        stage = self.stage
        provided: dict[str, Callable[[], Any]] = {
            "db": lambda: stage.db,
            "clock": lambda: stage.house.clock,
            "settings": lambda: Settings(data_dir=self.folder),
            "shop": lambda: stage.shop,
            "engines": lambda: self.engines,
        }

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                access = Access(stage.shop, None, KeyKind.SERVER, scopes)
                scope.setdefault("state", {})["access"] = access
            await inner(scope, receive, send)

        inner = Litestar(
            route_handlers=routes,
            dependencies={
                name: Provide(how, sync_to_thread=False) for name, how in provided.items()
            },
            exception_handlers=HANDLERS,
            logging_config=None,
        )
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://patron.test") as http:
            yield http


def play(house: House, folder: Path, story: Callable[[Floor], Awaitable[T]]) -> T:
    """Run a story on acme's floor."""

    async def told(db: Database) -> T:
        engines = Engines(db, folder, house.clock)
        floor = Floor(Stage(house, db), folder, engines)
        floor.write_key = await give_key(db, house.acme, KeyKind.PUBLIC, [])
        floor.server_key = await give_key(db, house.acme, KeyKind.SERVER, ["recommend:read"])
        floor.other_key = await give_key(db, house.acme, KeyKind.SERVER, ["ingest"])
        try:
            return await story(floor)
        finally:
            await engines.close()

    return house.run(told)


def product(id: str, price: int | None = 1_000, **more: Any) -> ProductIn:
    said: dict[str, Any] = {"title": id.capitalize(), "available": True, "categories": ["Home"]}
    if price is not None:
        said |= {"price": price, "currency": "USD"}
    return ProductIn(id=id, **(said | more))


async def a_past(floor: Floor, people: int = 40, seed: int = 3) -> None:
    """People look at lamps and bulbs, or at cups and teas, and buy what goes together; a few days
    ago the first, then more and more."""
    draw = np.random.default_rng(seed)
    events = []
    for person in range(people):
        side = ["lamp", "bulb"] if person % 2 else ["cup", "tea"]
        for visit in range(3):
            minutes = (people - person) * 240 + (3 - visit) * 60
            seen = [side[0], side[1], f"{side[0]}-{draw.integers(0, 5)}"]
            ago = [timedelta(minutes=minutes - place) for place in range(4)]
            who = f"u:person-{person}"
            events += [
                floor.stage.event("Product Viewed", who, ago[place], product_id=id)
                for place, id in enumerate(seen)
            ]
            if visit == 2:
                lines = [{"product_id": id, "price": 10, "quantity": 1} for id in side]
                events.append(floor.stage.orders(who, ago[3], total=20, products=lines))
    for first in range(0, len(events), 200):
        await floor.stage.walk(*events[first : first + 200])


async def eventually(look: Callable[[], Awaitable[bool]], seconds: float = HANG) -> bool:
    """Whether `look` became true within so long."""
    async with asyncio.timeout(seconds):
        while not await look():
            await asyncio.sleep(0.02)
    return True

"""The API in process, on a database of one's own, and what its audit log says."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx

from conftest import House
from patron.app.server import Web, build_api
from patron.kit.db import Database
from patron.kit.migrate import HOUSE
from patron.kit.settings import Settings
from patron.shops import store as shops
from patron.shops.audit import store
from patron.shops.audit.types import Asked, Entry
from patron.shops.found import make_key
from patron.shops.types import KeyKind

T = TypeVar("T")


class Api:
    """The web process's API; `client` has a key that may do everything."""

    def __init__(self, house: House, web: Web, api: Any, key_id: str) -> None:
        self.house, self.web, self.api, self.key_id = house, web, api, key_id
        self.client: httpx.AsyncClient

    async def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        self.house.clock.advance(timedelta(seconds=1))
        return await self.client.request(method, path, **more)

    async def entries(self, **asked: Any) -> list[Entry]:
        """What the log says when everything is written down, oldest first."""
        await self.web.trail._flush()
        async with self.web.db.unit(self.house.acme.schema) as tx:
            return (await store.listed(tx, Asked(**asked), None, 1_000))[::-1]


def told(
    house: House, folder: Path, story: Callable[[Api], Awaitable[T]], scopes: Sequence[str] = ()
) -> T:
    """Run `story` with the API of acme's shop, in the lifespan of a web process."""

    async def run(_: Database) -> T:
        settings = Settings(data_dir=folder, database_url=house.url, secret="a secret of the tests")
        web = Web(settings, house.clock)
        app: Any = build_api(web)
        key, secret = make_key(
            KeyKind.SERVER, "till", list(scopes) or ["shop:admin"], house.clock.now()
        )
        async with app.lifespan():
            async with web.db.unit(HOUSE) as tx:
                await shops.insert_key(tx, house.acme.id, key, secret, house.clock.now())
            api = Api(house, web, app, str(key.id))
            transport = httpx.ASGITransport(app, client=("203.0.113.9", 4711))
            headers = {"Authorization": f"Bearer {secret}"}
            async with httpx.AsyncClient(
                transport=transport, base_url="http://patron", headers=headers
            ) as api.client:
                return await story(api)

    return house.run(run)

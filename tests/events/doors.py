"""A door over a real inbox, and what stands in the inbox afterwards."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from patron.events.inbox import Inbox, InboxLimits
from patron.events.routes import Door, DoorSettings
from patron.kit.clock import SystemClock
from patron.kit.db import Database, tuples
from patron.kit.ids import new_id
from patron.kit.migrate import HOUSE
from patron.shops import store as shops
from patron.shops.access import Keys
from patron.shops.found import make_key
from patron.shops.types import KeyKind, Shop


@dataclass
class Doorway:
    """`ask` calls the door; `write_key` is acme's public key, `server_key` may ingest."""

    db: Database
    inbox: Inbox
    http: httpx.AsyncClient
    write_key: str
    server_key: str
    reader_key: str  # a server key that may not ingest

    async def post(self, path: str, body: Any, **more: Any) -> httpx.Response:
        """`body`: bytes as they are, or anything else as JSON with the public key's header."""
        if not isinstance(body, bytes):
            body = msgspec.json.encode(body)
        headers = {"authorization": f"Bearer {self.write_key}", **more.pop("headers", {})}
        headers = {name: value for name, value in headers.items() if value is not None}
        return await self.http.post(path, content=body, headers=headers, **more)


@asynccontextmanager
async def doorway(
    db: Database,
    shop: Shop,
    *,
    limits: InboxLimits | None = None,
    settings: DoorSettings | None = None,
    url: str | None = None,
) -> AsyncIterator[Doorway]:
    """A door of `shop`'s; `url` is the database its inbox writes to, if not the one of `db`."""
    inbox = Inbox(url or db.url, SystemClock(), limits)
    secrets = [
        await give_key(db, shop, KeyKind.PUBLIC, []),
        await give_key(db, shop, KeyKind.SERVER, ["ingest"]),
        await give_key(db, shop, KeyKind.SERVER, ["profiles:read"]),
    ]
    door = Door(Keys(db), inbox, SystemClock(), settings)
    transport = httpx.ASGITransport(app=door, client=("192.0.2.7", 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://patron.test") as http:
        try:
            yield Doorway(db, inbox, http, *secrets)
        finally:
            await inbox.close()


async def give_key(db: Database, shop: Shop, kind: KeyKind, scopes: list[str]) -> str:
    now = SystemClock().now()
    key, secret = make_key(kind, f"test {new_id()}", scopes, now)
    async with db.unit(HOUSE) as tx:
        await shops.insert_key(tx, shop.id, key, secret, now)
    return secret


async def envelopes(db: Database, shop: Shop) -> list[dict[str, Any]]:
    """Every envelope in the shop's inbox, in the order of its lanes; each row was valid JSON."""
    async with db.unit(shop.schema) as tx:
        rows = await tuples(tx, "SELECT body FROM inbox ORDER BY lane, seq")
    return [envelope for (body,) in rows for envelope in msgspec.json.decode(body)]


async def counted(db: Database, shop: Shop) -> int:
    """Events in the shop's inbox by the rows' own counts."""
    async with db.unit(shop.schema) as tx:
        return int((await tuples(tx, "SELECT coalesce(sum(count), 0) FROM inbox"))[0][0])


def events_in(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events of envelopes, batches taken apart."""
    result: list[dict[str, Any]] = []
    for envelope in found:
        body = envelope["b"]
        result += body.get("batch", [body])
    return result

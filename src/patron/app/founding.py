"""Opening a shop: its schema, its first keys, its first journey."""

from datetime import datetime

import msgspec

from patron.app.rooms import open_shop
from patron.journeys.builtin import install, offer
from patron.journeys.types import Status
from patron.kit.db import Database
from patron.kit.migrate import HOUSE
from patron.segments.ready import showing as ready_made
from patron.shops import store
from patron.shops.found import found_shop, make_key
from patron.shops.types import KeyKind, Scope, Shop, ShopSettings
from patron.shops.views import ShopView, view


class Founded(msgspec.Struct, frozen=True):
    """A new shop and its keys, the only time the server key is shown."""

    shop: ShopView
    write_key: str
    server_key: str


async def found(
    db: Database,
    now: datetime,
    *,
    name: str,
    currency: str,
    time_zone: str,
    public_url: str,
    owner_email: str,
    settings: ShopSettings | None = None,
) -> Founded:
    """Found a shop in rehearsal with the cart journey switched on, the invitation to open an
    account there and off, and the core of the ready-made segments saved.

    Raises Problem 400 for an argument that is wrong, 409 when the shop exists.
    """
    shop = found_shop(
        name,
        currency=currency,
        time_zone=time_zone,
        public_url=public_url,
        owner_email=owner_email,
        now=now,
        settings=settings,
    )
    await open_shop(db, shop, now)
    keys = await first_keys(db, shop, now)
    async with db.unit(shop.schema) as tx:
        await install(tx, shop, now, status=Status.ON)
        await offer(tx, shop, now)
        await ready_made.save_core(tx, shop, now)
    return Founded(view(shop), *keys)


async def first_keys(db: Database, shop: Shop, now: datetime) -> tuple[str, str]:
    """A write key for the pages and a server key that may do everything."""
    secrets = []
    for kind, name, scopes in (
        (KeyKind.PUBLIC, "website", []),
        (KeyKind.SERVER, "owner", [Scope.ADMIN.value]),
    ):
        key, secret = make_key(kind, name, scopes, now)
        async with db.unit(HOUSE) as tx:
            await store.insert_key(tx, shop.id, key, secret, now)
        secrets.append(secret)
    return secrets[0], secrets[1]

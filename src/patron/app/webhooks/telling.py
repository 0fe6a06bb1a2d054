"""How the worker tells the owner's systems: one Teller a shop, one set of connections."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from patron.delivery.channels.webhook.guard import Guard, networks_of
from patron.delivery.channels.webhook.post import Poster
from patron.delivery.channels.webhook.tasks import Teller
from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.kit.settings import Settings
from patron.kit.signing import Signer
from patron.shops.types import Shop


class Telling:
    """The tellers of every shop; belongs to one event loop."""

    def __init__(self, db: Database, poster: Poster, signer: Signer, clock: Clock) -> None:
        self._parts = (db, poster, signer, clock)
        self._tellers: dict[str, Teller] = {}

    async def turn(self, shop: Shop) -> bool:
        """Tell the webhooks of `shop`; whether there may be more to do at once."""
        if shop.slug not in self._tellers:
            self._tellers[shop.slug] = Teller(*self._parts)
        return await self._tellers[shop.slug].turn(shop)

    async def close(self) -> None:
        for teller in self._tellers.values():
            await teller.close()


@asynccontextmanager
async def open_telling(
    settings: Settings, clock: Clock, signer: Signer, db: Database
) -> AsyncIterator[Telling]:
    """A Telling, closed at the end with what is under way."""
    poster = Poster(Guard(networks_of(settings.webhook_networks)))
    telling = Telling(db, poster, signer, clock)
    try:
        yield telling
    finally:
        await telling.close()
        await poster.close()

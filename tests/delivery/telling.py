"""A shop whose own system is told what happens: stage, receiver and teller."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import msgspec

from conftest import House
from patron.delivery.channels.webhook import keeping, store
from patron.delivery.channels.webhook.guard import Guard
from patron.delivery.channels.webhook.post import Poster
from patron.delivery.channels.webhook.tasks import Teller
from patron.delivery.channels.webhook.types import Delivery, Endpoint
from patron.events.types import Event, EventType, Source, Trust
from patron.kit.db import Database
from receiver import Receiver, receiver
from stage import Stage

HERE = Guard([ip_network("127.0.0.0/8")])


class Told:
    """Acme, its receiver, and whoever tells."""

    def __init__(self, stage: Stage, listener: Receiver, teller: Teller) -> None:
        self.stage, self.receiver, self.teller = stage, listener, teller

    async def register(self, *topics: str, key: str = "crm", url: str | None = None) -> Endpoint:
        asked = (key, url or self.receiver.url, topics or ("*",), "")
        async with self.stage.unit() as tx:
            return await keeping.register(tx, *asked, HERE, self.stage.now)

    async def tell(self, most: int = 40) -> None:
        """Turns until nobody has anything to do."""
        for _ in range(most):
            busy = await self.teller.turn(self.stage.shop)
            if not busy and not self.teller._under_way:
                return

    async def endpoint(self, key: str = "crm") -> Endpoint:
        async with self.stage.unit() as tx:
            return await keeping.found(tx, key)

    async def deliveries(self, key: str = "crm") -> Sequence[Delivery]:
        """All that are written down, the first first."""
        async with self.stage.unit() as tx:
            one = await keeping.found(tx, key)
            return (await store.deliveries(tx, one.id, None, None, 1_000))[::-1]

    def identifies(self, who: str, **traits: Any) -> Event:
        event = self.stage.event("Identified", who)
        event.type, event.traits = EventType.IDENTIFY, traits
        event.body = msgspec.json.encode({"traits": traits})
        return event

    def of_ours(self, name: str, who: Event, **properties: Any) -> Event:
        """An event that Patron says about the person of another."""
        event = self.stage.event(name, "nobody", **properties)
        event.anonymous_id, event.source, event.trust = None, Source.PATRON, Trust.SERVER
        event.context = {"patron": {"origin_id": str(who.origin_id)}}
        return event

    def pass_time(self, **span: float) -> None:
        self.stage.house.clock.advance(timedelta(**span))


def told(house: House, story: Callable[[Told], Awaitable[None]], seconds: float = 5.0) -> None:
    """Run a story; an attempt waits `seconds` for its answer."""

    async def run(db: Database) -> None:
        stage = Stage(house, db)
        await stage.open()
        poster = Poster(HERE, seconds)
        with receiver() as listener:
            teller = Teller(db, poster, house.signer, house.clock)
            try:
                await story(Told(stage, listener, teller))
            finally:
                listener.over.set()
                await teller.close()
                await poster.close()

    house.run(run)

"""A stage: events walk through the rooms, the clock is moved by hand, timers are fired."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from conftest import House
from patron.carts import walk as carts
from patron.events import walk as events
from patron.events.types import Event, EventType, Source, Trust
from patron.journeys import store, tasks
from patron.journeys import walk as journeys
from patron.journeys.builtin import ABANDONED_CART, install
from patron.journeys.switch import switch
from patron.journeys.types import Run, Status
from patron.kit.db import Database, Tx, execute, value
from patron.kit.ids import new_id
from patron.messages import store as messages
from patron.messages.types import Message
from patron.profiles import walk as profiles
from patron.segments import walk as segments
from patron.shops.types import Shop

T = TypeVar("T")


class Stage:
    """Acme's shop with its cart journey on, at noon."""

    def __init__(self, house: House, db: Database) -> None:
        self.house, self.db, self.shop = house, db, house.acme

    @property
    def now(self) -> datetime:
        now: datetime = self.house.clock.now()
        return now

    async def open(self, shop: Shop | None = None) -> None:
        self.shop = shop or self.shop
        async with self.unit() as tx:
            await install(tx, self.shop, self.now, status=Status.ON)

    def unit(self) -> Any:
        return self.db.unit(self.shop.schema)

    def pass_time(self, **span: float) -> None:
        self.house.clock.advance(timedelta(**span))

    def event(
        self, name: str, who: str, ago: timedelta = timedelta(), /, **properties: Any
    ) -> Event:
        """`who` is an anonymous id, or a user id when it begins with "u:"."""
        user = who.removeprefix("u:") if who.startswith("u:") else None
        backfill = bool(properties.pop("backfill", False))
        browser = properties.pop("browser", None)
        return Event(
            type=EventType.TRACK,
            name=name,
            ts=self.now - ago,
            received_at=self.now,
            message_id=str(new_id()),
            user_id=user,
            anonymous_id=browser or (None if user else who),
            properties=properties,
            trust=Trust.SERVER,
            source=Source.SERVER,
            backfill=backfill,
            body=msgspec.json.encode({"properties": properties}),
        )

    def adds(self, who: str, ago: timedelta = timedelta(), /, **more: Any) -> Event:
        said = {"product_id": "p1", "name": "Lamp", "price": 20, "quantity": 1} | more
        return self.event("Product Added", who, ago, **said)

    def orders(self, who: str, ago: timedelta = timedelta(), /, **more: Any) -> Event:
        said = {"order_id": str(new_id()), "total": 40, "products": [{"product_id": "p1"}]} | more
        return self.event("Order Completed", who, ago, **said)

    async def walk(self, *batch: Event) -> None:
        """One batch through the rooms, as the walk does it."""
        async with self.unit() as tx:
            await self.through(tx, list(batch))

    async def through(self, tx: Tx, batch: list[Event]) -> None:
        people = await profiles.resolve(tx, self.shop, batch, self.now, self.house.signer)
        kept = await events.drop_erased(tx, self.shop, batch, people.erased)
        changes = await carts.follow(tx, self.shop, kept, people)
        await events.record(tx, self.shop, kept)
        await segments.update(tx, self.shop, kept, people, changes, self.now)
        await journeys.advance(tx, self.shop, kept, people, changes, self.now)

    async def fire(self) -> int:
        return await tasks.fire_due(self.db, self.shop, self.now)

    async def put(self, key: str, definition: dict[str, Any]) -> None:
        async with self.unit() as tx:
            await store.put(tx, key, key, definition, self.now)
            await switch(tx, key, Status.ON, self.now)

    async def unwalked(self, received_at: datetime) -> None:
        """An event is acknowledged and waits in the inbox."""
        async with self.unit() as tx:
            lane = await value(
                tx,
                "INSERT INTO lane (kind, process, started_at) VALUES ('live', 'test', %s)"
                " RETURNING id",
                (received_at,),
            )
            await execute(
                tx,
                "INSERT INTO inbox (slot, lane, seq, received_at, count, upto, body)"
                " VALUES (0, %s, 1, %s, 1, 1, '[]')",
                (lane, received_at),
            )

    async def walked(self) -> None:
        async with self.unit() as tx:
            await execute(tx, "UPDATE lane SET cursor_seq = 1")

    async def runs(
        self, key: str = ABANDONED_CART, origins: Sequence[UUID] | None = None
    ) -> list[Run]:
        """The runs of a journey, the first started first."""
        async with self.unit() as tx:
            journey = await store.journey(tx, key)
            assert journey is not None
            wanted = store.Wanted(origins=None if origins is None else list(origins))
            return (await store.runs(tx, journey.id, wanted, None, 20_000))[::-1]

    async def outbox(self) -> list[Message]:
        """All messages, the first written first."""
        async with self.unit() as tx:
            return (await messages.listed(tx, messages.Filter(), None, 20_000))[::-1]


def play(house: House, story: Callable[[Stage], Awaitable[T]]) -> T:
    """Run a story on a stage in acme's shop."""

    async def told(db: Database) -> T:
        stage = Stage(house, db)
        await stage.open()
        return await story(stage)

    return house.run(told)

"""Abandoned carts and a delivery in front of a real SMTP server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from conftest import NOON, House
from delivery.mailbox import Mailbox, mailbox
from delivery.scene import BASE, customer, said
from patron.app.wiring import Walker
from patron.carts import store as carts
from patron.carts import walk as carts_walk
from patron.delivery.channels.email.smtp import SmtpChannel
from patron.delivery.deps import Deps, Limits
from patron.delivery.tasks import Round, deliver_due
from patron.delivery.types import Channel
from patron.events.inbox import Inbox
from patron.kit import pauses
from patron.kit.db import Database, connect
from patron.kit.ids import new_id
from patron.messages import store
from patron.messages.model import Materials, Picks, no_picks
from patron.messages.outbox import enqueue
from patron.messages.types import Draft, Message
from patron.profiles import walk as profiles
from patron.shops.types import Mode, Shop

CHEESE = {
    "product_id": "p1",
    "name": "Hollin Farm Cheese, Mild, 8 oz",
    "price": 2.49,
    "quantity": 2,
    "url": "https://acme.example/p/1",
    "image_url": "https://acme.example/p/1.png",
}
FAST = Limits(in_flight=8, settle=0.0, walk_wait=20.0)


def live(shop: Shop, **changes: Any) -> Shop:
    return msgspec.structs.replace(shop, mode=Mode.LIVE, **changes)


class Stage:
    """One shop, its mailbox, and workers that deliver."""

    def __init__(
        self, house: House, db: Database, box: Mailbox, inbox: Inbox, channel: SmtpChannel
    ) -> None:
        self.house = house
        self.db = db
        self.box = box
        self.inbox = inbox
        self.shop = live(house.acme)
        self.channels: dict[str, Channel] = {"email": channel}
        self.limits = FAST
        self.picks: Picks = no_picks

    async def cart(
        self, user: str, email: str, *, consents: bool = True, product: dict[str, Any] = CHEESE
    ) -> tuple[UUID, UUID]:
        """A customer with a filled cart, an hour ago: (origin, cart)."""
        async with self.unit() as tx:
            origin = await customer(tx, self.house, user, email, consents=consents)
            hour_ago = self.now - timedelta(hours=1)
            put_in = {"cart_id": user} | product
            added = said("Product Added", user, hour_ago, properties=put_in)
            people = await profiles.resolve(tx, self.shop, [added], hour_ago, self.house.signer)
            await carts_walk.follow(tx, self.shop, [added], people)
            hers = {cart.key: cart for cart in await carts.carts_of(tx, [origin], 9)}
            cart = hers[f"cart:{put_in['cart_id']}"]
        return origin, cart.id

    async def message(self, origin: UUID, cart: UUID | None, **changes: Any) -> UUID:
        """A cart mail that is due now."""
        given: dict[str, Any] = {
            "source": "journey:abandoned_cart",
            "run_id": new_id(),
            "step_visit": "mail/1",
            "origin_id": origin,
            "template": "abandoned_cart",
            "due_at": self.now,
            "expires_at": self.now + timedelta(days=1),
            "context": {"cart_id": str(cart)} if cart else {},
        }
        async with self.unit() as tx:
            message_id = await enqueue(tx, Draft(**(given | changes)), self.now)
        assert message_id is not None
        return message_id

    async def abandoned(self, user: str, email: str, **changes: Any) -> UUID:
        """A customer with a cart and a mail about it that is due now."""
        origin, cart = await self.cart(user, email)
        return await self.message(origin, cart, **changes)

    async def deliver(self) -> Round:
        """One round, as a worker makes it."""
        return await deliver_due(self.db, self.shop, self.deps(), self.now)

    async def work(self) -> None:
        """Rounds until there is nothing to do, while the walk goes on beside them."""
        async with self.walks():
            while not (await self.deliver()).idle:
                pass

    @asynccontextmanager
    async def walks(self) -> AsyncIterator[None]:
        """The walk goes on until the end."""
        stop = asyncio.Event()

        async def on() -> None:
            while not stop.is_set():
                await self.walk()
                await asyncio.sleep(0.01)

        walking = asyncio.ensure_future(on())
        try:
            yield
        finally:
            stop.set()
            await walking

    def deps(self) -> Deps:
        return Deps(
            clock=self.house.clock,
            inbox=self.inbox,
            materials=Materials(self.house.signer, BASE, self.picks),
            channels=self.channels,
            limits=self.limits,
        )

    async def find(self, message_id: UUID) -> Message:
        async with self.unit() as tx:
            found = await store.find(tx, message_id)
        assert found is not None
        return found

    async def last_words(self, message_id: UUID) -> tuple[str, str | None, str]:
        """State, reason and what the owner is told."""
        found = await self.find(message_id)
        return found.state.value, found.reason, found.story[-1].words

    async def walk(self) -> None:
        """Walk everything that is in the inbox."""
        walker = Walker(self.shop, self.house.clock, self.house.signer)
        async with await connect(self.house.url, "test-walk") as connection:
            while await walker.step(connection):
                pass

    def unit(self) -> Any:
        return self.db.unit(self.shop.schema)

    @property
    def now(self) -> datetime:
        return self.house.clock.now()


def play(house: House, story: Callable[[Stage], Awaitable[None]], **smtp: Any) -> None:
    """Run `story` on a stage of its own."""
    with mailbox() as box:

        async def told(db: Database) -> None:
            async with stage(house, db, box, **smtp) as set_up:
                await story(set_up)

        house.run(told)


@asynccontextmanager
async def stage(house: House, db: Database, box: Mailbox, **smtp: Any) -> AsyncIterator[Stage]:
    inbox = Inbox(house.url, house.clock)
    channel = SmtpChannel(box.settings(**smtp))
    try:
        yield Stage(house, db, box, inbox, channel)
    finally:
        await channel.close()
        await inbox.close()


class Killed(BaseException):
    """The process ends here: nothing after this point happens."""


@contextmanager
def killed_at(point: str) -> Any:
    """Whoever reaches `point` dies there."""

    async def hook(reached: str) -> None:
        if reached == point:
            raise Killed(point)

    pauses.install(hook)
    try:
        yield
    finally:
        pauses.install(None)


@contextmanager
def at(point: str, work: Callable[[], Awaitable[Any]]) -> Any:
    """`work` happens when `point` is reached."""

    async def hook(reached: str) -> None:
        if reached == point:
            await work()

    pauses.install(hook)
    try:
        yield
    finally:
        pauses.install(None)


__all__ = ["CHEESE", "NOON", "Killed", "Stage", "at", "killed_at", "live", "play"]

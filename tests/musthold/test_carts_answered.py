"""10,000 carts on virtual time, their orders late, shuffled and doubled: who is answered, who not.

The whole of the product takes part – inbox, walk, timers, gate, templates, ledger –, only the
clock is ours. In one round of three the walk stands still, so that timers and mails meet orders
that nobody has read.
"""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import msgspec
import pytest

from conftest import NOON, House
from patron.app.sending import Sender
from patron.app.wiring import Walker
from patron.app.worker import WALK_SESSION
from patron.delivery.channels.email.smtp import SmtpChannel, SmtpSettings
from patron.delivery.channels.recorded import Recorder
from patron.delivery.deps import Limits
from patron.delivery.types import Channel
from patron.events.inbox import Inbox
from patron.events.types import Source, Trust
from patron.experiments.assign import arm
from patron.journeys import tasks as journeys
from patron.journeys.builtin import install
from patron.journeys.types import Status
from patron.kit.db import Database, connect, execute, tuples
from patron.kit.migrate import HOUSE
from patron.kit.settings import Settings
from patron.shops import store as shops
from patron.shops.types import Mode
from postbox import Mailbox, mailbox

pytestmark = pytest.mark.slow

MINUTE = timedelta(minutes=1)
LENGTH = 240  # minutes
MOVES = 90  # the minute in which an address that two share comes to the other one
STEP = 2  # minutes between two rounds of the worker
WAIT = 60  # the journey's, in minutes
EXPERIMENT = "journey:abandoned_cart"


class Person:
    """Someone with one cart. Minutes count from noon; None: it did not happen."""

    def __init__(self, number: int, random: Random) -> None:
        self.id = f"p{number}"
        # One in ten shares the address of the one before her, as couples do. It can be found under
        # one of them only; MOVES is when it turns out to be the other's.
        self.shares = number % 10 == 1
        self.couple = number % 10 in (0, 1)
        self.address: str | None = f"p{number - 1 if self.shares else number}@people.example"
        kind = random.random()
        if kind < 0.04 and not self.couple:
            self.address = None
        self.consents = kind > 0.12
        self.changes = sorted(random.randrange(0, 50) for _ in range(random.choice((1, 1, 2))))
        self.late = [random.randrange(0, 8) for _ in self.changes]
        self.orders: int | None = None
        self.order_late = 0
        if random.random() < 0.6:
            self.orders = self.changes[-1] + random.randrange(5, 90)
            self.order_late = random.randrange(0, 31)
        self.by_address = self.address is not None and not self.couple and random.random() < 0.1

    @property
    def due(self) -> int:
        return self.changes[-1] + WAIT

    @property
    def known_ordered(self) -> int | None:
        """The minute in which her order is received."""
        return None if self.orders is None else self.orders + self.order_late

    def calls(self) -> list[tuple[int, dict[str, Any]]]:
        """(minute of receipt, call) of all she does."""
        found = []
        for number, (at, late) in enumerate(zip(self.changes, self.late, strict=True)):
            found.append((at + late, self._added(number, at)))
        if self.orders is not None:
            found.append((self.orders + self.order_late, self._ordered(self.orders)))
        return found

    def introduction(self) -> dict[str, Any]:
        event = "Email Subscribed" if self.consents else "Product Viewed"
        properties = {"email": self.address, "text": "Yes"} if self.consents else {}
        return self._call(event, -60, properties, {"traits": {"email": self.address}})

    def _added(self, number: int, at: int) -> dict[str, Any]:
        thing = {"product_id": f"t{number}", "name": "Tea", "price": 4.5, "quantity": 1}
        return self._call("Product Added", at, {"cart_id": f"c-{self.id}", **thing})

    def _ordered(self, at: int) -> dict[str, Any]:
        properties = {"order_id": f"o-{self.id}", "total": 9, "products": [{"product_id": "t0"}]}
        if not self.by_address:
            return self._call("Order Completed", at, properties)
        # From the till: nothing says who it is but the address.
        call = self._call("Order Completed", at, {**properties, "email": self.address})
        del call["userId"]
        return {
            **call,
            "anonymousId": f"till-{self.id}",
            "context": {"traits": {"email": self.address}},
        }

    def _call(
        self, event: str, at: int, properties: dict[str, Any], context: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        return {
            "type": "track",
            "event": event,
            "userId": self.id,
            "messageId": f"{self.id}-{event}-{at}-{properties.get('product_id')}",
            "timestamp": (NOON + at * MINUTE).isoformat(),
            "properties": properties,
            "context": context or {},
        }


def arrivals(people: list[Person], random: Random) -> dict[int, list[dict[str, Any]]]:
    """Calls by the minute of their receipt: each minute shuffled, one call in five doubled."""
    by_minute: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for person in people:
        for minute, call in person.calls():
            by_minute[minute].append(call)
            if random.random() < 0.2:
                by_minute[minute + random.randrange(0, 40)].append(call)
    for calls in by_minute.values():
        random.shuffle(calls)
    return by_minute


class Town:
    """The shop, its worker in slow motion, and what was told by it."""

    def __init__(self, house: House, db: Database, inbox: Inbox, sender: Sender, walk: Any) -> None:
        self.house, self.db, self.inbox, self.sender = house, db, inbox, sender
        self.shop = house.acme
        self.connection = walk
        self.walker = Walker(house.acme, house.clock, house.signer)

    async def receive(self, calls: list[dict[str, Any]]) -> None:
        await self.inbox.append(self.shop, calls, trust=Trust.SERVER, source=Source.SERVER)

    async def walk(self) -> None:
        while await self.walker.step(self.connection):
            pass

    async def work(self, *, walking: bool) -> None:
        """What the worker does at this moment."""
        now = self.house.clock.now()
        if walking:
            await self.walk()
        await journeys.fire_due(self.db, self.shop, now)
        while await self.sender.deliver_at(self.shop, now):
            if walking:
                await self.walk()

    async def live(self, people: list[Person], random: Random) -> None:
        async with self.db.unit(self.shop.schema) as tx:
            await install(tx, self.shop, NOON, status=Status.ON)
        await self.receive([person.introduction() for person in people])
        await self.walk()
        by_minute = arrivals(people, random)
        for minute in range(0, LENGTH, STEP):
            for at in range(minute, minute + STEP):
                # Half a minute apart from the worker's rounds, so that nothing happens at once.
                self.house.clock.advance(MINUTE / 2)
                await self.receive(by_minute.get(at, []))
                self.house.clock.advance(MINUTE / 2)
            await self.work(walking=random.random() > 1 / 3)
            if minute == MOVES:
                await self.move_addresses([person for person in people if person.shares])
        await self.work(walking=True)

    async def move_addresses(self, people: list[Person]) -> None:
        """What an undone merge leaves: the address is found under the other of the two."""
        async with self.db.unit(self.shop.schema) as tx:
            moved = await execute(
                tx,
                "UPDATE identifier i SET origin_id = o.origin_id"
                " FROM unnest(%s::text[], %s::text[]) AS n (address, who)"
                " JOIN identifier o ON o.kind = 'user_id' AND o.value = n.who"
                " WHERE i.kind = 'email' AND i.value = n.address",
                ([person.address for person in people], [person.id for person in people]),
            )
            assert moved == len(people)
        self.walker.forget()

    async def ask(self, sql: Any) -> list[tuple[Any, ...]]:
        async with self.db.unit(self.shop.schema) as tx:
            return await tuples(tx, sql)


@asynccontextmanager
async def town(house: House, db: Database, channel: Channel, folder: Path) -> AsyncIterator[Town]:
    house.acme = msgspec.structs.replace(house.acme, mode=Mode.LIVE)
    async with db.unit(HOUSE) as tx:
        await shops.set_mode(tx, house.acme.slug, Mode.LIVE)
    inbox = Inbox(house.url, house.clock)
    settings = Settings(data_dir=folder, public_url="https://patron.example")
    # Real seconds: the walk either has come or does not come in this round.
    limits = Limits(walk_wait=0.0, settle=0.0)
    sender = Sender(
        settings, house.clock, house.signer, db, inbox, {"email": channel}, limits=limits
    )
    try:
        async with await connect(house.url, "walk") as connection:
            await connection.execute(WALK_SESSION)
            yield Town(house, db, inbox, sender, connection)
    finally:
        await inbox.close()


async def judge(there: Town, people: list[Person]) -> "Counter[str]":
    """Hold what the outbox says against what happened; how many were answered, held out, …"""
    names = dict(
        await there.ask(
            "SELECT i.value, o.root_id FROM identifier i JOIN origin o ON o.id = i.origin_id"
            " WHERE i.kind = 'user_id'"
        )
    )
    told: dict[UUID, list[tuple[Any, ...]]] = defaultdict(list)
    for root, *message in await there.ask(
        "SELECT o.root_id, m.state, m.reason, m.claimed_at, m.address, m.handed_over_at, m.arm"
        " FROM outbox m JOIN origin o ON o.id = m.origin_id"
    ):
        told[root].append(tuple(message))
    left: Counter[str] = Counter()
    sent_to: dict[str, list[datetime]] = defaultdict(list)
    # Consent belongs to the address: in a couple the word of one counts for both.
    homes: dict[str | None, list[Person]] = defaultdict(list)
    for person in people:
        homes[person.address].append(person)
    for person in people:
        messages = told[names[person.id]]
        assert len(messages) <= 1, (person.id, messages)
        for state, reason, claimed_at, address, handed_over_at, _ in messages:
            assert state in ("sent", "recorded", "held_out", "skipped", "cancelled"), messages
            if state not in ("sent", "recorded"):
                left[f"{state} {reason or ''}".strip()] += 1
                continue
            left["answered"] += 1
            sent_to[address].append(handed_over_at)
            assert any(one.consents for one in homes[person.address])
            assert address == person.address
            received = person.known_ordered
            assert received is None or claimed_at < NOON + (received + 0.5) * MINUTE, (
                f"{person.id} ordered, received in minute {received}, claimed at {claimed_at}"
            )
    assert all(len(times) == 1 for times in sent_to.values()), "one address got two mails"
    for person in people:
        if person.orders is None and person.consents and person.address and not person.couple:
            treated = arm(EXPERIMENT, names[person.id], 0.1) == "treatment"
            assert (person.address in sent_to) == treated, f"{person.id} was not answered"
    for person in people:
        if person.known_ordered is not None and person.known_ordered < person.due:
            assert all(state == "cancelled" for state, *_ in told[names[person.id]]), person.id
    return left


async def nothing_else_happened(there: Town, people: list[Person]) -> None:
    (found,) = await there.ask("SELECT count(*), count(DISTINCT message_id) FROM event")
    assert found[0] == found[1]
    assert await there.ask("SELECT count(*) FROM dead_letter") == [(0,)]
    calls = sum(len(person.calls()) + 1 for person in people)
    own = await there.ask("SELECT count(*) FROM event WHERE source <> 4")
    assert own == [(calls,)]
    waiting = await there.ask("SELECT count(*) FROM run WHERE state = 'waiting'")
    assert waiting == [(0,)]


def test_ten_thousand_carts(house: House, tmp_path: Path) -> None:
    people = [Person(number, Random(number)) for number in range(10_000)]

    async def story(db: Database) -> None:
        async with town(house, db, Recorder(), tmp_path) as there:
            await there.live(people, Random(5))
            left = await judge(there, people)
            await nothing_else_happened(there, people)
            assert left["answered"] > 2_000
            assert 0.07 < left["held_out"] / (left["answered"] + left["held_out"]) < 0.13
            assert (
                left["skipped same_journey_recently"] > 10
            )  # couples whom the cap has kept from a second

    house.run(story)


def test_a_few_hundred_carts_with_a_real_mail_server(house: House, tmp_path: Path) -> None:
    people = [Person(number, Random(number)) for number in range(600)]

    async def story(db: Database, box: Mailbox) -> None:
        smtp = SmtpSettings(
            host="127.0.0.1", port=box.port, security="none", sender="shop@acme.example"
        )
        channel = SmtpChannel(smtp)
        async with town(house, db, channel, tmp_path) as there:
            try:
                await there.live(people, Random(6))
            finally:
                await channel.close()
            left = await judge(there, people)
            await nothing_else_happened(there, people)
            assert len(box.recipients) == left["answered"] > 50
            assert max(Counter(box.recipients).values()) == 1

    with mailbox() as box:
        house.run(lambda db: story(db, box))

"""A batch walks through the rooms whole or not at all; only poison is buried."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
import pytest

from conftest import House
from patron.app.wiring import Walker, WalkHalted, retry_acting
from patron.carts import walk as carts
from patron.catalog import walk as catalog
from patron.events import store as events
from patron.events.inbox import Inbox
from patron.events.refused import store as refused
from patron.events.types import Event, Source, Trust
from patron.journeys import walk as journeys
from patron.journeys.builtin import install
from patron.journeys.types import Status
from patron.kit.db import Database, connect, execute, tuples, value
from patron.profiles import store as profiles
from patron.segments import walk as segments
from patron.shops.types import Shop


def track(number: int, **properties: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Product Viewed",
        "messageId": f"m{number}",
        "userId": f"u{number % 10}",
        "timestamp": "2026-03-02T11:59:00Z",
        "properties": {"product_id": "tea", **properties},
    }


class Street:
    """A shop's inbox and its walker, on one event loop."""

    def __init__(self, house: House, db: Database, connection: Any) -> None:
        self.house = house
        self.db = db
        self.connection = connection
        self.inbox = Inbox(house.url, house.clock)
        self.walker = Walker(house.acme, house.clock, house.signer)

    async def receive(self, *calls: dict[str, Any], shop: Shop | None = None) -> None:
        await self.inbox.append(
            shop or self.house.acme, calls, trust=Trust.SERVER, source=Source.SERVER
        )

    async def walk(self) -> int:
        """Walk until nothing waits; how many events were taken."""
        total = 0
        while taken := await self.walker.step(self.connection):
            total += taken
        return total

    async def ask(self, sql: str) -> Any:
        async with self.db.unit(self.house.acme.schema) as tx:
            return await value(tx, sql)


def on_the_street(house: House, story: Any) -> Any:
    async def told(db: Database) -> Any:
        async with await connect(house.url, "walk") as connection:
            street = Street(house, db, connection)
            try:
                return await story(street)
            finally:
                await street.inbox.close()

    return house.run(told)


def test_events_are_logged_with_gap_free_positions_and_the_right_people(house: House) -> None:
    async def story(street: Street) -> None:
        await street.receive(*(track(n) for n in range(100)))
        await street.receive(*(track(n) for n in range(50, 150)))
        assert await street.walk() == 200
        async with street.db.unit(house.acme.schema) as tx:
            positions = [p for (p,) in await tuples(tx, "SELECT position FROM event ORDER BY 1")]
            assert positions == list(range(1, 151))
            root = await profiles.find(tx, "user_id:u3")
            assert root is not None
            person = await profiles.person(tx, root)
            assert person is not None
            assert person.totals["Product Viewed"].count == 15
            assert await events.frontier(tx) is None
        assert await street.walk() == 0

    on_the_street(house, story)


def test_one_poison_event_among_a_thousand_is_buried_and_the_others_are_in(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = catalog.observe

    async def choke(tx: Any, shop: Shop, batch: list[Event]) -> None:
        for event in batch:
            if event.properties.get("poison"):
                raise ValueError("this event cannot be digested")
        await whole(tx, shop, batch)

    monkeypatch.setattr(catalog, "observe", choke)

    async def story(street: Street) -> None:
        calls = [track(n) for n in range(1000)]
        calls[617]["properties"]["poison"] = True
        await street.receive(*calls)
        await street.walk()
        assert await street.ask("SELECT count(*) FROM event") == 999
        assert await street.ask("SELECT max(position) FROM event") == 999
        async with street.db.unit(house.acme.schema) as tx:
            letters = await refused.listed(tx, "dead-letter", reason=None, before=None, limit=9)
        assert len(letters) == 1
        assert "cannot be digested" in letters[0].detail
        assert b"m617" in letters[0].payload

    on_the_street(house, story)


def test_a_bug_that_hits_many_events_stops_the_walk_and_buries_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(tx: Any, shop: Shop, batch: list[Event]) -> None:
        raise AttributeError("a bug of ours")

    async def story(street: Street) -> None:
        await street.receive(*(track(n) for n in range(200)))
        with monkeypatch.context() as patched:
            patched.setattr(catalog, "observe", broken)
            with pytest.raises(WalkHalted, match="nothing was buried"):
                await street.walk()
        assert await street.ask("SELECT count(*) FROM dead_letter") == 0
        assert await street.ask("SELECT count(*) FROM event") == 0
        assert await street.walk() == 200
        assert await street.ask("SELECT count(*) FROM event") == 200

    on_the_street(house, story)


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.DiskFull("no space left"),
        psycopg.errors.UndefinedColumn("our own SQL"),
        psycopg.errors.DataCorrupted("a page"),
        psycopg.InterfaceError("the connection is closed"),
        MemoryError(),
        OSError("disk"),
    ],
    ids=repr,
)
def test_an_outage_stops_the_walk_and_buries_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def full(tx: Any, shop: Shop, batch: list[Event]) -> None:
        raise error

    async def story(street: Street) -> None:
        await street.receive(track(1))
        with monkeypatch.context() as patched:
            patched.setattr(catalog, "observe", full)
            with pytest.raises(type(error)):
                await street.walk()
        assert await street.ask("SELECT count(*) FROM dead_letter") == 0
        assert await street.walk() == 1

    on_the_street(house, story)


@pytest.mark.parametrize("poison", [False, True], ids=["an outage", "poison"])
def test_what_a_batch_that_was_rolled_back_has_taught_is_learned_again(
    house: House, monkeypatch: pytest.MonkeyPatch, poison: bool
) -> None:
    follow = carts.follow

    async def fail(tx: Any, shop: Shop, batch: list[Event], *more: Any) -> Any:
        if not poison:
            raise psycopg.OperationalError("the connection is lost")
        if any(event.message_id == "m2" for event in batch):
            raise ValueError("this cannot be digested")
        return await follow(tx, shop, batch, *more)

    async def story(street: Street) -> None:
        await street.receive(track(1, name="Tea"), track(2, name="Tea"))
        with monkeypatch.context() as patched:
            patched.setattr(carts, "follow", fail)
            with suppress(psycopg.OperationalError):
                await street.walk()
        await street.walk()
        assert await street.ask("SELECT count(*) FROM event") == (1 if poison else 2)
        assert await street.ask("SELECT count(*) FROM product WHERE id = 'tea'") == 1

    on_the_street(house, story)


def test_when_journeys_raise_events_are_kept_and_the_acting_part_is_tried_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    whole = journeys.advance

    async def broken(tx: Any, *_: Any) -> None:
        await execute(tx, "UPDATE journey SET name = 'half done'")
        raise RuntimeError("a bug in a journey")

    async def spy(tx: Any, shop: Shop, batch: list[Event], *rest: Any) -> None:
        seen.extend(event.position for event in batch)
        await whole(tx, shop, batch, *rest)

    async def story(street: Street) -> None:
        async with street.db.unit(house.acme.schema) as tx:
            await install(tx, house.acme, house.clock.now(), status=Status.ON)
        await street.receive(*(track(n) for n in range(20)))
        with monkeypatch.context() as patched:
            patched.setattr(journeys, "advance", broken)
            await street.walk()
        assert await street.ask("SELECT count(*) FROM event") == 20
        assert await street.ask("SELECT name FROM journey") == "Abandoned cart"
        assert await street.ask("SELECT count(*) FROM dead_letter") == 0
        monkeypatch.setattr(journeys, "advance", spy)
        now = house.clock.advance(timedelta(minutes=1))

        async def again() -> list[int]:
            async with street.db.unit(house.acme.schema) as tx:
                parts = ("segments", "journeys", "journeys")
                return [await retry_acting(tx, house.acme, part, now) for part in parts]

        async with street.db.unit(house.acme.schema) as walk:
            await walk.execute("SELECT 1 FROM origin FOR NO KEY UPDATE")
            retried = asyncio.ensure_future(again())
            while not await value(walk, "SELECT count(*) FROM pg_locks WHERE NOT granted"):
                assert not retried.done(), "it did not wait for the people"
                await asyncio.sleep(0.01)
            assert seen == []
        assert await retried == [0, 1, 0]
        assert sorted(seen) == list(range(1, 21))

    on_the_street(house, story)


def test_segments_that_raise_keep_no_journey_from_acting(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    acted: list[str] = []

    async def broken(*_: Any) -> None:
        raise RuntimeError("a bug in a segment")

    async def told(name: str, *_: Any) -> None:
        acted.append(name)

    async def story(street: Street) -> None:
        monkeypatch.setattr(journeys, "advance", partial(told, "journeys"))
        await street.receive(track(1))
        with monkeypatch.context() as patched:
            patched.setattr(segments, "update", broken)
            await street.walk()
        assert acted == ["journeys"]
        monkeypatch.setattr(segments, "update", partial(told, "segments"))
        now = house.clock.advance(timedelta(minutes=1))
        async with street.db.unit(house.acme.schema) as tx:
            assert await retry_acting(tx, house.acme, "journeys", now) == 0
            assert await retry_acting(tx, house.acme, "segments", now) == 1
        assert acted == ["journeys", "segments"]

    on_the_street(house, story)


def test_a_deadlock_in_the_acting_part_has_the_whole_batch_walked_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def locked(*_: Any) -> None:
        raise psycopg.errors.DeadlockDetected("two wait for each other")

    async def story(street: Street) -> None:
        await street.receive(*(track(n) for n in range(20)))
        with monkeypatch.context() as patched:
            patched.setattr(journeys, "advance", locked)
            with pytest.raises(psycopg.errors.DeadlockDetected):
                await street.walk()
        assert await street.ask("SELECT count(*) FROM acting") == 0
        assert await street.ask("SELECT count(*) FROM event") == 0
        assert await street.walk() == 20

    on_the_street(house, story)


def test_two_walkers_of_one_shop_do_every_event_once(house: House) -> None:
    async def story(street: Street) -> None:
        nameless = [track(n) | {"event": ""} for n in range(400, 450)]
        await street.receive(*(track(n) for n in range(400)))
        for each in nameless:  # what is refused leaves no trace by which a repeat were known
            await street.receive(each)
        async with await connect(house.url, "second") as second:
            other = Walker(house.acme, house.clock, house.signer, batch=50)
            street.walker = Walker(house.acme, house.clock, house.signer, batch=50)

            async def rest() -> None:
                while await other.step(second):
                    pass

            await asyncio.gather(street.walk(), rest())
        assert await street.ask("SELECT count(*) FROM event") == 400
        assert await street.ask("SELECT max(position) FROM event") == 400
        assert await street.ask("SELECT count(*) FROM rejected") == 50

    on_the_street(house, story)


def test_shops_do_not_see_each_others_events(house: House) -> None:
    async def story(street: Street) -> None:
        await street.receive(track(1))
        await street.receive(track(2), track(3), shop=house.bolt)
        await street.walk()
        assert await street.ask("SELECT count(*) FROM event") == 1
        other = Walker(house.bolt, house.clock, house.signer)
        assert await other.step(street.connection) == 2
        async with street.db.unit(house.bolt.schema) as tx:
            assert await value(tx, "SELECT count(*) FROM event") == 2

    on_the_street(house, story)

"""Events are handed in: what is acknowledged is on disk, whatever happens to the connection."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any, LiteralString

import msgspec
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from conftest import House
from events.doors import counted, doorway, envelopes, events_in
from patron.events.inbox import Inbox, InboxDown, InboxFull, InboxLimits
from patron.events.lanes import lane, store
from patron.events.lanes.lane import Lane
from patron.events.types import Source, Trust
from patron.kit import pauses
from patron.kit.clock import SystemClock
from patron.kit.db import Database, execute, tuples

PATRON: dict[str, Any] = {"trust": Trust.SERVER, "source": Source.PATRON}


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(120):
        while not await true():
            await asyncio.sleep(0.01)


def event(number: int) -> dict[str, Any]:
    return {"type": "track", "event": "Looked", "userId": "u", "messageId": f"m-{number}"}


def test_what_rooms_append_is_in_their_shop_in_order_and_large_appends_are_cut(
    house: House,
) -> None:
    async def story(db: Database) -> None:
        inbox = Inbox(db.url, SystemClock())
        await inbox.append(house.acme, [event(n) for n in range(1_200)], **PATRON)
        await inbox.append(house.bolt, [event(0)], backfill=True, lane="import", **PATRON)
        await inbox.append(house.acme, [], **PATRON)
        await inbox.close()
        acme, bolt = [await envelopes(db, shop) for shop in house.shops]
        assert [e["messageId"] for e in events_in(acme)] == [f"m-{n}" for n in range(1_200)]
        assert [len(e["b"]["batch"]) for e in acme] == [500, 500, 200]
        assert {(e["t"], e["s"], e["f"]) for e in acme} == {(2, 4, False)}
        assert [(e["t"], e["s"], e["f"], len(events_in([e]))) for e in bolt] == [(2, 4, True, 1)]
        async with db.unit(house.bolt.schema) as tx:
            assert await tuples(tx, "SELECT kind, cursor_seq FROM lane") == [("import", 0)]

    house.run(story)


def test_a_lane_is_numbered_without_gaps_and_counts_up(house: House) -> None:
    async def story(db: Database) -> None:
        inbox = Inbox(db.url, SystemClock())
        await asyncio.gather(
            *(inbox.append(house.acme, [event(n)] * (n % 3 + 1), **PATRON) for n in range(300))
        )
        for n in range(5):
            await inbox.append(house.acme, [event(n)], **PATRON)
        await inbox.close()
        async with db.unit(house.acme.schema) as tx:
            rows = await tuples(tx, "SELECT lane, seq, count, upto FROM inbox ORDER BY seq")
        assert len({lane for lane, *_ in rows}) == 1
        assert [seq for _, seq, _, _ in rows] == list(range(1, len(rows) + 1))
        assert len(rows) < 100  # many calls, few commits
        total = 0
        for _, _, count, upto in rows:
            total += count
            assert upto == total
        assert total == await counted(db, house.acme) == 605

    house.run(story)


def test_a_commit_whose_answer_is_lost_stands_once(house: House) -> None:
    """The connection breaks after the commit and before its answer: the row is there, once."""

    async def story(db: Database) -> None:
        broken = 0

        async def hook(point: str) -> None:
            nonlocal broken
            if point == "inbox.committed" and broken < 3:
                broken += 1
                raise psycopg.OperationalError("the connection is lost")

        inbox = Inbox(db.url, SystemClock())
        pauses.install(hook)
        try:
            await asyncio.gather(
                *(inbox.append(house.acme, [event(n)], **PATRON) for n in range(50))
            )
        finally:
            pauses.install(None)
        await inbox.append(house.acme, [event(50)], **PATRON)
        await inbox.close()
        found = events_in(await envelopes(db, house.acme))
        assert broken == 3
        assert sorted(e["messageId"] for e in found) == sorted(f"m-{n}" for n in range(51))

    house.run(story)


def test_killed_connections_lose_and_double_nothing(house: House) -> None:
    async def story(db: Database) -> None:
        inbox = Inbox(db.url, SystemClock())
        sent: list[str] = []
        kills = 0

        async def kill() -> None:
            nonlocal kills
            while kills < 10:
                before = len(sent)
                async with db.session() as tx:
                    found = await tuples(
                        tx,
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE application_name = 'patron-inbox' AND datname = current_database()",
                    )
                kills += len(found)
                # Not faster than calls are taken, or a slow machine would do nothing but connect.
                await until(lambda before=before: asyncio.sleep(0, len(sent) > before))  # type: ignore[misc]

        async def send(caller: int) -> None:
            for number in itertools.count(caller, 10):
                if kills >= 10 and number >= 600:
                    return
                await inbox.append(house.acme, [event(number)], **PATRON)
                sent.append(f"m-{number}")

        try:
            async with asyncio.timeout(120):
                await asyncio.gather(*map(send, range(10)), kill())
        finally:
            await inbox.close()
        found = [e["messageId"] for e in events_in(await envelopes(db, house.acme))]
        assert sorted(found) == sorted(sent)

    house.run(story)


def test_one_timer_looks_for_who_waits_too_long_however_many_calls_there_were(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(db: Database) -> None:
        loop = asyncio.get_running_loop()
        call_later, timers = loop.call_later, 0

        def counted(delay: float, callback: Any, *given: Any, **more: Any) -> asyncio.TimerHandle:
            nonlocal timers
            timers += getattr(callback, "__func__", None) is Lane._tick
            return call_later(delay, callback, *given, **more)

        monkeypatch.setattr(loop, "call_later", counted)
        monkeypatch.setattr(lane, "TICK_SECONDS", 3600)
        inbox = Inbox(db.url, SystemClock())
        for n in range(100):  # the lane comes to rest after each
            await inbox.append(house.acme, [event(n)], **PATRON)
        await inbox.close()
        assert timers == 1

    house.run(story)


def test_without_a_database_calls_wait_then_are_told_to_come_back(house: House) -> None:
    limits = InboxLimits(wait_seconds=1.5)

    async def story(db: Database) -> None:
        async with doorway(db, house.acme, limits=limits) as door:
            assert (await door.post("/v1/t", event(0))).status_code == 200
            await _close_database(house)
            answer = await door.post("/v1/t", event(1))
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == answer.headers["x-ratelimit-reset"] == "2"
            with pytest.raises(InboxDown):
                await door.inbox.append(house.acme, [event(2)], **PATRON)
            await _open_database(house)

            async def taken() -> bool:
                return (await door.post("/v1/t", event(3))).status_code == 200

            await until(taken)
        found = [e["messageId"] for e in events_in(await envelopes(db, house.acme))]
        # What was answered 200 is there; the rest may be, as a retry of it would be dropped.
        assert {"m-0", "m-3"} <= set(found) <= {f"m-{n}" for n in range(4)}
        assert all(found.count(f"m-{n}") <= 1 for n in range(3))

    house.run(story)


def test_a_short_outage_is_only_a_longer_wait(house: House) -> None:
    async def story(db: Database) -> None:
        async with doorway(db, house.acme) as door:
            assert (await door.post("/v1/t", event(0))).status_code == 200
            await _close_database(house)
            waiting = [asyncio.ensure_future(door.post("/v1/t", event(n))) for n in range(1, 9)]
            await asyncio.sleep(0.3)
            assert not any(call.done() for call in waiting)
            await _open_database(house)
            assert [(await call).status_code for call in waiting] == [200] * 8
        assert await counted(db, house.acme) == 9

    house.run(story)


def test_public_keys_leave_room_for_server_keys(house: House) -> None:
    limits = InboxLimits(backlog_events=100, reserved_share=0.2)
    batch = {"batch": [event(n) for n in range(79)]}

    async def story(db: Database) -> None:
        async with doorway(db, house.acme, limits=limits) as door:
            trusted = {"headers": {"authorization": f"Bearer {door.server_key}"}}
            assert (await door.post("/v1/b", batch)).status_code == 200
            await door.post("/v1/t", event(80))
            await door.post("/v1/t", event(81))
            refused = await door.post("/v1/t", event(82))
            assert refused.status_code == 429
            assert "send it again after" in refused.json()["remedy"]
            shown = refused.headers["access-control-expose-headers"]
            assert {"retry-after", "x-ratelimit-reset"} <= set(shown.split(", "))
            assert refused.headers["retry-after"] == refused.headers["x-ratelimit-reset"] == "5"
            assert (await door.post("/v1/t", event(83), **trusted)).status_code == 200
            # Imports are counted apart, so a large one never shuts the door.
            await door.inbox.append(house.acme, [event(90)] * 95, lane="import", **PATRON)

            # The walk catches up, and the door opens.
            async with db.unit(house.acme.schema) as tx:
                await execute(tx, "UPDATE lane SET cursor_seq = 1000 WHERE kind = 'live'")

            async def taken() -> bool:
                return (await door.post("/v1/t", event(84))).status_code == 200

            await until(taken)

    house.run(story)


def test_memory_is_bounded(house: House) -> None:
    limits = InboxLimits(pending_bytes=100_000, reserved_share=0.5, wait_seconds=30)
    large = {**event(0), "properties": {"text": "x" * 20_000}}

    async def story(db: Database) -> None:
        async with doorway(db, house.acme, limits=limits) as door:
            assert (await door.post("/v1/t", event(0))).status_code == 200
            await _close_database(house)
            waiting = [asyncio.ensure_future(door.post("/v1/t", large)) for _ in range(3)]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            full = [call.result() for call in waiting if call.done()]
            assert [answer.status_code for answer in full] == [429]
            assert full[0].headers["retry-after"] == "1"
            await _open_database(house)
            assert sorted([(await call).status_code for call in waiting]) == [200, 200, 429]
        assert await counted(db, house.acme) == 3

    house.run(story)


def test_closing_puts_down_what_was_taken_and_refuses_the_rest(house: House) -> None:
    async def story(db: Database) -> None:
        inbox = Inbox(db.url, SystemClock())
        taken = [
            asyncio.ensure_future(inbox.append(house.acme, [event(n)], **PATRON))
            for n in range(200)
        ]
        await asyncio.sleep(0)
        await inbox.close()
        await asyncio.gather(*taken)
        with pytest.raises(InboxFull):
            await inbox.append(house.acme, [event(0)], **PATRON)
        assert await counted(db, house.acme) == 200

    house.run(story)


def test_what_is_given_up_at_closing_lends_its_number_to_nobody(house: House) -> None:
    """The first commit stands, but nobody hears of it and nobody waits for it any more."""

    async def story(db: Database) -> None:
        inbox = Inbox(db.url, SystemClock(), InboxLimits(wait_seconds=1.5))
        handed_in: list[asyncio.Future[None]] = []
        broken = 0

        async def hook(point: str) -> None:
            nonlocal broken
            if point != "inbox.committed" or broken == 2:
                return
            broken += 1
            if broken == 1:
                await asyncio.sleep(1.0)  # the second one will be waited for after the first
                handed_in.append(put(2))
                await asyncio.Event().wait()
            raise psycopg.OperationalError("the connection is lost")

        def put(number: int) -> "asyncio.Future[None]":
            envelope = msgspec.json.encode({"r": 0, "b": event(number)})
            return inbox.append_raw(house.acme, envelope, 1, reserved=True)

        pauses.install(hook)
        try:
            handed_in.append(put(1))
            await until(lambda: asyncio.sleep(0, bool(handed_in[1:])))
            await inbox.close()
        finally:
            pauses.install(None)
        first, second = await asyncio.gather(*handed_in, return_exceptions=True)
        assert (type(first), second) == (InboxDown, None)
        found = [e["messageId"] for e in events_in(await envelopes(db, house.acme))]
        assert found == ["m-1", "m-2"]

    house.run(story)


def test_the_backlog_is_what_lies_after_the_cursors(house: House) -> None:
    async def story(db: Database) -> None:
        first, second = Inbox(db.url, SystemClock()), Inbox(db.url, SystemClock())
        for inbox in (first, second):
            for size in (3, 4, 5):
                await inbox.append(house.acme, [event(0)] * size, **PATRON)
            await inbox.append(house.acme, [event(0)] * 7, lane="import", **PATRON)
            await inbox.close()
        words = store.statements(house.acme.schema)
        async with db.session() as tx:
            assert await store.backlog(tx, words) == store.Backlog(24, 14)
        async with db.unit(house.acme.schema) as tx:
            await execute(tx, "UPDATE lane SET cursor_seq = 1 WHERE id = 1")
            await execute(tx, "UPDATE walk SET slot = 1")
        async with db.session() as tx:
            assert await store.backlog(tx, words) == store.Backlog(21, 14)

    house.run(story)


def test_rows_follow_the_slot_that_is_written(house: House) -> None:
    async def story(db: Database) -> None:
        inbox = Inbox(db.url, SystemClock())
        for slot in (0, 1, 0):
            async with db.unit(house.acme.schema) as tx:
                await execute(tx, "UPDATE walk SET slot = %s", (slot,))
            await inbox.append(house.acme, [event(slot)], **PATRON)
        await inbox.close()
        async with db.unit(house.acme.schema) as tx:
            assert await tuples(tx, "SELECT slot FROM inbox ORDER BY seq") == [(0,), (1,), (0,)]
            stored = "SELECT attstorage FROM pg_attribute WHERE attname = 'body' AND attrelid IN"
            found = await tuples(tx, stored + " ('inbox_0'::regclass, 'inbox_1'::regclass)")
            assert found == [("e",), ("e",)]

    house.run(story)


def test_a_lane_that_is_gone_is_replaced(house: House) -> None:
    """A backup is restored under a running process: its lane is not in it."""

    async def story(db: Database) -> None:
        inbox = Inbox(db.url, SystemClock())
        await inbox.append(house.acme, [event(0)], **PATRON)
        async with db.unit(house.acme.schema) as tx:
            await execute(tx, "DELETE FROM lane")
            await execute(tx, "DELETE FROM inbox")
        await inbox.append(house.acme, [event(1)], **PATRON)
        await inbox.close()
        async with db.unit(house.acme.schema) as tx:
            found = await tuples(tx, "SELECT seq FROM inbox JOIN lane ON lane.id = inbox.lane")
            assert found == [(1,)]

    house.run(story)


async def _close_database(house: House) -> None:
    """Nobody may connect to the test's database any more, and the inbox's connection ends."""
    name = await _allow_connections(house, "false")
    async with await _elsewhere(house) as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND application_name = 'patron-inbox'",
            (name,),
        )


async def _open_database(house: House) -> None:
    await _allow_connections(house, "true")


async def _allow_connections(house: House, allowed: LiteralString) -> str:
    name = str(conninfo_to_dict(house.url)["dbname"])
    words = SQL("ALTER DATABASE {} ALLOW_CONNECTIONS " + allowed)
    async with await _elsewhere(house) as connection:
        await connection.execute(words.format(Identifier(name)))
    return name


async def _elsewhere(house: House) -> psycopg.AsyncConnection[Any]:
    url = make_conninfo(house.url, dbname="postgres")
    return await psycopg.AsyncConnection.connect(url, autocommit=True)

"""A message that is sent again is taken once: exactly, and for two days at least."""

from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from conftest import House
from events.walking import NOON, figure, names, put_calls, track, walk_all, walk_once
from patron.events import tasks, walk, walk_store
from patron.events.log import dedup
from patron.events.log.dedup import Recent, first_key, key
from patron.events.types import Drop, Source, Trust
from patron.kit.db import Database, Tx, execute

SERVER: dict[str, Any] = {"trust": Trust.SERVER, "source": Source.SERVER}
IMPORT: dict[str, Any] = {"trust": Trust.SERVER, "source": Source.IMPORT, "f": True}


async def told(tx: Tx, house: House, *calls: dict[str, Any], **stamp: Any) -> list[str]:
    """Names of the events that are taken when `calls` come in one batch."""
    await put_calls(tx, calls, **stamp)
    return names(await walk_all(tx, house.acme))


def test_a_retry_is_dropped_in_the_same_batch_and_in_a_later_one(house: House) -> None:
    async def story(tx: Tx) -> None:
        call = track("A", "m1", timestamp="2026-03-02T11:00:00Z")
        assert await told(tx, house, call, call, sentAt="2026-03-02T11:00:01Z") == ["A"]
        # A retry is sent later, so its corrected time differs.
        later = {**call, "sentAt": "2026-03-02T11:30:00Z"}
        assert await told(tx, house, later, at=NOON + timedelta(minutes=29)) == []
        assert await told(tx, house, {**call, "messageId": "m2"}) == ["A"]

    counted = {"step": "drop_duplicate", "reason": Drop.DUPLICATE}
    steps = ("drop_duplicate", "put_session")
    dropped = figure("patron_events_dropped_total", **counted)
    timed = [figure("patron_accept_step_seconds_count", step=name) for name in steps]
    house.unit(story)
    assert figure("patron_events_dropped_total", **counted) == dropped + 2
    for name, before in zip(steps, timed, strict=True):
        assert figure("patron_accept_step_seconds_count", step=name) == before + 3


def test_the_memory_of_the_database_counts_when_ours_is_gone(house: House) -> None:
    async def story(tx: Tx) -> None:
        recent = track("A", "m1", timestamp="2026-03-02T11:59:59Z")
        old = track("B", "m1", timestamp="2026-03-01T10:00:00Z")
        untimed = track("C", "m3")
        assert await told(tx, house, recent, old, untimed) == ["A", "B", "C"]
        for _ in range(2):
            walk.forget(house.acme)
            assert await told(tx, house, recent, old, untimed) == []

    house.unit(story)


def test_another_walker_in_between_is_noticed(house: House) -> None:
    shop = house.acme

    async def story(db: Database) -> list[str]:
        call = track("A", "m1", timestamp="2026-03-02T11:59:59Z")
        other = track("B", "m2", timestamp="2026-03-02T11:59:59Z")
        async with db.unit(shop.schema) as tx:
            assert await told(tx, house, call) == ["A"]
        ours = walk._recent[shop.schema]
        walk.forget(shop)  # the other process remembers nothing of ours
        async with db.unit(shop.schema) as tx:
            assert await told(tx, house, other) == ["B"]
        walk._recent[shop.schema] = ours
        async with db.unit(shop.schema) as tx:
            return await told(tx, house, other)

    assert house.run(story) == []


def test_a_stranger_cannot_take_up_the_ids_of_the_shops_server(house: House) -> None:
    async def story(tx: Tx) -> None:
        call = track("Order Completed", "order-1")
        # By whom she is told, and through which door, tell messages apart, each by itself.
        for trust in (Trust.PUBLIC, Trust.VERIFIED, Trust.SERVER):
            for source in (Source.BROWSER, Source.SERVER):
                by = {"trust": trust, "source": source}
                assert await told(tx, house, call, **by) == ["Order Completed"]
                assert await told(tx, house, call, **by) == []

    house.unit(story)


def test_calls_without_an_id_are_all_taken(house: House) -> None:
    async def story(tx: Tx) -> None:
        assert await told(tx, house, track("A"), track("A")) == ["A", "A"]
        assert await told(tx, house, track("A")) == ["A"]

    house.unit(story)


def test_a_retry_is_known_for_two_days_whatever_is_swept(house: House) -> None:
    shop = house.acme

    async def story(db: Database) -> None:
        call = track("A", "m1", timestamp="2026-03-01T23:00:00Z")
        start = datetime.fromisoformat("2026-03-02T00:00:01Z")
        async with db.unit(shop.schema) as tx:
            assert await told(tx, house, call, at=start) == ["A"]
        for hours in (1, 24, 48, 71):
            now = start + timedelta(hours=hours)
            await tasks.sweep(db, shop, now, 13)
            walk.forget(shop)
            async with db.unit(shop.schema) as tx:
                # Each day takes in something else besides: all days are looked through.
                other = track("B", f"day-{hours}", timestamp=now.isoformat())
                assert await told(tx, house, call, other, at=now) == ["B"]
        await tasks.sweep(db, shop, start + timedelta(days=6), 13)
        async with db.unit(shop.schema) as tx:
            days = await walk_store.partitions(tx, "seen")
        assert "seen_20260302" not in days
        assert "seen_20260308" in days and "seen_20260309" in days

    house.run(story)


def test_a_worker_that_was_down_for_a_week_still_tells_the_doubles(house: House) -> None:
    shop = house.acme

    async def story(db: Database) -> None:
        call = track("A", "m1", timestamp="2026-03-01T23:00:00Z")
        async with db.unit(shop.schema) as tx:
            await put_calls(tx, [call], at=NOON)
            await put_calls(tx, [call], at=NOON + timedelta(days=1))
            assert names(await walk_once(tx, shop, limit=1) or []) == ["A"]
        await tasks.sweep(db, shop, NOON + timedelta(days=7), 13)
        walk.forget(shop)  # as a process that has just started
        async with db.unit(shop.schema) as tx:
            assert await walk_all(tx, shop) == []

    house.run(story)


def test_imported_rows_never_expire(house: House) -> None:
    async def story(tx: Tx) -> None:
        line = {
            "type": "track",
            "event": "Order Completed",
            "userId": "u",
            "timestamp": "2015-01-01",
        }
        other = {**line, "properties": {"order_id": "2"}}
        assert len(await told(tx, house, line, other, line, **IMPORT)) == 2
        walk.forget(house.acme)
        assert await told(tx, house, other, at=NOON + timedelta(days=900), **IMPORT) == []
        assert await told(tx, house, {**line, "messageId": "own"}, **IMPORT) == ["Order Completed"]

    house.unit(story)


KEYS = st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 3)), max_size=60)


@given(KEYS, st.integers(0, 40_000), st.integers(1, 20))
def test_the_memory_never_says_a_wrong_word(
    messages: list[tuple[int, int]], since: int, room: int
) -> None:
    before, dedup.KEPT_KEYS = dedup.KEPT_KEYS, room
    try:
        floor = first_key(datetime.fromtimestamp(since / 1000, tz=NOON.tzinfo))
        recent = Recent(1, floor, [])
        seen: set[bytes] = set()
        for client_ms, message in messages:
            found = key(client_ms, Trust.PUBLIC, Source.BROWSER, str(message))
            known, asked = recent.knows([found])
            assert asked == [found] or known == seen & {found}
            assert not (known and asked), "the database is asked what is known"
            recent.add([found])
            seen.add(found)
    finally:
        dedup.KEPT_KEYS = before


@given(st.integers(0, 2**40), st.sampled_from(list(Trust)), st.text(max_size=20))
def test_keys_sort_by_the_clients_time(client_ms: int, trust: Trust, message: str) -> None:
    one = key(client_ms, trust, Source.BROWSER, message)
    assert len(one) == 24
    assert one < key(client_ms + 1, trust, Source.BROWSER, "")
    assert one != key(client_ms, trust, Source.SERVER, message)


def test_a_partition_is_a_day_of_receipt(house: House) -> None:
    async def story(tx: Tx) -> None:
        late = datetime.fromisoformat("2026-03-02T23:59:59.999Z")
        await told(tx, house, track("A", "m1"), at=late)
        await told(tx, house, track("B", "m2"), at=late + timedelta(seconds=1))
        days = await walk_store.partitions(tx, "seen")
        assert days == ["seen_20260302", "seen_20260303"]
        await walk_store.ensure_days(tx, [date(2026, 3, 2)])
        assert await execute(tx, "SELECT FROM seen") == 2

    house.unit(story)

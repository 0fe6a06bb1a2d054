"""What the room keeps, for how long, and what it gives back."""

from datetime import date, timedelta
from typing import Any

import msgspec

from conftest import House
from events.walking import (
    NOON,
    envelope,
    lane,
    names,
    origin,
    put,
    put_calls,
    refusals,
    row,
    track,
    walk_all,
)
from patron.events import store, tasks, walk, walk_store
from patron.events.refused import store as refused_store
from patron.events.types import NO_ONE, Source, Trust
from patron.kit.db import Database, Tx, execute, tuples, value
from patron.profiles.erasure.naming import Names

OWNER: dict[str, Any] = {"trust": Trust.SERVER, "source": Source.SERVER, "f": True}


def test_partitions_are_made_ahead(house: House) -> None:
    async def story(db: Database) -> None:
        await tasks.sweep(db, house.acme, NOON.replace(day=31, hour=23), 13)
        async with db.unit(house.acme.schema) as tx:
            assert await walk_store.partitions(tx, "event") == ["event_2026_03", "event_2026_04"]
            assert await walk_store.partitions(tx, "seen") == ["seen_20260331", "seen_20260401"]

    house.run(story)


def test_a_month_leaves_only_when_the_lake_has_it(house: House) -> None:
    shop = house.acme

    async def months(db: Database) -> list[str]:
        await tasks.sweep(db, shop, NOON, 13)
        async with db.unit(shop.schema) as tx:
            return await walk_store.partitions(tx, "event")

    async def story(db: Database) -> None:
        calls = [track("Old", timestamp="2024-12-31"), track("Young", timestamp="2025-02-01")]
        async with db.unit(shop.schema) as tx:
            await put_calls(tx, calls, **OWNER)
            await walk_all(tx, shop)
        assert "event_2024_12" in await months(db)
        async with db.unit(shop.schema) as tx:
            await execute(tx, "UPDATE walk SET lake_position = 1")
        left = await months(db)
        assert "event_2024_12" not in left and "event_2025_02" in left

    house.run(story)


def test_months_are_counted_over_the_turn_of_the_year() -> None:
    assert tasks.month_of(date(2026, 1, 31), -1) == date(2025, 12, 1)
    assert tasks.month_of(date(2025, 12, 5), 1) == date(2026, 1, 1)
    assert tasks.month_of(date(2026, 3, 2), -13) == date(2025, 2, 1)


def test_refusals_go_after_seven_days(house: House) -> None:
    shop = house.acme

    async def story(db: Database) -> list[int]:
        async with db.unit(shop.schema) as tx:
            await put_calls(tx, [{"type": "nonsense", "userId": "u"}])
            await walk_all(tx, shop)
        left = []
        for days in (6.9, 7.1):
            await tasks.sweep(db, shop, NOON + timedelta(days=days), 13)
            async with db.unit(shop.schema) as tx:
                left.append(len(await refusals(tx)))
        return left

    assert house.run(story) == [1, 0]


def test_a_flood_of_refusals_is_bounded(house: House) -> None:
    async def story(tx: Tx) -> None:
        entries = [refused_store.Entry(NOON, "malformed", "x", b"{}")] * 20
        await refused_store.keep(tx, "rejected", entries, NOON)
        before, refused_store.MOST_KEPT = refused_store.MOST_KEPT, 15
        try:
            assert await refused_store.expire(tx, before=NOON) == 5
        finally:
            refused_store.MOST_KEPT = before
        assert len(await refusals(tx)) == 15

    house.unit(story)


def test_the_slots_of_the_inbox_take_turns_and_lose_nothing(house: House) -> None:
    async def story(tx: Tx) -> None:
        one = await lane(tx)
        for number in range(6):
            slot = await value(tx, "SELECT slot FROM walk")
            await put(tx, one, row(envelope(track(f"E{number}"))), slot=slot)
            turned = await walk_store.turn_slots(tx, NOON)
            assert turned is (number in (0, 2, 4)), "a slot with unwalked rows is left alone"
            if number % 2:
                await walk_all(tx, house.acme)
        await walk_all(tx, house.acme)
        assert names(await store.by_positions(tx, 0, 99)) == [f"E{number}" for number in range(6)]
        assert await walk_store.turn_slots(tx, NOON)
        assert await walk_store.turn_slots(tx, NOON)
        assert await tuples(tx, "SELECT FROM inbox") == []

    house.unit(story)


def test_walked_calls_do_not_stay_in_a_quiet_inbox(house: House) -> None:
    shop = house.acme

    async def after(db: Database, minutes: int) -> int:
        await tasks.sweep(db, shop, NOON + timedelta(minutes=minutes), 13)
        async with db.unit(shop.schema) as tx:
            return int(await value(tx, "SELECT count(*) FROM inbox"))

    async def story(db: Database) -> list[int]:
        async with db.unit(shop.schema) as tx:
            await put_calls(tx, [track("Walked")])
            await walk_all(tx, shop)
        kept = [await after(db, minutes) for minutes in (1, 61, 62)]
        async with db.unit(shop.schema) as tx:
            await put_calls(tx, [track("Waiting")])
        return kept + [await after(db, minutes) for minutes in (123, 124, 125)]

    assert house.run(story) == [1, 1, 0, 1, 1, 1], "gone when walked, kept while it waits"


def test_a_full_slot_is_turned_by_the_sweep(house: House) -> None:
    shop = house.acme

    async def story(db: Database) -> list[int]:
        before, tasks.SLOT_BYTES = tasks.SLOT_BYTES, 50_000
        slots = []
        try:
            for size in (100, 100_000):
                async with db.unit(shop.schema) as tx:
                    await put(tx, await lane(tx), row(b'"' + b"x" * size + b'"'))
                await tasks.sweep(db, shop, NOON, 13)
                async with db.unit(shop.schema) as tx:
                    slots.append(await value(tx, "SELECT slot FROM walk"))
        finally:
            tasks.SLOT_BYTES = before
        return slots

    assert house.run(story) == [0, 1]


def test_housekeeping_gives_way_to_a_walk_that_has_the_lock(house: House) -> None:
    shop = house.acme

    async def story(db: Database) -> None:
        async with db.unit(shop.schema) as busy:
            await busy.execute("LOCK TABLE inbox IN ROW EXCLUSIVE MODE")
            async with db.unit(shop.schema) as tx:
                await execute(
                    tx,
                    "INSERT INTO lane (kind, process, started_at)"
                    " SELECT 'live', 'old', %s FROM generate_series(1, 9)",
                    (NOON - timedelta(days=30),),
                )
            await tasks.sweep(db, shop, NOON, 13)
            assert await value(busy, "SELECT count(*) FROM lane") == 9
        await tasks.sweep(db, shop, NOON, 13)
        async with db.unit(shop.schema) as tx:
            assert await value(tx, "SELECT count(*) FROM lane") == 0

    house.run(story)


def test_lanes_that_have_rows_or_are_young_stay(house: House) -> None:
    async def story(tx: Tx) -> None:
        old, young = await lane(tx), await lane(tx)
        await put(tx, old, row(envelope(track("A"))))
        assert await walk_store.give_up_lanes(tx, before=NOON) == 0
        assert await walk_store.give_up_lanes(tx, before=NOON + timedelta(days=1)) == 1
        assert await tuples(tx, "SELECT id FROM lane") == [(old,)]
        assert young != old

    house.unit(story)


def test_visitors_are_forgotten_when_their_visits_are_long_over(house: House) -> None:
    shop = house.acme

    async def story(db: Database) -> list[int]:
        async with db.unit(shop.schema) as tx:
            await put_calls(tx, [track("A")])
            await walk_all(tx, shop)
        left = []
        for days in (2, 4):
            await tasks.sweep(db, shop, NOON + timedelta(days=days), 13)
            async with db.unit(shop.schema) as tx:
                left.append(await value(tx, "SELECT count(*) FROM visitor"))
        return left

    assert house.run(story) == [1, 0]


class Change(msgspec.Struct, frozen=True):
    cart: str


def test_an_acting_part_that_failed_is_tried_again_later(house: House) -> None:
    async def story(tx: Tx) -> None:
        await put_calls(tx, [track("A"), track("B"), track("C")])
        await walk_all(tx, house.acme)
        whole = await store.by_positions(tx, 1, 3)
        await walk.queue_acting(tx, "journeys", whole[1:], [Change("c1")], NOON)
        await walk.queue_acting(tx, "journeys", whole[:1], [], NOON)
        assert await walk.next_acting(tx, "segments", NOON, list[Change]) is None
        first = await walk.next_acting(tx, "journeys", NOON, list[Change])
        assert first is not None
        assert names(first.batch) == ["B", "C"]
        assert first.changes == [Change("c1")]
        assert first.batch[0].origin_id == origin("b1")
        await walk.acting_failed(tx, "journeys", NOON)
        assert await walk.next_acting(tx, "journeys", NOON, list[Change]) is None, (
            "the order is kept"
        )
        later = NOON + timedelta(seconds=5)
        again = await walk.next_acting(tx, "journeys", later, list[Change])
        assert again is not None and again.id == first.id
        await walk.acting_done(tx, again.id)
        second = await walk.next_acting(tx, "journeys", NOON, list[Change])
        assert second is not None and names(second.batch) == ["A"]
        assert await store.acting_waits(tx) == 1

    house.unit(story)


def order_of(user: str) -> dict[str, Any]:
    properties = {"order_id": user, "revenue": 5, "email": f"{user.title()}@shop.example"}
    return track("Order Completed", userId=user, properties=properties)


def test_erasing_leaves_sums_that_belong_to_nobody(house: House) -> None:
    async def story(tx: Tx) -> None:
        await put_calls(tx, [order_of("ana"), order_of("bob"), track("A", userId="ana")])
        await walk_all(tx, house.acme)
        assert await store.erase(tx, [origin("ana")], NO_ONE) == 2
        left = [event.user_id for event in await store.by_positions(tx, 0, 9)]
        assert left == ["bob"]
        owners = await tuples(tx, "SELECT origin_id, net FROM v_order ORDER BY order_id")
        assert owners == [(NO_ONE, 500), (origin("bob"), 500)]

    house.unit(story)


def test_erasing_reaches_refused_payloads_too(house: House) -> None:
    async def forgotten(tx: Tx, *identifiers: tuple[str, str]) -> int:
        hers = Names(identifiers, "US")
        return await refused_store.forget(tx, hers.pattern, hers.within)

    async def story(tx: Tx) -> None:
        calls = [{**order_of(user), "type": "nonsense"} for user in ("ana", "bob", "11")]
        await put_calls(tx, [*calls, {"type": "nonsense", "userId": "1111"}])
        await walk_all(tx, house.acme)
        assert await forgotten(tx, ("email", "ana@shop.example"), ("user_id", "ana")) == 1
        assert await forgotten(tx, ("user_id", "11")) == 1, "an id counts only as a whole"
        assert await forgotten(tx) == 0
        assert len(await refusals(tx)) == 2

    house.unit(story)

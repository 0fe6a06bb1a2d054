"""From the inbox into the log: each acknowledged event once, in order, and nothing else."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

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
    walk_once,
)
from patron.events import store, walk
from patron.events.types import Drop, Event, Source, Trust
from patron.kit.db import Database, Tx, execute, tuples

SERVER: dict[str, Any] = {"trust": Trust.SERVER, "source": Source.SERVER}


class Fault(Exception):
    """What a test breaks a transaction with."""


def test_an_event_stands_in_the_log_as_it_was_accepted(house: House) -> None:
    async def story(tx: Tx) -> None:
        call = track(
            "order_completed",
            "m1",
            userId="u1",
            timestamp="2026-03-02T11:00:00Z",
            properties={"order_id": "o1", "revenue": "12.50"},
            context={"locale": "en"},
            traits={"plan": "gold"},
        )
        await put_calls(tx, [call])
        (written,) = await walk_all(tx, house.acme)
        (read,) = await store.by_positions(tx, 1, 1)
        assert msgspec.structs.replace(read, body=b"") == msgspec.structs.replace(written, body=b"")
        assert (read.name, read.position, read.origin_id) == ("Order Completed", 1, origin("u1"))
        assert read.properties["revenue"] == 12.5

    house.unit(story)


def test_an_event_that_the_shop_calls_otherwise_is_read_as_what_it_means(house: House) -> None:
    """Even where everybody else means something by the name, as GA4 by "purchase"."""
    called = {"revenue": "purchase", "refunded": "Money Back", "viewed_product": "Looked"}
    settings = msgspec.structs.replace(house.acme.settings, metrics=called)
    shop = msgspec.structs.replace(house.acme, settings=settings)

    async def story(tx: Tx) -> None:
        order = {"transaction_id": 4711, "value": "12,50", "items": [{"item_id": 7, "price": 5}]}
        back = {"order_id": 4711, "total": "2.50"}
        calls = [
            track("purchase", "m1", properties=order),
            track(" Money Back ", "m2", properties=back),
            track("Looked", "m3", properties={"productId": 7, "price": "$5.00"}),
            track("Order Completed", "m4", properties={"order_id": "o2", "revenue": 9}),
        ]
        await put_calls(tx, calls, **SERVER)
        written = await walk_all(tx, shop)
        assert [one.name for one in written] == [
            "purchase", "Money Back", "Looked", "Order Completed"
        ]  # fmt: skip
        looked = written[2].properties
        assert (looked["product_id"], looked["price"]) == ("7", 5)
        assert written[0].properties["products"] == [{"product_id": "7", "price": 5}]
        found = await tuples(tx, "SELECT order_id, revenue, refunded FROM v_order")
        assert found == [("4711", 1250, 250)]

    house.unit(story)


@pytest.mark.parametrize("kind", ["identify", "page", "screen", "group", "alias"])
def test_every_kind_of_call_comes_back(house: House, kind: str) -> None:
    async def story(tx: Tx) -> None:
        call = {"type": kind, "userId": "u1", "groupId": "g", "previousId": "p", "traits": {"a": 1}}
        await put_calls(tx, [call])
        await walk_all(tx, house.acme)
        (read,) = await store.by_positions(tx, 1, 1)
        assert (read.type, read.group_id, read.previous_id) == (kind, "g", "p")

    house.unit(story)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_batches_of_any_size_give_the_same_log(house: House, limit: int) -> None:
    async def story(tx: Tx) -> None:
        lanes = [await lane(tx), await lane(tx)]
        for number in range(12):
            calls = [track(f"E{number}-{at}", f"m{number}-{at}") for at in range(1 + number % 3)]
            body = row(envelope({"batch": calls}))
            at = NOON + timedelta(seconds=number)
            await put(tx, lanes[number % 2], body, count=len(calls), at=at, slot=number % 2)
        await walk_all(tx, house.acme, limit=limit)
        log = await store.by_positions(tx, 0, 1_000)
        assert [event.position for event in log] == list(range(1, 25))
        expected = [f"E{number}-{at}" for number in range(12) for at in range(1 + number % 3)]
        assert names(log) == expected
        assert await store.frontier(tx) is None

    house.unit(story)


def test_a_lane_is_walked_in_its_own_order_whatever_its_clock_says(house: House) -> None:
    async def story(tx: Tx) -> None:
        one = await lane(tx)
        for number, second in enumerate([5, 1, 3]):
            at = NOON + timedelta(seconds=second)
            await put(tx, one, row(envelope(track(f"E{number}"))), at=at)
        await walk_all(tx, house.acme, limit=1)
        assert names(await store.by_positions(tx, 1, 9)) == ["E0", "E1", "E2"]

    house.unit(story)


def test_a_commit_that_stands_in_both_slots_counts_once(house: House) -> None:
    async def story(tx: Tx) -> None:
        one = await lane(tx)
        await put(tx, one, row(envelope(track("A"))), slot=0)
        await execute(
            tx,
            "INSERT INTO inbox SELECT 1, lane, seq, received_at, count, upto, body FROM inbox",
        )
        await put(tx, one, row(envelope(track("B"))), slot=1)
        await walk_all(tx, house.acme)
        assert names(await store.by_positions(tx, 1, 9)) == ["A", "B"]

    house.unit(story)


def test_imports_wait_for_everything_else(house: House) -> None:
    async def story(tx: Tx) -> None:
        await put_calls(tx, [track("Import")], kind="import", at=NOON - timedelta(hours=1))
        assert await store.frontier(tx) is None, "imports do not hold up timers"
        await put_calls(tx, [track("Live")], at=NOON)
        assert await store.frontier(tx) == NOON
        assert await store.lag(tx, NOON + timedelta(seconds=3)) == timedelta(seconds=3)
        first = await walk_once(tx, house.acme)
        second = await walk_once(tx, house.acme)
        assert first is not None and names(first) == ["Live"]
        assert second is not None and names(second) == ["Import"]
        assert await store.lag(tx, NOON) == timedelta(0)

    house.unit(story)


def test_what_is_rolled_back_is_walked_again_and_leaves_nothing(house: House) -> None:
    shop = house.acme

    async def story(db: Database) -> None:
        async with db.unit(shop.schema) as tx:
            await put_calls(tx, [track("A", "m1"), track("B", "m2")])
        for _ in range(2):
            with pytest.raises(Fault):
                async with db.unit(shop.schema) as tx:
                    assert len(await walk_once(tx, shop) or []) == 2
                    raise Fault
            # Without walk.forget on purpose: what memory says of a lost commit is not believed.
        async with db.unit(shop.schema) as tx:
            assert names(await walk_all(tx, shop)) == ["A", "B"]
            log = await store.by_positions(tx, 0, 99)
        assert [event.position for event in log] == [1, 2]

    house.run(story)


def test_a_walk_in_parts_leaves_no_gap_for_what_is_buried(house: House) -> None:
    shop = house.acme

    async def part(tx: Tx, events: list[Event]) -> None:
        for event in events:
            event.origin_id = origin("x")
        numbered = await walk.drop_erased(tx, shop, events, [])
        if any(event.name == "Poison" for event in numbered):
            raise Fault("poison")
        await walk.record(tx, shop, numbered)

    async def story(tx: Tx) -> None:
        await put_calls(tx, [track("A"), track("Poison", "m9", properties={"x": 1}), track("B")])
        taken = await walk.take(tx, shop, 100)
        assert taken is not None
        for event in await walk.accept_batch(tx, shop, taken, NOON):
            try:
                async with tx.transaction():
                    await part(tx, [event])
            except Fault as error:
                await walk.bury(tx, shop, event, error, NOON)
        await walk.advance(tx, taken)
        log = await store.by_positions(tx, 0, 99)
        assert [(event.position, event.name) for event in log] == [(1, "A"), (2, "B")]
        ((detail, payload),) = await tuples(tx, "SELECT detail, payload FROM dead_letter")
        assert detail == "Fault: poison"
        body = msgspec.json.decode(payload)["b"]
        assert (body["event"], body["messageId"], body["properties"]) == ("Poison", "m9", {"x": 1})

    house.unit(story)


def test_events_of_erased_people_get_no_position(house: House) -> None:
    async def story(tx: Tx) -> None:
        await put_calls(tx, [track("A"), track("B"), track("C")])
        taken = await walk.take(tx, house.acme, 100)
        assert taken is not None
        events = await walk.accept_batch(tx, house.acme, taken, NOON)
        kept = await walk.drop_erased(tx, house.acme, events, [events[1]])
        assert [(event.name, event.position) for event in kept] == [("A", 1), ("C", 2)]

    house.unit(story)


def test_refusals_are_kept_with_reason_and_payload(house: House) -> None:
    async def story(tx: Tx) -> None:
        bad = b'{"type":"track","event":"A\\u0000","userId":"u"}'
        worse = b'{"type":"track","event":"B","userId":"u","properties":{"x":"\xff"}}'
        robot = track("R", context={"userAgent": "Googlebot/2.1"})
        envelopes = [envelope(bad), envelope(worse), envelope({"batch": [robot] * 20})]
        await put(tx, await lane(tx), row(*envelopes, envelope(track("Good"))), count=23)
        assert names(await walk_all(tx, house.acme)) == ["Good"]
        reasons = [reason for reason, _ in await refusals(tx)]
        assert reasons == [Drop.BAD_TEXT] * 2 + [Drop.BOT] * walk.LISTED_ROBOTS
        kept = [payload for (payload,) in await tuples(tx, "SELECT payload FROM rejected")]
        assert bytes(kept[0]) == envelope(bad)
        assert b"\xff" in bytes(kept[1])

    house.unit(story)


def test_a_row_that_is_no_json_at_all_holds_up_nobody(house: House) -> None:
    async def story(tx: Tx) -> None:
        one = await lane(tx)
        for noise in (b"", b"[", b"\xff\xfe", b"[{]", b"{}"):
            await put(tx, one, noise)
        await put(tx, one, row(envelope(track("Good"))))
        assert names(await walk_all(tx, house.acme)) == ["Good"]
        assert len(await refusals(tx)) == 5

    house.unit(story)


def test_months_are_made_as_they_come(house: House) -> None:
    async def story(tx: Tx) -> None:
        calls = [
            track("Old", timestamp="2011-12-31T23:59:59.999999Z"),
            track("New Year", timestamp="2012-01-01T00:00:00Z"),
            track("Now"),
        ]
        await put_calls(tx, calls, f=True, **SERVER)
        await walk_all(tx, house.acme)
        found = await tuples(
            tx, "SELECT tableoid::regclass::text, name FROM event ORDER BY position"
        )
        assert found == [
            ("event_2011_12", "Old"),
            ("event_2012_01", "New Year"),
            ("event_2026_03", "Now"),
        ]

    house.unit(story)


def test_the_timeline_pages_backwards_over_months_and_origins(house: House) -> None:
    async def story(tx: Tx) -> None:
        moments = [NOON - timedelta(days=20 * number) for number in range(8)]
        calls = [
            track(f"E{number}", userId="ana" if number % 2 else "bob", timestamp=str(at))
            for number, at in enumerate(moments)
        ]
        await put_calls(tx, [*calls, track("Other", userId="eve")], **SERVER)
        await walk_all(tx, house.acme)
        both = [origin("ana"), origin("bob")]
        first = await store.timeline(tx, both, before=None, limit=5)
        last = first[-1]
        rest = await store.timeline(tx, both, before=(last.ts, last.position), limit=5)
        assert names(first + rest) == [f"E{number}" for number in range(8)]
        assert await store.timeline(tx, [origin("nobody")], before=None, limit=5) == []

    house.unit(story)


def test_reading_behind_a_position(house: House) -> None:
    async def story(tx: Tx) -> None:
        await put_calls(tx, [track(f"E{number}") for number in range(10)])
        await walk_all(tx, house.acme)
        assert names(await store.after(tx, 0, 3)) == ["E0", "E1", "E2"]
        await execute(tx, "DELETE FROM event WHERE position BETWEEN 3 AND 8")
        assert names(await store.after(tx, 2, 3)) == ["E8", "E9"]
        assert await store.after(tx, 10, 3) == []
        assert names(await store.latest(tx, 4, None)) == ["E9", "E8"]

    house.unit(story)


def order(name: str, order_id: str, at: str, **properties: Any) -> dict[str, Any]:
    more = {"order_id": order_id, **properties}
    return track(name, f"{name}-{order_id}-{at}", timestamp=f"2026-03-02T{at}:00Z", properties=more)


ORDERS = [
    order("Order Completed", "full", "09:00", revenue=100, currency="EUR"),
    order("Order Refunded", "full", "09:10"),
    order("Order Completed", "part", "09:00", total=33.3, shipping=3, tax=0.3),
    order("Order Refunded", "part", "09:20", total=10),
    order("Order Refunded", "part", "09:30", products=[{"product_id": "1", "price": 2.5}]),
    order("Order Completed", "gone", "09:00", revenue=7),
    order("Order Cancelled", "gone", "09:05"),
    order("Order Completed", "changed", "09:00", revenue=50),
    order("Order Updated", "changed", "09:40", revenue=45),
    order("Order Completed", "changed", "09:01", revenue=51),
    order(
        "Order Completed", "lines", "09:00", products=[{"sku": "a", "price": 1.1, "quantity": 3}]
    ),
    order("Order Refunded", "never", "09:00", total=5),
    order("Order Completed", "pesos", "09:00", revenue="12.990", currency="CLP"),
]
RESULT = [
    ("changed", 4500, 0, 4500, "USD", False, "09:00"),
    ("full", 10000, 10000, 0, "EUR", False, "09:00"),
    ("gone", 700, 700, 0, "USD", True, "09:00"),
    ("lines", 330, 0, 330, "USD", False, "09:00"),
    ("part", 3000, 1250, 1750, "USD", False, "09:00"),
    ("pesos", 12990, 0, 12990, "CLP", False, "09:00"),
]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("limit", [1, 100])
def test_orders_add_up_in_any_order_of_arrival(house: House, turned: bool, limit: int) -> None:
    async def story(tx: Tx) -> None:
        for call in reversed(ORDERS) if turned else ORDERS:
            await put_calls(tx, [call])
        await walk_all(tx, house.acme, limit=limit)
        found = await tuples(
            tx,
            "SELECT order_id, revenue, refunded, net, currency, cancelled,"
            " to_char(ts AT TIME ZONE 'UTC', 'HH24:MI') FROM v_order ORDER BY order_id",
        )
        assert found == RESULT

    house.unit(story)


def test_two_shops_have_two_logs(house: House) -> None:
    async def story(db: Database) -> list[list[str]]:
        logs = []
        for shop in house.shops:
            async with db.unit(shop.schema) as tx:
                await put_calls(tx, [track(shop.slug, "same id")])
        for shop in house.shops:
            async with db.unit(shop.schema) as tx:
                await walk_all(tx, shop)
                logs.append(names(await store.by_positions(tx, 0, 99)))
        return logs

    assert house.run(story) == [[house.acme.slug], [house.bolt.slug]]

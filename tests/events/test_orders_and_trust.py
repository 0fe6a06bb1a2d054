"""What a page says about an order never changes what the shop's server said about it."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import House
from events.walking import NOON, origin
from patron.app.rooms import ROOMS
from patron.events import store
from patron.events.log.orders import words
from patron.events.types import Event, EventType, Trust
from patron.kit.db import Database, Tx, execute, tuples
from patron.kit.migrate import found, migrate

PUBLIC, VERIFIED, SERVER = Trust.PUBLIC, Trust.VERIFIED, Trust.SERVER
ORDER = "o1"


def said(name: str, trust: Trust, minutes: int, who: str = "", **properties: Any) -> Event:
    at = NOON + timedelta(minutes=minutes)
    return Event(
        type=EventType.TRACK,
        name=name,
        ts=at,
        received_at=at,
        message_id=f"{name}-{trust}-{minutes}-{properties}",
        properties={"order_id": ORDER, **properties},
        trust=trust,
        origin_id=origin(who or trust.name),
    )


async def told(tx: Tx, *batches: Sequence[Event]) -> list[tuple[Any, ...]]:
    """What is known of the order after these batches: whose, when, amount, refunded, cancelled."""
    for batch in batches:
        await store.save_orders(tx, words(batch, {}, "USD"))
    return await tuples(
        tx,
        "SELECT origin_id, ts, revenue, currency, refunded, net, cancelled FROM v_order"
        " WHERE order_id = %s",
        (ORDER,),
    )


PLACED = said("Order Completed", SERVER, 10, revenue=100)
AS_PLACED = (origin("SERVER"), PLACED.ts, 10_000, "USD", 0, 10_000, False)


@pytest.mark.parametrize("trust", [PUBLIC, VERIFIED])
@pytest.mark.parametrize(
    ("name", "minutes", "properties"),
    [
        ("Order Updated", 20, {"revenue": 999_999}),
        ("Order Updated", 20, {"revenue": 1, "currency": "EUR"}),
        ("Order Completed", 5, {"revenue": 100}),
        ("Order Completed", 30, {"revenue": 5}),
        ("Order Refunded", 20, {"total": 40}),
        ("Order Refunded", 20, {}),
        ("Order Cancelled", 20, {}),
    ],
)
def test_a_page_does_not_change_an_order_of_the_server(
    house: House, trust: Trust, name: str, minutes: int, properties: dict[str, Any]
) -> None:
    lie = said(name, trust, minutes, **properties)

    async def story(tx: Tx) -> None:
        for batches in ([[lie], [PLACED]], [[PLACED], [lie]], [[lie, PLACED]], [[PLACED, lie]]):
            async with tx.transaction(force_rollback=True):
                assert await told(tx, *batches) == [AS_PLACED]

    house.unit(story)


def test_the_server_corrects_a_page_even_with_an_older_word(house: House) -> None:
    page = [
        said("Order Completed", PUBLIC, 10, revenue=999),
        said("Order Refunded", PUBLIC, 15, total=900),
        said("Order Cancelled", PUBLIC, 16),
    ]
    shop = [
        said("Order Completed", SERVER, 12, revenue=80),
        said("Order Updated", SERVER, 11, revenue=70),
        said("Order Refunded", SERVER, 14, total=20),
    ]

    async def story(tx: Tx) -> None:
        expected = [(origin("SERVER"), shop[0].ts, 8_000, "USD", 2_000, 6_000, False)]
        for batches in ([page, shop], [shop, page], [[*page, *shop]], [[*shop, *page]]):
            async with tx.transaction(force_rollback=True):
                assert await told(tx, *batches) == expected

    house.unit(story)


def test_a_shop_that_tracks_in_pages_only_keeps_its_refunds_and_cancellations(house: House) -> None:
    async def story(tx: Tx) -> None:
        order = said("Order Completed", PUBLIC, 0, revenue=50)
        back = said("Order Refunded", PUBLIC, 5, total=20)
        assert (await told(tx, [order], [back]))[0][4:] == (2_000, 3_000, False)
        assert (await told(tx, [said("Order Cancelled", PUBLIC, 6)]))[0][4:] == (5_000, 0, True)

    house.unit(story)


def test_the_amount_of_the_server_is_safe_where_a_page_placed_the_order(house: House) -> None:
    events = [
        said("Order Completed", PUBLIC, 0, revenue=500),
        said("Order Updated", SERVER, 5, revenue=40),
        said("Order Refunded", PUBLIC, 9),
    ]

    async def story(tx: Tx) -> None:
        for order in permutations(events):
            async with tx.transaction(force_rollback=True):
                (known,) = await told(tx, *([event] for event in order))
                assert known == (origin("PUBLIC"), NOON, 4_000, "USD", 0, 4_000, False)

    house.unit(story)


_events = st.builds(
    lambda name, trust, minutes, who, revenue: said(name, trust, minutes, who, **revenue),
    st.sampled_from(["Order Completed", "Order Updated", "Order Refunded", "Order Cancelled"]),
    st.sampled_from(list(Trust)),
    st.integers(0, 3),
    st.sampled_from(["ada", "eve"]),
    st.sampled_from([{}, {"revenue": 1}, {"revenue": 2}, {"revenue": 2, "currency": "EUR"}]),
)


@given(events=st.lists(_events, min_size=2, max_size=8), chance=st.randoms(use_true_random=False))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_arrival_decides_nothing(house: House, events: list[Event], chance: Random) -> None:
    shuffled = chance.sample(events, len(events))
    cut = chance.randint(0, len(events))
    parts = [shuffled[:cut], shuffled[cut:]]

    async def story(tx: Tx) -> None:
        results = []
        for batches in ([events], [[event] for event in shuffled], filter(None, parts)):
            async with tx.transaction(force_rollback=True):
                results.append(await told(tx, *batches))
        assert results[0] == results[1] == results[2]
        placed = [(-e.trust, e.ts, e.origin_id) for e in events if e.name == "Order Completed"]
        assert [known[:2] for known in results[0]] == [
            (who, at) for _, at, who in sorted(placed)[:1]
        ]

    house.unit(story)


def test_orders_of_before_count_as_said_by_the_server(house: House) -> None:
    every = found(ROOMS, house=False)
    before = [m for m in every if m.room != "events" or m.number < 11]

    async def story(db: Database) -> None:
        assert len(before) < len(every)
        await migrate(db, "shop_old", before)
        async with db.unit("shop_old") as tx:
            await execute(
                tx,
                "INSERT INTO order_fact (order_id, origin_id, placed_at, position, backfill,"
                " currency, revenue, amount_at, refunded) VALUES (%s, %s, %s, 1, false, 'USD',"
                " 10000, %s, 1500)",
                (ORDER, origin("SERVER"), NOON, NOON),
            )
        await migrate(db, "shop_old", every)
        async with db.unit("shop_old") as tx:
            known = (origin("SERVER"), NOON, 10_000, "USD", 1_500, 8_500, False)
            page = [
                said("Order Completed", PUBLIC, -5, revenue=1),
                said("Order Updated", PUBLIC, 5, revenue=1),
                said("Order Refunded", PUBLIC, 5),
                said("Order Cancelled", PUBLIC, 5),
            ]
            assert await told(tx, page) == [known]
            back = said("Order Refunded", SERVER, 9, total=10)
            assert (await told(tx, [back]))[0][4] == 2_500

    house.run(story)

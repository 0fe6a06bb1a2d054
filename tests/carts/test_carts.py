"""Events walk in, carts are kept: with the people they belong to, in a real database."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from conftest import House
from patron.carts import store, tasks
from patron.carts.types import Cart, CartChange
from patron.carts.walk import follow
from patron.events.types import Event, EventType, Source, Trust
from patron.kit.db import Database, Tx, tuples
from patron.profiles.walk import resolve

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
_ids = count(1)


def event(event_name: str, minute: float, **more: Any) -> Event:
    """A track at `minute` past nine; what is no field of an event is a property."""
    own = [key for key in more if key in Event.__struct_fields__ and key != "name"]
    fields = {key: more.pop(key) for key in own}
    number = next(_ids)
    if "user_id" not in fields:
        fields.setdefault("anonymous_id", "ann")
    at = NINE + timedelta(minutes=minute)
    defaults: dict[str, Any] = {
        "type": EventType.IDENTIFY if event_name == "Identified" else EventType.TRACK,
        "received_at": at,
        "message_id": f"m{number}",
        "position": number,
        "properties": more,
    }
    return Event(name=event_name, ts=at, **{**defaults, **fields})


def add(minute: float, product: str, **more: Any) -> Event:
    return event("Product Added", minute, product_id=product, price=12.5, **more)


def order(minute: float, **more: Any) -> Event:
    return event("Order Completed", minute, **{"order_id": f"o{minute}", **more})


async def walk(tx: Tx, house: House, events: Sequence[Event]) -> list[CartChange]:
    people = await resolve(tx, house.acme, list(events), house.clock.now(), house.signer)
    return await follow(tx, house.acme, events, people)


def walked(house: House, *batches: Sequence[Event]) -> list[CartChange]:
    """Each batch in a transaction of its own, as the worker does it."""

    async def story(db: Database) -> list[CartChange]:
        changes: list[CartChange] = []
        for batch in batches:
            async with db.unit(house.acme.schema) as tx:
                changes += await walk(tx, house, batch)
        return changes

    return house.run(story)


def all_carts(house: House) -> list[Cart]:
    async def read(tx: Tx) -> list[Cart]:
        ids = await tuples(tx, "SELECT id FROM cart ORDER BY opened_at, id")
        found = [await store.cart(tx, cart_id) for (cart_id,) in ids]
        return [cart for cart in found if cart is not None and cart.closed_reason != "merged"]

    return house.unit(read)


def kinds(changes: Sequence[CartChange]) -> list[str]:
    return [change.kind.value for change in changes]


def test_a_cart_is_kept_with_its_lines_and_its_value(house: House) -> None:
    changes = walked(
        house,
        [
            add(
                1,
                "tea",
                name="Green tea",
                quantity=2,
                cart_id="c1",
                image_url="https://x.test/t.png",
            )
        ],
        [add(2, "cup", cart_id="c1", sku="CUP-1"), event("Cart Viewed", 3, cart_id="c1")],
    )
    assert kinds(changes) == ["opened", "changed"]
    (cart,) = all_carts(house)
    assert (cart.key, cart.value, cart.currency, cart.closed_at) == ("cart:c1", 3750, "USD", None)
    assert [(i.product_id, i.quantity, i.price) for i in cart.items] == [
        ("tea", 2, 1250),
        ("cup", 1, 1250),
    ]
    assert cart.items[0].title == "Green tea"
    assert cart.items[1].added_at == NINE + timedelta(minutes=2)
    assert changes[0].cart_id == cart.id and changes[0].origin_id == cart.origin_id


@pytest.mark.parametrize("cart_first", [True, False])
@pytest.mark.parametrize(
    ("cart", "bought"),
    [
        ({"cart_id": "c1"}, {"user_id": "till", "cart_id": "c1"}),
        ({"checkout_id": "x1"}, {"user_id": "till", "checkout_id": "x1"}),
        ({"anonymous_id": "b1"}, {"anonymous_id": "b1"}),
        ({"anonymous_id": "b1", "user_id": "ann"}, {"user_id": "ann"}),
        (
            {"anonymous_id": "b1", "context": {"traits": {"email": "Ann@example.com"}}},
            {"user_id": "till-7", "email": "ann@example.com"},
        ),
        (
            {"anonymous_id": "b1", "context": {"traits": {"phone": "+1 415 555 0123"}}},
            {"user_id": "till-7", "traits": {"phone": "(415) 555-0123"}},
        ),
    ],
    ids=["cart token", "checkout token", "browser", "profile", "email", "phone"],
)
def test_an_order_closes_the_cart(
    house: House, cart: dict[str, Any], bought: dict[str, Any], cart_first: bool
) -> None:
    batches = [[add(1, "tea", **cart)], [order(5, **bought)]]
    changes = walked(house, *(batches if cart_first else reversed(batches)))
    assert kinds(changes) == (["opened", "closed"] if cart_first else [])
    (kept,) = all_carts(house)
    assert (kept.closed_reason, kept.order_id) == ("order", "o5")
    assert kept.closed_at == NINE + timedelta(minutes=5)
    later = walked(house, [add(6, "cup", **cart)])
    assert kinds(later) == ["opened"]
    assert later[0].cart_id != kept.id


def test_the_address_of_a_known_customer_closes_her_cart_whoever_paid(house: House) -> None:
    """Her browser never said the address in the cart's own events; her profile has it."""
    known = event(
        "Identified", 0, user_id="ann", anonymous_id="b1", traits={"email": "ann@example.com"},
        trust=Trust.SERVER,
    )  # fmt: skip
    paid = order(5, user_id="office", email="ann@example.com", trust=Trust.SERVER)
    assert kinds(walked(house, [known], [add(1, "tea", anonymous_id="b1")], [paid])) == [
        "opened",
        "closed",
    ]
    assert walked(house, [add(4, "cup", anonymous_id="b1")]) == []


def test_whoever_turns_out_to_have_bought_has_no_open_cart(house: House) -> None:
    opened = walked(house, [order(5, user_id="ann")], [add(1, "tea", anonymous_id="b9")])
    assert kinds(opened) == ["opened"]
    seen = walked(house, [event("Identified", 20, user_id="ann", anonymous_id="b9")])
    assert kinds(seen) == ["closed"]
    assert seen[0].at == NINE + timedelta(minutes=5)
    # Told by the shop, without a word of a cart.
    assert kinds(walked(house, [add(2, "cup", user_id="bob")])) == ["opened"]
    one = event(
        "Aliased", 30, type=EventType.ALIAS, previous_id="bob", user_id="ann", trust=Trust.SERVER
    )
    assert kinds(walked(house, [one])) == ["closed"]


def test_a_cancelled_order_brings_no_cart_back(house: House) -> None:
    changes = walked(house, [add(1, "tea"), order(2)], [event("Order Cancelled", 3, order_id="o2")])
    assert kinds(changes) == ["opened", "closed"]


def test_a_wish_fulfilled_and_a_shops_own_order_event(house: House) -> None:
    settings = house.acme.settings
    settings.metrics["revenue"] = "Paid"
    try:
        wish = event("Wishlist Product Added to Cart", 1, product_id="tea", wishlist_id="w")
        assert kinds(walked(house, [wish], [event("Paid", 2)])) == ["opened", "closed"]
    finally:
        settings.metrics["revenue"] = "Order Completed"


def test_history_is_flagged(house: House) -> None:
    changes = walked(house, [add(1, "tea", backfill=True)], [add(2, "tea")])
    assert [change.backfill for change in changes] == [True, False]


def test_batching_and_arrival_do_not_matter(house: House) -> None:
    """A morning of five shoppers, straight in one batch and shuffled in many."""
    chance = random.Random(7)

    def morning() -> list[Event]:
        events = []
        for n in range(120):
            who = f"s{n % 5}"
            tokens = {"cart_id": f"c-{who}"} if n % 3 else {"checkout_id": f"x-{who}"}
            keys: dict[str, Any] = {"anonymous_id": who, **tokens}
            if n % 20 in (13, 7):
                events.append(order(n, order_id=f"o{n}", message_id=f"e{n}", **keys))
            else:
                events.append(add(n, f"p{n % 4}", message_id=f"e{n}", **keys))
        return events

    def seen() -> list[tuple[Any, ...]]:
        return sorted(
            (
                c.closed_at is None,
                c.closed_at or c.opened_at,
                str(c.order_id),
                c.value,
                len(c.items),
            )
            for c in all_carts(house)
            if c.items
        )

    walked(house, morning())
    straight = seen()
    assert sum(one[0] for one in straight) == 5
    house.unit(_empty)
    crooked = morning()
    chance.shuffle(crooked)
    walked(house, *(crooked[n : n + 7] for n in range(0, 120, 7)))
    assert seen() == straight


async def _empty(tx: Tx) -> None:
    await tx.execute("TRUNCATE cart, cart_key, order_mark, order_feed, order_feed_hour")


def test_two_shops_do_not_share_carts(house: House) -> None:
    walked(house, [add(1, "tea", cart_id="c1")])
    (cart,) = all_carts(house)
    assert house.unit(lambda tx: store.cart(tx, cart.id), house.bolt) is None


def test_old_carts_end_and_old_orders_are_forgotten(house: House) -> None:
    walked(house, [add(1, "tea"), order(2, anonymous_id="bob"), add(1, "cup", anonymous_id="bob")])
    later = NINE + timedelta(days=31)
    assert house.unit(lambda tx: tasks.expire(tx, NINE + timedelta(days=29))) == 0
    assert house.unit(lambda tx: tasks.expire(tx, later)) == 1
    reasons = {cart.closed_reason for cart in all_carts(house)}
    assert reasons == {"order", "expired"}
    house.unit(lambda tx: tasks.expire(tx, NINE + timedelta(days=61)))
    assert house.unit(lambda tx: tuples(tx, "SELECT key FROM order_mark")) == []
    fresh = walked(house, [add(60 * 24 * 61, "tea")])
    assert kinds(fresh) == ["opened"]


def test_erasing_and_exporting_a_person(house: House) -> None:
    opened = walked(house, [add(1, "tea"), add(1, "cup", anonymous_id="bob")], [order(9)])
    ann = opened[0].origin_id
    exported = house.unit(lambda tx: store.export(tx, [ann]))
    assert [i["product_id"] for cart in exported["carts"] for i in cart["items"]] == ["tea"]
    assert house.unit(lambda tx: store.erase(tx, [ann])) == 1
    assert len(all_carts(house)) == 1
    left = house.unit(
        lambda tx: tuples(tx, "SELECT key FROM cart_key UNION SELECT key FROM order_mark")
    )
    assert not any("ann" in key or str(ann) in key for (key,) in left)


def test_what_segments_and_delivery_ask(house: House) -> None:
    changes = walked(house, [add(1, "tea"), add(1, "tea", anonymous_id="bob")], [order(5)])
    ann, bob = changes[0], changes[1]
    ids = [ann.cart_id, bob.cart_id, UUID(int=5)]
    assert house.unit(lambda tx: store.still_open(tx, ids)) == [bob.cart_id]
    orders = house.unit(lambda tx: store.ordered_since(tx, [ann.origin_id], NINE))
    assert [(o.order_id, o.at) for o in orders] == [("o5", NINE + timedelta(minutes=5))]
    late = NINE + timedelta(minutes=6)
    assert house.unit(lambda tx: store.ordered_since(tx, [ann.origin_id], late)) == []


def test_the_order_feed_falls_silent(house: House) -> None:
    hour = 60
    batch = [order(n * hour, anonymous_id=f"b{n}", trust=Trust.SERVER) for n in range(48)]
    walked(house, batch[:30], batch[30:])
    last = NINE + timedelta(hours=47)

    def quiet(hours: float) -> Any:
        return house.unit(lambda tx: store.feed_silence(tx, last + timedelta(hours=hours)))

    assert quiet(5.9) is None
    assert quiet(6.1).last_order_at == last
    assert quiet(6.1).since == last + timedelta(hours=6)
    # Browsers go on, the server's feed is what is missing.
    walked(house, [order(53 * hour, anonymous_id="b50")])
    assert quiet(6.5) is not None
    # History and imports are no sign of life either.
    walked(
        house,
        [order(53 * hour, anonymous_id="b51", trust=Trust.SERVER, backfill=True)],
        [order(53 * hour, anonymous_id="b52", trust=Trust.SERVER, source=Source.IMPORT)],
    )
    assert quiet(6.5) is not None
    weeks = house.unit(lambda tx: store.expire(tx, last + timedelta(days=80)))
    assert weeks == [] and quiet(6.5) is not None
    walked(house, [order(53 * hour, anonymous_id="b53", trust=Trust.SERVER)])
    assert quiet(6.5) is None
    # Nothing comes at all, for months; or browsers alone, as if there were no server any more.
    assert quiet(1_900) is not None
    walked(house, [order(700 * hour, anonymous_id="b54")])
    assert quiet(700 - 47) is not None
    walked(house, [order(1_000 * hour, anonymous_id="b55")])
    assert quiet(1_000 - 47) is None

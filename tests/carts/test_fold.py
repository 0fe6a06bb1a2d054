"""The carts that are left do not depend on the order in which events arrive."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from patron.carts.fold import Desk
from patron.carts.types import Act, CartChange, CartItem, ChangeKind, Closed, Deed

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ANN, BOB = UUID(int=1), UUID(int=2)
ANNS_PHONE = UUID(int=3)


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def deed(act: Act, minute: float, *items: str, **more: Any) -> Deed:
    """`items` are "product" or "product*quantity"."""
    lines = []
    for item in items:
        product, _, quantity = item.partition("*")
        lines.append(CartItem(product_id=product, quantity=int(quantity or 1), price=500))
    given: dict[str, Any] = {
        "id": f"{act.name}-{minute}",
        "position": 0,
        "origin_id": ANN,
        "tokens": [],
        "weak": "browser:ann",
        "others": [],
        **more,
    }
    return Deed(act=act, at=at(minute), items=lines, **given)


def told(desk: Desk, *deeds: Deed) -> list[CartChange]:
    return [change for one in deeds for change in desk.apply(one)]


def kinds(changes: list[CartChange]) -> list[str]:
    return [change.kind.value for change in changes]


def outcome(desk: Desk) -> set[tuple[Any, ...]]:
    """Everything about the open carts that hold something, and which orders closed others."""
    return {
        (None, None, cart.opened_at, cart.changed_at)
        + tuple(sorted((str(i.product_id), i.quantity, i.added_at) for i in cart.items.values()))
        if cart.closed_at is None
        else (cart.closed_at, cart.order_id)
        for cart in desk.carts.values()
        if cart.items or (cart.closed_at and any(op.items for op in cart.past.ops))
    }


def open_carts(desk: Desk) -> list[dict[str | None, float]]:
    return [
        {i.product_id: i.quantity for i in cart.items.values()}
        for cart in desk.carts.values()
        if cart.closed_at is None and cart.items
    ]


def test_a_cart_is_opened_changed_emptied_and_closed() -> None:
    desk = Desk()
    changes = told(
        desk,
        deed(Act.ADD, 1, "tea"),
        deed(Act.ADD, 2, "cup*2"),
        deed(Act.REMOVE, 3, "cup*1"),
        deed(Act.SET, 4, "tea", "cup"),
        deed(Act.CHECKOUT, 5, "tea", "cup"),
        deed(Act.SET, 6),
        deed(Act.ADD, 7, "pot"),
        deed(Act.ORDER, 8, order_id="o1"),
        deed(Act.ADD, 9, "tea"),
    )
    assert kinds(changes) == [
        "opened", "changed", "changed", "changed", "emptied", "opened", "closed", "opened",
    ]  # fmt: skip
    first, second = {c.cart_id for c in changes[:-1]}, changes[-1].cart_id
    assert len(first) == 1 and second not in first
    assert changes[-2].order_id == "o1" and changes[-2].at == at(8)


def test_an_order_before_its_cart_closes_it_unseen() -> None:
    desk = Desk()
    changes = told(desk, deed(Act.ORDER, 5, order_id="o1"), deed(Act.ADD, 1, "tea"))
    changes += told(desk, deed(Act.ADD, 5, "cup"))
    assert changes == []
    assert open_carts(desk) == []
    assert [len(c.items) for c in desk.carts.values()] == [2]


def test_a_late_order_parts_what_was_bought_from_what_came_after() -> None:
    desk = Desk()
    changes = told(
        desk,
        deed(Act.ADD, 1, "tea"),
        deed(Act.ADD, 10, "tea"),
        deed(Act.ADD, 11, "cup"),
        deed(Act.ORDER, 5, order_id="o1"),
    )
    assert kinds(changes) == ["opened", "changed", "changed", "closed", "opened"]
    assert changes[-1].at == at(10)
    assert open_carts(desk) == [{"tea": 1, "cup": 1}]


def test_an_order_finds_carts_by_token_browser_person_address_and_order() -> None:
    carts: dict[str, dict[str, Any]] = {
        "token": {"weak": None, "tokens": ["cart:c1"]},
        "checkout": {"weak": None, "tokens": ["checkout:x1"]},
        "browser": {"weak": "browser:b1", "origin_id": BOB},
        "person": {"weak": "browser:phone", "origin_id": ANNS_PHONE},
        "address": {"weak": "browser:b2", "origin_id": UUID(int=5), "others": ["address:a1"]},
        "order": {"weak": "browser:b3", "origin_id": UUID(int=6), "others": ["order:o1"]},
        "owner": {"weak": "browser:b4", "origin_id": UUID(int=7)},
        "stranger": {"weak": "browser:b5", "origin_id": UUID(int=8)},
    }
    roots = {ANNS_PHONE: ANN}
    for number, keys in enumerate(carts.values()):
        keys.setdefault("origin_id", UUID(int=100 + number))
    buy = deed(
        Act.ORDER,
        50,
        tokens=["cart:c1", "checkout:x1"],
        weak="browser:b1",
        others=["address:a1", "order:o1", "address:a2"],
        order_id="o1",
    )
    adds = [deed(Act.ADD, n, "tea", **keys) for n, keys in enumerate(carts.values())]
    for sequence in ([*adds, buy], [buy, *adds]):
        desk = Desk(roots=roots, addresses={UUID(int=7): ["address:a2"]})
        told(desk, *sequence)
        still_open = [c.key for c in desk.carts.values() if c.closed_at is None]
        assert still_open == ["browser:b5"]


def test_people_who_turn_out_to_be_one_close_each_others_carts() -> None:
    roots: dict[UUID, UUID] = {}
    desk = Desk(roots=roots)
    told(desk, deed(Act.ORDER, 5, origin_id=BOB, weak="user:bob"), deed(Act.ADD, 1, "tea"))
    assert len(open_carts(desk)) == 1
    merged = Desk(list(desk.carts.values()), desk.new_marks, roots={BOB: ANN})
    assert kinds(merged.reconsider([ANN], deed(Act.LINK, 9))) == ["closed"]


def test_tokens_of_one_event_make_two_carts_one() -> None:
    desk = Desk()
    changes = told(
        desk,
        deed(Act.ADD, 1, "tea", tokens=["cart:c1"], weak=None),
        deed(Act.ADD, 2, "cup", tokens=["checkout:x1"], weak=None),
        deed(Act.LINK, 3, tokens=["cart:c1", "checkout:x1"], weak=None),
    )
    assert kinds(changes) == ["opened", "opened", "closed", "changed"]
    assert open_carts(desk) == [{"tea": 1, "cup": 1}]


def test_a_browsers_cart_gets_its_token_and_checkout_later() -> None:
    desk = Desk()
    told(
        desk,
        deed(Act.ADD, 1, "tea"),
        deed(Act.ADD, 2, "cup", tokens=["cart:c1"]),
        deed(Act.CHECKOUT, 3, "tea", "cup"),
        deed(Act.LINK, 4, tokens=["checkout:x1"]),
    )
    assert open_carts(desk) == [{"tea": 1, "cup": 1}]
    assert [c.key for c in desk.carts.values()] == ["cart:c1"]
    # The shop's server knows the checkout alone, and neither browser nor customer.
    paid = deed(Act.ORDER, 5, tokens=["checkout:x1"], weak=None, origin_id=BOB)
    assert kinds(told(desk, paid)) == ["closed"]


def test_two_cart_tokens_in_one_browser_stay_two_carts() -> None:
    desk = Desk()
    told(
        desk,
        deed(Act.ADD, 1, "tea", tokens=["cart:c1"]),
        deed(Act.ADD, 2, "cup", tokens=["cart:c2"]),
        deed(Act.ADD, 3, "pot"),
    )
    assert sorted(map(len, open_carts(desk))) == [1, 2]


def test_ten_thousand_deeds_stay_bounded() -> None:
    desk = Desk()
    for n in range(2_000):
        desk.apply(deed(Act.ADD, n, f"p{n % 150}", id=f"m{n}"))
    (cart,) = desk.carts.values()
    assert len(cart.items) == 100
    assert len(cart.past.ops) <= 80
    assert cart.items["p0\0"].quantity == 14
    told(desk, deed(Act.ORDER, 3_000))
    assert cart.closed_reason == Closed.ORDER


BROWSERS = {
    "b1": (ANN, "cart:c1", "checkout:x1", "address:ann"),
    "b2": (BOB, "cart:c2", "checkout:x2", "address:bob"),
}


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[Deed], bool]:
    """Up to a dozen deeds of two browsers, each at its own minute, and whether they are one's."""
    deeds = []
    for minute in range(draw(st.integers(1, 12))):
        browser = draw(st.sampled_from(sorted(BROWSERS)))
        origin, cart, checkout, address = BROWSERS[browser]
        act = draw(st.sampled_from([*Act, Act.ADD, Act.ORDER]))
        tokens = draw(st.sampled_from([[], [cart], [checkout], [cart, checkout]]))
        named = not tokens or draw(st.booleans())
        items = draw(st.lists(st.sampled_from(["tea", "cup*2", "pot"]), max_size=2, unique=True))
        if act in (Act.LINK, Act.ORDER):
            items = []
        elif act in (Act.ADD, Act.REMOVE) and not items:
            items = ["tea"]
        deeds.append(
            deed(
                act,
                minute,
                *items,
                tokens=tokens,
                weak=f"browser:{browser}" if named else None,
                others=[address] if draw(st.booleans()) else [],
                origin_id=origin,
                order_id=f"o{minute}" if act is Act.ORDER else None,
            )
        )
    return deeds, draw(st.booleans())


@settings(max_examples=600, deadline=None)
@given(stories(), st.randoms(use_true_random=False))
def test_any_order_of_arrival_leaves_the_same_carts(
    story: tuple[list[Deed], bool], shuffle: random.Random
) -> None:
    deeds, one_person = story
    roots = {BOB: ANN} if one_person else {}
    straight, crooked = Desk(roots=roots), Desk(roots=roots)
    told(straight, *deeds)
    mixed = [*deeds, *shuffle.sample(deeds, len(deeds) // 2)]  # some arrive twice
    shuffle.shuffle(mixed)
    told(crooked, *mixed)
    assert outcome(crooked) == outcome(straight)
    for desk in (straight, crooked):
        keys = [c.key for c in desk.carts.values() if c.closed_at is None]
        assert len(keys) == len(set(keys))


@settings(max_examples=200, deadline=None)
@given(stories(), st.randoms(use_true_random=False))
def test_what_is_told_agrees_with_what_is_left(
    story: tuple[list[Deed], bool], shuffle: random.Random
) -> None:
    deeds, one_person = story
    shuffle.shuffle(deeds)
    desk = Desk(roots={BOB: ANN} if one_person else {})
    seen: dict[UUID, ChangeKind] = {}
    for change in told(desk, *deeds):
        before = seen.get(change.cart_id)
        assert before is not ChangeKind.CLOSED, "a closed cart is heard of no more"
        if before in (None, ChangeKind.EMPTIED):
            assert change.kind in (ChangeKind.OPENED, ChangeKind.CLOSED)
        seen[change.cart_id] = change.kind
    heard_open = {c for c, kind in seen.items() if kind in (ChangeKind.OPENED, ChangeKind.CHANGED)}
    assert heard_open == {c.id for c in desk.carts.values() if c.items and c.closed_at is None}


@settings(max_examples=200, deadline=None)
@given(st.randoms(use_true_random=False))
def test_tangled_tokens_do_no_harm(chance: random.Random) -> None:
    """Browsers share and mix tokens, times collide: nothing breaks, nothing ordered stays open."""
    desk = Desk(roots={BOB: ANN} if chance.random() < 0.3 else {})
    carts, checkouts = ["cart:c1", "cart:c2", "cart:c3"], ["checkout:x1", "checkout:x2"]
    for n in range(chance.randint(2, 25)):
        act = chance.choice([*Act, Act.ADD, Act.ADD])
        tokens = chance.choice([[], [chance.choice(carts)], [chance.choice(checkouts)]])
        tokens = tokens + [chance.choice(checkouts)] if chance.random() < 0.2 else tokens
        weak = chance.choice(["browser:b1", "browser:b2", "user:u1"])
        desk.apply(
            deed(
                act,
                chance.randint(0, 20),
                *([] if act in (Act.LINK, Act.ORDER) else ["tea", "cup*2"]),
                id=f"m{n}",
                tokens=list(dict.fromkeys(tokens)),
                weak=None if tokens and chance.random() < 0.3 else weak,
                others=chance.sample(["user:u1", "address:a", "order:o"], chance.randint(0, 2)),
                origin_id=chance.choice([ANN, BOB]),
            )
        )
    last = deed(Act.ORDER, 30, weak="user:u1", others=["address:a", "order:o"])
    told(desk, last, deed(Act.ORDER, 30, id="b", origin_id=BOB))
    assert open_carts(desk) == []
    for cart in desk.carts.values():
        assert all(n < len(cart.past.lines) for op in cart.past.ops for n in op.items)
        assert all(n < len(cart.past.names) for op in cart.past.ops for n in op.keys)

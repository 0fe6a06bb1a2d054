"""The walk writes people to PostgreSQL: whole, once, and the same however the batches fall."""

import asyncio
from collections import Counter
from copy import copy
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from conftest import House
from patron.events.types import Event, Trust
from patron.kit.db import Database, Tx, tuples, value
from patron.kit.problems import Problem
from patron.profiles import store, walk
from patron.shops.types import ShopSettings
from profiles.histories import events
from profiles.stories import NOON, Book, a_person, alias, identified, seen

SERVER = Trust.SERVER


async def walked(tx: Tx, house: House, *batch: Event) -> None:
    await walk.resolve(tx, house.acme, list(batch), NOON, house.signer)


async def people(tx: Tx, history: list[Event]) -> set[frozenset[str]]:
    """Each person as the set of her identifiers and events."""
    found: dict[UUID, set[str]] = {}
    for root, kind, name in await tuples(
        tx, "SELECT o.root_id, i.kind, i.value FROM identifier i JOIN origin o ON o.id = origin_id"
    ):
        found.setdefault(root, set()).add(f"{kind}:{name}")
    roots = await store.roots(tx, [event.origin_id for event in history])
    for event in history:
        found.setdefault(roots[event.origin_id], set()).add(event.message_id)
    return {frozenset(person) for person in found.values()}


def test_a_visitor_becomes_a_customer_with_one_profile(house: House) -> None:
    async def story(tx: Tx) -> None:
        await walked(tx, house, seen(browser="a"), seen(browser="a", minutes=5))
        await walked(tx, house, seen("u"))
        await walked(
            tx, house, identified("u", "a", email="Ann@X.example", firstName="Ann", minutes=9)
        )
        root = await store.find(tx, "email:ann@x.example")
        assert root is not None
        assert root == await store.find(tx, "user_id:u") == await store.find(tx, str(root))
        ann = a_person(await store.person(tx, root))
        assert ann.known
        assert ann.traits == {"first_name": "Ann", "email": "Ann@x.example"}
        assert {name: total.count for name, total in ann.totals.items()} == {
            "Identified": 1, "Product Viewed": 3,
        }  # fmt: skip
        assert ann.first_seen == NOON
        assert len(ann.origins) == 2
        assert ann.origins == await store.origins(tx, ann.origins[0])
        (email,) = [i for i in ann.identifiers if i.kind == "email"]
        assert not email.verified
        await walked(tx, house, identified("u", email="ann@x.example", trust=SERVER))
        ann = a_person(await store.person(tx, root))
        assert [i.verified for i in ann.identifiers if i.kind == "email"] == [True]

    house.unit(story)


def test_the_batch_tells_the_other_rooms_who_is_who(house: House) -> None:
    async def story(tx: Tx) -> None:
        visit, customer = seen(browser="a"), seen("u")
        first = await walk.resolve(tx, house.acme, [visit, customer], NOON, house.signer)
        assert first.roots == {e.origin_id: e.origin_id for e in (visit, customer)}
        joined = await walk.resolve(tx, house.acme, [seen("u", "a")], NOON, house.signer)
        (merge,) = joined.merged
        assert joined.roots == {e.origin_id: customer.origin_id for e in (visit, customer)}
        assert merge.moved == [visit.origin_id]
        assert (await walk.people_of(tx, [visit.origin_id])).roots == {
            visit.origin_id: customer.origin_id
        }
        assert await store.origin_map(tx) == [(visit.origin_id, customer.origin_id)]

    house.unit(story)


def test_two_shops_never_share_a_person(house: House) -> None:
    async def write(tx: Tx) -> None:
        await walked(tx, house, identified("u", email="ann@x.example"))

    async def look(tx: Tx) -> UUID | None:
        return await store.find(tx, "email:ann@x.example")

    house.unit(write)
    assert house.unit(look) is not None
    assert house.unit(look, house.bolt) is None


def test_a_merge_undone_is_as_if_it_had_never_been(house: House) -> None:
    async def story(tx: Tx) -> None:
        await walked(tx, house, seen("old", "a"), identified("new", email="n@x.example"))
        before = await people_and_origins(tx)
        await walked(tx, house, alias("old", "new"))
        root = await store.find(tx, "user_id:old")
        assert root is not None
        assert root == await store.find(tx, "user_id:new")
        (merge,) = await store.merges(tx, await store.origins(tx, root))
        assert merge.reason == "alias"
        undone = await store.undo(tx, merge.id, NOON)
        assert undone is not None
        assert undone.undone_at == NOON
        after = await people_and_origins(tx)
        assert {key: after[key] for key in before} == before
        with pytest.raises(Problem, match="was undone at"):
            await store.undo(tx, merge.id, NOON)
        assert await store.undo(tx, UUID(int=1), NOON) is None

    house.unit(story)


def test_what_was_parted_by_hand_is_not_stitched_again_by_the_next_page(house: House) -> None:
    async def story(tx: Tx) -> None:
        await walked(tx, house, seen(browser="a"), seen("u"), seen("u", "a"))
        root = await store.find(tx, "user_id:u")
        assert root is not None
        (merge,) = await store.merges(tx, [root])
        await store.undo(tx, merge.id, NOON)
        await walked(tx, house, seen("u", "a"))
        assert await store.find(tx, "anonymous_id:a") != root
        (refused,) = await store.refusals(tx, [root, *merge.moved], 10)
        assert refused.reason == "parted_by_undo"
        await walked(tx, house, alias("a", "u"))
        assert await store.find(tx, "anonymous_id:a") == root

    house.unit(story)


async def people_and_origins(tx: Tx) -> dict[object, object]:
    found: dict[object, object] = dict(await tuples(tx, "SELECT id, root_id FROM origin"))
    for kind, name, origin in await tuples(tx, "SELECT kind, value, origin_id FROM identifier"):
        found[kind, name] = origin
    return found


PATIENT = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def cleared(house: House) -> None:
    async def clear(tx: Tx) -> None:
        await tx.execute("TRUNCATE origin, identifier, merge_log, refusal")

    house.unit(clear)


@PATIENT
@given(
    history=st.lists(events(), max_size=25),
    sizes=st.lists(st.integers(1, 8), min_size=1, max_size=3),
)
def test_people_in_the_database_are_those_of_the_pure_fold(
    house: House, history: list[Event], sizes: list[int]
) -> None:
    cleared(house)
    book, mine = Book(), [copy(event) for event in history]
    for event in mine:
        book.walk(event)
    left, turn = [copy(event) for event in history], 0
    batches = []
    while left:
        size = sizes[turn % len(sizes)]
        batches.append(left[:size])
        left, turn = left[size:], turn + 1

    async def story(db: Database) -> None:
        for batch in batches:
            async with db.unit(house.acme.schema) as tx:
                await walked(tx, house, *batch)
        whole = [event for batch in batches for event in batch]
        async with db.unit(house.acme.schema) as tx:
            assert await people(tx, whole) == book.people()
            naive = Counter((event.origin_id, event.name) for event in whole)
            kept: Counter[tuple[UUID, str]] = Counter()
            for origin_id in {event.origin_id for event in whole}:
                someone = a_person(await store.person(tx, origin_id))
                for name, total in someone.totals.items():
                    kept[someone.id, name] = total.count
            by_root: Counter[tuple[UUID, str]] = Counter()
            roots = await store.roots(tx, [event.origin_id for event in whole])
            for (origin_id, name), count in naive.items():
                by_root[roots[origin_id], name] += count
            assert kept == by_root

    house.run(story)


@PATIENT
@given(history=st.lists(events(), max_size=25), data=st.data())
def test_every_merge_can_be_taken_back_in_any_order(
    house: House, history: list[Event], data: st.DataObject
) -> None:
    cleared(house)
    history = [copy(event) for event in history]

    async def ids(tx: Tx) -> list[UUID]:
        return [id for (id,) in await tuples(tx, "SELECT id FROM merge_log ORDER BY id")]

    async def tell(tx: Tx) -> list[UUID]:
        for event in history:
            before = await people_and_origins(tx)
            known = set(await ids(tx))
            await walked(tx, house, event)
            new = [id for id in await ids(tx) if id not in known]
            async with tx.transaction(force_rollback=True):
                for id in reversed(new):
                    await store.undo(tx, id, NOON)
                after = await people_and_origins(tx)
                moved = {key for key in before if after[key] != before[key]}
                assert all(isinstance(key, tuple) for key in moved)  # a displaced name at most
        return await ids(tx)

    merges = house.unit(tell)
    order = data.draw(st.permutations(merges))

    async def undo_all(tx: Tx) -> None:
        for id in order:
            await store.undo(tx, id, NOON)
        assert await store.origin_map(tx) == []

    house.unit(undo_all)


def test_a_shops_changed_rules_count_at_once(house: House) -> None:
    strict = replace(house.acme, settings=ShopSettings(blocked_identifiers=["u"]))

    async def story(tx: Tx) -> None:
        await walked(tx, house, seen("u"))
        blocked = seen("u")
        await walk.resolve(tx, strict, [blocked], NOON, house.signer)
        assert blocked.origin_id != await store.find(tx, "user_id:u")

    house.unit(story)


def test_an_undo_waits_for_the_batch_that_is_being_walked(house: House) -> None:
    async def story(db: Database) -> None:
        schema = house.acme.schema
        async with db.unit(schema) as tx:
            await walked(tx, house, seen(browser="a"), seen("u"), seen("u", "a"))
            root = await store.find(tx, "user_id:u")
            assert root is not None
            (merge,) = await store.merges(tx, [root])

        async def undo() -> None:
            async with db.unit(schema) as tx:
                await store.undo(tx, merge.id, NOON)

        async with db.unit(schema) as tx:
            await walked(tx, house, identified("u", "a", email="u@x.example"))
            undoing = asyncio.create_task(undo())
            async with db.session() as other:
                while not await value(other, "SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    assert not undoing.done()
        await undoing
        async with db.unit(schema) as tx:
            assert len(await store.origins(tx, root)) == 1
            assert await store.find(tx, "email:u@x.example") == root

    house.run(story)

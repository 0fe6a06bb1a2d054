"""Whoever changes outside the walk stands on a list until somebody has looked at her again."""

import asyncio
from datetime import timedelta
from uuid import UUID

from conftest import NOON, House
from patron.events.types import Trust
from patron.kit.db import Database, Tx, tuples, value
from patron.profiles import store
from patron.profiles import walk as profiles
from patron.profiles.changes import store as changes
from patron.profiles.changes.store import Why
from patron.profiles.erasure import store as erasure
from patron.profiles.types import ConsentState, ConsentWord
from profiles.stories import identified

WAITING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


async def taken(tx: Tx, limit: int) -> list[UUID]:
    """Those who waited longest, off the list."""
    return sorted(await changes.take(tx, await changes.waiting(tx, limit)))


def test_consents_and_suppressions_by_hand_are_noted_once(house: House) -> None:
    async def story(db: Database) -> None:
        async with db.unit(house.acme.schema) as tx:
            events = [identified(f"u{n}", email=f"u{n}@mail.example") for n in range(3)]
            await profiles.resolve(tx, house.acme, events, NOON, house.signer)
            assert await taken(tx, 10) == []  # the walk tells it itself
            word = ConsentWord(
                address_key="u0@mail.example",
                channel="email",
                purpose="marketing",
                state=ConsentState.GRANTED,
                at=NOON,
                source="api",
                trust=Trust.SERVER,
            )
            await store.set_consent(tx, word, NOON)
            await store.suppress(tx, "email", "u0@mail.example", "manual", NOON, "api")
            late = NOON + timedelta(minutes=1)
            await store.suppress(tx, "email", "u2@mail.example", "manual", late, "api")
            await store.suppress(tx, "email", "nobody@mail.example", "manual", late, "api")
            first = await taken(tx, 2)
            assert first == [events[0].origin_id]
            assert await taken(tx, 10) == [events[2].origin_id]
            assert await taken(tx, 10) == []
            await changes.note(tx, [events[1].origin_id, events[1].origin_id], NOON)
            await changes.note(tx, [house.acme.id], NOON)  # nobody
            assert await tuples(tx, "SELECT origin_id, at FROM profile_change") == [
                (events[1].origin_id, NOON)
            ]

    house.run(story)


ANN = "ann@mail.example"


async def suppressed(tx: Tx) -> None:
    await store.suppress(tx, "email", ANN, "manual", NOON, "api")


def test_what_is_noted_while_an_earlier_change_is_taken_is_not_lost(house: House) -> None:
    """Who writes about an address holds nobody: he does not see that she is being taken."""

    async def story(db: Database) -> None:
        said = [identified("ann", email=ANN)]
        async with db.unit(house.acme.schema) as tx:
            await profiles.resolve(tx, house.acme, said, NOON, house.signer)
        (ann,) = {one.origin_id for one in said}
        for write in (suppressed, lambda tx: changes.note(tx, [ann], NOON)):
            async with db.unit(house.acme.schema) as tx:
                await write(tx)
            async with db.unit(house.acme.schema) as writing:
                await write(writing)
                async with db.unit(house.acme.schema) as taking:
                    assert await taken(taking, 10) == [ann]
            async with db.unit(house.acme.schema) as tx:
                assert await taken(tx, 10) == [ann]

    house.run(story)


def test_whoever_is_given_an_address_while_it_changes_is_looked_at(house: House) -> None:
    async def story(db: Database) -> None:
        async with db.unit(house.acme.schema) as walking:
            said = [identified("ann", email=ANN)]
            await profiles.resolve(walking, house.acme, said, NOON, house.signer)
            async with db.unit(house.acme.schema) as tx:
                await suppressed(tx)

            async def look() -> list[UUID]:
                async with db.unit(house.acme.schema) as tx:
                    return await taken(tx, 10)

            looking = asyncio.create_task(look())
            async with db.session() as watch:
                while not await value(watch, WAITING):
                    await asyncio.sleep(0.01)
        assert await looking == [said[0].origin_id]

    house.run(story)


def test_of_several_reasons_the_greatest_counts_and_erased_people_have_none(house: House) -> None:
    async def story(tx: Tx) -> None:
        said = [identified("ann", email=ANN), identified("bob")]
        await profiles.resolve(tx, house.acme, said, NOON, house.signer)
        ann, bob = (one.origin_id for one in said)
        await changes.note(tx, [ann, bob], NOON, Why.DEFINITION)
        await changes.note(tx, [ann], NOON, Why.CLOCK)
        await changes.note(tx, [ann], NOON, Why.MERGE)
        found = await changes.take(tx, await changes.waiting(tx, 10))
        assert found == {ann: Why.CLOCK, bob: Why.DEFINITION}
        await changes.note(tx, [ann], NOON)
        await suppressed(tx)
        await erasure.erase(tx, ann, None, NOON)
        for table in ("profile_change", "address_change"):
            assert await value(tx, f"SELECT count(*) FROM {table}") == 0

    house.unit(story)

"""Whoever changes outside the walk stands on a list until somebody has looked at her again."""

from datetime import timedelta
from uuid import UUID

from conftest import NOON, House
from patron.events.types import Trust
from patron.kit.db import Database, Tx, tuples
from patron.profiles import store
from patron.profiles import walk as profiles
from patron.profiles.changes import store as changes
from patron.profiles.types import ConsentState, ConsentWord
from profiles.stories import identified


async def taken(tx: Tx, limit: int) -> list[UUID]:
    """Those who waited longest, off the list."""
    return await changes.take(tx, await changes.waiting(tx, limit))


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
            first = await taken(tx, 1)
            assert first == [events[0].origin_id]
            assert await taken(tx, 10) == [events[2].origin_id]
            assert await taken(tx, 10) == []
            await changes.note(tx, [events[1].origin_id, events[1].origin_id], NOON)
            await changes.note(tx, [house.acme.id], NOON)  # nobody
            assert await tuples(tx, "SELECT origin_id, at FROM profile_change") == [
                (events[1].origin_id, NOON)
            ]

    house.run(story)

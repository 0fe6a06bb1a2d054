"""An erased person does not come back by a retry or a backup, and may come back by herself."""

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from conftest import House
from patron.events.types import Event, Source, Trust
from patron.kit.db import Tx, tuples, value
from patron.profiles import store, walk
from patron.profiles.erasure import store as erasure
from patron.profiles.types import Erased, People
from profiles.stories import NOON, alias, identified, seen

ADA = "ada@x.example"
LATER = NOON + timedelta(hours=1)
TABLES = ("origin", "identifier", "merge_log", "refusal", "consent", "suppression", "tombstone")


async def walked(tx: Tx, house: House, *batch: Event) -> People:
    return await walk.resolve(tx, house.acme, list(batch), NOON, house.signer)


async def ada_is_known(tx: Tx, house: House) -> Event:
    first = identified("ada", "a", email=ADA, trust=Trust.SERVER, first_name="Ada")
    await walked(tx, house, seen(browser="b"), first, seen("ada", "b"), seen("eve"))
    await walked(
        tx, house, seen("eve", "b"),
        seen("ada", name="Email Subscribed", trust=Trust.SERVER, properties={"email": ADA}),
    )  # fmt: skip
    await store.suppress(tx, "email", ADA, "complaint", NOON, "provider")
    return first


async def forgotten(tx: Tx, house: House) -> Erased:
    root = await store.find(tx, "user_id:ada")
    assert root is not None
    erased = await erasure.erase(tx, root, house.signer, LATER)
    assert erased is not None
    return erased


async def everything(tx: Tx) -> str:
    return " ".join([str(await tuples(tx, f"SELECT * FROM {table}")) for table in TABLES])


def test_nothing_of_her_is_left_and_the_others_are_whole(house: House) -> None:
    async def story(tx: Tx) -> None:
        await ada_is_known(tx, house)
        assert "Ada" in await everything(tx)
        erased = await forgotten(tx, house)
        assert len(erased.origins) == 2
        assert erased.addresses == [ADA]
        assert set(erased.identifiers) == {
            ("user_id", "ada"), ("email", ADA), ("anonymous_id", "a"), ("anonymous_id", "b"),
        }  # fmt: skip
        left = (await everything(tx)).lower()
        assert "ada" not in left
        for origin in erased.origins:
            assert str(origin) not in left
        assert await store.find(tx, "user_id:eve") is not None
        assert await erasure.erase(tx, erased.root, house.signer, LATER) is None

    house.unit(story)


@pytest.mark.parametrize(
    "late",
    [
        seen("ada"),
        seen(browser="b"),
        identified(email="ADA@x.example"),
        alias("ada", "someone"),
        seen("someone-else", "a"),
    ],
    ids=["user id", "browser", "address", "alias", "one of two names"],
)
def test_what_she_did_before_does_not_bring_her_back(house: House, late: Event) -> None:
    async def story(tx: Tx) -> None:
        await ada_is_known(tx, house)
        await forgotten(tx, house)
        origins = await value(tx, "SELECT count(*) FROM origin")
        people = await walked(tx, house, late, seen("eve"))
        assert [event.message_id for event in people.erased] == [late.message_id]
        assert await value(tx, "SELECT count(*) FROM origin") == origins
        assert await store.find(tx, "user_id:ada") is None

    house.unit(story)


def test_a_mail_opened_after_the_erasure_belongs_to_nobody(house: House) -> None:
    async def story(tx: Tx) -> None:
        first = await ada_is_known(tx, house)
        await forgotten(tx, house)
        opened = seen(
            name="Email Opened", source=Source.PATRON, trust=Trust.SERVER, ts=LATER,
            context={"patron": {"origin_id": str(first.origin_id)}},
        )  # fmt: skip
        assert (await walked(tx, house, opened)).erased == [opened]

    house.unit(story)


def test_who_comes_back_by_herself_is_a_new_person_whose_complaint_still_counts(
    house: House,
) -> None:
    async def story(tx: Tx) -> None:
        first = await ada_is_known(tx, house)
        await forgotten(tx, house)
        again = identified("ada", "a", email=ADA, ts=LATER + timedelta(days=1))
        people = await walked(tx, house, again, seen("ada", minutes=30))
        assert len(people.erased) == 1
        root = await store.find(tx, f"email:{ADA}")
        assert root == again.origin_id != first.origin_id
        assert root is not None
        ada = await store.person(tx, root)
        assert ada is not None
        assert ada.traits == {"email": ADA}
        reach = await store.reach(tx, root, "email", "marketing")
        assert (reach.consent, reach.suppressed) == ("none", "complaint")

    house.unit(story)


def test_a_restored_backup_is_told_who_was_erased(house: House) -> None:
    async def story(tx: Tx) -> None:
        async with tx.transaction(force_rollback=True):  # what came after the backup
            await ada_is_known(tx, house)
            await forgotten(tx, house)
            kept = await erasure.tombstones(tx)
            assert await erasure.tombstones(tx, LATER) == []
        assert await erasure.tombstones(tx) == []
        await ada_is_known(tx, house)  # a backup holds other origins than the rolled-back run …
        await erasure.restore_tombstones(tx, kept)
        assert await erasure.returned(tx, house.signer) == []
        late = seen("ada")
        assert (await walked(tx, house, late)).erased == [late]

    house.unit(story)


def test_the_very_person_in_a_backup_is_found(house: House) -> None:
    async def story(tx: Tx) -> None:
        await ada_is_known(tx, house)
        async with tx.transaction(force_rollback=True):
            erased = await forgotten(tx, house)
            kept = await erasure.tombstones(tx)
        assert await erasure.returned(tx, house.signer) == []
        await erasure.restore_tombstones(tx, kept)
        assert await erasure.returned(tx, house.signer) == [erased.root]

    house.unit(story)


def test_she_may_read_everything_that_is_kept(house: House) -> None:
    async def story(tx: Tx) -> None:
        first = await ada_is_known(tx, house)
        kept = await erasure.export(tx, first.origin_id)
        assert kept is not None
        text = msgspec.json.encode(kept).decode()
        assert kept["profile"]["traits"] == {"first_name": "Ada", "email": ADA}
        assert len(kept["merges"]) == 1
        assert [word["state"] for word in kept["consents"]] == ["granted"]
        assert [stop["reason"] for stop in kept["suppressions"]] == ["complaint"]
        assert '"eve"' not in text
        assert await erasure.export(tx, UUID(int=1)) is None

    house.unit(story)

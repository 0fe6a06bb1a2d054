"""What comes next is accepted while the database works; nobody can tell by what is walked."""

from collections.abc import Sequence

import msgspec
import psycopg
import pytest

from app.test_walk import Street, on_the_street, track
from conftest import House
from patron.app.wiring import Walker
from patron.catalog import walk as catalog
from patron.events import walk, walk_store
from patron.events.ahead import Batch
from patron.events.types import Event
from patron.kit.db import Tx, tuples
from patron.shops.types import Shop

ROWS, EACH = 6, 20


async def filled(street: Street) -> None:
    """Six rows of the inbox, each a batch by itself."""
    street.walker = Walker(street.house.acme, street.house.clock, street.house.signer, batch=EACH)
    for start in range(0, ROWS * EACH, EACH):
        await street.receive(*(track(n) for n in range(start, start + EACH)))


async def log_of(street: Street) -> list[tuple[int, str]]:
    async with street.db.unit(street.house.acme.schema) as tx:
        return await tuples(tx, "SELECT position, message_id FROM event ORDER BY position")


ALL = [(n + 1, f"m{n}") for n in range(ROWS * EACH)]


def test_each_row_is_read_once_and_walked_in_its_order(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []
    first: list[int] = []
    whole = walk_store.bodies

    async def heard(tx: Tx, wanted: Sequence[walk_store.Waiting]) -> list[bytes]:
        first.append(len(wanted))
        asked.extend((row.lane, row.seq) for row in wanted)
        return await whole(tx, wanted)

    async def story(street: Street) -> None:
        await filled(street)
        monkeypatch.setattr(walk_store, "bodies", heard)
        assert await street.walk() == ROWS * EACH
        assert await log_of(street) == ALL

    on_the_street(house, story)
    assert len(asked) == len(set(asked)) == ROWS
    assert first[0] == 2, "the row behind the first one was not read with it"


def test_what_was_accepted_ahead_is_forgotten_when_a_batch_is_rolled_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = catalog.observe

    async def lost(tx: Tx, shop: Shop, batch: list[Event]) -> None:
        await whole(tx, shop, batch)
        for event in batch:  # as the rooms do, and more than is to be seen of it
            event.properties["product_id"] = "coffee"
            event.message_id = "changed"
        raise psycopg.OperationalError("the connection is gone")

    async def story(street: Street) -> None:
        await filled(street)
        assert await street.walker.step(street.connection) == EACH
        with monkeypatch.context() as patched:
            patched.setattr(catalog, "observe", lost)
            with pytest.raises(psycopg.OperationalError):
                await street.walker.step(street.connection)
        await street.walk()
        assert await log_of(street) == ALL

    on_the_street(house, story)


def test_it_is_not_believed_when_another_walker_came_in_between(house: House) -> None:
    async def story(street: Street) -> None:
        await filled(street)
        await street.walker.step(street.connection)
        ours = dict(walk._ahead)
        assert ours, "nothing was accepted ahead"
        walk.forget(house.acme)  # the other one is a process of its own
        await street.walker.step(street.connection)
        walk._ahead.update(ours)
        await street.walk()
        assert await log_of(street) == ALL

    on_the_street(house, story)


def test_it_is_not_believed_when_the_shop_has_other_settings_since(house: House) -> None:
    async def story(street: Street) -> None:
        await filled(street)
        await street.walker.step(street.connection)
        ahead = walk._ahead[house.acme.schema]
        ahead.setting = msgspec.structs.replace(ahead.setting, currency="SEK")
        taken = await _taken(street)
        assert taken is not ahead
        assert taken.setting == walk.setting(house.acme)

    on_the_street(house, story)


async def _taken(street: Street) -> Batch:
    async with street.db.unit(street.house.acme.schema) as tx:
        take = await walk.take(tx, street.house.acme, EACH)
        assert take is not None
        return take.batch

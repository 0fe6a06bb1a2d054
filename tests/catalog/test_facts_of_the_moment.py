"""What the catalog says of a product is kept with the event, as it was when it happened."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from conftest import NOON, House
from patron.app.wiring import Walker
from patron.catalog import describe, store, walk
from patron.catalog.describe import FRESH
from patron.catalog.types import FactSource, Item, ProductIn
from patron.events.inbox import Inbox
from patron.events.types import Event, EventType, Source, Trust
from patron.kit.db import Database, Tx, connect, tuples
from patron.profiles import store as profiles
from patron.segments import filling, saving
from patron.segments.members import store as members
from patron.segments.rules.language import parse
from patron.segments.saved import store as saved
from patron.segments.saving import Draft
from patron.segments.trying import explain, preview

BOOTS = {"event": "Product Viewed", "where": [
    {"property": "catalog.category", "op": "equals", "value": "shoes"},
    {"property": "catalog.price", "op": "between", "value": [50, 100]},
]}  # fmt: skip
REDUCED = {"event": "Product Viewed", "where": [
    {"property": "catalog.on_sale", "op": "is_true"},
    {"property": "catalog.brand", "op": "equals", "value": "Hollin"},
    {"property": "catalog.in_stock", "op": "is_true"},
]}  # fmt: skip


class Town:
    def __init__(self, house: House, db: Database, inbox: Inbox) -> None:
        self.house, self.db, self.inbox = house, db, inbox
        self.walker = Walker(house.acme, house.clock, house.signer)
        self.walker.forget()  # another database of the same shop was walked by this process

    async def told(self, **more: Any) -> None:
        boot = {"id": "b1", "title": "Boot", "categories": ["Shoes", "Boots"], "brand": "Hollin",
                "currency": "USD", "available": True, **more}  # fmt: skip
        async with self.db.unit(self.house.acme.schema) as tx:
            await store.upsert(tx, [ProductIn(**boot)], FactSource.API, self.house.clock.now())

    async def views(self, who: str, *, backfill: bool = False, **told: Any) -> None:
        call = {"type": "track", "event": "Product Viewed", "userId": who, "messageId": f"m-{who}",
                "timestamp": self.house.clock.now().isoformat(),
                "properties": {"product_id": "b1", **told}}  # fmt: skip
        await self.inbox.append(
            self.house.acme, [call], trust=Trust.SERVER, source=Source.SERVER, backfill=backfill
        )
        async with await connect(self.house.url, "walk") as connection:
            while await self.walker.step(connection):
                pass

    async def inside(self, key: str) -> set[str]:
        async with self.db.unit(self.house.acme.schema) as tx:
            segment = await saved.by_key(tx, key)
            assert segment is not None
            found = await members.members(tx, segment.id, None, 100)
            return {
                one.value for member in found for one in await profiles.identifiers(tx, [member.id])
            }

    async def save(self, key: str, rule: dict[str, Any]) -> None:
        async with self.db.unit(self.house.acme.schema) as tx:
            draft = Draft(name=key, rule=rule)
            await saving.create(tx, self.house.acme, key, draft, self.house.clock.now())
        await filling.fill(self.db, self.house.acme, None, self.house.clock)

    def later(self) -> None:
        self.house.clock.advance(FRESH + timedelta(seconds=1))


def played(house: House, story: Any) -> None:
    async def run(db: Database) -> None:
        inbox = Inbox(house.url, house.clock)
        try:
            await story(Town(house, db, inbox))
        finally:
            await inbox.close()

    house.run(run)


def test_a_rule_asks_what_was_true_when_it_happened(house: House) -> None:
    async def story(town: Town) -> None:
        await town.told(price=6_000)
        await town.save("boots", BOOTS)
        await town.save("reduced", REDUCED)
        await town.views("anna")
        await town.told(price=4_000, compare_at=6_000)
        town.later()
        await town.views("bert")
        await town.told(price=4_000, compare_at=6_000, available=False, categories=["Hats"])
        town.later()
        await town.views("cora")
        assert await town.inside("boots") == {"anna"}
        assert await town.inside("reduced") == {"bert"}
        await town.save("boots-again", BOOTS)
        await town.save("reduced-again", REDUCED)
        assert await town.inside("boots-again") == {"anna"}
        assert await town.inside("reduced-again") == {"bert"}
        for rule, count in ((BOOTS, 1), (REDUCED, 1)):
            counted = await preview(
                town.db, house.acme, parse(rule), house.clock.now(), seconds=None
            )
            assert counted.count == count
        async with town.db.unit(house.acme.schema) as tx:
            root = await profiles.find(tx, "user_id:anna")
            assert root is not None
            why = await explain(tx, house.acme, parse(BOOTS), root, house.clock.now())
            assert why.holds and "catalog.category is “shoes”" in why.why[0]

    played(house, story)


def test_only_what_changed_since_is_read_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, asked = store.find, list[list[str]]()

    async def find(tx: Tx, ids: Sequence[str]) -> dict[str, Item]:
        asked.append(list(ids))
        return await whole(tx, ids)

    async def story(town: Town) -> None:
        monkeypatch.setattr(store, "find", find)
        await town.told(price=6_000)
        await town.views("anna")
        town.later()
        await town.views("bert")
        assert asked == [["b1"]]
        await town.told(price=4_000)
        town.later()
        await town.views("cora")
        monkeypatch.setattr(walk, "TOLD_SECONDS", 0.0)  # its changes may be swept by now
        town.later()
        await town.views("dora")
        assert asked == [["b1"]] * 3

    played(house, story)


def test_an_id_that_leads_elsewhere_since_is_read_again(house: House) -> None:
    async def story(town: Town) -> None:
        for product, sku in (("b1", "S"), ("b2", None), ("b2", "S")):
            await town.told(id=product, sku=sku)
            town.later()
            await town.views(f"{product} {sku}", product_id=None, sku="S")
        async with town.db.unit(house.acme.schema) as tx:
            found = await tuples(
                tx, "SELECT body #>> '{catalog,0,product_id}' FROM event ORDER BY position"
            )
        assert found == [("b1",), ("b1",), ("b2",)]

    played(house, story)


def test_of_history_only_what_lasts_is_said(house: House) -> None:
    async def story(town: Town) -> None:
        await town.told(price=6_000)
        await town.views("old", backfill=True)
        await town.views("new")
        async with town.db.unit(house.acme.schema) as tx:
            kept = dict(await tuples(tx, "SELECT user_id, body -> 'catalog' FROM event"))
            own = await tuples(tx, "SELECT DISTINCT (body -> 'properties')::jsonb FROM event")
        assert kept["old"] == [{"product_id": "b1", "category": ["Shoes", "Boots"],
                                "brand": "Hollin"}]  # fmt: skip
        assert kept["new"] == [{**kept["old"][0], "price": 60.0, "on_sale": False,
                                "in_stock": True}]  # fmt: skip
        assert own == [({"product_id": "b1"},)]

    played(house, story)


@pytest.mark.parametrize("told", [{"product_id": "nobody-knows"}, {"product_id": None}])
def test_what_the_catalog_does_not_know_is_left_out(house: House, told: dict[str, Any]) -> None:
    async def story(town: Town) -> None:
        await town.told(price=1)
        await town.views("anna", **told)
        async with town.db.unit(house.acme.schema) as tx:
            assert await tuples(tx, "SELECT body -> 'catalog' FROM event") == [(None,)]

    played(house, story)


def test_what_was_read_is_forgotten_between_batches_and_not_within_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(describe, "MOST_KEPT", 2)
    shown = describe.Shown()
    view = Event(
        type=EventType.TRACK, name="Product Viewed", ts=NOON, received_at=NOON, message_id="m"
    )
    for batch in (["a", "b"], ["a", "c"], ["b", "c", "d"], ["d", "e"]):
        wanted = shown.unknown(batch, NOON)
        shown.keep(wanted, {id: Item(product_id=id) for id in wanted}, NOON)
        said = shown.of(view, batch)
        assert [one.facts["product_id"] for one in said] == batch

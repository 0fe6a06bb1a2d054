"""What is known about people when a rule is asked: under every origin, and no more than asked."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from conftest import House
from patron.profiles import store as profiles
from patron.profiles.many.store import reach
from patron.segments import facts, store
from patron.segments.facts import Subject, load_many
from patron.segments.rules.language import Answer, Scope, needs, parse
from stage import Stage, play

SCOPE = Scope(frozenset({"start"}), cart=True)


async def ask(stage: Stage, rule: dict[str, Any], *subjects: Subject) -> list[Answer]:
    parsed = parse(rule, SCOPE)
    async with stage.unit() as tx:
        found = await load_many(tx, subjects, needs(parsed), stage.now, stage.shop)
    return [parsed.evaluate(facts, stage.now) for facts in found]


async def origin(stage: Stage, event: Any) -> UUID:
    await stage.walk(event)
    found: UUID = event.origin_id
    return found


def test_all_her_origins_count_as_she_is_known_today(house: House) -> None:
    async def story(stage: Stage) -> None:
        known = await origin(stage, stage.event("Product Viewed", "u:anna"))
        browser = await origin(stage, stage.event("Product Viewed", "b1"))
        stranger = await origin(stage, stage.event("Product Viewed", "b2"))
        rule = {"event": "Product Viewed", "count": {"op": "at_least", "value": 2}}
        subjects = [Subject(one) for one in (known, browser, stranger)]
        assert [one.value for one in await ask(stage, rule, *subjects)] == [False] * 3
        await stage.walk(stage.event("Page Viewed", "u:anna", browser="b1"))
        assert [one.value for one in await ask(stage, rule, *subjects)] == [True, True, False]
        assert not (await ask(stage, rule, Subject(uuid4())))[0].value

    play(house, story)


def test_each_subject_has_her_own_start(house: House) -> None:
    async def story(stage: Stage) -> None:
        anna = await origin(stage, stage.orders("anna"))
        early = {"start": stage.now - timedelta(hours=1)}
        late = {"start": stage.now + timedelta(hours=1)}
        rule = {"event": "Order Completed", "since": "start"}
        asked = [Subject(anna, early), Subject(anna, late), Subject(anna, {"start": stage.now})]
        assert [one.value for one in await ask(stage, rule, *asked)] == [True, False, True]

    play(house, story)


def test_properties_traits_and_carts(house: House) -> None:
    async def story(stage: Stage) -> None:
        order = stage.orders("u:anna", total=80, products=[{"sku": "A1"}, {"sku": "B2"}])
        anna = await origin(stage, order)
        sku = [{"property": "products.sku", "op": "equals", "value": "b2"}]
        assert (await ask(stage, {"event": "Order Completed", "where": sku}, Subject(anna)))[
            0
        ].value
        named = stage.event("Identified", "u:anna")
        named.type, named.traits = type(named.type)("identify"), {"city": "Boston"}
        await stage.walk(named)
        city = {"trait": "city", "op": "equals", "value": "boston"}
        assert (await ask(stage, city, Subject(anna)))[0].why == ["city is “boston”"]
        stage.pass_time(minutes=1)
        await stage.walk(stage.adds("u:anna"))
        [run] = await stage.runs()
        subjects = [Subject(anna, cart=run.key), Subject(anna, cart="no id"), Subject(anna)]
        this = {"cart": "this", "is": "open"}
        assert [one.value for one in await ask(stage, this, *subjects)] == [True, False, False]
        by_id = {"cart": run.key, "is": "open"}
        assert (await ask(stage, by_id, Subject(anna)))[0].value
        await stage.walk(stage.orders("u:anna"))
        assert not (await ask(stage, by_id, Subject(anna)))[0].value

    play(house, story)


def test_orders_count_as_they_stand(house: House) -> None:
    async def story(stage: Stage) -> None:
        anna = await origin(stage, stage.orders("u:anna", timedelta(days=40), order_id="o1"))
        await stage.walk(
            stage.orders("u:anna", timedelta(days=9), order_id="o2", total=100, discount=5),
            stage.orders("u:anna", timedelta(days=5), order_id="o3", total=70, discount=0),
            stage.orders("u:anna", timedelta(days=4), order_id="o4", total=90),
            stage.orders("u:anna", timedelta(days=3), order_id="o5", total=500, currency="EUR"),
            stage.event("Order Refunded", "u:anna", timedelta(days=2), order_id="o2", total=30),
            stage.event("Order Refunded", "u:anna", timedelta(days=2), order_id="o4"),
            stage.event("Order Cancelled", "u:anna", timedelta(days=2), order_id="o3"),
        )

        async def figure(name: str, value: float, **window: Any) -> bool:
            rule = {"orders": name, "op": "equals", "value": value, **window}
            return (await ask(stage, rule, Subject(anna)))[0].value

        assert await figure("number", 3)
        assert await figure("value", 40 + 70)
        assert await figure("average", 55)
        assert await figure("days_since_first", 40) and await figure("days_since_last", 3)
        # Of those that stand, o2 names a discount and the others speak of none.
        assert await figure("reduced_percent", 100)
        assert await figure("value", 70, within={"days": 10})
        assert await figure("number", 1, before={"days": 30})
        [said] = await ask(
            stage, {"orders": "value", "op": "at_least", "value": 200}, Subject(anna)
        )
        assert said.why == ["what the orders are worth is $110.00, but asked was: at least 200"]

    play(house, story)


def test_reach_is_that_of_the_gate(house: House) -> None:
    async def story(stage: Stage) -> None:
        email = "anna@customers.example"
        yes = stage.event("Email Subscribed", "u:anna", email=email, text="Yes", where="checkout")
        anna = await origin(stage, yes)
        bert = await origin(stage, stage.event("Page Viewed", "u:bert"))
        asked = [Subject(anna), Subject(bert)]

        async def values(rule: dict[str, Any]) -> list[bool]:
            return [one.value for one in await ask(stage, rule, *asked)]

        assert await values({"consent": "email", "is": "granted"}) == [True, False]
        assert await values({"consent": "email", "is": "none"}) == [False, True]
        assert await values({"reachable": "email"}) == [True, False]
        assert await values({"reachable": "sms"}) == [False, False]
        async with stage.unit() as tx:
            await profiles.suppress(tx, "email", email, "hard_bounce", stage.now, "test")
        assert await values({"reachable": "email"}) == [False, False]
        assert await values({"suppressed": "email", "reason": "hard_bounce"}) == [True, False]
        assert await values({"suppressed": "email", "is": False}) == [False, True]
        for channel, purpose in (("email", "marketing"), ("email", "orders"), ("sms", "marketing")):
            async with stage.unit() as tx:
                many = await reach(tx, {one: [one] for one in (anna, bert)}, [(channel, purpose)])
                for one in (anna, bert):
                    alone = await profiles.reach(tx, one, channel, purpose)
                    assert many[one][channel, purpose] == alone

    play(house, story)


def test_channels_and_devices_are_those_of_the_log(house: House) -> None:
    async def story(stage: Stage) -> None:
        came = []
        for days, who, channel, device in (
            (30, "b1", "paid_search", "mobile"),
            (20, "b1", "email", "desktop"),
            (1, "u:anna", "direct", None),
        ):
            event = stage.event("Page Viewed", who, timedelta(days=days))
            event.channel, event.device = channel, device
            came.append(event)
        await stage.walk(*came)
        anna = await origin(stage, stage.event("Page Viewed", "u:anna", browser="b1"))

        async def holds(rule: dict[str, Any]) -> bool:
            return (await ask(stage, rule, Subject(anna)))[0].value

        assert await holds({"channel": "paid_search", "touch": "first"})
        assert await holds({"channel": ["direct", "sms"], "touch": "last"})
        assert await holds({"channel": "email", "within": {"days": 20}})
        assert not await holds({"channel": "email", "within": {"days": 19}})
        assert await holds({"device": "desktop", "touch": "last"})
        assert not await holds({"device": "tablet"})

    play(house, story)


def test_what_she_did_with_messages_counts_for_her_alone(house: House) -> None:
    async def story(stage: Stage) -> None:
        day = timedelta(days=1)
        anna = await origin(stage, stage.event("Email Sent", "u:anna", day, journey="cart"))
        await stage.walk(
            stage.event("Email Sent", "u:anna", day, journey="cart", rehearsal=True),
            stage.event("Email Opened", "u:anna", day, journey="cart", machine_open=True),
            stage.event("Email Link Clicked", "u:anna", day, machine_click=False),
        )
        once = {"op": "equals", "value": 1}
        for rule, held in (
            ({"message": "received", "count": once}, True),
            ({"message": "received", "journey": "welcome"}, False),
            ({"message": "opened"}, False),
            ({"message": "clicked", "within": {"days": 2}}, True),
        ):
            assert (await ask(stage, rule, Subject(anna)))[0].value is held, rule
        [said] = await ask(stage, {"message": "opened", "journey": "cart"}, Subject(anna))
        assert said.why == ["did not open an e-mail of the journey “cart”"]

    play(house, story)


def test_queries_do_not_grow_with_the_people(house: House) -> None:
    everything = {
        "and": [
            {"trait": "city", "op": "missing"},
            {"event": "A", "did": False},
            {"orders": "reduced_percent", "op": "at_least", "value": 1},
            {"reachable": "email"},
            {"channel": "email"},
            {"device": "mobile", "touch": "first"},
            {"cart": "c1", "is": "closed"},
        ]
    }

    async def story(stage: Stage) -> None:
        anna = await origin(stage, stage.event("Page Viewed", "u:anna"))
        some = [await origin(stage, stage.event("Page Viewed", f"u:{n}")) for n in range(20)]
        asked: list[int] = []
        for subjects in ([anna], [anna, *some]):
            async with stage.unit() as tx:
                counted: Any = Counted(tx)
                wanted = needs(parse(everything))
                found = await load_many(
                    counted, [Subject(one) for one in subjects], wanted, stage.now, stage.shop
                )
                assert len(found) == len(subjects)
                asked.append(counted.queries)
        assert asked[0] == asked[1] > 0

    play(house, story)


class Counted:
    """A connection that counts its queries."""

    def __init__(self, tx: Any) -> None:
        self._tx, self.queries = tx, 0

    async def execute(self, *args: Any) -> Any:
        self.queries += 1
        return await self._tx.execute(*args)


def test_a_till_with_very_many_events_is_not_read_whole(house: House, monkeypatch: Any) -> None:
    monkeypatch.setattr(facts, "_of_one", lambda tests: 5)

    async def story(stage: Stage) -> None:
        views = [stage.event("Page Viewed", "u:till", timedelta(hours=n)) for n in range(9)]
        await stage.walk(*views)
        till = await origin(stage, stage.event("Product Viewed", "u:till"))
        six = {"event": "Page Viewed", "count": {"op": "at_least", "value": 6}}
        newest = {"event": "Page Viewed", "last": {"op": "in_the_last", "value": {"hours": 1}}}
        asked = {"and": [{"not": six}, newest]}
        assert (await ask(stage, asked, Subject(till)))[0].value
        async with stage.unit() as tx:
            wanted = needs(parse(six))
            with pytest.raises(store.Crowded):
                await load_many(tx, [Subject(till)], wanted, stage.now, stage.shop, at_most=4)

    play(house, story)

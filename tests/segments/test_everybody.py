"""A whole shop is answered from columns as each of its people is: whatever is known of them."""

import random
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from conftest import House
from patron.events.types import EventType, Trust
from patron.kit.db import execute
from patron.profiles import store as profiles
from patron.profiles.labels import mark
from patron.profiles.types import ConsentState, ConsentWord, SuppressionReason
from patron.segments import filling, saving, tasks, trying
from patron.segments import store as log
from patron.segments.everybody import answering
from patron.segments.everybody.answering import holders
from patron.segments.everybody.people import Alike, Everybody
from patron.segments.lists import keeping
from patron.segments.lists import store as lists
from patron.segments.population import store as populations
from patron.segments.predictions import store as predictions
from patron.segments.predictions.types import Kind, Source, cuts_of
from patron.segments.rules.language import needs, parse
from patron.segments.saving import Draft
from stage import Stage, play

CITIES = ["Boston", "boston", "Salem", 7, "7", None, ["Boston", "Lynn"], {"part": "North"}]
RULES: list[tuple[dict[str, Any], bool]] = [
    ({"trait": "city", "op": "equals", "value": "Boston"}, True),
    ({"trait": "city", "op": "not_equals", "value": 7}, True),
    ({"trait": "city", "op": "missing"}, True),
    ({"trait": "city.part", "op": "starts_with", "value": "n"}, True),
    ({"trait": "born", "op": "anniversary_in_the_next", "value": 60}, True),
    ({"trait": "email", "op": "ends_with", "value": "@x.example"}, True),
    ({"trait": "email", "op": "exists"}, True),
    ({"trait": "user_id", "op": "starts_with", "value": "c1"}, True),
    ({"orders": "number", "op": "at_least", "value": 2}, True),
    ({"orders": "number", "op": "equals", "value": 0, "within": {"days": 40}}, True),
    ({"orders": "value", "op": "between", "value": [20.5, 90]}, True),
    ({"orders": "value", "op": "at_most", "value": 0, "before": {"days": 20}}, True),
    ({"orders": "average", "op": "greater_than", "value": 33.33}, True),
    ({"orders": "average", "op": "less_than", "value": 50, "after": "2026-01-15T00:00:00Z"}, True),
    ({"orders": "days_since_last", "op": "at_most", "value": 30}, True),
    ({"orders": "days_since_first", "op": "greater_than", "value": 45}, True),
    ({"orders": "reduced_percent", "op": "at_least", "value": 50}, False),
    ({"rfm": "recency", "op": "at_least", "value": 4}, True),
    ({"rfm": "money", "op": "equals", "value": 1}, True),
    ({"rfm": "group", "is": ["champions", "inactive"]}, True),
    ({"rfm": "group", "is": "at_risk"}, True),
    ({"percentile": "value", "op": "at_least", "value": 50}, True),
    ({"percentile": "average", "op": "less_than", "value": 50}, True),
    ({"percentile": "number", "op": "at_least", "value": 50}, True),
    ({"consent": "email", "is": "granted"}, True),
    ({"consent": "email", "is": "withdrawn"}, True),
    ({"consent": "email", "is": "none"}, True),
    ({"consent": "email", "is": "pending"}, True),
    ({"reachable": "email"}, True),
    ({"reachable": "email", "purpose": "orders", "is": False}, True),
    ({"suppressed": "email"}, True),
    ({"suppressed": "email", "reason": "manual"}, True),
    ({"list": "fair"}, True),
    ({"list": "fair", "is": False}, True),
    ({"segment": "fairgoers"}, True),
    ({"segment": "fairgoers", "is": False}, True),
    ({"tag": "VIP"}, True),
    ({"predicted": "churn", "op": "at_least", "value": 0.5}, True),
    ({"predicted": "churn", "op": "missing"}, True),
    ({"predicted": "churn", "among_all": {"op": "at_least", "value": 50}}, True),
    ({"predicted": "due", "op": "in_the_next", "value": {"days": 7}}, True),
    ({"sample": 40, "key": "letter"}, True),
    ({"cart": "any", "is": "open"}, True),
    ({"location": "country", "op": "equals", "value": "DE"}, False),
    ({"location": "eu", "is": False}, False),
    ({"experiment": "e1", "variant": "a"}, False),
    ({"experiment": "e1", "is": False}, False),
]  # fmt: skip
"""With whether columns alone decide, but of those whose origins tell different things."""


async def town(stage: Stage) -> None:
    """Eighty people of whom much is known, some under several names, and twenty visitors."""
    draw = random.Random(5)
    for number in range(80):
        who, email = f"u:c{number}", f"c{number % 50}@{draw.choice('xyz')}.example"
        batch = []
        for _ in range(draw.randint(0, 3)):
            price = draw.choice([10, 20.25, 33.33, 80])
            ago = timedelta(days=draw.randint(1, 90))
            more = {"discount": draw.choice([0, 5])} if draw.random() < 0.5 else {}
            currency = draw.choice(["USD", "USD", "EUR"])
            order = stage.orders(who, ago, revenue=price, currency=currency, **more)
            batch.append(order)
            id = order.properties["order_id"]
            match draw.randint(0, 9):
                case 0:
                    batch.append(stage.event("Order Cancelled", who, order_id=id))
                case 1:
                    batch.append(stage.event("Order Refunded", who, order_id=id))
                case 2:
                    back = {"order_id": id, "total": 5, "currency": currency}
                    batch.append(stage.event("Order Refunded", who, **back))
        said = stage.event("Identified", who, timedelta(days=1))
        said.type = EventType.IDENTIFY
        said.traits = {
            "city": draw.choice(CITIES),
            "born": f"19{number % 70 + 10}-0{number % 9 + 1}-11",
        }
        said.traits |= {"email": email} if number % 3 else {}
        said.traits |= (
            {"address": {"country": draw.choice(["DE", "US"])}} if number % 5 == 0 else {}
        )
        batch.append(said)
        if number % 4 == 0:
            batch.append(stage.adds(who))
        if number % 6 == 0:
            told = {"experiment_id": "e1", "variation_id": draw.choice("ab")}
            batch.append(stage.event("Experiment Viewed", who, **told))
        await stage.walk(*batch)
    await stage.walk(*(stage.event("Page Viewed", f"v{n}", path="/") for n in range(20)))


async def written(stage: Stage) -> None:
    """What somebody at the shop writes on them, and what is said of their addresses."""
    draw = random.Random(6)
    async with stage.unit() as tx:
        roots = await log.people(tx, None, 200)
        fair = await lists.create(tx, "fair", "Fair", "", stage.now)
        assert fair is not None
        await lists.add(tx, fair, roots[::3], "api", stage.now)
        for root in roots[::7]:
            await mark.tag(tx, stage.shop, str(root), draw.choice(["vip", "loud"]), "me", stage.now)
        found = await (
            await tx.execute("SELECT value FROM identifier WHERE kind = 'email'")
        ).fetchall()
        for (key,) in sorted(found):
            for _ in range(draw.randint(0, 2)):
                at = stage.now - timedelta(days=draw.randint(1, 4))
                state = ConsentState(draw.choice(["granted", "withdrawn", "pending"]))
                word = ConsentWord(
                    address_key=key, channel="email", purpose="marketing", state=state, at=at,
                    source="api", trust=Trust.SERVER, confirmed=draw.random() < 0.5,
                )  # fmt: skip
                await profiles.set_consent(tx, word, stage.now)
            if draw.random() < 0.3:
                reason = SuppressionReason(draw.choice(["manual", "hard_bounce", "unsubscribe"]))
                at = stage.now - timedelta(days=draw.randint(1, 4))
                await profiles.suppress(tx, "email", key, reason, at, "test")
        one, other = roots[0], roots[9]  # of two people one, as a merge has it
        await execute(tx, "UPDATE origin SET root_id = %s WHERE root_id = %s", (one, other))
        cuts = await populations.count(tx, stage.now - timedelta(days=60), "USD")
        await populations.publish(tx, stage.now, stage.now - timedelta(days=60), "USD", cuts)
        scores = {root: draw.random() for root in roots[:40]}
        dates = {
            root: (stage.now.timestamp() + draw.randint(-9, 9) * 86_400) * 1e6
            for root in roots[:30]
        }
        for name, kind, values in (("churn", Kind.NUMBER, scores), ("due", Kind.DATE, dates)):
            await predictions.put(tx, name, name, kind, Source.SHOP)
            await predictions.publish(
                tx, name, values, cuts_of(list(values.values())), stage.now, ""
            )


async def visited(stage: Stage) -> None:
    """A segment that some are in, and one has left."""
    async with stage.unit() as tx:
        draft = Draft(name="Fairgoers", rule={"list": "fair"})
        await saving.create(tx, stage.shop, None, draft, stage.now)
    await filling.fill(stage.db, stage.shop, None, stage.house.clock)
    async with stage.unit() as tx:
        (gone, *_) = await log.people(tx, None, 1)
        await keeping.remove(tx, stage.shop, "fair", [str(gone)], stage.now)
    assert await tasks.fire_due(stage.db, stage.shop, stage.now) >= 1


def test_everybody_is_answered_as_each_is(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    alone = answering._Answering._judged

    async def counted(self: Any, tx: Any, numbers: Any) -> list[bool]:
        asked.append(len(numbers))
        return await alone(self, tx, numbers)

    monkeypatch.setattr(answering._Answering, "_judged", counted)

    async def story(stage: Stage) -> None:
        await town(stage)
        await written(stage)
        await visited(stage)
        async with stage.unit() as tx:
            roots = await log.people(tx, None, 500)
        both = {"and": [{"or": [rule for rule, _ in RULES[:9]]}, {"not": RULES[11][0]}]}
        for data, decided in [*RULES, (both, True)]:
            rule = parse(data)
            asked.clear()
            found = await holders(stage.db, stage.shop, rule, stage.now, None)
            assert found is not None and found.complete and found.people.count == len(roots)
            async with stage.unit() as tx:
                right = await trying.judged(tx, rule, roots, needs(rule), stage.now, stage.shop)
            held = found.people.roots(np.flatnonzero(found.held))
            assert sorted(held) == sorted(right), data
            assert 0 < len(right) < len(roots), f"{data} parts nobody"
            assert not decided or sum(asked) < 12, (data, asked)

    play(house, story)


def test_a_share_is_drawn_by_the_oldest_name_however_she_is_asked_about(house: House) -> None:
    async def story(stage: Stage) -> None:
        for number in range(12):  # known a minute after her browser was, and merged into the known
            await stage.walk(stage.event("Product Viewed", f"b{number}"))
            stage.pass_time(minutes=1)
            await stage.walk(stage.event("Signed Up", f"u:k{number}"))
            linking = stage.event("Identified", f"u:k{number}", browser=f"b{number}")
            linking.type, linking.trust = EventType.IDENTIFY, Trust.SERVER
            await stage.walk(linking)
        async with stage.unit() as tx:
            roots = await log.people(tx, None, 500)
            families = await log.families(tx, roots)
        assert len(roots) == 12 and all(families[root][0] < root for root in roots)
        for key in "abc":
            rule = parse({"sample": 50, "key": key})
            found = await holders(stage.db, stage.shop, rule, stage.now, None)
            assert found is not None
            async with stage.unit() as tx:
                right = await trying.judged(tx, rule, roots, needs(rule), stage.now, stage.shop)
            assert sorted(found.people.roots(np.flatnonzero(found.held))) == sorted(right)

    play(house, story)


def test_ids_that_cannot_be_told_apart_are_seen() -> None:
    head, tail = (1).to_bytes(8), (7).to_bytes(8)
    row = tail + head + tail
    assert Everybody(row).count == 1
    with pytest.raises(Alike):
        Everybody(row + tail + (2).to_bytes(8) + tail)
    assert list(Everybody(b"").packed(tail)) == [-1]

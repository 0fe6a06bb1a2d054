"""Groups of people who are alike are found in what they do, named, and told by a rule."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from conftest import House
from known import NOW, Known
from patron.kit.problems import Problem
from patron.segments.rules.language import parse
from patron.segments.suggesting import finding, keeping
from patron.segments.suggesting.clustering import part
from patron.segments.suggesting.finding import found
from patron.segments.suggesting.measuring import Measured, Names, measure
from patron.segments.suggesting.types import Suggestion
from patron.segments.types import Order
from stage import Stage, play

NAMES = Names("Order Completed", "Product Viewed", "USD")
DRAW = np.random.default_rng(7)
DAY = timedelta(days=1)


def bargain_hunter() -> Known:
    """Orders often, always reduced, boots, in the evening (it is noon in New York)."""
    return _buyer(int(DRAW.integers(9, 14)), 2_000, True, "Boots", 7, 5)


def spender() -> Known:
    """Orders once or twice, much, at full price, coats, in the morning."""
    return _buyer(int(DRAW.integers(1, 3)), 40_000, False, "Coats", -3, 60)


def looker() -> Known:
    """Looks at hats again and again and orders nothing."""
    return _known([], _looks(int(DRAW.integers(20, 40)), "Hats"))


def passer_by() -> Known:
    """Looks at some shoes once or twice."""
    return _known([], _looks(int(DRAW.integers(1, 3)), "Shoes"))


def _looks(count: int, category: str) -> list[tuple[float, str]]:
    return [(float(ago), category) for ago in DRAW.integers(1_000, 100_000, count)]


def _buyer(times: int, worth: int, reduced: bool, category: str, hours: int, newest: int) -> Known:
    orders, log = [], []
    for n in range(times):
        ago = timedelta(days=newest + n * 20 + int(DRAW.integers(0, 4)), hours=-hours)
        orders.append(Order(NOW - ago, int(worth * DRAW.uniform(0.8, 1.2)), "USD", reduced))
        log.append((ago / timedelta(minutes=1), category))
    return _known(orders[::-1], [], log)


def _known(
    orders: list[Order], looks: list[tuple[float, str]], bought: list[tuple[float, str]] = []  # noqa: B006
) -> Known:  # fmt: skip
    log: list[tuple[float, str, dict[str, Any]]] = [
        (ago, "Product Viewed", {"category": category}) for ago, category in looks
    ]
    log += [(ago, "Order Completed", {"products": [{"category": c}]}) for ago, c in bought]
    return Known(orders=orders, log=log)


def crowd(*parts: tuple[Any, int]) -> list[tuple[str, Known]]:
    return [(make.__name__, make()) for make, count in parts for _ in range(count)]


def suggested(people: list[tuple[str, Known]], share: float = 1.0) -> list[Suggestion]:
    measured = Measured([], {})
    measure(measured, [her for _, her in people], NAMES, 100, NOW)
    return found(measured, NAMES, share)


def test_planted_groups_are_found_and_named() -> None:
    people = crowd((bargain_hunter, 80), (spender, 120), (looker, 70), (passer_by, 90))
    groups = {one.name: one for one in suggested(people) if one.kind == "found"}
    assert sorted(groups) == [
        "Buy often, spend little at a time, only on sale, mostly Boots",
        "Buy seldom, spend much at a time, at full price, mostly Coats",
        "Look and do not buy, hardly look around, mostly Shoes",
        "Look and do not buy, look around a lot, mostly Hats",
    ]
    assert sorted(one.people for one in groups.values()) == [70, 80, 90, 120]
    for name, one in groups.items():
        assert one.rule is not None and one.hits is not None and one.reach is not None
        who = {"Boots": "bargain_hunter", "Coats": "spender", "Hats": "looker", "Shoes":
               "passer_by"}[name.split()[-1]]  # fmt: skip
        rule = parse(one.rule)
        held = [kind for kind, her in people if rule.holds(her, NOW)]
        meant = [kind for kind, _ in people if kind == who]
        right = held.count(who)
        assert one.hits == pytest.approx(right / len(held), abs=0.001)
        assert one.reach == pytest.approx(right / len(meant), abs=0.001)
        assert one.hits > 0.95 and one.reach > 0.95
        assert one.description.startswith(f"{one.people / (200 if 'uy ' in name[:4] else 160):.0%}")


def test_fans_of_a_category_are_offered_when_there_are_enough() -> None:
    people = crowd((bargain_hunter, 30), (looker, 24), (passer_by, 60))
    fans = [one for one in suggested(people) if one.kind == "fans"]
    assert [(one.key, one.people) for one in fans] == [("fans-of-boots", 30)]
    rule = parse(fans[0].rule)
    assert {kind for kind, her in people if rule.holds(her, NOW)} == {"bargain_hunter"}
    sampled = [one for one in suggested(people, share=0.5) if one.kind == "fans"]
    assert [(one.key, one.people) for one in sampled] == [("fans-of-boots", 60),
                                                         ("fans-of-hats", 48)]  # fmt: skip


def test_people_who_are_alike_all_through_are_not_parted() -> None:
    draw = np.random.default_rng(3)
    assert part(draw.normal(size=(400, 8))) is None
    apart = np.concatenate([draw.normal(size=(200, 8)), draw.normal(6, size=(200, 8))])
    parted = part(apart)
    assert parted is not None and parted.count == 2 and parted.apart > 0.5
    assert len(set(parted.groups[:200])) == len(set(parted.groups[200:])) == 1
    again = part(apart)
    assert again is not None and np.array_equal(again.groups, parted.groups)


def test_names_in_any_letters_have_keys_of_their_own() -> None:
    keys = {
        finding._key("fans of", name) for name in ("Сапоги", "Шапки", "帽子", "Boots", "B" * 90)
    }
    assert len(keys) == 5 and all(len(key) <= 60 for key in keys)


def test_they_are_found_in_the_shops_own_data_and_saved(house: House) -> None:
    async def story(stage: Stage) -> None:
        async with stage.unit() as tx:
            assert not await finding.is_due(tx, stage.shop, stage.now)
            none = await keeping.suggested(tx)
            assert none.made_at is None and "nobody has looked yet" in none.said
        for start in range(0, 120, 30):
            batch = []
            for number in range(start, start + 30):
                often = number % 2
                for turn in range(8 if often else 1):
                    told = {"discount": 5, "total": 20} if often else {"discount": 0, "total": 300}
                    goods = [{"product_id": "p", "category": "Boots" if often else "Coats"}]
                    ago = (3 + turn * 20 + number % 7) * DAY
                    batch.append(stage.orders(f"u:{number}", ago, products=goods, **told))
            await stage.walk(*batch)
        async with stage.unit() as tx:
            assert await finding.is_due(tx, stage.shop, stage.now)
        run = await finding.find(stage.db, stage.shop, stage.house.clock)
        assert (run.looked_at, run.people) == (120, 120)
        async with stage.unit() as tx:
            assert not await finding.is_due(tx, stage.shop, stage.now)
            offered = await keeping.suggested(tx)
            names = [one.name for one in offered.suggestions]
            assert len(names) == 2 and any("only on sale, mostly Boots" in name for name in names)
            one = offered.suggestions[0]
            texts = " ".join(each.description for each in offered.suggestions)
            assert (
                "20.00 USD (all buyers: 160.00 USD)" in texts and "100% (all buyers: 50%)" in texts
            )
            saved = await keeping.save(tx, stage.shop, one.key, stage.now)
            assert (saved.name, saved.rule) == (one.name, one.rule)
            with pytest.raises(Problem, match="suggestion"):
                await keeping.save(tx, stage.shop, "nothing", stage.now)
        stage.pass_time(days=1)
        async with stage.unit() as tx:
            assert await finding.is_due(tx, stage.shop, stage.now)

    play(house, story)

"""Popular and trending: what fades, what rises, whose order of categories it is, and no bot."""

from collections.abc import Iterator

import msgspec
import numpy as np
import pytest

from patron.recommend.popular import categories, query
from patron.recommend.popular.fit import fit
from patron.recommend.popular.tiers import MOST, tiered
from patron.recommend.popular.types import Groups, Params
from patron.recommend.types import Kind, Scored
from recommend.shops import DAY, NOW, Act, columns_of, history, nothing

PARAMS = Params()
BUY, VIEW, CART = Kind.BUY, Kind.VIEW, Kind.CART


def groups(pairs: list[tuple[int, int]], count: int) -> Groups:
    member, group = np.array(pairs, np.int32).reshape(-1, 2).T
    return Groups(member, group, [f"g{number}" for number in range(count)])


def test_what_was_bought_long_ago_fades() -> None:
    acts: list[Act] = [(p, 0, NOW - 60 * DAY, BUY) for p in range(10)]
    acts += [(p, 1, NOW - DAY, BUY) for p in range(4)]
    found = query.top(fit(history(acts, items=3), PARAMS, NOW), 5)
    assert found.items.tolist() == [1, 0]
    half = 10 * 0.5 ** (60 / PARAMS.half_life_days)
    assert found.scores[1] == pytest.approx(half, rel=0.05)


def test_the_strongest_act_of_a_day_counts_and_a_bot_is_one_visitor() -> None:
    rng = np.random.default_rng(3)
    many = 1_000_000
    bot = np.zeros(many, np.int64)
    at = NOW - rng.integers(0, 3 * DAY, many)
    people = np.arange(1, 21)
    person = np.concatenate([bot, people])
    item = np.concatenate([bot, np.ones(20, np.int64)])
    when = np.concatenate([at, np.full(20, NOW - DAY)])
    kind = np.zeros(len(person), np.int64)
    found = fit(columns_of(person, item, when, kind, np.full(len(person), -1), 2), PARAMS, NOW)
    assert query.top(found, 1).items.tolist() == [1]
    one_day: list[Act] = [(0, 0, NOW, VIEW), (0, 0, NOW, VIEW), (0, 0, NOW, BUY), (0, 0, NOW, CART)]
    assert query.top(fit(history(one_day, items=1), PARAMS, NOW), 1).scores.tolist() == [1.0]


def test_trends_are_what_rises_against_the_whole_shop() -> None:
    """Product 0 sells as always, 1 rises, 2 has two buyers today, 3 falls; then a season lifts."""
    acts: list[Act] = []
    for day in range(60):
        acts += [(p, 0, NOW - day * DAY, BUY) for p in range(10)]
        acts += [(p + 50, 3, NOW - day * DAY, BUY) for p in range(20 if day > 5 else 2)]
    acts += [(p + 100, 1, NOW - day * DAY, BUY) for p in range(20) for day in range(3)]
    acts += [(p + 200, 2, NOW, BUY) for p in range(2)]
    shop = fit(history(acts, items=4), PARAMS, NOW)
    rising = query.trending(shop, 4)
    assert rising.items.tolist()[0] == 1
    assert 3 not in rising.items
    assert shop.trend[1] > 2 * shop.trend[2] > 2
    doubled = [(p + 1000 * k, i, t, act) for p, i, t, act in acts for k in (0, 1)]
    lifted = fit(history(acts + [a for a in doubled if a[2] > NOW - 3 * DAY], items=4), PARAMS, NOW)
    assert lifted.trend[0] == pytest.approx(shop.trend[0], rel=0.25)


def test_a_country_has_lists_of_its_own_and_leans_on_everybody() -> None:
    acts: list[Act] = [(p, p % 2, NOW - DAY, BUY) for p in range(200)]
    acts += [(p, 2, NOW - DAY, BUY) for p in range(60)]
    acts += [(300 + p, 3, NOW - DAY, BUY) for p in range(20)]
    shop = history(acts, items=5, people=400)
    countries = groups([(300 + p, 0) for p in range(20)] + [(0, 1), (0, 2)], 4)
    by_country = fit(shop, PARAMS, NOW, countries)
    assert query.top(by_country, 5, 0).items.tolist()[0] == 3
    # Where next to nothing happened everybody's order holds, and where nothing did too.
    assert query.top(by_country, 5, 3).items.tolist() == query.top(by_country, 5).items.tolist()
    assert by_country.names == countries.names
    for unknown in (-1, 4, 99):
        assert len(query.top(by_country, 5, unknown)) == 0
        assert len(query.trending(by_country, 5, unknown)) == 0


def test_categories_are_everybodys_first_and_hers_the_more_she_did() -> None:
    acts: list[Act] = [(p, p % 3, NOW - DAY, BUY) for p in range(90)]
    acts += [(p, 0, NOW - DAY, BUY) for p in range(90, 120)]
    shop = fit(history(acts, items=4), PARAMS, NOW)
    of = groups([(0, 0), (1, 1), (2, 2), (3, 3)], 5)
    table = categories.fit(shop, of, PARAMS)
    none = np.zeros(0, np.int32)
    everybodys = categories.order(table, none, none.astype(np.int8), none.astype(int), NOW, 9)
    assert everybodys.items.tolist() == [0, 1, 2]
    had = np.array([1, 1, 1, 1, 2, 2, 2, 3, 99], np.int32)
    kinds = np.array([BUY, BUY, BUY, BUY, VIEW, VIEW, VIEW, VIEW, VIEW], np.int8)
    times = np.full(9, NOW - DAY)
    hers = categories.order(table, had, kinds, times, NOW, 9)
    assert hers.items.tolist()[0] == 1
    assert set(hers.items.tolist()) == {0, 1, 2, 3}
    longed = categories.order(table, had, kinds, times, NOW, 2, longed_first=True)
    assert longed.items.tolist() == [2, 1]


def test_a_shop_without_visitors_and_one_product() -> None:
    empty = fit(nothing(), PARAMS, NOW, groups([], 2))
    for found in (query.top(empty, 5), query.trending(empty, 5), query.top(empty, 5, 1)):
        assert len(found) == 0
    one = fit(history([(0, 0, NOW, VIEW)], items=1), PARAMS, NOW)
    assert query.top(one, 5).items.tolist() == [0]
    assert one.trend[0] == pytest.approx(1.0)
    none = fit(nothing(0), PARAMS, NOW)
    assert len(query.top(none, 5)) == 0


def test_a_million_products_with_ten_events() -> None:
    acts: list[Act] = [(p, 99_999 * p, NOW - DAY, VIEW) for p in range(10)]
    shop = fit(history(acts, items=1_000_000), PARAMS, NOW)
    assert query.top(shop, 20).items.tolist() == [99_999 * p for p in range(10)]
    stored = sum(
        value.nbytes for value in msgspec.structs.astuple(shop) if isinstance(value, np.ndarray)
    )
    assert stored < 20_000_000


def listed(items: list[int], scores: list[float]) -> Scored:
    return Scored(np.array(items, np.int32), np.array(scores, np.float32))


def test_all_of_a_category_come_before_those_above_however_small_their_scores() -> None:
    asked = []

    def lists(*found: Scored) -> Iterator[Scored]:
        for number, one in enumerate(found):
            asked.append(number)
            yield one

    near, above, shop = listed([3, 1], [5, 1e-6]), listed([7, 3], [900, 800]), listed([0], [1e9])
    found = tiered(lists(near, above, shop), 9)
    assert found.items.tolist() == [3, 1, 7, 0]
    assert (np.diff(found.scores) < 0).all() and found.scores[0] == 1
    asked.clear()
    assert tiered(lists(near, above, shop), 2).items.tolist() == [3, 1] and asked == [0]
    empty = listed([], [])
    assert tiered(lists(empty, near), 1).items.tolist() == [3]
    assert tiered([], 3).items.tolist() == []
    deep = tiered(lists(*[listed([n], [1.0]) for n in range(50)]), 50)
    assert len(deep) == MOST and (np.diff(deep.scores) < 0).all() and deep.scores[-1] > 0

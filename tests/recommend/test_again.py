"""Buy it again: what is due and when, what the next basket holds, and what is never offered."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patron.recommend.again.basket import baskets
from patron.recommend.again.fit import fit
from patron.recommend.again.intervals import habits
from patron.recommend.again.model import DAY, Index, Params
from patron.recommend.again.purchases import purchases, vectors
from patron.recommend.again.query import basket, dates, due
from patron.recommend.types import Interactions, Kind, Scored

Order = tuple[int, list[int]]
"""The day of an order, and what was in it."""

COFFEE, FILTERS, SOFA, GRINDER = 0, 1, 2, 3


def told(people: list[list[Order]], items: int) -> Interactions:
    rows = []
    number = 0
    for person, orders in enumerate(people):
        for day, order in orders:
            rows += [(person, item, day * DAY, number) for item in order]
            number += 1
    columns = np.array(rows, np.int64).reshape(-1, 4).T
    who, baskets = columns[0].astype(np.int32), columns[3].astype(np.int32)
    bought = np.full(len(rows), Kind.BUY, np.int8)
    return Interactions(
        who, columns[1].astype(np.int32), columns[2], bought, baskets, who, len(people), items
    )


def of(history: Interactions, person: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = history.person == person
    return history.item[rows], history.at[rows], history.basket[rows]


def household(days: list[int], sofa: int | None = None) -> list[Order]:
    """Coffee every time, filters every second time, a sofa once."""
    orders = [(day, [COFFEE, FILTERS] if k % 2 == 0 else [COFFEE]) for k, day in enumerate(days)]
    if sofa is not None:
        orders.append((sofa, [SOFA]))
    return sorted(orders)


def grocer(people: int = 400, days: int = 365) -> Interactions:
    """Each comes at a rhythm of her own, give or take a sixth, and has come since another day."""
    draw = np.random.default_rng(11)
    homes = []
    for _ in range(people):
        every, day, times = draw.uniform(15, 45), draw.uniform(0, 300), []
        sofa = int(draw.integers(0, days))
        while day < days:
            times.append(int(day))
            day += every * draw.normal(1.0, 0.16)
        homes.append(household(times, sofa))
    return told(homes, 5)


GROCER = grocer()
INDEX = fit(GROCER, Params())


def asked(orders: list[Order], now: int, n: int = 5) -> Scored:
    return due(INDEX, *of(told([orders], 5), 0), now * DAY, n)


def test_what_is_used_up_is_due_and_a_sofa_is_not() -> None:
    orders = household([300, 330, 360], sofa=350)
    found = asked(orders, now=390)
    assert SOFA not in found.items.tolist()
    assert found.items.tolist()[0] == COFFEE
    assert 0.3 < found.scores[0] <= 1.0
    assert len(asked(orders, now=390, n=1)) == 1


def test_it_is_not_due_the_day_after() -> None:
    orders = household([300, 330, 360])
    chances = [float(asked(orders, now=day).scores[0]) for day in (361, 376, 389)]
    assert chances[0] < 0.1 < chances[2]
    assert chances == sorted(chances)


def test_the_date_follows_her_own_rhythm() -> None:
    for every in (20, 40):
        orders = household(list(range(100, 341, every)))
        known = dates(INDEX, *of(told([orders], 5), 0)[:2], 341 * DAY)
        assert known.items.tolist() == [COFFEE, FILTERS]
        days = known.at / DAY - orders[-1][0]
        assert days[0] == pytest.approx(every, abs=5)
    first = dates(INDEX, *of(told([[(300, [COFFEE])]], 5), 0)[:2], 301 * DAY)
    assert first.at[0] / DAY - 300 == pytest.approx(30, abs=8)


def test_the_probability_is_what_comes_true() -> None:
    """Everybody asked a week before the end, against what they then bought."""
    past = GROCER.where(GROCER.at < 358 * DAY)
    index, now = fit(past, Params()), int(past.at.max()) + 1
    said, came = [], []
    for person in range(GROCER.people):
        items, times, orders = of(past, person)
        known = dates(index, items, times, now, orders)
        later = GROCER.item[(GROCER.person == person) & (GROCER.at >= now)]
        said += known.chance.tolist()
        came += np.isin(known.items, later).tolist()
    chance, true = np.array(said), np.array(came)
    assert chance.min() >= 0 and chance.max() <= 1
    assert chance.mean() == pytest.approx(true.mean(), abs=0.05)
    sure = chance > np.quantile(chance, 0.8)
    assert true[sure].mean() == pytest.approx(chance[sure].mean(), abs=0.15)
    assert true[sure].mean() > 2 * true.mean()
    assert ((chance - true) ** 2).mean() < true.mean() * (1 - true.mean())


def test_a_new_product_is_bought_again_as_its_category_is() -> None:
    homes = [household(list(range(k % 30, 200, 30))) for k in range(40)]
    homes += [[(k, [SOFA])] for k in range(40)]
    homes += [[(5, [3])], [(6, [4])]]
    lines = purchases(told(homes, 5))
    known = habits(lines, 10.0, np.array([0, 0, 1, 0, 1], np.int32))
    assert known.repeat[3] > 0.7 > 0.3 > known.repeat[4]
    assert known.gap[3] == pytest.approx(known.gap[COFFEE], abs=0.3)
    assert known.bought_again.tolist() == [True, True, False, False, False]


def test_the_next_basket_is_hers_first_and_then_her_neighbours() -> None:
    alike = [[(day, [0, 1, 2]) for day in range(0, 90, 30)] for _ in range(10)]
    others = [[(day, [5, 6]) for day in range(0, 90, 30)] for _ in range(10)]
    index = fit(told(alike + others, 8), Params(neighbours=5))
    found = basket(index, *of(told([[(0, [0, 3]), (30, [0])]], 8), 0), 3)
    assert found.items.tolist()[0] == 0
    assert set(found.items.tolist()) == {0, 1, 2}
    assert len(basket(index, *of(told([[]], 8), 0), 3)) == 0


def test_what_she_stopped_buying_fades() -> None:
    people = vectors(purchases(told([[(0, [0]), (1, [0]), (2, [1]), (3, [1])]], 2)), 0.5, 1.0)
    assert people.item.tolist() == [0, 1]
    assert people.value[1] / people.value[0] == pytest.approx((1 + 0.5) / (0.25 + 0.125))
    assert float(np.square(people.value).sum()) == pytest.approx(1.0)


PEOPLE = st.lists(
    st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=4), max_size=5),
    min_size=1,
    max_size=8,
)
CHOSEN = st.builds(
    Params,
    fade=st.sampled_from([0.5, 1.0]),
    own=st.sampled_from([0.0, 0.4, 1.0]),
    neighbours=st.sampled_from([1, 50]),
    length=st.sampled_from([0.0, 1.0]),
    rarity=st.sampled_from([0.0, 0.5]),
    popular=st.sampled_from([0.0, 0.2]),
    pool=st.sampled_from([2, 100]),
    each=st.sampled_from([1, 100]),
)


@settings(max_examples=60, deadline=None)
@given(PEOPLE, CHOSEN)
def test_the_compiled_loop_gives_the_same_numbers(
    people: list[list[list[int]]], params: Params
) -> None:
    history = told([list(enumerate(orders)) for orders in people], 7)
    index = fit(history, params)
    one, other = (baskets(index, purchases(history), 3, compiled=c) for c in (False, True))
    assert one[0].tolist() == other[0].tolist()
    assert one[1].tolist() == other[1].tolist()


def same(one: Index, other: Index) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in Index.__struct_fields__
    )


def test_who_is_not_in_the_history_is_nowhere_in_the_index() -> None:
    others = [household(list(range(k, 200, 20 + k))) for k in range(12)]
    with_her = fit(told([*others, [(0, [4]), (30, [4, 3])]], 5), Params())
    without = fit(told([*others, []], 5), Params())
    assert 4 in with_her.item.tolist() and with_her.bought_again[4]
    assert 4 not in without.item.tolist() and not without.bought_again[4]
    assert len(without.start) == len(with_her.start) - 1
    assert same(without, msgspec.structs.replace(fit(told(others, 5), Params())))


def test_neighbours_are_bounded() -> None:
    index = fit(GROCER, Params(pool=20, each=2, postings=5))
    assert len(index.start) == 21
    assert np.diff(index.start).max() <= 2
    assert np.diff(index.by_start).max() <= 5


def test_strange_shops() -> None:
    none = np.zeros(0, np.int32)
    nothing = (none, none.astype(np.int64), none)
    empty = fit(told([], 0), Params())
    assert len(due(empty, *nothing, 0, 3)) == 0
    assert len(basket(empty, *nothing, 3)) == 0
    one_product = told([[(0, [0]), (9, [0])]], 1)
    index = fit(one_product, Params())
    assert due(index, *of(one_product, 0), 20 * DAY, 3).items.tolist() == [0]
    assert basket(index, *of(one_product, 0), 3).items.tolist() == [0]
    same_orders = told([[(0, [0, 1])] for _ in range(50)], 2)
    index = fit(same_orders, Params())
    assert len(due(index, *of(same_orders, 0), DAY, 3)) == 0
    assert basket(index, *of(same_orders, 0), 3).items.tolist() == [0, 1]
    unknown = np.array([-1, 9_000_000], np.int32), np.zeros(2, np.int64), np.zeros(2, np.int32)
    assert len(due(index, *unknown, DAY, 3)) == 0
    assert len(basket(index, *unknown, 3)) == 0


def test_orders_of_one_second_and_clocks_that_run_backwards_do_no_harm() -> None:
    history = told([[(0, [0]), (0, [0]), (0, [0])]], 1)
    index = fit(history, Params())
    found = due(index, *of(history, 0), -5 * DAY, 3)
    assert found.items.tolist() == [0] and np.isfinite(found.scores).all()


def test_views_are_no_purchases() -> None:
    viewed = GROCER.where(GROCER.person < 20)
    viewed = msgspec.structs.replace(viewed, kind=np.full(len(viewed), Kind.VIEW, np.int8))
    assert len(fit(viewed, Params()).item) == 0


def test_the_same_history_gives_the_same_index() -> None:
    assert same(fit(GROCER, Params()), INDEX)


def test_a_million_products_and_ten_orders_need_little() -> None:
    few = told([[(day, [day * 99_999]) for day in range(10)]], 1_000_000)
    index = fit(few, Params())
    assert len(index.item) == 10 and not index.bought_again.any()
    assert len(due(index, *of(few, 0), 20 * DAY, 3)) == 0
    assert len(basket(index, *of(few, 0), 20)) == 10

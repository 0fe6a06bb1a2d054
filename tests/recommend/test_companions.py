"""Companions, carts and complements: what counts as one order, three weighings, substitutes."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patron.recommend.pairs import counting
from patron.recommend.together import completing, orders, query, weigh
from patron.recommend.together.fit import fit
from patron.recommend.together.types import Index, Params, Weighing
from patron.recommend.types import Interactions, Kind
from recommend.shops import DAY, NOW, Act, history, nothing

BUY, VIEW = Kind.BUY, Kind.VIEW
HOUR = 3_600


def basket_shop(baskets: list[list[int]], items: int) -> Interactions:
    acts = [(p, i, NOW - DAY - 60 * p, BUY) for p, basket in enumerate(baskets) for i in basket]
    return history(acts, items=items)


def equal(one: Index, other: Index) -> bool:
    pairs = zip(msgspec.structs.astuple(one), msgspec.structs.astuple(other), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def asked(*items: int) -> np.ndarray:
    return np.array(items, np.int32)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 100)), min_size=1, max_size=30),
    st.integers(1, 30),
)
def test_orders_of_a_day_are_one_order(moments: list[tuple[int, int]], hours: int) -> None:
    acts: list[Act] = [(p, k, NOW + hour * HOUR, BUY) for k, (p, hour) in enumerate(moments)]
    past = history(acts, items=len(acts))
    number, item, _ = orders.numbers(past, hours)
    assert sorted(set(number.tolist())) == list(range(int(number.max()) + 1))
    expected: dict[int, list[list[int]]] = {}
    for p, product, second, _ in sorted(acts, key=lambda act: (act[0], act[2])):
        windows = expected.setdefault(p, [])
        if not windows or second - acts[windows[-1][0]][2] > hours * HOUR:
            windows.append([])
        windows[-1].append(product)
    found: dict[int, set[int]] = {}
    for n, i in zip(number.tolist(), item.tolist(), strict=True):
        found.setdefault(n, set()).add(i)
    wanted = {frozenset(w) for windows in expected.values() for w in windows}
    assert {frozenset(products) for products in found.values()} == wanted


def test_a_purchase_without_an_order_is_one_of_its_moment() -> None:
    acts: list[Act] = [(0, 0, NOW, BUY), (0, 1, NOW, BUY), (0, 2, NOW + 9, BUY), (1, 0, NOW, BUY)]
    past = history(acts, items=3, orders=[5, 5, -1, -1])
    assert len(set(orders.numbers(past)[0].tolist())) == 3
    assert len(set(orders.numbers(past, 24)[0].tolist())) == 2
    assert len(orders.numbers(nothing(), 24)[0]) == 0


def test_the_likelihood_ratio_is_dunnings() -> None:
    cells = {(1, 1): 10, (1, 0): 10, (0, 1): 20, (0, 0): 60}
    rows, columns = {1: 20, 0: 80}, {1: 30, 0: 70}
    by_hand = 2 * sum(n * math.log(n * 100 / rows[r] / columns[c]) for (r, c), n in cells.items())
    both, one, other = np.array([10.0, 6.0]), np.array([20.0, 20.0]), np.array([30.0, 30.0])
    found = weigh.likelihood_ratio(both, one, other, 100.0)
    assert found.tolist() == pytest.approx([by_hand, 0.0], abs=1e-9)


BASKETS = [[0, 1]] * 30 + [[0, 2]] * 3 + [[0, 3]] * 20 + [[3]] * 300 + [[3, 4]] * 50 + [[5]] * 100


@pytest.mark.parametrize("weighing", list(Weighing))
@pytest.mark.parametrize("power", [1.0, 0.5])
def test_every_weighing_puts_the_pair_before_the_best_seller(
    weighing: Weighing, power: float
) -> None:
    params = Params(weighing=weighing, power=power)
    found = query.companions(fit(basket_shop(BASKETS, 6), params), asked(0), 5)
    assert found.items.tolist()[0] == 1
    assert found.support[0] == 30
    assert found.lift[0] == pytest.approx(30 * 503 / 53 / 30)
    assert found.because.tolist() == [0] * len(found)
    assert 3 not in found.items  # bought with it less often than with everything


def test_two_orders_are_not_enough_and_unknown_products_are_passed_over() -> None:
    index = fit(basket_shop([[0, 1]] * 2 + [[2]] * 9, 3), Params())
    assert len(query.companions(index, asked(0), 5)) == 0
    assert len(query.companions(fit(basket_shop(BASKETS, 6), Params()), asked(-1, 99), 5)) == 0
    assert len(query.cart(index, asked(), 5)) == 0


def test_in_a_cart_every_product_has_one_voice() -> None:
    """0 has one loud companion, 1 has many: the cart hears both."""
    baskets = [[0, 2]] * 20 + [[1, k] for k in range(3, 9) for _ in range(9)] + [[9]] * 400
    index = fit(basket_shop(baskets, 10), Params())
    found = query.cart(index, asked(0, 1, 1), 10)
    assert found.items.tolist()[0] == 2
    assert set(found.items.tolist()) == {2, 3, 4, 5, 6, 7, 8}
    assert found.because.tolist() == [0] + [1] * 6
    assert not {0, 1} & set(found.items.tolist())
    assert query.cart(index, asked(0, 1), 2).items.tolist() == found.items.tolist()[:2]


def test_what_is_looked_at_in_turns_is_no_complement() -> None:
    """1 and 2 are bought with 0 alike, but 2 is looked at whenever 0 is."""
    acts: list[Act] = []
    for p in range(40):
        acts += [(p, 0, NOW - p * 600, BUY), (p, 1 + p % 2, NOW - p * 600, BUY)]
        acts += [(p, item, NOW - 2 * DAY + p, VIEW) for item in (0, 2)]
        acts += [(p + 100, 3, NOW - p * 600, BUY)]
    index = fit(history(acts, items=4), Params(alike=0.0))
    assert query.complements(index, asked(0), 5).items.tolist()[0] == 1
    together = query.companions(index, asked(0), 5)
    assert set(together.items.tolist()) == {1, 2}
    assert together.scores[0] == together.scores[1]
    without = fit(history(acts, items=4), Params(alike=0.0, views=0.0))
    assert set(query.complements(without, asked(0), 5).items.tolist()) == {1, 2}


def test_how_well_something_completes_is_told_of_any_product() -> None:
    index = fit(basket_shop(BASKETS, 6), Params(staples=1.0))
    rated = query.rate(index, 0, asked(1, 3, 5, 4, 99, -1))
    assert rated[0] == max(rated)
    assert rated[3] > rated[2]  # 4 is bought with something, 5 always alone
    assert rated[4] == rated[5] == 0
    assert (
        query.rate(index, 99, asked(3, 4, 5)).tolist()
        == query.rate(index, -1, asked(3, 4, 5)).tolist()
    )
    assert query.rate(index, 99, asked(3))[0] > query.rate(index, 99, asked(2))[0] > 0
    old = history(
        [(p, i, NOW - 900 * DAY - p * 60, BUY) for p in range(40) for i in (0, 1)]
        + [(p + 50, i, NOW - p * 60, BUY) for p in range(20) for i in (0, 2)]
        + [(p + 90, 3, NOW - p * 60, BUY) for p in range(200)],
        items=4,
    )
    faded = fit(old, Params(staples=1.0, half_life_days=90.0, alike=0.0))
    assert query.complements(faded, asked(0), 2).items.tolist()[0] == 2
    assert query.companions(faded, asked(0), 1).support.tolist() == [40]


def test_what_completes_is_chosen_where_visitors_compare() -> None:
    """People compare 2k and 2k+1, and buy 2k with a product of the next ten."""
    draw = np.random.default_rng(3)
    acts: list[Act] = []
    for visit in range(800):
        at = NOW - 80 * DAY + visit * 8_000
        kind = int(draw.integers(0, 5))
        seen = [2 * kind, 2 * kind + 1, 10 + kind]
        acts += [(visit, item, at + k, VIEW) for k, item in enumerate(seen)]
        basket = [2 * kind, 10 + kind] if visit % 3 else [2 * kind, 2 * kind + 1]
        acts += [(visit, item, at + 60, BUY) for item in basket]
    past = history(acts, items=15)
    chosen = completing.chosen(past, 60.0)
    assert chosen.exhausted
    assert chosen.tried[0].params == Params()
    assert chosen == completing.chosen(past, 60.0)
    assert chosen.score >= chosen.tried[0].score
    only_bought = past.where(past.kind == BUY)
    assert completing.chosen(only_bought, 60.0).score > 0.5
    kept = Params(power=0.5)
    assert completing.chosen(nothing(), 1.0, kept).params == kept


def test_compiled_and_plain_agree_and_repeat() -> None:
    draw = np.random.default_rng(11)
    baskets = [draw.integers(0, 60, draw.integers(1, 9)).tolist() for _ in range(900)]
    past = basket_shop(baskets, 60)
    params = Params(half_life_days=30.0, least=1)
    one = fit(past, params, compiled=True)
    assert equal(one, fit(past, params, compiled=False))
    assert equal(one, fit(past, params, compiled=True))


def test_degenerate_shops() -> None:
    for items in (0, 1, 3):
        index = fit(nothing(items), Params())
        assert len(index) == items
        assert len(query.complements(index, asked(0), 5)) == 0
    one = fit(history([(0, 0, NOW - k, BUY) for k in range(50)], items=1), Params())
    assert len(query.companions(one, asked(0), 5)) == 0
    # All orders are the same: nothing is more likely with one product than without it.
    same = fit(basket_shop([[0, 1, 2]] * 100, 3), Params())
    assert len(query.companions(same, asked(0), 5)) == 0
    # One order of everything is no basket of a shopper.
    bulk = fit(basket_shop([list(range(500))] * 5, 500), Params())
    assert len(bulk.item) == 0


def test_memory_is_bounded_by_a_block_of_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(2)
    past = basket_shop([draw.integers(0, 90, 8).tolist() for _ in range(400)], 90)
    whole = fit(past, Params(least=1))
    monkeypatch.setattr(counting, "AT_ONCE", 300)
    held = counting.sets(*orders.numbers(past)[:2], 90, 200)
    for compiled in (True, False):
        blocks = list(counting.pairs(held, compiled=compiled))
        assert len(blocks) > 20
        assert max(len(block) for block in blocks) <= 300
        assert equal(whole, fit(past, Params(least=1), compiled=compiled))


def test_a_million_products_with_ten_orders() -> None:
    baskets = [[k, 999_999 - k] for k in range(10)]
    index = fit(basket_shop(baskets, 1_000_000), Params(least=1))
    assert query.companions(index, asked(3), 5).items.tolist() == [999_996]
    stored = [v.nbytes for v in msgspec.structs.astuple(index) if isinstance(v, np.ndarray)]
    assert sum(stored) < 20_000_000

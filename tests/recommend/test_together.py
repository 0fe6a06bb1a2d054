"""Bought together: counted right, and what everybody buys weighed down."""

from collections import Counter
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patron.recommend.pairs.counting import sets
from patron.recommend.together.fit import count
from patron.recommend.together.offer import Together
from patron.recommend.together.types import Params


def lines_of(baskets: list[list[int]]) -> tuple[Any, Any]:
    pairs = [(b, item) for b, basket in enumerate(baskets) for item in basket]
    columns = np.array(pairs, np.int32).reshape(-1, 2)
    return columns[:, 0], columns[:, 1]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 7), max_size=6), max_size=40))
def test_counts_agree_with_counting_by_hand(baskets: list[list[int]]) -> None:
    table = count(sets(*lines_of(baskets), 8, 200), Params())
    orders = [set(basket) for basket in baskets if basket]
    single = Counter(item for basket in orders for item in basket)
    both = Counter(pair for basket in orders for pair in permutations(sorted(basket), 2))
    expected = {
        pair: (times, times * len(orders) / single[pair[0]] / single[pair[1]])
        for pair, times in both.items()
        if times >= Params().least
    }
    found = {}
    for item in range(8):
        for k in range(table.start[item], table.start[item + 1]):
            found[(item, int(table.item[k]))] = (int(table.support[k]), float(table.lift[k]))
        sure = table.sure[table.start[item] : table.start[item + 1]]
        assert list(sure) == sorted(sure, reverse=True)
    assert found.keys() == expected.keys()
    for pair, (times, lift) in expected.items():
        assert found[pair][0] == times
        assert found[pair][1] == pytest.approx(lift, rel=1e-5)


def shop(orders: int = 2_000) -> Together:
    """Product 0 is in nearly every order; 1 and 2 go together; the rest is chance."""
    draw = np.random.default_rng(7)
    baskets = []
    for _ in range(orders):
        basket = [0] if draw.random() < 0.9 else []
        if draw.random() < 0.05:
            basket += [1, 2]
        basket += list(draw.integers(3, 60, size=3))
        baskets.append(basket)
    names = [f"p{i}" for i in range(60)]
    return Together(names, count(sets(*lines_of(baskets), 60, 200), Params()))


def test_what_everybody_buys_is_weighed_down() -> None:
    picks = shop().picks(["p1"], 4)
    assert [pick.product_id for pick in picks] == ["p2"]
    assert picks[0].lift > 10
    assert picks[0].because_of == "p1"
    assert shop().picks(["p1", "p2"], 4) == []
    assert shop().picks(["p1"], 4, exclude=frozenset({"p2"})) == []
    assert shop().picks(["unknown"], 4) == []

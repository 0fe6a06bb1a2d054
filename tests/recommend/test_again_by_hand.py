"""Buy it again, worked by hand: orders, chances, and whose habits count how much."""

from statistics import NormalDist

import msgspec
import numpy as np
import pytest

from patron.recommend import compiling
from patron.recommend.again.chance import FEATURES, look, probability
from patron.recommend.again.fit import fit
from patron.recommend.again.intervals import Habits, pairs
from patron.recommend.again.model import DAY, Index, Params
from patron.recommend.again.purchases import of_columns, purchases
from patron.recommend.again.query import basket
from patron.recommend.types import Interactions, Kind

WAYS = [False, True] if compiling.possible() else [False]


def told(rows: list[tuple[int, int, int, int]], people: int = 1, items: int = 6) -> Interactions:
    """Buys as (person, product, day, order)."""
    columns = np.array(rows, np.int64).reshape(-1, 4).T
    who, item, order = (columns[n].astype(np.int32) for n in (0, 1, 3))
    bought = np.full(len(rows), Kind.BUY, np.int8)
    return Interactions(who, item, columns[2] * DAY, bought, order, who, people, items)


def test_lines_of_one_number_or_else_of_one_second_are_one_order() -> None:
    def baskets(rows: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
        item, at, order = np.array(rows, np.int64).T
        who = np.zeros(len(rows), np.int32)
        found = of_columns(who, item.astype(np.int32), at, order.astype(np.int32), 1, 9)
        return list(
            zip(found.item.tolist(), found.basket.tolist(), found.back.tolist(), strict=True)
        )

    # Told in two parts, a second apart; the same product on two lines is there once.
    assert baskets([(1, 5, 7), (3, 5, 7), (3, 5, 7), (2, 6, 7)]) == [
        (1, 0, 0),
        (2, 0, 0),
        (3, 0, 0),
    ]
    assert baskets([(1, 5, -1), (2, 5, -1), (1, 6, -1)]) == [(1, 0, 1), (2, 0, 1), (1, 1, 0)]
    assert baskets([(1, 5, 7), (1, 5, 8)]) == [(1, 0, 1), (1, 1, 0)]


@pytest.mark.parametrize("usual", [10.0, 5.0])
def test_a_chance_is_the_repeat_share_times_the_density_of_the_interval(usual: float) -> None:
    lines = purchases(told([(0, 0, 0, 0), (0, 0, 10, 1), (0, 0, 20, 2)], items=1))
    one = np.ones(1, np.float32)
    habits = Habits(
        np.ones(1, bool), 0.5 * one, np.log(usual).astype(np.float32) * one, 0.5 * one, np.log(9.0)
    )
    seen = look(lines, pairs(lines), habits, 25 * DAY, 7.0)
    # Her two intervals of ten days against two of the usual, put off by how slow she is: what she
    # was later than usual, over her two intervals and five that nobody saw.
    expected = np.log(usual) + 2 * np.log(10 / usual) / 7
    mean = (2 * np.log(10) + 2 * expected) / 4
    assert seen.mean == pytest.approx([mean], rel=1e-6)
    loyal, normal = (2 + 0.5) / 3, NormalDist(mean, 0.5)
    passed, ahead = normal.cdf(np.log(5)), normal.cdf(np.log(12))
    comes = loyal * (ahead - passed) / (1 - loyal * passed)
    due = seen.features[0, FEATURES.index("due")]
    assert 1 / (1 + np.exp(-due)) == pytest.approx(comes, rel=1e-5)


def test_what_is_said_is_put_right_by_what_came_and_never_goes_beyond_what_was_seen() -> None:
    features, weights = np.array([[-9.0], [0.0], [9.0], [99.0]]), np.ones(1)
    seen = np.array([-1.0]), np.array([9.0])
    raw = probability(features, weights, seen, (np.empty(0), np.empty(0)))
    assert raw == pytest.approx(1 / (1 + np.exp([1.0, 0.0, -9.0, -9.0])))
    held = np.array([0.0, 0.5, 1.0]), np.array([0.0, 0.1, 0.4])
    right = probability(features, weights, seen, held)
    assert right == pytest.approx([raw[0] / 5, 0.1, 0.1 + (raw[2] - 0.5) * 0.6, right[2]])


def alike(**params: float) -> Index:
    """Two buy 0 and 1 with 2, three 0 with 3, another 5; everybody 4 besides."""
    rows = []
    for person, order in enumerate([[0, 1, 2]] * 2 + [[0, 3]] * 3 + [[5]]):
        rows += [(person, item, person, person) for item in [*order, 4]]
    index = fit(told(rows, people=6), Params())
    return msgspec.structs.replace(index, **{"popular": 0.0, **params})


@pytest.mark.parametrize("compiled", WAYS)
def test_her_own_habits_and_those_of_her_neighbours_have_their_shares(compiled: bool) -> None:
    def offered(index: Index) -> dict[int, float]:
        her = np.array([0, 1], np.int32), np.zeros(2, np.int64), np.zeros(2, np.int32)
        found = basket(index, *her, 6, compiled=compiled)
        return dict(zip(found.items.tolist(), found.scores.tolist(), strict=True))

    alone, both, others = (offered(alike(own=share)) for share in (1.0, 0.25, 0.0))
    assert set(alone) == {0, 1} and set(others) == {0, 1, 2, 3, 4}
    assert set(both) == set(others)
    for item in both:
        mixed = 0.25 * alone.get(item, 0.0) + 0.75 * others[item]
        assert both[item] == pytest.approx(mixed, rel=1e-4)
    # One neighbour alone: the most alike, who has 1 as she does.
    assert set(offered(alike(own=0.0, neighbours=1))) == {0, 1, 2, 4}

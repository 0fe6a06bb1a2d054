"""Rankings are measured as the literature says, by hand-made lists whose figures are known."""

import math

import msgspec
import numpy as np
import pytest

from patron.recommend.choosing import choose
from patron.recommend.measure import measure, ranks

RANKED = np.array([[3, 1, 2], [0, 4, -1], [5, 6, 7]], np.int32)
POPULARITY = np.array([90, 1, 1, 1, 1, 1, 1, 1], np.int64)


def test_places_of_single_wanted_products() -> None:
    assert ranks(RANKED, np.array([2, 0, 9], np.int32)).tolist() == [2, 0, -1]


def test_figures_of_three_lists() -> None:
    wanted = [np.array([1, 2, 7]), np.array([0]), np.array([1])]
    found = measure(RANKED, [one.astype(np.int32) for one in wanted], POPULARITY)
    assert found.questions == 3
    assert found.hit_rate == pytest.approx(2 / 3)
    assert found.recall == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert found.mrr == pytest.approx((1 / 2 + 1 + 0) / 3)
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    assert found.ndcg == pytest.approx(((1 / math.log2(3) + 1 / 2) / ideal + 1) / 3)
    assert found.coverage == 1.0
    assert found.popularity_bias == pytest.approx(1 / 8)


def test_a_product_listed_nowhere_is_not_covered_and_an_empty_place_is_no_product() -> None:
    found = measure(np.array([[0, -1]], np.int32), [np.array([-1], np.int32)], POPULARITY)
    assert (found.coverage, found.hit_rate) == (1 / 8, 0.0)
    assert measure(RANKED[:0], [], POPULARITY).questions == 0


class Size(msgspec.Struct, frozen=True):
    k: int


def test_the_best_wins_and_of_equals_the_earlier() -> None:
    found = choose([Size(1), Size(2), Size(3)], lambda p: float(min(p.k, 2)), 60)
    assert (found.params, found.exhausted, len(found.tried)) == (Size(2), True, 3)


def test_the_default_is_scored_however_little_time_there_is() -> None:
    ticks = iter(range(100))
    found = choose([Size(1), Size(2)], lambda p: float(p.k), 0, lambda: float(next(ticks)))
    assert (found.params, found.exhausted) == (Size(1), False)
    with pytest.raises(ValueError, match="nothing to choose"):
        choose([], lambda p: 0.0, 1)

"""Sorting that is quicker than numpy's gives what numpy's gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from patron.recommend import sorting
from patron.recommend.foremost import bound, foremost

pytest.importorskip("numba")

NUMBERS = arrays(np.int64, st.integers(0, 60), elements=st.integers(0, 5) | st.integers(0, 2**62))


@given(NUMBERS)
def test_equals_keep_their_order_however_large_they_are(key: NDArray[np.int64]) -> None:
    assert sorting.order(key).tolist() == np.argsort(key, kind="stable").tolist()
    ranked = np.sort(key)
    places = sorting.place_in_run(ranked).tolist()
    assert places == [k - ranked.tolist().index(v) for k, v in enumerate(ranked.tolist())]


@given(arrays(np.float64, st.integers(0, 200), elements=st.integers(0, 9)), st.integers(0, 40))
def test_the_foremost_are_the_first_of_a_sorted_list(score: NDArray[np.float64], n: int) -> None:
    met = np.arange(len(score), dtype=np.int32)[::-1].copy()
    expected = np.argsort(-score, kind="stable")[:n]
    assert foremost(score, met, n).tolist() == expected.tolist()


@pytest.mark.parametrize("size", [0, 1, 5, 299, 300, 301, 2_000])
@pytest.mark.parametrize("kinds", [1, 3, 10**9])
def test_the_bound_is_the_last_of_the_foremost(size: int, kinds: int) -> None:
    draw = np.random.default_rng(size + kinds)
    scores = draw.integers(0, kinds, size) / draw.choice([1.0, 7.0, 1e-6])
    ranked = np.sort(scores)[::-1]
    for most in {1, 2, size // 3, size - 1} & set(range(1, size)):
        assert bound(scores, most) == ranked[most - 1]
    assert bound(scores, size) == bound(scores, size + 9) == -1

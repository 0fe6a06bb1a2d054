"""What comes next in a visit: told by similar visits, the same compiled and in numpy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from patron.recommend import compiling
from patron.recommend.session import plain
from patron.recommend.session.fit import fit
from patron.recommend.session.index import LONGEST, Index, Params
from patron.recommend.session.query import next_items
from patron.recommend.session.sessions import PER_PERSON, visits
from patron.recommend.types import Interactions, Kind, Scored

HOUR = 3_600
needs_numba = pytest.mark.skipif(
    not compiling.possible(), reason="numba, the extra `fast`, is not installed"
)


def history(
    walks: list[list[int]], items: int, person: list[int] | None = None, kind: int = Kind.VIEW
) -> Interactions:
    """Visits of these products, one an hour, each by somebody else unless said otherwise."""
    lengths = [len(walk) for walk in walks]
    session = np.repeat(np.arange(len(walks), dtype=np.int32), lengths)
    steps = np.concatenate([np.arange(k) for k in lengths]) if lengths else np.zeros(0)
    who = session if person is None else np.repeat(np.array(person, np.int32), lengths)
    item = np.array([product for walk in walks for product in walk], np.int32)
    at = session.astype(np.int64) * HOUR + steps.astype(np.int64)
    return Interactions(
        who,
        item,
        at,
        np.full(len(item), kind, np.int8),
        np.full(len(item), -1, np.int32),
        session,
        max(len(walks), 1),
        items,
    )


def ask(index: Index, *seen: int, n: int = 10) -> Scored:
    items = np.array(seen, np.int32)
    return next_items(index, items, np.arange(len(seen), 0, -1, dtype=np.float64), n)


def test_what_others_saw_next_comes_first() -> None:
    walks = [[0, 1, 2], [0, 1, 2], [3, 4, 5], [0, 1, 6], [3, 4, 5]]
    index = fit(history(walks, 7), Params())
    assert next(p for p in ask(index, 0, 1).items.tolist() if p not in (0, 1)) == 2
    assert [p for p in ask(index, 3, 4).items.tolist() if p not in (3, 4)] == [5]


def test_the_newest_step_says_most() -> None:
    index = fit(history([[0, 1]] * 5 + [[2, 3]] * 5, 4), Params())
    assert ask(index, 0, 2).items.tolist().index(3) < ask(index, 0, 2).items.tolist().index(1)
    assert ask(index, 2, 0).items.tolist().index(1) < ask(index, 2, 0).items.tolist().index(3)


def test_newer_visits_weigh_more_and_each_product_leads_to_its_newest_only() -> None:
    walks = [[0, 1]] * 10 + [[0, 2]] * 10
    by_age = fit(history(walks, 3), Params(recency=0.1))
    assert ask(by_age, 0).items.tolist()[:3].index(2) < ask(by_age, 0).items.tolist().index(1)
    few = fit(history(walks, 3), Params(per_item=10))
    assert 1 not in ask(few, 0).items.tolist()


def test_a_product_seen_already_has_a_weight_of_its_own() -> None:
    walks = [[0, 1, 0, 2], [0, 1, 0, 2]]
    often = ask(fit(history(walks, 3), Params(repeat=4.0)), 0, 1).items.tolist()
    never = ask(fit(history(walks, 3), Params(repeat=0.0, returns=0.0)), 0, 1).items.tolist()
    assert often[0] == 0
    assert never == [2]


def test_visits_that_return_to_the_last_but_one_are_foretold_to_do_so() -> None:
    walks = [[0, 1, 0, 1], [2, 3, 2, 3]] * 60
    index = fit(history([*walks, [4, 5]], 6), Params(returns=0.6))
    assert index.back[:3].round(2).tolist() == [0.0, 1.0, 0.0]
    assert ask(index, 4, 5).items.tolist()[0] == 4


def test_putting_into_the_cart_what_one_looks_at_is_no_step() -> None:
    views = history([[0, 0, 1, 1, 1, 2]], 3)
    mixed = Interactions(
        views.person,
        views.item,
        views.at,
        np.array([0, 1, 0, 1, 2, 0], np.int8),
        views.basket,
        views.session,
        1,
        3,
    )
    assert visits(mixed).items.tolist() == [0, 1, 2]
    assert visits(views).items.tolist() == [0, 0, 1, 1, 1, 2]


def test_nothing_is_known_of_an_empty_history_and_of_unknown_products() -> None:
    empty = fit(history([], 0), Params())
    assert len(ask(empty, 0, 1)) == 0
    assert len(ask(fit(history([], 4), Params()), 0, 1)) == 0
    index = fit(history([[0, 1], [0, 1]], 3), Params())
    assert len(ask(index)) == 0
    assert len(ask(index, 0, n=0)) == 0
    assert len(ask(index, 2, 99, -1)) == 0
    assert ask(index, 99, 0, -1).items.tolist()[0] == 1


def test_one_product_and_visits_that_are_all_the_same() -> None:
    assert ask(fit(history([[0], [0]], 1), Params()), 0).items.tolist() == []
    assert ask(fit(history([[0, 0], [0, 0]], 1), Params()), 0).items.tolist() == [0]
    same = fit(history([[0, 1, 2]] * 300, 3), Params(neighbours=10))
    assert ask(same, 0).items.tolist()[0] == 1
    assert np.isfinite(ask(same, 0).scores).all()


def test_who_is_left_out_of_the_history_is_not_in_the_index() -> None:
    whole = history([[0, 1], [0, 2], [0, 1]], 3, person=[0, 1, 2])
    left = whole.where(whole.person != 1)
    index = fit(left, Params())
    assert 2 not in index.session_items
    assert 2 not in ask(index, 0).items.tolist()


def test_a_robot_with_a_million_views_is_one_voice() -> None:
    people = [[0, 1]] * 50
    robot = np.tile(np.array([0, 2], np.int32), 500_000)
    walks = history([*people, robot[:700_000].tolist()], 3)
    index = fit(walks, Params())
    assert len(index.session_items) == 100 + LONGEST
    assert [p for p in ask(index, 0).items.tolist() if p != 0] == [1, 2]
    often = history([*people, *([[0, 2]] * 150_000)], 3, [*range(50), *([50] * 150_000)])
    assert len(fit(often, Params()).session_start) - 1 == 50 + PER_PERSON


def test_a_million_products_with_ten_views() -> None:
    index = fit(history([[0, 999_999]] * 5, 1_000_000), Params())
    assert ask(index, 0).items.tolist()[0] == 999_999
    assert len(ask(index, 500_000, n=10)) <= 1


def test_same_history_same_answer() -> None:
    rng = np.random.default_rng(7)
    walks = [rng.integers(0, 30, rng.integers(1, 9)).tolist() for _ in range(300)]
    first, second = (fit(history(walks, 30), Params(neighbours=20)) for _ in range(2))
    for seen in ([3], [4, 5, 6], [7, 7, 8]):
        assert ask(first, *seen).items.tolist() == ask(second, *seen).items.tolist()
        scores = ask(first, *seen).scores
        assert (np.diff(scores) <= 0).all()
        assert len(set(ask(first, *seen).items.tolist())) == len(scores)


def arrays(index: Index) -> dict[str, NDArray[np.generic]]:
    return {
        name: value
        for name in index.__struct_fields__
        if isinstance(value := getattr(index, name), np.ndarray)
    }


walks_strategy = st.lists(st.lists(st.integers(0, 11), min_size=1, max_size=7), max_size=40)


@needs_numba
@settings(max_examples=60, deadline=None)
@given(
    walks_strategy,
    st.lists(st.integers(-1, 12), min_size=1, max_size=12),
    st.sampled_from([1, 3, 500]),
    st.sampled_from([2, 1_000]),
    st.sampled_from([0.0, 0.4, 1.0]),
)
def test_compiled_and_plain_are_equal(
    walks: list[list[int]], seen: list[int], neighbours: int, per_item: int, mix: float
) -> None:
    from patron.recommend.session import compiled

    params = Params(neighbours=neighbours, per_item=per_item, mix=mix, repeat=1.5)
    past = history(walks, 12)
    fast, slow = fit(past, params, compiled), fit(past, params, plain)
    for name, value in arrays(fast).items():
        assert np.array_equal(value, arrays(slow)[name]), name
    items = np.array(seen, np.int32)
    ages = np.arange(len(seen), 0, -1, dtype=np.float64) * 900
    one, other = (next_items(fast, items, ages, 8, way) for way in (compiled, plain))
    assert one.items.tolist() == other.items.tolist()
    assert one.scores.tolist() == other.scores.tolist()

"""Recommended for you: neighbours counted as by hand, both kernels equal, strange shops."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patron.recommend.sequence.fit import fit
from patron.recommend.sequence.model import Params
from patron.recommend.sequence.query import for_many, for_person
from patron.recommend.types import Interactions, Kind

PASTS = st.lists(
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from(list(Kind)), st.booleans()), max_size=12),
    min_size=1,
    max_size=8,
)
ASKED = st.builds(
    Params,
    window=st.integers(1, 4),
    backward=st.sampled_from([0.0, 0.5, 1.0]),
    from_power=st.sampled_from([0.0, 0.3]),
    to_power=st.sampled_from([0.0, 0.5]),
    near=st.sampled_from([0.3, 1.0]),
    length=st.sampled_from([0.0, 0.5]),
    newest=st.sampled_from([2, 100]),
    kept=st.sampled_from([2, 100]),
)


def history(pasts: list[list[int]], items: int, *, kind: Kind = Kind.BUY) -> Interactions:
    """Every product an act of its own, an hour after the one before."""
    return told([[(item, kind, False) for item in past] for past in pasts], items)


def told(pasts: list[list[tuple[int, Kind, bool]]], items: int) -> Interactions:
    """Acts of people; those that are marked belong to the order of the act before."""
    rows = []
    basket = -1
    for person, past in enumerate(pasts):
        at = 0
        for place, (item, kind, together) in enumerate(past):
            if place == 0 or not together:
                basket, at = basket + 1, at + 3600
            rows.append((person, item, at, kind, basket, person))
    columns = np.array(rows, np.int64).reshape(-1, 6).T
    who, what, when = columns[0].astype(np.int32), columns[1].astype(np.int32), columns[2]
    kinds, baskets = columns[3].astype(np.int8), columns[4].astype(np.int32)
    return Interactions(who, what, when, kinds, baskets, who, len(pasts), items)


def by_hand(pasts: list[list[int]], params: Params) -> dict[tuple[int, int], float]:
    counted: dict[tuple[int, int], float] = defaultdict(float)
    times: dict[int, int] = defaultdict(int)
    for past in pasts:
        for item in past:
            times[item] += 1
        for a, one in enumerate(past):
            for b in range(a + 1, min(len(past), a + params.window + 1)):
                near = (b - a) ** -params.near * len(past) ** -params.length
                if one != past[b]:
                    counted[one, past[b]] += near
                    counted[past[b], one] += params.backward * near
    return {
        (one, other): value
        / (times[one] + params.shift) ** params.from_power
        / (times[other] + params.shift) ** params.to_power
        for (one, other), value in counted.items()
    }


@settings(max_examples=40, deadline=None)
@given(st.lists(st.permutations(range(6)).map(lambda p: p[:5]), min_size=1, max_size=6))
def test_neighbours_agree_with_counting_by_hand(pasts: list[list[int]]) -> None:
    params = Params(window=3, length=0.5)
    index = fit(history(pasts, 7), params)
    expected = by_hand(pasts, params)
    found = {
        (one, int(index.item[k])): float(index.score[k])
        for one in range(7)
        for k in range(index.start[one], index.start[one + 1])
    }
    assert found.keys() == expected.keys()
    for pair, score in expected.items():
        assert found[pair] == pytest.approx(score, rel=1e-5)


@settings(max_examples=60, deadline=None)
@given(PASTS, ASKED, st.booleans())
def test_the_compiled_loops_give_the_same_numbers(
    pasts: list[list[tuple[int, Kind, bool]]], params: Params, exclude_had: bool
) -> None:
    acts = told(pasts, 7)
    one, other = (fit(acts, params, compiled=compiled) for compiled in (False, True))
    for name in ("start", "item", "score"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist()
    starts = np.searchsorted(acts.person, np.arange(acts.people + 1)).astype(np.int64)
    rows = [
        for_many(one, starts, acts.item, 4, exclude_had=exclude_had, kinds=acts.kind,
                 compiled=compiled)
        for compiled in (False, True)
    ]  # fmt: skip
    assert rows[0][0].tolist() == rows[1][0].tolist()
    assert rows[0][1].tolist() == rows[1][1].tolist()
    had, kinds = acts.item[:5], acts.kind[:5]
    exclude = had if exclude_had else had[:0]
    first, second = (
        for_person(one, had, 4, exclude, kinds, compiled=compiled) for compiled in (False, True)
    )
    assert first.items.tolist() == second.items.tolist()
    assert first.scores.tolist() == second.scores.tolist()


def test_what_others_went_on_to_comes_first_and_what_she_has_does_not_come() -> None:
    index = fit(history([[0, 1, 2]] * 5 + [[0, 3]], 5), Params())
    had = np.array([0], np.int32)
    assert for_person(index, had, 3).items.tolist() == [1, 2, 3]
    had = np.array([0, 1], np.int32)
    assert for_person(index, had, 3, exclude=had).items.tolist() == [2, 3]
    assert for_person(index, had, 1, exclude=had).items.tolist() == [2]


def test_what_she_had_last_speaks_loudest() -> None:
    index = fit(history([[0, 1]] * 5 + [[2, 3]] * 5, 4), Params(decay=0.5))
    assert for_person(index, np.array([0, 2], np.int32), 1).items.tolist() == [3]
    assert for_person(index, np.array([2, 0], np.int32), 1).items.tolist() == [1]


def test_what_was_bought_after_it_counts_more_than_what_was_looked_at() -> None:
    pasts = [[(0, Kind.BUY, False), (1, Kind.VIEW, False)]] * 2
    pasts += [[(0, Kind.BUY, False), (2, Kind.BUY, False)]]
    index = fit(told(pasts, 3), Params(view=0.2, to_power=0.0))
    assert for_person(index, np.array([0], np.int32), 2).items.tolist() == [2, 1]
    index = fit(told(pasts, 3), Params(view=1.0, to_power=0.0))
    assert for_person(index, np.array([0], np.int32), 2).items.tolist() == [1, 2]


def test_strange_shops() -> None:
    empty = fit(history([], 0), Params())
    assert len(for_person(empty, np.array([4], np.int32), 3)) == 0
    one_product = fit(history([[0, 0, 0], [0]], 1), Params())
    assert len(for_person(one_product, np.array([0], np.int32), 3)) == 0
    one_person = fit(history([[0, 1, 2]], 3), Params())
    assert for_person(one_person, np.array([0], np.int32), 3).items.tolist() == [1, 2]
    unknown = np.array([-1, 7, 3_000_000], np.int32)
    assert len(for_person(one_person, unknown, 3)) == 0
    starts = np.array([0, 0, 3], np.int64)
    assert (for_many(one_person, starts, unknown, 2)[0] == -1).all()


def test_a_table_holds_no_more_than_it_may_however_long_the_past() -> None:
    draw = np.random.default_rng(3)
    acts = history([draw.integers(0, 300, 20_000).tolist()], 300, kind=Kind.VIEW)
    index = fit(acts, Params(kept=20, newest=30, acts=20_000))
    assert np.diff(index.start).max() == 20
    assert len(index.item) == 300 * 20


def test_who_is_not_in_the_history_is_nowhere_in_the_table() -> None:
    others = [[0, 1, 2], [1, 2, 3]]
    with_her, without = (fit(history(p, 6), Params()) for p in ([*others, [4, 5]], others))
    assert {4, 5} <= set(with_her.item.tolist())
    assert not {4, 5} & set(without.item.tolist())
    assert without.start[5] - without.start[4] == 0


def test_the_same_history_gives_the_same_table() -> None:
    draw = np.random.default_rng(5)
    acts = history([draw.integers(0, 40, 30).tolist() for _ in range(50)], 40)
    one, other = fit(acts, Params()), fit(acts, Params())
    assert one.item.tolist() == other.item.tolist()
    assert one.score.tobytes() == other.score.tobytes()


def test_a_million_products_and_ten_acts_need_little() -> None:
    index = fit(history([[k * 99_999 for k in range(10)]], 1_000_000), Params())
    assert len(index.item) == 10 * 9
    assert len(for_person(index, np.array([99_999], np.int32), 20)) == 9


def test_a_robot_that_looks_at_everything_does_not_take_the_shop_over() -> None:
    shop = [[0, 1]] * 30
    draw = np.random.default_rng(4)
    robot = draw.integers(0, 50, 100_000).tolist()
    index = fit(history([*shop, robot], 50, kind=Kind.VIEW), Params())
    assert for_person(index, np.array([0], np.int32), 1).items.tolist() == [1]

"""Visits that came after the index was counted have a say at once, and in bounded memory."""

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patron.recommend import compiling
from patron.recommend.session import plain
from patron.recommend.session.delta import PER_ITEM, Recent
from patron.recommend.session.fit import fastest, fit
from patron.recommend.session.index import LONGEST, Index, Params
from patron.recommend.session.query import next_items
from patron.recommend.types import Interactions, Scored

HOUR = 3_600
NOW = 1_000 * HOUR


def index_of(walks: list[list[int]], items: int, params: Params | None = None) -> Index:
    """Visits of these products, an hour apart, the last of them just before NOW."""
    lengths = [len(walk) for walk in walks]
    session = np.repeat(np.arange(len(walks), dtype=np.int32), lengths)
    item = np.array([product for walk in walks for product in walk], np.int32)
    at = NOW - (len(walks) - session.astype(np.int64)) * HOUR
    none = np.full(len(item), -1, np.int32)
    kinds = np.zeros(len(item), np.int8)
    past = Interactions(session, item, at, kinds, none, session, len(walks), items)
    return fit(past, params or Params())


def walk(recent: Recent, name: str, *items: int, at: int = NOW) -> None:
    for k, item in enumerate(items):
        recent.seen(name, item, at + k)


def ask(recent: Recent, *seen: int, visit: str | None = None, n: int = 10) -> Scored:
    items = np.array(seen, np.int32)
    return recent.next_items(items, np.arange(len(seen), 0, -1, dtype=np.float64), n, visit)


OLD = [[0, 1], [0, 1], [2, 3], [2, 3]]


def test_what_a_visit_saw_just_now_is_offered_to_the_next() -> None:
    recent = Recent(index_of(OLD, 6))
    assert 4 not in ask(recent, 0).items.tolist()
    walk(recent, "a", 0, 4)
    assert 4 in ask(recent, 0).items.tolist()
    assert 4 not in ask(recent, 2).items.tolist()


def test_a_product_newer_than_the_index_is_found_and_can_be_asked_about() -> None:
    recent = Recent(index_of(OLD, 4))
    walk(recent, "a", 0, 9)
    assert 9 in ask(recent, 0).items.tolist()
    assert 0 in ask(recent, 9).items.tolist()
    assert len(ask(recent, 8, 77)) == 0 or 77 not in ask(recent, 8, 77).items.tolist()


def test_the_visit_that_asks_does_not_tell_itself() -> None:
    recent = Recent(index_of(OLD, 8))
    walk(recent, "me", 5, 6, 7)
    assert ask(recent, 5, visit="me").items.tolist() in ([], [5])
    assert {6, 7} <= set(ask(recent, 5, visit="another").items.tolist())


def test_without_fresh_visits_the_answer_is_that_of_the_index() -> None:
    index = index_of(OLD, 6)
    recent = Recent(index)
    walk(recent, "late", 0, at=index.newest)  # the index has counted that time
    assert len(recent) == 0
    base = next_items(index, np.array([0], np.int32), np.ones(1), 10)
    assert ask(recent, 0).items.tolist() == base.items.tolist()
    assert ask(recent, 0).scores.tolist() == base.scores.tolist()


def test_a_forgotten_visit_is_gone() -> None:
    recent = Recent(index_of(OLD, 6))
    walk(recent, "a", 0, 4)
    walk(recent, "b", 0, 5)
    recent.forget("a")
    recent.forget("nobody")
    assert 4 not in ask(recent, 0).items.tolist()
    assert 5 in ask(recent, 0).items.tolist()
    assert [click[:2] for click in recent.clicks()] == [("b", 0), ("b", 5)]


def test_only_the_newest_visits_are_kept_and_of_a_robot_the_last_steps() -> None:
    recent = Recent(index_of(OLD, 6), visits=3)
    for name in "abcd":
        walk(recent, name, 0, ord(name))
    assert len(recent) == 3
    assert ord("a") not in ask(recent, 0, n=100).items.tolist()
    assert ord("d") in ask(recent, 0, n=100).items.tolist()
    walk(recent, "robot", *range(20_000))
    kept = [click[1:] for click in recent.clicks() if click[0] == "robot"]
    assert kept == [(step, NOW + step) for step in range(20_000 - LONGEST, 20_000)]
    assert 0 not in ask(recent, 19_999, n=1_000).items.tolist()
    assert 19_998 in ask(recent, 19_999, n=1_000).items.tolist()


def test_what_was_forgotten_or_pushed_out_leaves_no_trace() -> None:
    """Whatever visits came, went on and went: the answer is that of those that are kept."""
    index = index_of(OLD, 6, Params(recency=2.0))
    for seed in range(20):
        draw = np.random.default_rng(seed)
        recent = Recent(index, visits=4)
        items, ages = np.array([0, 2, 7], np.int32), np.ones(3)
        for number in range(60):
            name = str(draw.integers(0, 6))
            recent.seen(name, int(draw.integers(0, 8)), NOW + number * HOUR)
            if draw.random() < 0.1:
                recent.forget(name)
            recent.next_items(items, ages, 9, kernels=plain)
        anew = Recent(index, visits=4)
        for click in recent.clicks():
            anew.seen(*click)
        one, other = (way.next_items(items, ages, 9, kernels=plain) for way in (recent, anew))
        found, expected = (
            dict(zip(way.items.tolist(), way.scores.tolist(), strict=True)) for way in (one, other)
        )
        assert found == pytest.approx(expected, rel=1e-5)


def test_a_visit_is_as_old_as_its_last_step_and_one_of_tomorrow_counts_for_no_more_than_all() -> (
    None
):
    recent = Recent(index_of(OLD, 6, Params(recency=1.0)))
    recent.seen("long", 0, NOW)
    walk(recent, "short", 0, 5, at=NOW + 120 * HOUR)
    recent.seen("long", 4, NOW + 240 * HOUR)
    found = ask(recent, 0)
    scores = dict(zip(found.items.tolist(), found.scores.tolist(), strict=True))
    assert scores[4] > scores[5]
    walk(recent, "future", 0, 3, at=NOW + 24 * 3_650 * HOUR)
    found = ask(recent, 0)
    assert 3 in found.items.tolist() and np.isfinite(found.scores).all()


def test_a_product_seen_twice_in_a_long_visit_leads_to_it_until_its_last_step_is_gone() -> None:
    recent = Recent(index_of(OLD, 100))
    walk(recent, "long", 90, *range(10, 8 + LONGEST), 90, 95)
    assert 20 in ask(recent, 90, n=100).items.tolist()
    walk(recent, "long", *range(200, 200 + LONGEST), at=NOW + 100)
    assert 90 not in {item for _, item, _ in recent.clicks()}
    assert ask(recent, 90, n=100).items.tolist() in ([], [90])


def test_a_product_that_everybody_sees_leads_to_a_bounded_number_of_visits() -> None:
    recent = Recent(index_of(OLD, 6))
    for k in range(PER_ITEM * 2):
        walk(recent, f"v{k}", 0, 100 + k)
    found = set(ask(recent, 0, n=10_000).items.tolist())
    assert 100 + PER_ITEM * 2 - 1 in found
    assert 100 not in found
    assert len(found) <= PER_ITEM + 6


def test_the_next_index_takes_over_what_it_has_not_counted() -> None:
    recent = Recent(index_of(OLD, 6))
    walk(recent, "a", 0, 4)
    later = index_of([*OLD, [0, 4]], 6)
    following = Recent(later)
    for visit, item, at in recent.clicks():
        following.seen(visit, item, at + HOUR)
    assert following.clicks() == [("a", 0, NOW + HOUR), ("a", 4, NOW + HOUR + 1)]


def kernels() -> list[ModuleType]:
    return [plain, fastest()] if compiling.possible() else [plain]


@pytest.mark.skipif(not compiling.possible(), reason="numba, the extra `fast`, is not installed")
@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 8), min_size=1, max_size=5), min_size=0, max_size=12),
    st.lists(st.lists(st.integers(0, 11), min_size=1, max_size=5), min_size=0, max_size=12),
    st.lists(st.integers(0, 12), min_size=1, max_size=6),
    st.sampled_from([2, 500]),
)
def test_compiled_and_plain_are_equal_with_fresh_visits(
    old: list[list[int]], new: list[list[int]], seen: list[int], neighbours: int
) -> None:
    recent = Recent(index_of(old, 9, Params(neighbours=neighbours, recency=3.0)))
    for number, steps in enumerate(new):
        walk(recent, str(number), *steps, at=NOW + number)
    items, ages = np.array(seen, np.int32), np.ones(len(seen))
    one, other = (recent.next_items(items, ages, 9, "0", way) for way in kernels())
    assert one.items.tolist() == other.items.tolist()
    assert one.scores.tolist() == other.scores.tolist()


def test_fresh_visits_count_as_if_the_index_had_them() -> None:
    """Without transitions and habits, which only an index counts, both ways give the same."""
    rng = np.random.default_rng(11)
    walks = [rng.integers(0, 12, rng.integers(2, 6)).tolist() for _ in range(60)]
    params = Params(mix=0.0, returns=0.0, idf=0.0, recency=0.0)
    whole = index_of(walks, 12, params)
    recent = Recent(index_of(walks[:40], 12, params))
    for number, steps in enumerate(walks[40:]):
        walk(recent, str(number), *steps, at=NOW + number * 100)
    for seen in ([1], [2, 3], [4, 5, 6]):
        items, ages = np.array(seen, np.int32), np.ones(len(seen))
        direct = next_items(whole, items, ages, 12)
        merged = recent.next_items(items, ages, 12)
        assert sorted(direct.items.tolist()) == sorted(merged.items.tolist())
        assert np.allclose(np.sort(direct.scores), np.sort(merged.scores), atol=1e-6)

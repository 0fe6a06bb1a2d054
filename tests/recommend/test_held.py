"""The last days are held back whole visit by whole visit, and asked about step by step."""

import numpy as np
import pytest

from patron.recommend.held import LONGEST, hold_back, newest_visits, questions
from patron.recommend.types import Interactions


def visits(*lengths: int) -> Interactions:
    session = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    rows = len(session)
    return Interactions(
        session,
        np.arange(rows, dtype=np.int32),
        np.arange(rows, dtype=np.int64) * 60,
        np.zeros(rows, np.int8),
        np.full(rows, -1, np.int32),
        session,
        len(lengths),
        rows,
    )


def test_no_visit_stands_on_both_sides_of_the_moment() -> None:
    held = hold_back(visits(*[3] * 10), 0.2)
    assert set(held.before.session.tolist()) == set(range(8))
    assert set(held.after.session.tolist()) == {8, 9}
    assert held.before.at.max() <= held.moment < held.after.at[2]


def test_every_beginning_is_a_question_and_its_next_step_the_answer() -> None:
    asked = questions(visits(3, 1, 2), 100)
    assert asked.wanted.tolist() == [1, 2, 5]
    items, ages = asked.known(1)
    assert (items.tolist(), ages.tolist()) == ([0, 1], [120.0, 60.0])
    assert questions(visits(3, 1, 2), 100, shortest=2).wanted.tolist() == [2]


def test_questions_are_bounded_and_spread_and_a_robot_asks_no_more_than_fifty() -> None:
    asked = questions(visits(*[4] * 100), 90)
    assert len(asked) <= 90
    assert asked.wanted.max() > 300
    assert len(questions(visits(5_000), 10_000)) == LONGEST


def test_only_the_newest_visits_are_looked_at() -> None:
    assert set(newest_visits(visits(2, 3, 1, 2), 2).session.tolist()) == {2, 3}
    whole = visits(2, 3)
    assert newest_visits(whole, 2) is whole
    assert len(newest_visits(visits(), 3)) == 0


def test_an_empty_history_asks_nothing_and_a_share_is_a_share() -> None:
    empty = visits()
    assert len(questions(hold_back(empty, 0.1).after, 10)) == 0
    with pytest.raises(ValueError, match=r"between 0 and 1"):
        hold_back(empty, 1.0)

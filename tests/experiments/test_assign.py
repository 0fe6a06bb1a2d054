"""Who gets which variant: the same one always, in the right share, each test on its own."""

from math import sqrt
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patron.experiments.assign import arm, point
from patron.experiments.incremental import arm_of, judge

SUBJECTS = [UUID(int=number * 7919 + 13) for number in range(40_000)]


@given(st.text(max_size=200), st.uuids(), st.floats(0, 1))
def test_the_answer_is_the_same_each_time(experiment: str, subject: UUID, holdout: float) -> None:
    assert arm(experiment, subject, holdout) == arm(experiment, UUID(str(subject)), holdout)
    assert 0 <= point(experiment, subject) < 1


def test_the_hash_does_not_change_between_versions() -> None:
    """Changing it would reshuffle every running test; these values are forever."""
    subject = UUID("0190a4c0-0000-7000-8000-000000000001")
    found = [round(point(name, subject), 6) for name in ("a", "b", "journey:abandoned_cart")]
    assert found == [0.573188, 0.233504, 0.323138]


@pytest.mark.parametrize("holdout", [0.0, 0.01, 0.1, 0.5, 1.0])
def test_the_share_is_the_holdout(holdout: float) -> None:
    held = sum(arm("journey:abandoned_cart", one, holdout) == "holdout" for one in SUBJECTS)
    spread = 4.5 * sqrt(len(SUBJECTS) * holdout * (1 - holdout))
    assert abs(held - holdout * len(SUBJECTS)) <= spread


def test_points_are_uniform() -> None:
    cells = [0] * 50
    for one in SUBJECTS:
        cells[int(point("x", one) * 50)] += 1
    wanted = len(SUBJECTS) / 50
    chi = sum((cell - wanted) ** 2 / wanted for cell in cells)
    assert chi < 95  # the 99.99th percentile with 49 degrees of freedom


def test_experiments_are_independent() -> None:
    both = sum(point("a", one) < 0.5 and point("b", one) < 0.5 for one in SUBJECTS)
    assert abs(both / len(SUBJECTS) - 0.25) < 0.012


@given(st.uuids(), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_holdout_only_adds_people(subject: UUID, one: float, other: float) -> None:
    small, large = sorted((one, other))
    if arm("x", subject, small) == "holdout":
        assert arm("x", subject, large) == "holdout"


def test_a_wrong_share_is_named() -> None:
    with pytest.raises(ValueError, match=r"holdout 10: give a share from 0 to 1"):
        arm("x", UUID(int=1), 10)


def test_where_nothing_is_done_next_to_nothing_is_found() -> None:
    """Forty experiments that treat nobody, on the same people with the same spending."""
    draw = np.random.default_rng(11)
    people = SUBJECTS[:3_000]
    spent = np.where(draw.random(3_000) < 0.1, draw.gamma(2.0, 2_000, 3_000).round(), 0.0)
    found = []
    for number in range(40):
        held = np.array([arm(f"placement:{number}", one, 0.2) == "holdout" for one in people])
        told = judge(arm_of(spent[~held].tolist()), arm_of(spent[held].tolist()))
        found.append(told.verdict)
    assert found.count("too_early") >= 37  # one in twenty is fooled, either way

"""Does the interval hold what it promises? Against reference formulas, and by simulation."""

from collections.abc import Iterator
from math import isclose

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from patron.experiments.incremental import (
    ENOUGH_ORDERS,
    ENOUGH_PEOPLE,
    Arm,
    about,
    arm_of,
    difference,
    judge,
    people_needed,
    pooled_variance,
    rate_difference,
    t_quantile,
    wilson,
)

amounts = st.lists(st.floats(0, 50_000), min_size=2, max_size=40)


@pytest.mark.parametrize("freedom", [10, 30, 108, 1000, 100_000])
@pytest.mark.parametrize("p", [0.9, 0.95, 0.975, 0.995])
def test_quantiles_of_t(p: float, freedom: int) -> None:
    assert t_quantile(p, freedom) == pytest.approx(special.stdtrit(freedom, p), abs=5e-4)


@given(amounts, amounts)
def test_difference_equals_the_regression_on_treatment(
    treated: list[float], held: list[float]
) -> None:
    """Student's two-sample error is that of the slope in y = a + b·treated, by least squares."""
    y = np.array(treated + held)
    x = np.column_stack([np.ones(len(y)), [1.0] * len(treated) + [0.0] * len(held)])
    inverse = np.linalg.inv(x.T @ x)
    beta = inverse @ x.T @ y
    spread = float(((y - x @ beta) ** 2).sum() / (len(y) - 2))
    found = difference(arm_of(treated), arm_of(held))
    error = (spread * float(inverse[1, 1])) ** 0.5 * t_quantile(0.975, len(y) - 2)
    assert isclose(found.value, float(beta[1]), rel_tol=1e-6, abs_tol=1e-4)
    assert isclose(found.high - found.value, error, rel_tol=1e-4, abs_tol=0.02)


@given(amounts, amounts)
def test_exchanging_the_arms_turns_the_sign(treated: list[float], held: list[float]) -> None:
    one = difference(arm_of(treated), arm_of(held))
    other = difference(arm_of(held), arm_of(treated))
    assert isclose(one.low, -other.high, rel_tol=1e-9, abs_tol=1e-9)


def test_wilson_and_newcombe_give_the_published_figures() -> None:
    """Newcombe 1998, table II: 56/70 − 48/80 by method 10 is 0.0524 to 0.3339."""
    found = rate_difference(Arm(70, 0, 0, 56), Arm(80, 0, 0, 48))
    assert found.value == pytest.approx(0.2)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)
    # The same paper's 9/10 − 3/10 and 0/20 − 0/10.
    found = rate_difference(Arm(10, 0, 0, 9), Arm(10, 0, 0, 3))
    assert (round(found.low, 4), round(found.high, 4)) == (0.1705, 0.8090)
    found = rate_difference(Arm(20, 0, 0, 0), Arm(10, 0, 0, 0))
    assert (round(found.low, 4), round(found.high, 4)) == (-0.2775, 0.1611)
    assert wilson(0, 10)[0] == 0.0 and wilson(10, 10)[1] == 1.0


def shops(
    rate: float, skew: float, lift: float, held: int, times: int
) -> Iterator[tuple[Arm, Arm]]:
    """Cart journeys of invented shops: most people buy nothing, orders are log-normal."""
    random = np.random.default_rng([int(rate * 100), int(skew * 10), held])

    def drawn(people: int, share: float) -> Arm:
        bought = random.random(people) < share
        spent = bought * random.lognormal(np.log(6000) - skew**2 / 2, skew, people)
        squares = float((spent * spent).sum())
        return Arm(people, float(spent.sum()), squares, int(bought.sum()))

    for _ in range(times):
        yield drawn(9 * held, rate * (1 + lift)), drawn(held, rate)


@pytest.mark.parametrize(
    ("rate", "skew", "lift", "held"),
    [(0.03, 0.6, 0.0, 800), (0.06, 0.6, 0.0, 400), (0.06, 1.0, 0.3, 800), (0.15, 0.6, 0.3, 400)],
)
def test_the_interval_covers_the_truth_and_does_not_overclaim(
    rate: float, skew: float, lift: float, held: int
) -> None:
    times, truth = 1_500, rate * lift * 6000
    covered = overclaimed = 0
    for treated, control in shops(rate, skew, lift, held, times):
        finding = judge(treated, control)
        assert finding.revenue is not None and finding.extra is not None
        covered += finding.revenue.low <= truth <= finding.revenue.high
        overclaimed += finding.revenue.low > truth
        assert finding.extra.value == pytest.approx(finding.revenue.value * treated.people)
    assert 0.93 <= covered / times <= 0.985
    assert overclaimed / times <= 0.03


def test_before_there_is_enough_nothing_is_claimed() -> None:
    few = judge(Arm(900, 900_000, 9e9, 50), Arm(ENOUGH_PEOPLE - 1, 0, 0, 20))
    assert few.verdict == "too_early" and few.extra is None and few.more_people > 0
    dry = judge(Arm(9000, 9e6, 9e10, 500), Arm(1000, 9e4, 9e8, ENOUGH_ORDERS - 1))
    assert dry.verdict == "too_early" and dry.revenue is None
    # One more order of a holdout that orders at 0.95 %: about 105 held out, ten times as many seen.
    assert 900 <= dry.more_people <= 1200
    # Those whose days are not over are on their way: they are not asked for again.
    coming = judge(Arm(9000, 9e6, 9e10, 500), Arm(1000, 9e4, 9e8, ENOUGH_ORDERS - 1), (450, 50))
    assert coming.more_people == pytest.approx(dry.more_people - 500, abs=50)
    assert judge(Arm(0, 0, 0, 0), Arm(0, 0, 0, 0), (900, 100)).more_people == 0
    nobody = judge(Arm(0, 0, 0, 0), Arm(0, 0, 0, 0))
    assert nobody.more_people >= 10 * ENOUGH_PEOPLE


def test_how_many_more_is_how_many_are_needed() -> None:
    """With the people that were said to be needed, four shops in five do see the effect."""
    variance, effect, share = 2_000.0**2, 300.0, 0.1
    needed = people_needed(variance, effect, share)
    held = int(needed * share)
    random = np.random.default_rng(7)
    seen = 0
    for _ in range(400):
        one = random.gamma(0.5, variance**0.5 / 0.5**0.5, 9 * held) + effect
        other = random.gamma(0.5, variance**0.5 / 0.5**0.5, held)
        treated, control = (
            Arm(len(a), float(a.sum()), float((a * a).sum()), len(a)) for a in (one, other)
        )
        seen += difference(treated, control).low > 0
    assert 0.74 <= seen / 400 <= 0.86


def test_an_open_question_says_how_far_away_the_answer_is() -> None:
    near, far = (
        judge(Arm(9000, mean * 9000, 9000 * 1500.0**2, 900), Arm(1000, 3e5, 1000 * 1500.0**2, 90))
        for mean in (380.0, 310.0)
    )
    assert near.verdict == far.verdict == "too_early"
    assert near.extra is not None and near.extra.low < 0 < near.extra.high
    assert 0 < near.more_people < far.more_people
    # Below a tenth of what the held-out spend, the effect asked for stays a tenth.
    tiny = judge(
        Arm(9000, 301.0 * 9000, 9000 * 1500.0**2, 900), Arm(1000, 3e5, 1000 * 1500.0**2, 90)
    )
    assert tiny.more_people == pytest.approx(far.more_people, rel=0.35)
    # A loss is told from chance by as many people as a gain of the same size.
    loss = judge(
        Arm(9000, 220.0 * 9000, 9000 * 1500.0**2, 900), Arm(1000, 3e5, 1000 * 1500.0**2, 90)
    )
    assert loss.verdict == "too_early"
    assert loss.more_people == pytest.approx(near.more_people, rel=0.1)


def test_orders_without_an_amount_prove_nothing_and_break_nothing() -> None:
    """A shop that names no revenue, or one whose held-out customers sent everything back."""
    unpaid = judge(Arm(9000, 0.0, 0.0, 900), Arm(1000, 0.0, 0.0, 90))
    assert unpaid.verdict == "too_early"
    assert unpaid.extra is not None and unpaid.extra.value == 0
    assert unpaid.more_people > 0


def test_verdicts() -> None:
    def shop(mean: float) -> str:
        treated = Arm(90_000, mean * 90_000, 90_000 * (1500.0**2 + mean**2), 9000)
        return judge(treated, Arm(10_000, 3e6, 10_000 * (1500.0**2 + 300.0**2), 900)).verdict

    assert [shop(400), shop(300), shop(200)] == ["proven", "too_early", "harmful"]


@given(st.floats(0, 1e9))
def test_about_is_rounded_up_to_two_figures(number: float) -> None:
    shown = about(number)
    assert shown >= number or isclose(shown, number)
    assert len(str(shown).rstrip("0")) <= 2
    assert shown <= max(number * 1.1 + 1, number + 1)


@given(amounts, amounts)
def test_pooled_variance_lies_between_those_of_the_arms(
    one: list[float], other: list[float]
) -> None:
    both = sorted(float(np.var(side, ddof=1)) for side in (one, other))
    found = pooled_variance(arm_of(one), arm_of(other))
    assert both[0] - 1e-3 * (both[0] + 1) <= found <= both[1] + 1e-3 * (both[1] + 1)

"""Parameters come from a shop's own last days, and a source that popularity beats is not used."""

from typing import Any

import numpy as np
import pytest

from patron.recommend import holdout, measure
from patron.recommend.held import hold_back
from patron.recommend.holdout import Outcome
from patron.recommend.popular import query as popular
from patron.recommend.popular import tuning as popularity
from patron.recommend.popular.fit import fit as popular_fit
from patron.recommend.popular.types import Params as PopularParams
from patron.recommend.similar import tuning as similar
from patron.recommend.similar.types import Params as SimilarParams
from patron.recommend.together import tuning as together
from patron.recommend.together.fit import fit as together_fit
from patron.recommend.together.types import Params as TogetherParams
from patron.recommend.types import Interactions, Kind
from recommend.shops import DAY, NOW, Act, history, nothing


def rows(*lists: list[int]) -> Any:
    return np.array(lists, np.int32)


def test_a_source_is_held_against_popularity_question_by_question() -> None:
    wanted = [np.array([k % 5], np.int32) for k in range(40)]
    good = rows(*[[k % 5, 9] for k in range(40)])
    best_sellers = rows(*[[0, 1]] * 40)
    found = holdout.verdict(good, best_sellers, wanted)
    assert found.outcome is Outcome.BEATS
    assert found.is_used
    assert found.score == 1.0
    assert 0 < found.bar < 1
    assert found.error > 0
    assert "1.0000 against" in found.words()
    other = holdout.verdict(best_sellers, good, wanted)
    assert other.outcome is Outcome.FALLS_SHORT
    assert not other.is_used
    assert other.words().startswith("Not used")
    tie = holdout.verdict(good, good, wanted)
    assert tie.outcome is Outcome.FALLS_SHORT
    few = holdout.verdict(good[:5], best_sellers[:5], wanted[:5])
    assert few.outcome is Outcome.TOO_FEW
    assert few.is_used
    assert "5 questions, 30 are needed" in few.words()
    assert holdout.verdict(good[:0], good[:0], []).outcome is Outcome.TOO_FEW
    with pytest.raises(ValueError, match="40 lists, 5 of popularity"):
        holdout.verdict(good, good[:5], wanted)


def test_gains_are_what_the_measure_averages() -> None:
    draw = np.random.default_rng(1)
    lists = np.array([draw.permutation(30)[:10] for _ in range(50)], np.int32)
    lists[3, 4:] = -1
    wanted = [draw.permutation(30)[: draw.integers(1, 14)].astype(np.int32) for _ in range(50)]
    averaged = measure.measure(lists, wanted, np.ones(30, np.int64)).ndcg
    assert holdout.gains(lists, wanted).mean() == pytest.approx(averaged)


def test_popularity_leaves_out_what_is_known() -> None:
    best = np.array([4, 3, 2, 1], np.int32)
    lists = holdout.popular_lists(best, [np.array([3], np.int32), np.array([], np.int32)], 3)
    assert lists.tolist() == [[4, 2, 1], [4, 3, 2]]
    assert holdout.popular_lists(best[:1], [best], 2).tolist() == [[-1, -1]]


def test_what_a_search_counts_is_bounded() -> None:
    past = history([(0, 0, NOW + k, Kind.VIEW) for k in range(100)], items=1)
    assert len(holdout.newest(past, 1_000)) == 100
    kept = holdout.newest(past, 10)
    assert len(kept) <= 10
    assert kept.at.min() >= NOW + 90
    assert holdout.evenly(0, 5).tolist() == []
    assert len(holdout.evenly(11, 5)) <= 5


def paired_shop() -> Interactions:
    """Ten pairs of products that are bought together, beside one that is in most orders."""
    draw = np.random.default_rng(2)
    acts: list[Act] = []
    for order in range(900):
        at = NOW - 90 * DAY + order * 8_000
        pair = int(draw.integers(0, 10))
        basket = [pair, pair + 10] + ([20] if draw.random() < 0.3 else [])
        acts += [(order % 200, item, at, Kind.BUY) for item in basket]
    return history(acts, items=21)


def test_companions_are_chosen_on_the_last_orders_and_beat_popularity() -> None:
    past = paired_shop()
    chosen = together.chosen(past, 60.0)
    assert chosen.exhausted
    assert chosen.tried[0].params == TogetherParams()
    assert chosen.score >= chosen.tried[0].score
    assert together.chosen(past, 60.0).params == chosen.params
    hurried = together.chosen(past, 0.0)
    assert [one.params for one in hurried.tried] == [TogetherParams()]
    held = hold_back(past, 0.1)
    questions = together.asked(held.after)
    assert all(len(given) == 1 for given in questions.given)
    lists = together.answers(together_fit(held.before, chosen.params), questions, 10)
    best = popular.top(popular_fit(held.before, PopularParams(), held.moment), 30).items
    bar = holdout.popular_lists(best, questions.given, 10)
    assert holdout.verdict(lists, bar, questions.wanted).outcome is Outcome.BEATS


def test_chance_does_not_beat_popularity() -> None:
    """Everybody buys the same best-sellers, and nothing goes with anything."""
    draw = np.random.default_rng(4)
    share = 1 / np.arange(1, 201)
    acts: list[Act] = []
    for order in range(1_500):
        basket = set(draw.choice(200, 4, p=share / share.sum()).tolist())
        acts += [(order, item, NOW - 90 * DAY + order * 5_000, Kind.BUY) for item in basket]
    past = history(acts, items=200)
    held = hold_back(past, 0.1)
    questions = together.asked(held.after)
    lists = together.answers(together_fit(held.before, TogetherParams()), questions, 10)
    best = popular.top(popular_fit(held.before, PopularParams(), held.moment), 30).items
    bar = holdout.popular_lists(best, questions.given, 10)
    assert holdout.verdict(lists, bar, questions.wanted).outcome is Outcome.FALLS_SHORT


def test_popularity_learns_how_fast_the_shop_changes() -> None:
    """Every week other products are wanted: a long memory is a bad one."""
    draw = np.random.default_rng(6)
    acts: list[Act] = []
    for day in range(120):
        for person in range(12):
            item = day // 7 * 3 + int(draw.integers(0, 3))
            acts.append((person, item, NOW - (120 - day) * DAY + person, Kind.BUY))
    chosen = popularity.chosen(history(acts, items=60), 60.0)
    assert chosen.tried[0].params == PopularParams()
    assert chosen.params.half_life_days <= 7
    assert len(chosen.tried) == 7  # only buys: nothing to weigh them against


def test_similar_products_are_chosen_on_the_last_visits() -> None:
    draw = np.random.default_rng(8)
    acts: list[Act] = []
    for visit in range(600):
        group = int(draw.integers(0, 8)) * 4
        at = NOW - 60 * DAY + visit * 8_000
        acts += [
            (visit, group + int(i), at + k, Kind.VIEW)
            for k, i in enumerate(draw.permutation(4)[:3])
        ]
    past = history(acts, items=32)
    chosen = similar.chosen(past, 60.0)
    assert chosen.exhausted
    assert chosen.score > 0.8
    assert similar.chosen(past, 60.0) == chosen


@pytest.mark.parametrize("past", [nothing(), history([(0, 0, NOW, Kind.VIEW)], items=1)])
def test_a_shop_that_cannot_tell_keeps_the_defaults(past: Interactions) -> None:
    assert together.chosen(past, 1.0).params == TogetherParams()
    assert similar.chosen(past, 1.0).params == SimilarParams()
    assert popularity.chosen(past, 1.0).params.view == PopularParams().view

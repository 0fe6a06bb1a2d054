"""Parameters come from a shop's own last days."""

import numpy as np
import pytest

from patron.recommend import measure
from patron.recommend.held import evenly, hold_back, newest_rows
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


def test_gains_are_what_the_measure_averages() -> None:
    draw = np.random.default_rng(1)
    lists = np.array([draw.permutation(30)[:10] for _ in range(50)], np.int32)
    lists[3, 4:] = -1
    wanted = [draw.permutation(30)[: draw.integers(1, 14)].astype(np.int32) for _ in range(50)]
    averaged = measure.measure(lists, wanted, np.ones(30, np.int64)).ndcg
    assert measure.gains(lists, wanted).mean() == pytest.approx(averaged)


def test_what_a_search_counts_is_bounded() -> None:
    past = history([(0, 0, NOW + k, Kind.VIEW) for k in range(100)], items=1)
    assert len(newest_rows(past, 1_000)) == 100
    kept = newest_rows(past, 10)
    assert len(kept) <= 10
    assert kept.at.min() >= NOW + 90
    assert evenly(0, 5).tolist() == []
    assert len(evenly(11, 5)) <= 5


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
    assert [one.params.power for one in hurried.tried] == [1.0, 0.25]  # two, however short
    held = hold_back(past, 0.1)
    questions = together.asked(held.after)
    assert all(len(given) == 1 for given in questions.given)
    lists = together.answers(together_fit(held.before, chosen.params), questions, 10)
    plain = popularity.answers(
        popular_fit(held.before, PopularParams(), held.moment), questions, 10
    )
    own, bar = (measure.gains(each, questions.wanted).mean() for each in (lists, plain))
    assert own > 2 * bar > 0


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

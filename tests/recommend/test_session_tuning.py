"""Parameters come from a shop's own last visits, and the search for them ends."""

import numpy as np
from numpy.typing import NDArray

from patron.recommend.session.index import Params
from patron.recommend.session.tuning import LADDERS, Climb, chosen
from patron.recommend.types import Interactions


def shop(seed: int, returning: bool) -> Interactions:
    """400 visits along a ring of 40 products; in some shops every other step goes back."""
    rng = np.random.default_rng(seed)
    walks: list[NDArray[np.int64]] = []
    for _ in range(400):
        start = rng.integers(40)
        steps = np.arange(6) // 2 if returning else np.arange(6)
        walk = (start + steps + rng.integers(0, 2, 6)) % 40
        if returning:
            walk[2::2] = walk[0]
        walks.append(walk)
    session = np.repeat(np.arange(400, dtype=np.int32), 6)
    rows = len(session)
    at = session.astype(np.int64) * 7_200 + np.tile(np.arange(6) * 30, 400)
    none = np.full(rows, -1, np.int32)
    item = np.concatenate(walks).astype(np.int32)
    return Interactions(session, item, at, np.zeros(rows, np.int8), none, session, 400, 40)


def test_a_shop_whose_visits_return_gets_more_returns_than_one_whose_do_not() -> None:
    home, away = (chosen(shop(3, returning), 60) for returning in (True, False))
    assert home.params.returns > away.params.returns
    assert home.score >= home.tried[0].score
    assert home.exhausted


def test_same_shop_same_choice() -> None:
    assert chosen(shop(5, False), 60).params == chosen(shop(5, False), 60).params


def test_an_empty_shop_keeps_the_default() -> None:
    empty = shop(1, False).where(np.zeros(2_400, np.bool_))
    found = chosen(empty, 60)
    assert (found.params.neighbours, found.score) == (Params().neighbours, 0.0)


def test_a_climb_ends_even_if_everything_is_better_than_before() -> None:
    climb = Climb(100.0)
    for tried, params in enumerate(climb):
        climb.told(params, float(tried))
        assert tried < 2 * sum(len(ladder) for ladder in LADDERS.values()) + 20

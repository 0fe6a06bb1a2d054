"""Parameters for one shop: chosen by what its customers' last baskets held."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from patron.recommend.again.basket import baskets
from patron.recommend.again.fit import assembled
from patron.recommend.again.intervals import habits
from patron.recommend.again.learning import unlearned
from patron.recommend.again.model import Index, Params
from patron.recommend.again.pool import pool
from patron.recommend.again.purchases import Purchases, only, purchases
from patron.recommend.choosing import Chosen, choose
from patron.recommend.climb import Climb
from patron.recommend.measure import measure
from patron.recommend.types import Interactions

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUESTIONS = 4_000
"""Customers that are asked about: of more, every so many-th."""
K = 10

LADDERS: Mapping[str, tuple[float, ...]] = {
    "own": (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0),
    "fade": (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0),
    "neighbours": (30, 100, 200, 300, 500, 900, 1_500),
    "rarity": (0.0, 0.5, 1.0, 1.5),
    "length": (0.0, 0.25, 0.5, 0.75, 1.0),
    "popular": (0.0, 0.03, 0.1, 0.2, 0.3, 0.5, 1.0),
    "each": (50, 100, 200, 400),
}
"""The values that each parameter may take, from one end to the other."""


class Held(msgspec.Struct, frozen=True):
    """Baskets without the last of the people asked about, and what that held."""

    before: Purchases
    asked: Purchases  # what those who are asked about bought before
    wanted: "list[NDArray[np.int32]]"


def candidates() -> Climb[Params]:
    """The default, then whatever is better."""
    return Climb(Params(), LADDERS)


def hold_back(history: Interactions, most: int = QUESTIONS) -> Held:
    """Ask about the last basket of customers who had one before."""
    lines = purchases(history)
    again = np.unique(lines.person[lines.back > 0])
    asked = again[:: max(1, -(-len(again) // most))]
    mine = np.isin(lines.person, asked)
    last = mine & (lines.back == 0)
    edges = np.flatnonzero(np.diff(lines.person[last])) + 1
    wanted = np.split(lines.item[last], edges) if len(asked) else []
    return Held(only(lines, ~last), only(lines, mine & ~last), wanted)


def quality(index: Index, held: Held) -> float:
    """The mean of recall and NDCG at 10."""
    if not held.wanted:
        return 0.0
    found, _ = baskets(index, held.asked, K)
    all_alike = np.ones(index.items, np.int64)
    measured = measure(found, held.wanted, all_alike)
    return (measured.recall + measured.ndcg) / 2


def chosen(history: Interactions, seconds: float) -> Chosen[Params]:
    """The parameters that foretell customers' last baskets best, found in about `seconds`. A shop
    in which nobody has come twice keeps the default."""
    held = hold_back(history)
    known = habits(held.before, Params().prior)
    climb = candidates()
    made: dict[tuple[float, ...], Index] = {}

    def score(params: Params) -> float:
        counted = (params.fade, params.length, params.rarity, params.each)
        if counted not in made:
            made.clear()
            made[counted] = assembled(known, unlearned(), pool(held.before, params), params)
        index = msgspec.structs.replace(
            made[counted], own=params.own, neighbours=params.neighbours, popular=params.popular
        )
        found = quality(index, held)
        climb.told(params, found)
        return found

    return choose(climb, score, seconds)

"""Parameters for one shop: chosen by what its customers turned to last."""

from collections.abc import Mapping

import msgspec
import numpy as np

from patron.recommend.choosing import Chosen, choose
from patron.recommend.climb import Climb
from patron.recommend.sequence.fit import fit
from patron.recommend.sequence.model import Index, Params
from patron.recommend.sequence.query import for_many
from patron.recommend.types import Interactions

QUESTIONS = 25_000
"""Customers that are asked about: of more, every so many-th."""
SHORTEST = 3
"""Acts without which a customer is not asked about."""
K = 10

LADDERS: Mapping[str, tuple[float, ...]] = {
    "decay": (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95),
    "to_power": (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7),
    "from_power": (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7),
    "backward": (0.0, 0.2, 0.35, 0.5, 0.7, 1.0),
    "near": (0.25, 0.5, 0.75, 1.0, 1.5),
    "shift": (0.5, 1.0, 2.0, 5.0, 10.0, 30.0),
    "length": (0.0, 0.25, 0.5, 0.75, 1.0),
    "window": (3, 5, 10, 20, 30),
    "view": (0.05, 0.1, 0.2, 0.3, 0.5, 1.0),
    "kept": (50, 100, 200, 300),
}
"""The values that each parameter may take, from one end to the other."""


class Held(msgspec.Struct, frozen=True):
    """A history without the last act of the people asked about, and what that was."""

    before: Interactions
    starts: "np.ndarray[tuple[int], np.dtype[np.int64]]"  # of question q in `items`
    items: "np.ndarray[tuple[int], np.dtype[np.int32]]"  # what she had before, oldest first
    kinds: "np.ndarray[tuple[int], np.dtype[np.int8]]"
    wanted: "np.ndarray[tuple[int], np.dtype[np.int32]]"


def candidates(history: Interactions) -> Climb[Params]:
    """The default, then whatever is better."""
    ladders = dict(LADDERS)
    if len(np.unique(history.kind)) < 2:
        del ladders["view"]
    return Climb(Params(), ladders)


def hold_back(history: Interactions, most: int = QUESTIONS) -> Held:
    """Ask about the last thing that customers turned to and had not had before."""
    start = np.searchsorted(history.person, np.arange(history.people + 1))
    asked = np.flatnonzero(np.diff(start) >= SHORTEST)
    asked = asked[:: max(1, -(-len(asked) // most))]
    new = [
        p for p in asked.tolist()
        if history.item[start[p + 1] - 1] not in history.item[start[p] : start[p + 1] - 1]
    ]  # fmt: skip
    last = start[np.array(new, np.int64) + 1] - 1
    stay = np.ones(len(history), bool)
    stay[last] = False
    before = history.where(stay)
    mine = np.isin(before.person, new)
    lengths = np.bincount(before.person[mine], minlength=history.people)[new]
    return Held(
        before, np.append(0, np.cumsum(lengths)).astype(np.int64), before.item[mine],
        before.kind[mine], history.item[last],
    )  # fmt: skip


def quality(index: Index, held: Held) -> float:
    """NDCG at 10 of lists without what she had."""
    if not len(held.wanted):
        return 0.0
    found, _ = for_many(index, held.starts, held.items, K, kinds=held.kinds)
    hits = found == held.wanted[:, None]
    return float((hits / np.log2(np.arange(2, K + 2))).sum() / len(hits))


def chosen(history: Interactions, seconds: float) -> Chosen[Params]:
    """The parameters that foretell best what customers turned to last, found in about `seconds`.
    A shop without customers to ask about keeps the default."""
    held = hold_back(history)
    climb = candidates(history)
    made: dict[Params, Index] = {}

    def score(params: Params) -> float:
        counted = msgspec.structs.replace(params, decay=0.0)
        if counted not in made:
            made.clear()
            made[counted] = fit(held.before, params)
        found = quality(msgspec.structs.replace(made[counted], decay=params.decay), held)
        climb.told(params, found)
        return found

    return choose(climb, score, seconds)

"""Parameters for one shop: chosen on its own last visits, uphill along one parameter at a time."""

from collections.abc import Iterator, Mapping

import msgspec
import numpy as np

from patron.recommend.choosing import Chosen, choose
from patron.recommend.held import Questions, hold_back, newest_visits, questions
from patron.recommend.session.fit import DAY, index_of
from patron.recommend.session.index import Index, Params
from patron.recommend.session.query import next_items
from patron.recommend.session.sessions import steps, visits
from patron.recommend.types import Interactions

HELD_BACK = 0.05
QUESTIONS = 8_000
VISITS = 200_000
"""Newest visits that a search looks at: each try counts them anew."""

K = 20
ROUNDS = 2

LADDERS: Mapping[str, tuple[float, ...]] = {
    "distance": (0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 0.0),
    "before": (0.1, 0.3, 0.5, 0.7, 1.0),
    "step": (0.5, 1.0, 1.5, 2.0, 3.0, 5.0),
    "mix": (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7),
    "idf": (0.0, 0.1, 0.2, 0.5, 1.0, 2.0),
    "length": (0.0, 0.25, 0.5, 0.75),
    "neighbours": (100, 250, 500, 1_000, 1_500),
    "per_item": (250, 500, 1_000, 2_500),
    "returns": (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5),
    "repeat": (0.0, 0.3, 0.6, 0.8, 1.0, 1.3, 1.7, 2.5),
    "reach": (0.5, 1.0, 2.0),
    "recall": (0.3, 0.6, 1.0, 2.0),
    "last": (5, 10, 15, 20),
}
"""The values that each parameter may take, from one end to the other."""

SPAN_SHARES = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0, 0.0)


class Climb:
    """Proposes neighbours of the best parameters so far, until a round brings nothing better."""

    def __init__(self, span_days: float, start: Params | None = None, rounds: int = ROUNDS) -> None:
        recency = tuple(round(span_days * share, 3) for share in SPAN_SHARES)
        self._ladders = {"recency": recency, **LADDERS}
        self._best = start or Params(recency=recency[3])
        self._score = -1.0
        self._rounds = rounds

    def told(self, params: Params, score: float) -> None:
        """What a proposal scored."""
        if score > self._score:
            self._best, self._score = params, score

    def __iter__(self) -> Iterator[Params]:
        yield self._best
        for _ in range(self._rounds):
            before = self._score
            for name, ladder in self._ladders.items():
                yield from self._along(name, ladder)
            if self._score <= before:
                return

    def _along(self, name: str, ladder: tuple[float, ...]) -> Iterator[Params]:
        """Up and down one ladder from where the best stands, as long as it gets better."""
        here = min(range(len(ladder)), key=lambda k: abs(ladder[k] - getattr(self._best, name)))
        for way in (1, -1):
            place = here + way
            while 0 <= place < len(ladder):
                before = self._score
                yield msgspec.structs.replace(self._best, **{name: ladder[place]})
                if self._score <= before:
                    break
                place += way
            if getattr(self._best, name) != ladder[here]:
                return


def chosen(history: Interactions, seconds: float, shortest: int = 1) -> Chosen[Params]:
    """The parameters that foretell a shop's last visits best, found in about `seconds`.

    What counts is the mean of hit rate and reciprocal rank at 20, asked after every beginning of
    at least `shortest` steps. A shop without visits to ask about keeps the default.
    """
    held = hold_back(newest_visits(history, VISITS), HELD_BACK)
    asked = questions(steps(held.after), QUESTIONS, shortest)
    past = visits(held.before)
    span = float(past.ended[-1] - past.ended[0]) / DAY if len(past) else 0.0
    climb = Climb(span)
    made: dict[tuple[object, ...], Index] = {}

    def score(params: Params) -> float:
        counted = (params.per_item, params.recency, params.length, params.reach, params.idf)
        if counted not in made:
            made.clear()
            made[counted] = index_of(past, history.items, params)
        index = _with(made[counted], params)
        found = quality(index, asked)
        climb.told(params, found)
        return found

    return choose(climb, score, seconds)


def quality(index: Index, asked: Questions) -> float:
    """The mean of hit rate and reciprocal rank at 20."""
    if not len(asked):
        return 0.0
    total = 0.0
    for question, wanted in enumerate(asked.wanted.tolist()):
        items, ages = asked.known(question)
        place = np.flatnonzero(next_items(index, items, ages, K).items == wanted)
        if len(place):
            total += 1.0 + 1.0 / (int(place[0]) + 1)
    return total / len(asked) / 2


def _with(index: Index, params: Params) -> Index:
    return msgspec.structs.replace(index, **msgspec.structs.asdict(params))

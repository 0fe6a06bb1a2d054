"""Parameters are chosen on a shop's own last days: a search that ends.

The first candidate is the default and is always scored, and so are as many as are asked for at
least; the others follow in the order given, until they or the time run out. The best score wins, of
equals the earlier.
"""

from collections.abc import Callable, Iterable
from time import monotonic
from typing import Generic, TypeVar

import msgspec

P = TypeVar("P", bound=msgspec.Struct)


class Tried(msgspec.Struct, Generic[P], frozen=True):
    """One candidate and what it scored on the days held back; more is better."""

    params: P
    score: float


class Chosen(msgspec.Struct, Generic[P], frozen=True):
    """The winner, and everything that was tried, in order. `exhausted` is false when time ran out
    before the candidates did."""

    params: P
    score: float
    tried: list[Tried[P]]
    exhausted: bool


def choose(
    candidates: Iterable[P],
    score: Callable[[P], float],
    seconds: float,
    clock: Callable[[], float] = monotonic,
    *,
    least: int = 1,
) -> Chosen[P]:
    """Score candidates for at most about `seconds`, `least` of them however long it takes; raises
    ValueError when there is none."""
    until = clock() + seconds
    tried: list[Tried[P]] = []
    exhausted = True
    for params in candidates:
        if len(tried) >= least and clock() >= until:
            exhausted = False
            break
        tried.append(Tried(params, score(params)))
    if not tried:
        raise ValueError("there is nothing to choose from; give at least the default parameters")
    best = max(tried, key=lambda one: one.score)
    return Chosen(best.params, best.score, tried, exhausted)

"""Candidates that follow what the earlier ones scored: uphill along one parameter at a time."""

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

import msgspec

P = TypeVar("P", bound=msgspec.Struct)


class Climb(Generic[P]):
    """Proposes `start`, then neighbours of the best so far, until a round brings nothing better.

    `ladders` has for each parameter the values it may take, from one end to the other. It ends:
    every proposal is a step up or down a ladder, taken only from a better place, in `rounds`.
    """

    def __init__(self, start: P, ladders: Mapping[str, tuple[float, ...]], rounds: int = 2) -> None:
        self._best, self._score = start, float("-inf")
        self._ladders, self._rounds = ladders, rounds
        self._tried: set[bytes] = set()

    def told(self, params: P, score: float) -> None:
        """What a proposal scored."""
        if score > self._score:
            self._best, self._score = params, score

    def __iter__(self) -> Iterator[P]:
        self._tried.add(msgspec.json.encode(self._best))
        yield self._best
        for _ in range(self._rounds):
            before = self._score
            for name, ladder in self._ladders.items():
                yield from self._along(name, ladder)
            if self._score <= before:
                return

    def _along(self, name: str, ladder: tuple[float, ...]) -> Iterator[P]:
        here = min(range(len(ladder)), key=lambda k: abs(ladder[k] - getattr(self._best, name)))
        for way in (1, -1):
            place = here + way
            while 0 <= place < len(ladder):
                before = self._score
                proposed = msgspec.structs.replace(self._best, **{name: ladder[place]})
                written = msgspec.json.encode(proposed)
                if written in self._tried:
                    break
                self._tried.add(written)
                yield proposed
                if self._score <= before:
                    break
                place += way
            if getattr(self._best, name) != ladder[here]:
                return

"""Loops are compiled beside the answers: until one is there, numpy gives the same, more slowly."""

import asyncio
from collections.abc import Callable
from threading import Lock, Thread

import numpy as np

from patron.kit.log import logger
from patron.recommend import compiling
from patron.recommend.again import query as again
from patron.recommend.blend import trees
from patron.recommend.rules import rank
from patron.recommend.sequence import query as sequence
from patron.recommend.serving.opened import Models
from patron.recommend.session import query as session

log = logger(__name__)

SESSION, SEQUENCE, AGAIN, BLEND = "session", "sequence", "again", "blend"


class Loops:
    """Which compiled loops may be used in this process.

    Whoever waits, as a command does, has them compiled before the first answer. A server does not:
    they are compiled beside it, some seconds at the very first start, and used as soon as they are.
    """

    def __init__(self, *, beside: bool = False) -> None:
        self._beside = beside
        self._ready: set[str] = set()
        self._lock = Lock()

    def ready(self, loop: str) -> bool:
        """Whether the loop is used; else numpy is."""
        return loop in self._ready if self._beside else compiling.possible()

    async def prepare(self, models: Models) -> None:
        """Have what answers from these models compiled, or read from its cache."""
        if not compiling.possible():
            return
        if self._beside:
            Thread(target=self._compile, args=(models,), name="compiling", daemon=True).start()
        else:
            await asyncio.to_thread(self._compile, models)

    def _compile(self, models: Models) -> None:
        with self._lock:
            try:
                if self._beside:
                    rank.warm()
                for loop, ask in ASKED.items():
                    if loop not in self._ready and ask(models):
                        self._ready.add(loop)
            except Exception as error:
                log.error("loops are not compiled, numpy answers", extra={"reason": repr(error)})
                if not self._beside:
                    raise


AWAITED = Loops()
"""For whoever waits for the compiler."""


def _ask_session(models: Models) -> bool:
    if models.session is None or not models.session.items:
        return False
    session.next_items(models.session, np.zeros(1, np.int32), np.zeros(1), 1)
    return True


def _ask_sequence(models: Models) -> bool:
    if models.sequence is None or not models.sequence.items:
        return False
    one, starts = np.zeros(1, np.int32), np.array([0, 1])
    kinds = np.zeros(1, np.int8)
    sequence.for_person(models.sequence, one, 1, kinds=kinds, compiled=True)
    sequence.for_many(
        models.sequence, starts, one, 1, exclude_had=False, kinds=kinds, compiled=True
    )
    return True


def _ask_again(models: Models) -> bool:
    if models.again is None or not models.again.items:
        return False
    once = np.zeros(1, np.int32)
    again.basket(models.again, once, np.zeros(1, np.int64), once, 1, compiled=True)
    return True


def _ask_trees(models: Models) -> bool:
    if models.blend is None or not models.blend.forests:
        return False
    trees.warm()
    return True


ASKED: dict[str, Callable[[Models], bool]] = {
    SESSION: _ask_session,
    SEQUENCE: _ask_sequence,
    AGAIN: _ask_again,
    BLEND: _ask_trees,
}
"""Has a loop compiled by asking a model; False where there is none to be asked."""

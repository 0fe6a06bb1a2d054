"""Work that is done for several at once: for all who ask while an earlier round is under way."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Rounds(Generic[T, R]):
    """`work` is given what was asked since its last round, and answers in the same order.

    One round at a time: who asks alone waits for nothing, and the more ask, the larger the rounds.
    What `work` raises reaches everybody in its round. Belongs to one event loop.
    """

    def __init__(self, work: Callable[[Sequence[T]], Awaitable[Sequence[R]]]) -> None:
        self._work = work
        self._turn = asyncio.Lock()
        self._asked: deque[tuple[T, asyncio.Future[R]]] = deque()

    async def do(self, one: T) -> R:
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._asked.append((one, answer))
        try:
            async with self._turn:
                if not answer.done():
                    await asyncio.sleep(0)  # who is about to ask joins this round
                    await self._round()
        except asyncio.CancelledError:
            answer.cancel()
            raise
        return answer.result()

    async def _round(self) -> None:
        """Done by the first in line; the others find their answers when it is their turn."""
        some = [pair for pair in self._asked if not pair[1].cancelled()]
        self._asked.clear()
        try:
            done = await self._work([one for one, _ in some])
        except Exception as error:
            for _, answer in some:
                if not answer.cancelled():
                    answer.set_exception(error)
                    answer.exception()  # asked for here, as its owner may be cancelled before
            return
        except BaseException:
            self._asked.extendleft(reversed(some))  # the next in line does it
            raise
        for (_, answer), result in zip(some, done, strict=True):
            if not answer.cancelled():
                answer.set_result(result)

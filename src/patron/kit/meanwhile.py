"""Work that is done whenever somebody else waits."""

import asyncio
from collections.abc import Coroutine


class Meanwhile:
    """Runs coroutines beside a block, and cancels at its end what is not done by then."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def __enter__(self) -> "Meanwhile":
        return self

    def __exit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()

    def do(self, work: Coroutine[None, None, None]) -> None:
        """Go on with `work` whenever the block waits for something."""
        self._tasks.append(asyncio.get_running_loop().create_task(work))

"""The word that ends a program, said by a signal."""

import signal
from contextlib import suppress
from queue import Empty, SimpleQueue


class Stop:
    """An event that a signal may set. An Event of `threading` may not be: a signal that comes while
    its lock is held would wait for itself for ever."""

    def __init__(self) -> None:
        self._is_set = False
        self._told: SimpleQueue[None] = SimpleQueue()  # its `put` may interrupt itself

    def set(self) -> None:
        self._is_set = True
        self._told.put(None)

    def is_set(self) -> bool:
        return self._is_set

    def wait(self, seconds: float | None = None) -> None:
        """Until it is set, or `seconds` have passed."""
        if not self._is_set:
            with suppress(Empty):
                self._told.get(timeout=seconds)


def endings() -> list[signal.Signals]:
    """The signals that end a program in good order. One is that its terminal was closed, unless it
    was started to outlive that (`nohup`)."""
    stays = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [signal.SIGTERM, signal.SIGINT, *([] if stays else [signal.SIGHUP])]

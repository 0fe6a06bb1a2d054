"""A process whose time and pause points belong to a test: the process's end of the line.

The test listens on a Unix socket. Each process that joins is told the time whenever it changes, so
reading it costs nothing, and asks at every named point (`kit.pauses`) whether it may go on. One
JSON object a line in both directions. Nothing of this exists in production.
"""

import asyncio
import os
import signal
import socket
import threading
from contextlib import suppress
from datetime import datetime
from itertools import count

import msgspec

from patron.kit.log import logger

log = logger(__name__)

ANSWER_SECONDS = 10.0


class Joined(msgspec.Struct, frozen=True, tag="joined"):
    """Process to test, its first word: who it is ("web", "worker" …)."""

    role: str
    pid: int


class Heard(msgspec.Struct, frozen=True, tag="heard"):
    """Process to test: from now on this process lives at the time of that number."""

    number: int


class Stands(msgspec.Struct, frozen=True, tag="stands"):
    """Process to test: something in it has come to `point` and waits."""

    number: int
    point: str


class Time(msgspec.Struct, frozen=True, tag="time"):
    """Test to process: it is `now` until the next word."""

    number: int
    now: datetime


class Answer(msgspec.Struct, frozen=True, tag="answer"):
    """Test to process: what stands under that number goes on, or the process dies where it is."""

    number: int
    die: bool


FromProcess = Joined | Heard | Stands
FromTest = Time | Answer


class Conducted:
    """The clock of a conducted process; `stand` is its hook for pause points.

    Joining raises OSError when nobody listens at `path`, or nobody answers within ten seconds.
    When the test goes away the process ends as if by SIGTERM: its time would stand still for good.
    """

    def __init__(self, path: str, role: str) -> None:
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._standing: dict[int, tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = {}
        self._decode = msgspec.json.Decoder(FromTest).decode
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._line.settimeout(ANSWER_SECONDS)
        self._line.connect(path)
        self._words = self._line.makefile("rb")
        self._say(Joined(role, os.getpid()))
        first = self._decode(self._words.readline() or b"null")
        if not isinstance(first, Time):
            raise ConnectionError(f"{path} was not told the time")
        self._line.settimeout(None)
        self._set(first)
        log.warning("a test conducts this process", extra={"role": role, "socket": path})
        threading.Thread(target=self._listen, name="patron-conducted", daemon=True).start()

    def now(self) -> datetime:
        return self._now

    async def stand(self, point: str) -> None:
        """Wait at `point` until the test lets go; there may be no return."""
        loop = asyncio.get_running_loop()
        may_go: asyncio.Future[None] = loop.create_future()
        number = next(self._numbers)
        self._standing[number] = (loop, may_go)
        self._say(Stands(number, point))
        await may_go

    def _listen(self) -> None:
        with suppress(OSError, msgspec.DecodeError):
            for line in self._words:
                word = self._decode(line)
                if isinstance(word, Time):
                    self._set(word)
                else:
                    self._answered(word)
        log.error("the test that conducted this process is gone; stopping")
        os.kill(os.getpid(), signal.SIGTERM)

    def _set(self, time: Time) -> None:
        self._now = time.now
        self._say(Heard(time.number))

    def _answered(self, answer: Answer) -> None:
        if answer.die:
            os.kill(os.getpid(), signal.SIGKILL)
        loop, may_go = self._standing.pop(answer.number)
        with suppress(RuntimeError):  # the loop may have been closed in the meantime
            loop.call_soon_threadsafe(_go, may_go)

    def _say(self, word: FromProcess) -> None:
        with self._lock:
            self._line.sendall(msgspec.json.encode(word) + b"\n")


def _go(may_go: "asyncio.Future[None]") -> None:
    if not may_go.done():  # a timeout may have been faster
        may_go.set_result(None)

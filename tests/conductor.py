"""The test's end of the line: conducts the time and the pause points of a running Patron.

with conducting(at=TEN) as conductor, running(test_socket=conductor.path) as shop:
    conductor.advance(hours=1)
    with conductor.hold("delivery.handing_over", "worker") as held:
        held.awaited()        # the worker stands there; what it has committed can be looked at
        held.kill()           # kill -9, at exactly this point; without it, the end lets it go
"""

import contextlib
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from patron.kit.conducted import Answer, FromProcess, FromTest, Heard, Joined, Stands, Time
from running import HANG


class Process:
    """One that has joined, from its first word until its line ends."""

    def __init__(self, line: socket.socket) -> None:
        self.line = line
        self.role = ""
        self.pid = 0
        self.heard = 0
        self.gone = False

    def tell(self, word: FromTest) -> None:
        with contextlib.suppress(OSError):  # it died; its line tells
            self.line.sendall(msgspec.json.encode(word) + b"\n")


class Held:
    """A point that is guarded: who comes there stands until the end of the guard."""

    def __init__(self, conductor: "Conductor", point: str, role: str) -> None:
        self._conductor = conductor
        self.point = point
        self.role = role
        self.standing: list[tuple[Process, int]] = []

    def awaited(self, seconds: float = HANG) -> Process:
        """The first that came, as soon as it stands there."""
        what = f"{self.role} at {self.point}"
        self._conductor.wait(lambda: bool(self.standing), what, seconds)
        return self.standing[0][0]

    def kill(self) -> None:
        """kill -9 of the first that came, while it stands there; those after it pass."""
        process = self.awaited()
        self._conductor.end(self, die=process)
        what = f"death of {self.role} at {self.point}"
        self._conductor.wait(lambda: process.gone, what, HANG)


class Conductor:
    """Everything that has joined lives at `now`, which moves only by `advance`."""

    def __init__(self, path: Path, at: datetime) -> None:
        self.path = path
        self.now = at
        self.passed: Counter[tuple[str, str]] = Counter()
        """(role, point) of all that ever came to a point, held there or not."""
        self._changed = threading.Condition()
        self._time = 1
        self._processes: list[Process] = []
        self._guards: list[Held] = []
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._door.bind(str(path))
        self._door.listen(16)
        threading.Thread(target=self._welcome, name="conductor", daemon=True).start()

    def advance(self, **span: float) -> datetime:
        """Let time pass; returns when every process that has joined lives at the new time."""
        with self._changed:
            self.now += timedelta(**span)
            self._time += 1
            time, told = Time(self._time, self.now), list(self._processes)
            for process in told:
                process.tell(time)
        self.wait(
            lambda: all(one.gone or one.heard >= time.number for one in told),
            f"{self.now} in every process",
            HANG,
        )
        return self.now

    @contextmanager
    def hold(self, point: str, role: str) -> Iterator[Held]:
        """Whoever of the processes `role` comes to `point` stands there until the end."""
        held = Held(self, point, role)
        with self._changed:
            self._guards.append(held)
        try:
            yield held
        finally:
            self.end(held)

    def end(self, held: Held, die: Process | None = None) -> None:
        """End a guard: all that stand there go on, the process `die` excepted."""
        with self._changed:
            if held in self._guards:
                self._guards.remove(held)
            for process, number in held.standing:
                process.tell(Answer(number, die=process is die))
            held.standing = []

    def count(self, role: str) -> int:
        """How many processes of a role there are now."""
        with self._changed:
            return sum(one.role == role for one in self._processes)

    def wait(self, look: Callable[[], bool], what: str, seconds: float) -> None:
        """Returns when `look` is true; looks whenever something was heard."""
        end = time.monotonic() + seconds
        with self._changed:
            while not look():
                left = end - time.monotonic()
                assert left > 0, f"{what} was not seen within {seconds:.0f} s"
                self._changed.wait(left)

    def close(self) -> None:
        for held in list(self._guards):
            self.end(held)
        with self._changed:
            lines = [one.line for one in self._processes]
        for line in (self._door, *lines):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()

    def _welcome(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._door.accept()
                threading.Thread(target=self._listen, args=(line,), daemon=True).start()

    def _listen(self, line: socket.socket) -> None:
        process = Process(line)
        decode = msgspec.json.Decoder(FromProcess).decode
        with contextlib.suppress(OSError), line.makefile("rb") as words:
            for word in words:
                with self._changed:
                    self._take(process, decode(word))
                    self._changed.notify_all()
        with self._changed:
            process.gone = True
            if process in self._processes:
                self._processes.remove(process)
            self._changed.notify_all()
        line.close()

    def _take(self, process: Process, word: FromProcess) -> None:
        match word:
            case Joined():
                process.role, process.pid = word.role, word.pid
                self._processes.append(process)
                process.tell(Time(self._time, self.now))
            case Heard():
                process.heard = word.number
            case Stands():
                self.passed[process.role, word.point] += 1
                for held in self._guards:
                    if (held.point, held.role) == (word.point, process.role):
                        held.standing.append((process, word.number))
                        return
                process.tell(Answer(word.number, die=False))


@contextmanager
def conducting(at: datetime) -> Iterator[Conductor]:
    """A conductor whose clock stands at `at`; open it before the Patron that it conducts."""
    with tempfile.TemporaryDirectory(prefix="patron-conductor-") as folder:
        conductor = Conductor(Path(folder) / "socket", at)
        try:
            yield conductor
        finally:
            conductor.close()

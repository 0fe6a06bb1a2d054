"""One house a data folder: who runs it, who still does, and children that outlive nobody.

Two locks, because a supervisor can be killed while its processes live on: `serve.lock` is held by
the supervisor alone and says that the folder is run; `processes.lock` is inherited by web and
worker and says that they have not all ended yet.
"""

import fcntl
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

from patron.kit.clock import monotonic
from patron.kit.log import logger
from patron.kit.problems import Problem, conflict

log = logger(__name__)

LOOK_SECONDS = 0.2
WAIT_SECONDS = 90.0
GRACE_SECONDS = 40.0


class Occupancy:
    """The right to run a data folder, from `take` until `leave` or the end of this process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._handles: list[int] = []

    def take(self, report: Callable[[str], None]) -> int:
        """Become the folder's only supervisor; the descriptor that its processes must inherit.

        Waits for processes that a killed supervisor left. Raises Problem 409 when another one runs
        the folder, 503 when its processes do not end.
        """
        own = self._lock("serve.lock")
        if own is None:
            raise conflict(
                f"{self._folder} is being served already",
                remedy="stop the other `patron serve` first, or choose another data_dir",
            )
        self._handles.append(own)
        end = monotonic() + WAIT_SECONDS
        told = False
        while (inherited := self._lock("processes.lock")) is None:
            if not told:
                report("waiting for the processes of a `patron serve` that was killed")
                told = True
            if monotonic() > end:
                raise Problem(
                    503,
                    "Still running",
                    f"processes of an earlier `patron serve` in {self._folder} have not ended",
                    remedy="end them (`pgrep -af patron.app`) and start again",
                )
            threading.Event().wait(LOOK_SECONDS)
        self._handles.append(inherited)
        return inherited

    def leave(self) -> None:
        while self._handles:
            os.close(self._handles.pop())

    def _lock(self, name: str) -> int | None:
        handle = os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        return handle


def end_with(parent: int) -> None:
    """Have this process stop, as if by SIGTERM, when its parent `parent` is gone.

    Whoever lost the one that looks after it would go on walking and sending beside the next one.
    """
    threading.Thread(target=_follow, args=(parent,), name="patron-parent", daemon=True).start()


def end_with_master() -> None:
    """`end_with` the process that forked this one by `multiprocessing`.

    It may be dead already, and who asks the system then gets the pid of a stranger that never ends.
    """
    master = multiprocessing.parent_process()
    end_with(os.getppid() if master is None or master.pid is None else master.pid)


def _follow(parent: int) -> None:
    pause = threading.Event()
    while os.getppid() == parent:
        pause.wait(LOOK_SECONDS)
    log.error("the process that looked after this one is gone; stopping", extra={"parent": parent})
    os.kill(os.getpid(), signal.SIGTERM)
    pause.wait(GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)

"""Measures in a process of its own, so that nothing else is in its memory."""

import re
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any


def apart(what: Any, *given: Any) -> Any:
    """What `what`, a function of a module, finds in a process of its own."""
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_tell, args=(theirs, what, *given))
    process.start()
    theirs.close()
    try:
        found = ours.recv()
    except EOFError:
        raise SystemExit(f"{what.__name__} ended without a result; see above") from None
    process.join()
    return found


def _tell(pipe: Connection, what: Any, *given: Any) -> None:
    pipe.send(what(*given))


def peak_mb() -> float:
    """The most memory that this process has had in RAM, files mapped into it included. getrusage
    would count what the parent had before the process became another program."""
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) / 1024

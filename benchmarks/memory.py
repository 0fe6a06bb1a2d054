"""PSS of all processes of an idle installation, with the demo shop's data if it was loaded.

    python benchmarks/memory.py [DATA_DIR]

With the data folder of a loaded demo, that is what is started; without one, an empty shop. Jobs
that begin with the house, such as a first training, are over before it is measured.
"""

import sys
import time
from pathlib import Path

import psutil

from figure import show
from house import Running, running

SETTLE_SECONDS, HANG_SECONDS = 20, 900


def pss(root: psutil.Process) -> dict[str, float]:
    """MB a kind of process, PostgreSQL's included."""
    found: dict[str, float] = {}
    # PostgreSQL's are children while their starter lives, and nobody's afterwards: counted once.
    for process in {root, *root.children(recursive=True), *_postgres(root)}:
        try:
            words = " ".join(process.cmdline())
            size = process.memory_full_info().pss / 1e6
        except psutil.NoSuchProcess:
            continue
        kinds = ("patron.app.web", "patron.app.worker", "postgres")
        kind = next((k for k in kinds if k in words), "supervisor")
        found[kind] = found.get(kind, 0.0) + size
    return found


def _postgres(root: psutil.Process) -> list[psutil.Process]:
    """PostgreSQL's processes, which work in the data folder."""
    folder = root.environ()["PATRON_DATA_DIR"]
    return [
        process
        for process in psutil.process_iter()
        if process.name() == "postgres" and folder in _folder(process)
    ]


def _folder(process: psutil.Process) -> str:
    try:
        return str(process.cwd())
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return ""


def idle(root: psutil.Process) -> None:
    """Wait until no job has run for a while."""
    end = time.monotonic() + HANG_SECONDS
    quiet = time.monotonic()
    while time.monotonic() - quiet < SETTLE_SECONDS:
        assert time.monotonic() < end, "jobs do not end"
        time.sleep(0.5)
        if any(_is_job(child) for child in root.children(recursive=True)):
            quiet = time.monotonic()


def _is_job(process: psutil.Process) -> bool:
    try:
        return "patron.app.jobs" in process.cmdline()
    except psutil.NoSuchProcess:
        return False


def measure(house: Running) -> None:
    house.start()
    assert house.process is not None
    idle(psutil.Process(house.process.pid))
    parts = pss(psutil.Process(house.process.pid))
    note = ", ".join(f"{kind} {size:.0f}" for kind, size in sorted(parts.items()))
    show("pss_total", sum(parts.values()), "MB", note=note)
    house.stop()


def main() -> None:
    with running() as house:
        if len(sys.argv) > 1:
            house.environ["PATRON_DATA_DIR"] = str(Path(sys.argv[1]).resolve())
        else:
            house.open_shop()
        measure(house)


if __name__ == "__main__":
    main()

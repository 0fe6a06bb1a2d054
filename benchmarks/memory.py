"""PSS of all processes of an idle installation, with the demo shop's data if it was loaded.

    python benchmarks/memory.py [DATA_DIR]

With the data folder of a loaded demo, that is what is started; without one, an empty shop.
"""

import sys
import time
from pathlib import Path

import psutil

from figure import show
from house import Running, running

SETTLE_SECONDS = 20


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


def measure(house: Running) -> None:
    house.start()
    time.sleep(SETTLE_SECONDS)  # idle is what is measured
    assert house.process is not None
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

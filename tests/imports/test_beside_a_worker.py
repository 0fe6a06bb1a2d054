"""An import while the worker runs: the worker walks what it brings, visitors' events go first."""

import subprocess
import sys
from pathlib import Path

from conftest import House
from imports.files import counts, environment, imported, write_csv
from postgres_fixture import ask, until

WALKERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name = 'patron-walk'"
)


def test_a_running_worker_walks_what_is_imported(house: House, tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    with log.open("w") as said:
        worker = subprocess.Popen(
            [sys.executable, "-m", "patron.app.worker"],
            env=environment(house, tmp_path),
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
    try:
        until(lambda: ask(house.url, WALKERS) > 0)
        rows = [[f"2025-01-01T00:00:{n % 60:02d}Z", "Looked", f"u{n}"] for n in range(2_000)]
        file = write_csv(tmp_path / "log.csv", ["timestamp", "event", "userId"], rows)
        outcome = imported(house, tmp_path, "events", str(file))
        assert (outcome["events"], outcome["new"]) == (2_000, 2_000)
        assert counts(house) == {"Looked": 2_000}
    finally:
        worker.terminate()
        worker.wait(120)
    assert worker.returncode == 0, log.read_text("utf-8")

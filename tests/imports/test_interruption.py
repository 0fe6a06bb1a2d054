"""An import is stopped in the middle, by force or by hand, and goes on as if nothing had been."""

import csv
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import House
from imports.files import counts, environment, fingerprint, imported, write_csv

ROWS = 6_000
# The program, with a hand that strikes it after so many commits of its inbox.
STRUCK = """
import os, signal, sys
from patron.app.imports import feed
from patron.kit import pauses
feed.MARK_SECONDS = 0
left = int(sys.argv.pop(1))
blow = int(sys.argv.pop(1))
async def hook(point):
    global left
    if point == "inbox.committed":
        left -= 1
        if left == 0:
            os.kill(os.getpid(), blow)
pauses.install(hook)
from patron.app.cli.main import main
main()
"""


def struck(house: House, data: Path, commits: int, blow: int, *words: str) -> int:
    """Import until the blow falls; how the program ended."""
    done = subprocess.run(
        [sys.executable, "-c", STRUCK, str(commits), str(blow), "import", *words, "--yes"],
        env=environment(house, data), cwd=data, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=120,
    )  # fmt: skip
    return done.returncode


def a_log(path: Path) -> Path:
    """Views of products, every 500th without anybody."""
    return write_csv(
        path,
        ["timestamp", "event", "userId", "product_id", "price"],
        (
            [f"2025-01-{n % 28 + 1:02d}T10:{n % 60:02d}:00Z", "Product Viewed",
             "" if n % 500 == 7 else f"u{n % 800}", f"p{n}", n / 100]
            for n in range(ROWS)
        ),
    )  # fmt: skip


def some_orders(path: Path) -> Path:
    """Orders of which every tenth continues at the end of the file."""
    header = ["order_id", "created_at", "user_id", "sku", "quantity", "price"]
    rows = [[f"o{n // 2}", "2025-02-03 10:00", f"u{n % 70}", f"s{n}", 1, 5] for n in range(ROWS)]
    later = [[f"o{n}", "2025-02-03 10:00", "", "late", 1, 7] for n in range(0, ROWS // 2, 10)]
    broken = [[f"b{n}", "never", "u1", "s", 1, 5] for n in range(9)]
    return write_csv(path, header, [*rows[:2_000], *broken, *rows[2_000:], *later])


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "make"), [("events", a_log), ("orders", some_orders)])
def test_killed_in_the_middle_it_goes_on_and_the_log_is_the_same(
    house: House, tmp_path: Path, kind: str, make: object
) -> None:
    assert callable(make)
    file = make(tmp_path / "file.csv")
    whole = imported(house, tmp_path, kind, str(file), shop="bolt-sons")
    for commits in (2, 3):
        assert (
            struck(house, tmp_path, commits, signal.SIGKILL, kind, str(file), "--shop", "acme")
            == -signal.SIGKILL
        )
    outcome = imported(house, tmp_path, kind, str(file))
    assert 0 < outcome["resumed_at"] < whole["rows"]
    assert (outcome["rows"], outcome["events"]) == (whole["rows"], whole["events"])
    assert outcome["left_out"] == whole["left_out"]
    assert outcome["problems"] == whole["problems"]
    reports = [Path(one["report"]).read_text("utf-8") for one in (outcome, whole)]
    assert reports[0] == reports[1]
    assert len(list(csv.reader(reports[0].splitlines()))) == outcome["faults"] + 1 > 9
    assert sum(counts(house).values()) == outcome["events"]
    before = fingerprint(house)
    assert before == fingerprint(house, house.bolt)
    told = imported(house, tmp_path, kind, str(file))
    assert told["already_done"] and told["new"] == 0
    again = imported(house, tmp_path, kind, str(file), "--again")
    assert (again["rows"], again["new"], again["faults"]) == (whole["rows"], 0, whole["faults"])
    assert fingerprint(house) == before


def test_stopped_by_hand_it_says_how_to_go_on(house: House, tmp_path: Path) -> None:
    file = a_log(tmp_path / "file.csv")
    assert struck(house, tmp_path, 2, signal.SIGINT, "events", str(file), "--shop", "acme") == 130
    outcome = imported(house, tmp_path, "events", str(file))
    assert 0 < outcome["resumed_at"] <= ROWS
    assert counts(house) == {"Product Viewed": ROWS - 12}


def test_the_same_rows_in_another_file_are_the_same_events(house: House, tmp_path: Path) -> None:
    file = a_log(tmp_path / "file.csv")
    imported(house, tmp_path, "events", str(file))
    lines = file.read_text("utf-8").splitlines()
    other = tmp_path / "other.csv"
    other.write_text("\n".join([lines[0], *reversed(lines[1:3_000])]) + "\n", "utf-8")
    outcome = imported(house, tmp_path, "events", str(other))
    assert outcome["new"] == 0 and outcome["events"] > 2_900
    assert counts(house) == {"Product Viewed": ROWS - 12}

"""Models are swapped whole: damaged ones are refused, a training that dies leaves the old ones."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from patron.recommend import shelf
from patron.recommend.shelf import About, Attempt, DamagedModelError, Shelf

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Index(msgspec.Struct, frozen=True):
    start: NDArray[Any]
    weight: NDArray[Any]
    decay: float


class Other(msgspec.Struct, frozen=True):
    start: NDArray[Any]


def made(value: float = 1.0) -> Index:
    return Index(np.arange(4), np.full(3, value, np.float32), 0.5)


def put(folder: Path, hour: int, value: float = 1.0) -> Path:
    about = About(params={"k": 3}, tried=[Attempt({"k": 3}, 0.25)], score=0.25, bar=0.1)
    now = NOW.replace(hour=hour)
    return shelf.write(folder, ["a", "b"], {"session": (made(value), about)}, now, position=7)


def weight(opened: shelf.Opened | None) -> float:
    assert opened is not None
    index = opened.index("session", Index)
    assert index is not None
    return float(index.weight[0])


def test_what_was_put_on_the_shelf_is_found_there(tmp_path: Path) -> None:
    put(tmp_path, 12)
    opened = Shelf(tmp_path).models()
    assert opened is not None
    assert opened.items == ["a", "b"]
    assert opened.label.position == 7
    assert opened.label.models["session"].tried == [Attempt({"k": 3}, 0.25)]
    index = opened.index("session", Index)
    assert index is not None
    assert index.decay == 0.5
    assert index.start.tolist() == [0, 1, 2, 3]
    assert opened.index("again", Index) is None
    assert shelf.made_at(shelf.current(tmp_path) or "") == NOW
    with pytest.raises(DamagedModelError, match="another version of Patron"):
        opened.index("session", Other)


def test_old_models_are_removed_one_swap_later(tmp_path: Path) -> None:
    standing = Shelf(tmp_path)
    assert standing.models() is None
    first = put(tmp_path, 10, 1.0)
    old = standing.models()
    second = put(tmp_path, 11, 2.0)
    assert standing.is_stale()
    assert weight(old) == 1.0
    assert weight(standing.models()) == 2.0
    third = put(tmp_path, 12, 3.0)
    assert [first.exists(), second.exists(), third.exists()] == [False, True, True]
    assert weight(standing.models()) == 3.0
    assert not standing.is_stale()


@pytest.mark.parametrize("fresh", [False, True], ids=["while it serves", "after a start"])
@pytest.mark.parametrize("harm", ["weight", "label", "items", "missing"])
def test_damaged_models_are_refused_and_the_previous_ones_serve(
    tmp_path: Path, harm: str, fresh: bool
) -> None:
    standing = Shelf(tmp_path)
    put(tmp_path, 10, 1.0)
    standing.models()
    folder = put(tmp_path, 11, 2.0)
    file = {
        "weight": folder / "session.weight.npy",
        "label": folder / "label.json",
        "items": folder / "items.json",
        "missing": folder / "session.start.npy",
    }[harm]
    if harm == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-1] + b"\xff")
    if fresh:
        standing = Shelf(tmp_path)
    assert weight(standing.models()) == 1.0
    assert standing.refused is not None
    assert str(folder) in standing.refused
    assert "the next training replaces it" in standing.refused
    put(tmp_path, 12, 3.0)
    assert weight(standing.models()) == 3.0
    assert standing.refused is None


def test_of_several_older_models_the_newest_that_is_whole_serves(tmp_path: Path) -> None:
    folders = []
    for hour, value in ((9, 1.0), (10, 2.0), (11, 3.0), (12, 4.0)):
        folders.append(put(tmp_path / str(hour), hour, value))
        folders[-1].rename(tmp_path / folders[-1].name)
    *_, third, last = (tmp_path / one.name for one in folders)
    (tmp_path / "current").symlink_to(last.name)
    (last / "items.json").write_bytes(b"[]")
    assert weight(Shelf(tmp_path).models()) == 3.0
    (third / "items.json").write_bytes(b"[]")
    assert weight(Shelf(tmp_path).models()) == 2.0
    # What came later was never made the one that counts.
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to(third.name)
    last_again = put(tmp_path / "12", 12, 4.0)
    shutil.rmtree(last)
    last_again.rename(last)
    assert weight(Shelf(tmp_path).models()) == 2.0


def test_who_needs_one_model_looks_at_no_other(tmp_path: Path) -> None:
    """A mail waits for no index that pages alone use, and is sent although that one is damaged."""
    both = {"session": (made(1.0), About()), "again": (made(2.0), About())}
    folder = shelf.write(tmp_path, ["a", "b"], both, NOW)
    other = folder / "again.weight.npy"
    other.write_bytes(other.read_bytes()[:-1] + b"\xff")
    one = Shelf(tmp_path, "session")
    assert weight(one.models()) == 1.0
    assert one.refused is None
    opened = one.models()
    assert opened is not None and opened.index("again", Index) is None
    assert Shelf(tmp_path).models() is None
    own = folder / "session.weight.npy"
    own.write_bytes(own.read_bytes()[:-1] + b"\xff")
    assert Shelf(tmp_path, "session").models() is None


def test_two_trainings_that_end_at_once_write_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one is about to write is not taken for what a killed one left behind."""
    saving, go_on, save = threading.Event(), threading.Event(), np.save

    def slow(file: Path, array: Any) -> None:
        if not saving.is_set():
            saving.set()
            assert go_on.wait(10)
        save(file, array)

    monkeypatch.setattr(np, "save", slow)
    with ThreadPoolExecutor(2) as beside:
        first = beside.submit(put, tmp_path, 12, 1.0)
        assert saving.wait(10)
        second = beside.submit(put, tmp_path, 13, 2.0)
        assert not wait([second], timeout=0.2).done
        go_on.set()
        first.result(), second.result()
    assert weight(Shelf(tmp_path).models()) == 2.0


DIES = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
import numpy as np
sys.path.insert(0, {tests!r})
from recommend.test_shelf import made
from patron.recommend import shelf
at = {at!r}
def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
if at == "saving": np.save = die
if at == "renaming": Path.rename = die
if at == "pointing": Path.symlink_to = die
if at == "swapping":
    rename = Path.rename
    def swap(self, to):
        die() if self.is_symlink() else rename(self, to)
    Path.rename = swap
shelf.write(Path({folder!r}), ["a", "b"], {{"session": (made(9.0), shelf.About())}},
            datetime(2026, 3, 2, 13, tzinfo=UTC))
"""


@pytest.mark.parametrize("at", ["saving", "renaming", "pointing", "swapping"])
def test_a_training_that_is_killed_leaves_the_old_models_serving(tmp_path: Path, at: str) -> None:
    put(tmp_path, 12, 1.0)
    tests = str(Path(__file__).parents[1])
    code = DIES.format(tests=tests, at=at, folder=str(tmp_path))
    ended = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": tests}, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    assert weight(Shelf(tmp_path).models()) == 1.0
    after = NOW + timedelta(hours=2)
    shelf.write(tmp_path, ["a"], {"session": (made(4.0), About())}, after)
    assert weight(Shelf(tmp_path).models()) == 4.0
    assert list(tmp_path.glob(".models-*")) == []

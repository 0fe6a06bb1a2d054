"""Keeps the sorted copy: adds what the lake has more, forgets whom it forgets."""

import shutil
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np

from patron.events.sorted.layout import FORGOTTEN, VERSION, Column, Folder, Manifest, Run, where
from patron.events.sorted.writing import LAKE, Writer
from patron.kit.lake import Lake

if TYPE_CHECKING:
    import pyarrow as pa

MUCH = 50_000
SHARE = 50
"""Events that are worth adding at once: so many, and one of so many that are there."""
LATER = 500_000
"""So many events are left while the walk is behind: both want the same two processors, and whoever
counts people meanwhile reads at most this much of the log, in some seconds."""
AT_ONCE = 1_000_000
"""So many positions are added by one run, so that the lake's other work is not kept waiting."""


def is_due(folder: Folder, epoch: str, position: int, day: str, *, behind: bool = False) -> bool:
    """Whether the lake, which is at `position`, has much that the copy has not, or a night passed
    (`day` is today's date). While the walk is `behind` all but very much of it waits."""
    there = folder.manifest()
    if there is not None and there.epoch != epoch:
        return position > 0  # it is of no use to anybody
    known = 0 if there is None else there.position
    new, much = position - known, max(MUCH, known // SHARE)
    if behind:
        return new >= max(much, LATER)
    return new >= much or (new > 0 and (there is None or there.day != day))


def refresh(folder: Folder, lake: Lake, epoch: str, position: int, day: str) -> Manifest:
    """Add what the lake has up to `position`, at most a million log positions of it. A copy of
    another log, as after a restore, is made anew. Only the lake's writer may call."""
    there = folder.manifest()
    if there is None or there.epoch != epoch or there.position > position:
        remove(folder)
        folder.path.mkdir(parents=True)
        there = Manifest(VERSION, epoch, 0, 0, [], {})
    upto = min(position, there.position + AT_ONCE)
    writer = Writer(folder, there)
    writer.add(_between(lake, there.position, upto))
    return writer.finish(upto, day)


def remove(folder: Folder) -> None:
    """Remove the copy; whoever is reading it must look again."""
    shutil.rmtree(folder.path, ignore_errors=True)


def _between(lake: Lake, after: int, upto: int) -> Iterator["pa.RecordBatch"]:
    import pyarrow.compute as pc

    for batch in lake.rows_after(after):
        found = batch.filter(pc.less_equal(batch["position"], upto)).select(list(LAKE))
        if found.num_rows:
            yield found


def forget(folder: Folder, origins: Sequence[UUID]) -> None:
    """Erase these origins: their ids, their rows in place, and what only they said.

    Done twice it does nothing more, so a crash in between is mended by the next call.
    """
    there = folder.manifest()
    if there is None or not there.origins:
        return
    asked = np.array([one.bytes for one in origins], "S16")
    numbers = np.flatnonzero(np.isin(folder.known(there), asked))
    theirs = [(run, _rows(folder, run, numbers)) for run in there.runs]
    # First what only they said, then their rows: the other way a crash would leave the former.
    for path in there.values:
        _unsay(folder, there, path, theirs)
    for run, rows in theirs:
        for name, kind in run.columns.items():
            if len(rows) and name != "who":
                column = np.memmap(folder.column(run, name), kind, "r+", shape=(run.rows,))
                column[rows] = 0
                column.flush()
    with folder.origins.open("r+b") as file:
        for number in numbers.tolist():
            file.seek(16 * number)
            file.write(FORGOTTEN)


def _rows(folder: Folder, run: Run, numbers: Column) -> Column:
    """Where the rows of these people are."""
    begins, ends = where(folder.mapped(run, "who"), numbers)
    ranges = [np.arange(*pair) for pair in zip(begins, ends, strict=True)]
    return np.concatenate([np.empty(0, np.int64), *ranges])


def _unsay(
    folder: Folder, there: Manifest, path: str, theirs: Sequence[tuple[Run, Column]]
) -> None:
    """Blank the values that no row of anybody else has."""
    said = np.zeros(there.values[path] + 1, np.bool_)
    left = said.copy()
    for run, rows in theirs:
        if path in run.columns:
            column = np.array(folder.mapped(run, path))
            said[column[rows]] = True
            column[rows] = 0
            left[column] = True
    gone: list[int] = np.flatnonzero(said & ~left).tolist()
    if any(gone):
        file = folder.values(path)
        lines = file.read_bytes().splitlines()
        for code in gone:
            if code:
                lines[code - 1] = b"[]"
        draft = file.with_suffix(".new")
        draft.write_bytes(b"".join(line + b"\n" for line in lines))
        draft.replace(file)

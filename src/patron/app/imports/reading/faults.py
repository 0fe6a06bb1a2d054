"""What could not be read, row by row, for somebody who wants to mend the file."""

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from patron.kit.sheets import harmless

EXAMPLES = 20


class Fault(msgspec.Struct, frozen=True):
    """One value that could not be used. `row` counts as a spreadsheet does: the header is row 1."""

    row: int
    column: str
    value: str
    problem: str
    remedy: str


class Faults:
    """Writes each fault to a CSV file and keeps counts and a few examples.

    The file is made with the first fault. It goes on where `size` says, after an interruption.
    """

    def __init__(self, path: Path | None, size: int = 0) -> None:
        self._path = path
        self._file: Any = None
        self._size = size
        self.muted = False  # while rows are passed over that were read before
        self.count = 0
        self.by_problem: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()  # left out on purpose, with the reason
        self.examples: list[Fault] = []

    def add(self, row: int, column: str, value: Any, problem: str, remedy: str) -> None:
        if self.muted:
            return
        text = "" if value is None else str(value)
        fault = Fault(row, column, text if len(text) <= 200 else text[:199] + "…", problem, remedy)
        self.count += 1
        self.by_problem[f"{column}: {problem}" if column else problem] += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(fault)
        if self._path is not None:
            self._write(fault)

    def skip(self, reason: str, count: int = 1) -> None:
        """Note that something was left out on purpose."""
        if not self.muted:
            self.left_out[reason] += count

    def flush(self) -> int:
        """Put everything on disk; the report's size in bytes."""
        if self._file is None:
            return self._size
        self._file.flush()
        return int(self._file.tell())

    def close(self) -> None:
        if self._file is not None:
            self._size = self.flush()
            self._file.close()
            self._file = None

    @property
    def report(self) -> Path | None:
        """The file with all faults, if there are any."""
        return self._path if self.count and self._path is not None else None

    def _write(self, fault: Fault) -> None:
        if self._file is None:
            assert self._path is not None
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a", encoding="utf-8", newline="")
            self._file.truncate(self._size)
            self._file.seek(0, 2)
            if self._size == 0:
                csv.writer(self._file).writerow(Fault.__struct_fields__)
        csv.writer(self._file).writerow([harmless(part) for part in msgspec.structs.astuple(fault)])

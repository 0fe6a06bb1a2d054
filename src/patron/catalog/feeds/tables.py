"""Feeds as tables: the text files of Google Merchant Center, with tabs between, line by line.

A value that holds a tab, a line break or a quotation mark may stand in quotation marks, which are
doubled inside (support.google.com/merchants/answer/160567). Shops also write inches: a quotation
mark that opens a value and is never closed is one of them, and swallows no line.
"""

from collections import deque
from collections.abc import Iterator
from typing import IO

from patron.catalog.feeds.rows import MOST_CHARACTERS, MOST_FIELDS, Broken, Row, named, plain

LONGEST_LINE = 1 << 20
MOST_JOINED = 100  # lines that one item may span
LONGEST_JOINED = 1 << 16
MOST_FRUITLESS = 200
_MARKS = "\t;|,"


def read_table(file: IO[str]) -> Iterator[Row]:
    """The items of a table whose first line names its columns. Raises Broken."""
    lines = _Lines(file)
    header = lines.take()
    while header is not None and not header.strip():
        header = lines.take()
    if header is None:
        return
    mark = "\t" if "\t" in header else max(_MARKS, key=header.count)
    columns = [named(name) for name in split(header, mark) or header.split(mark)][:MOST_FIELDS]
    if "id" not in columns:
        raise Broken(
            f"its first line names no column `id`: {header.strip()[:100]!r}",
            "write the names of the columns into the first line, with tabs between: id, title, "
            "price, link …",
        )
    while (line := lines.take()) is not None:
        number = lines.number
        if not line.strip():
            continue
        cells = _cells(line, mark, lines, len(columns))
        fields: dict[str, list[str]] = {}
        for name, cell in zip(columns, cells, strict=False):
            if (value := cell.strip()) and name:
                fields.setdefault(name, []).append(value)
        yield Row(number, fields)


def split(line: str, mark: str) -> list[str] | None:
    """The cells of a line; None when a quotation mark stays open."""
    if '"' not in line:
        return line.split(mark)
    cells = []
    at = 0
    while True:
        if line.startswith('"', at):
            end = _closing(line, at + 1, mark)
            if end is None:
                return None
            cells.append(line[at + 1 : end].replace('""', '"'))
            at = end + 1
        else:
            end = line.find(mark, at)
            end = len(line) if end < 0 else end
            cells.append(line[at:end])
            at = end
        if at >= len(line):
            return cells
        at += 1


def _closing(line: str, at: int, mark: str) -> int | None:
    """Where the value that opened before `at` is closed: a quotation mark before a separator or the
    end. Others inside stand for themselves."""
    while (at := line.find('"', at)) >= 0:
        run = at
        while line.startswith('"', run):
            run += 1
        ends = run == len(line) or line.startswith(mark, run)
        if ends and (run - at) % 2:
            return run - 1
        at = run
    return None


def _cells(line: str, mark: str, lines: "_Lines", width: int) -> list[str]:
    """The cells of `line`, with those after it where a value in quotation marks goes on there."""
    cells = split(line, mark)
    if cells is not None:
        return cells
    literal = line.split(mark)
    # All columns are there: the mark is an inch. And who writes inches writes many.
    if len(literal) >= width or lines.fruitless > MOST_FRUITLESS:
        return literal
    joined = line
    for more in range(MOST_JOINED):
        following = lines.look(more)
        if following is None or len(joined) > LONGEST_JOINED:
            break
        joined += "\n" + following
        if '"' in following and (cells := split(joined, mark)) is not None:
            if len(cells) > width:
                break
            for _ in range(more + 1):
                lines.take()
            return cells
    lines.fruitless += 1
    return literal


class _Lines:
    """The lines of a file, of which some may be looked at ahead."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._ahead: deque[str] = deque()
        self._read = 0
        self.number = 0
        self.fruitless = 0  # times that a closing quotation mark was looked for in vain

    def take(self) -> str | None:
        """The next line without its end; None behind the last."""
        found = self.look(0)
        if found is not None:
            self._ahead.popleft()
            self.number += 1
        return found

    def look(self, at: int) -> str | None:
        """The line that comes after `at` others."""
        while len(self._ahead) <= at:
            line = self._file.readline(LONGEST_LINE)
            if not line:
                return None
            self._read += len(line)
            if len(line) == LONGEST_LINE or self._read > MOST_CHARACTERS:
                raise Broken(
                    f"line {self.number + len(self._ahead) + 1} is longer than a feed's may be",
                    "end each item with a line break, and close quotation marks",
                )
            self._ahead.append(plain(line.rstrip("\r\n")))
        return self._ahead[at]

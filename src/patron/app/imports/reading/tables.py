"""Files as rows: CSV, TSV, Parquet and JSON lines, packed with gzip or not, in bounded memory.

A row is (number, cells): numbers count as a spreadsheet does, cells stand in the order of the
table's `columns`. Reading the same file again gives the same rows.
"""

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import msgspec

from patron.app.imports.reading.encoding import Mended, Survey, open_bytes, open_text
from patron.app.imports.reading.faults import Faults
from patron.kit.problems import bad_request

Row = tuple[int, Sequence[Any]]

LONGEST_CELL = 1 << 20
MOST_COLUMNS = 2_000
DELIMITERS = ",;\t|"
_SNIFFED = 200
_SEPARATOR = re.compile(r"sep=(.)\s*", re.IGNORECASE)
"""A line that spreadsheets write above the header, and do not count, to say how cells are cut."""


class Table(Protocol):
    """An opened file. `rows` may be called several times; each begins at the first row."""

    format: str
    columns: list[str]
    total: int | None  # rows, as far as is known
    encoding: str | None

    def rows(self, mended: Mended, faults: Faults) -> Iterator[Row]: ...


def open_table(
    path: Path, survey: Survey, encoding: str | None = None, delimiter: str | None = None
) -> Table:
    """The table in `path`. `encoding` and `delimiter` go before what the survey found.

    Raises Problem 400 for a file that is no table.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if survey.head.startswith(b"PAR1"):
        return ParquetTable(path)
    if not survey.head.strip(b"\x00\xff\xfe\xef\xbb\xbf \r\n"):
        raise bad_request(f"file {path} is empty", remedy="export it again")
    found = encoding or survey.encoding
    lenient = encoding is None and survey.mixed
    start = survey.head.lstrip(b"\xef\xbb\xbf \r\n")[:1]
    if start == b"{" or {".jsonl", ".ndjson"} & set(suffixes):
        return JsonTable(path, survey.lines, found, lenient)
    if start == b"[" or ".json" in suffixes:
        raise bad_request(
            f"file {path} is one JSON array, which cannot be read row by row",
            remedy="write one object a line, for example with `jq -c '.[]'`",
        )
    if {".xlsx", ".xls", ".ods"} & set(suffixes) or survey.head.startswith(b"PK\x03\x04"):
        raise bad_request(
            f"file {path} is a spreadsheet or an archive",
            remedy="save the sheet as CSV (UTF-8), or unpack the archive",
        )
    mark = delimiter or ("\t" if ".tsv" in suffixes else None)
    return CsvTable(path, survey.lines, found, lenient, mark)


class CsvTable:
    """Text with separators (RFC 4180, and what calls itself so)."""

    def __init__(
        self, path: Path, lines: int, encoding: str, lenient: bool, delimiter: str | None
    ) -> None:
        self._path = path
        self._lenient = lenient
        self.encoding: str | None = encoding
        with open_text(path, encoding, Mended(), lenient=lenient) as file:
            first = list(islice(file, _SNIFFED))
        told = _SEPARATOR.fullmatch(first[0])
        self._above = 1 if told else 0
        del first[: self._above]
        self.delimiter = delimiter or (told[1] if told else _delimiter(first))
        self.format = "TSV" if self.delimiter == "\t" else "CSV"
        header = next(csv.reader(first, delimiter=self.delimiter), [])
        self.columns = _header([Mended().text(name) for name in header], path)
        self.total: int | None = max(lines - 1 - self._above, 1)

    def rows(self, mended: Mended, faults: Faults) -> Iterator[Row]:
        width = len(self.columns)
        csv.field_size_limit(LONGEST_CELL)
        with open_text(self._path, self.encoding or "utf-8", mended, lenient=self._lenient) as file:
            for _ in range(self._above):
                file.readline()
            lines = _Lines(file)
            reader = csv.reader(lines, delimiter=self.delimiter)
            next(reader, None)
            number = 1
            while True:
                number += 1
                lines.taken.clear()
                cells: list[str] | None = None
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    problem = str(error)
                if len(lines.taken) > 1 and self._swallowed(lines.taken, cells):
                    faults.add(
                        number, "", lines.taken[0].rstrip(), "a quotation mark is not closed",
                        "close it, or write it twice where it is part of the text",
                    )  # fmt: skip
                    lines.again(lines.taken[1:])
                    reader = csv.reader(lines, delimiter=self.delimiter)
                    continue
                if cells is None:
                    faults.add(
                        number, "", "", f"the row cannot be read: {problem}",
                        "look for a cell that is too long",
                    )  # fmt: skip
                    continue
                if len(cells) != width and not self._fits(number, cells, faults):
                    continue
                joined = "".join(cells)
                if "\x00" in joined:
                    mended.bytes += joined.count("\x00")
                    cells = [cell.replace("\x00", "") for cell in cells]
                if not joined.isascii():
                    cells = [cell if cell.isascii() else mended.text(cell) for cell in cells]
                yield number, cells

    def _swallowed(self, taken: list[str], cells: list[str] | None) -> bool:
        """Whether a row of several lines is one only because a mark was not closed: else all rows
        down to the next mark, or to the end of the file, would be in one cell."""
        if cells is None:
            return True
        try:
            list(csv.reader(taken, delimiter=self.delimiter, strict=True))
        except csv.Error:
            return True
        width = len(self.columns)
        return len(cells) != width and any(
            '"' not in line and line.count(self.delimiter) == width - 1 for line in taken[1:]
        )

    def _fits(self, number: int, cells: list[str], faults: Faults) -> bool:
        """Whether a row of another width can be used: short ones end in blanks, long ones in
        separators."""
        width = len(self.columns)
        if not cells:
            return False  # an empty line
        if any(cells[width:]) or (len(cells) == 1 and width > 1):
            faults.add(
                number, "", self.delimiter.join(cells), f"has {len(cells)} cells, not {width}",
                "put cells that hold a separator into quotation marks",
            )  # fmt: skip
            return False
        cells[width:] = []
        cells += [""] * (width - len(cells))
        return True


class _Lines:
    """The lines of a file; those of the row at hand are remembered and can be given once more."""

    def __init__(self, file: Iterator[str]) -> None:
        self.taken: list[str] = []
        self._file = file
        self._again: deque[str] = deque()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._file)
        self.taken.append(line)
        return line

    def again(self, lines: Iterable[str]) -> None:
        self._again.extendleft(reversed(list(lines)))


class JsonTable:
    """One JSON object a line. A column is a key; `a.b` reaches into objects."""

    format = "JSON lines"

    def __init__(self, path: Path, lines: int, encoding: str, lenient: bool) -> None:
        self._path = path
        self._lenient = lenient
        self._utf8 = encoding in ("utf-8", "utf-8-sig") and not lenient
        self.encoding: str | None = encoding
        self.total: int | None = max(lines, 1)
        names: dict[str, None] = {}
        for _, found in self._objects(Mended(), Faults(None)):
            names |= dict.fromkeys(found)
            if len(names) > MOST_COLUMNS:
                raise bad_request(
                    f"file {path} has more than {MOST_COLUMNS} different keys",
                    remedy="put what varies into one object, such as `properties`",
                )
        self.columns = list(names)

    def rows(self, mended: Mended, faults: Faults) -> Iterator[Row]:
        columns = self.columns
        for number, found in self._objects(mended, faults):
            yield number, [found.get(name) for name in columns]

    def _objects(self, mended: Mended, faults: Faults) -> Iterator[tuple[int, dict[str, Any]]]:
        decode = msgspec.json.Decoder(dict[str, Any]).decode
        for number, line in enumerate(self._lines(mended), 1):
            if not line.strip():
                continue
            try:
                found = decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                faults.add(number, "", line[:200], f"is no JSON object: {error}", "correct it")
                continue
            if not line.isascii():
                found = _mended(found, mended)
            yield number, found

    def _lines(self, mended: Mended) -> Iterator[Any]:  # bytes where they are UTF-8, else text
        if self._utf8:
            with open_bytes(self._path) as file:
                first = True
                for line in file:
                    yield line.removeprefix(b"\xef\xbb\xbf") if first else line
                    first = False
        else:
            encoding = self.encoding or "utf-8"
            with open_text(self._path, encoding, mended, lenient=self._lenient) as text:
                yield from text


class ParquetTable:
    """A Parquet file, read a batch of rows at a time."""

    format = "Parquet"
    encoding: str | None = None
    BATCH = 4_096

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        self._path = path
        try:
            with parquet.ParquetFile(path) as file:
                self.total: int | None = file.metadata.num_rows
                self.columns = _header(list(file.schema_arrow.names), path)
        except (pa.ArrowException, OSError) as error:
            raise bad_request(
                f"file {path} is no Parquet file: {error}", remedy="export it again"
            ) from error

    def rows(self, mended: Mended, faults: Faults) -> Iterator[Row]:
        from pyarrow import parquet

        number = 0
        with parquet.ParquetFile(self._path) as file:
            for batch in file.iter_batches(batch_size=self.BATCH):
                columns = [_values(column, mended) for column in batch.columns]
                for cells in zip(*columns, strict=True):
                    number += 1
                    yield number, cells


def _values(column: Any, mended: Mended) -> list[Any]:
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        column = column.cast(pa.timestamp("us", tz=kind.tz), safe=False)
    found: list[Any] = column.to_pylist()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        found = [v if v is None or v.isascii() else mended.text(v) for v in found]
    elif pa.types.is_nested(kind):
        found = [_mended(value, mended) for value in found]
    return found


def _mended(value: Any, mended: Mended) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else mended.text(value)
    if isinstance(value, dict):
        return {key: _mended(inner, mended) for key, inner in value.items()}
    return [_mended(inner, mended) for inner in value] if isinstance(value, list) else value


def _delimiter(first: list[str]) -> str:
    """The mark that cuts most rows into the same number of cells, more than one."""
    best, score = ",", 0.0
    for mark in DELIMITERS:
        widths = [len(cells) for cells in csv.reader(first, delimiter=mark) if cells]
        if not widths or widths[0] < 2:
            continue
        alike = sum(width == widths[0] for width in widths) / len(widths)
        if alike * min(widths[0], 50) > score:
            best, score = mark, alike * min(widths[0], 50)
    return best


def _header(names: list[str], path: Path) -> list[str]:
    """Column names, each once; blanks get the number of their column."""
    if not names or len(names) > MOST_COLUMNS:
        raise bad_request(
            f"file {path} has {len(names)} columns",
            remedy=f"a table needs a header row and has at most {MOST_COLUMNS} columns",
        )
    seen: dict[str, int] = {}
    result = []
    for number, name in enumerate(names, 1):
        plain = name.strip().lstrip("\ufeff") or f"column {number}"
        seen[plain] = seen.get(plain, 0) + 1
        result.append(plain if seen[plain] == 1 else f"{plain} ({seen[plain]})")
    return result

"""What an erased person may have left outside the database: files of a restore and of imports."""

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

Named = Callable[[bytes], bool]
GONE = "(erased)"


def erase(folder: Path, named: Named) -> int:
    """Remove the lines that name her from the files a restore left; how many."""
    removed = 0
    for path in sorted(folder.glob("*.jsonl")) if folder.is_dir() else []:
        draft = path.with_suffix(".draft")
        gone = 0
        with path.open("rb") as file, draft.open("wb") as kept:
            for line in file:
                if named(line):
                    gone += 1
                else:
                    kept.write(line)
        if gone:
            draft.replace(path)
            removed += gone
        else:
            draft.unlink()
    return removed


def erase_reports(folder: Path, named: Named) -> int:
    """Write over what names her in the reports and standings of imports; how many places.

    A report keeps its length, for an import that goes on knows how long it was.
    """
    if not folder.is_dir():
        return 0
    return sum(_in_report(path, named) for path in sorted(folder.glob("*.problems.csv"))) + sum(
        _in_standing(path, named) for path in sorted(folder.glob("*.json"))
    )


def _in_report(path: Path, named: Named) -> int:
    gone = 0
    with path.open("r+b") as file:
        for start, record in _records(file.read()):
            cells = next(csv.reader(io.StringIO(record.decode("utf-8", "replace"), newline="")), [])
            if any(named(_as_json(cell.lstrip("'"))) for cell in cells) or named(record):
                end = b"\r\n" if record.endswith(b"\r\n") else b""
                file.seek(start)
                file.write(GONE.encode().ljust(len(record) - len(end))[: len(record) - len(end)])
                file.write(end)
                gone += 1
    return gone


def _records(text: bytes) -> Iterator[tuple[int, bytes]]:
    """Records of CSV with where they begin; a cell in quotes may have lines of its own."""
    start = 0
    record = b""
    for line in text.splitlines(keepends=True):
        record += line
        if record.count(b'"') % 2 == 0:
            yield start, record
            start, record = start + len(record), b""
    if record:
        yield start, record


def _as_json(text: str) -> bytes:
    """A text as a text: without quotes an id of digits would be taken for a number."""
    return msgspec.json.encode(text.encode("utf-8", "replace").decode())


def _in_standing(path: Path, named: Named) -> int:
    try:
        standing = msgspec.json.decode(path.read_bytes())
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 0
    gone = 0

    def without(value: Any) -> Any:
        nonlocal gone
        if isinstance(value, dict):
            return {key: without(one) for key, one in value.items()}
        if isinstance(value, list):
            return [without(one) for one in value]
        if isinstance(value, str) and named(_as_json(value)):
            gone += 1
            return GONE
        return value

    clean = without(standing)
    if gone:
        draft = path.with_suffix(".draft")
        draft.write_bytes(msgspec.json.encode(clean))
        draft.replace(path)
    return gone

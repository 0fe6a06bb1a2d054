"""The search: every column of every table, and every file of the data folder."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import psycopg

from patron.app.care.proof.needles import Needles
from patron.kit.postgres.rewriting import columns_of, copied_out, samples_of, tables_of

if TYPE_CHECKING:
    import pyarrow as pa

PIECE = 1 << 20
SAMPLES = "column statistics of"
PACKED = {".tar", ".gz", ".zip", ".zst", ".bz2", ".xz", ".dump"}
"""Files that hold bytes which are not their own; backups are the owner's to delete."""


class Found(msgspec.Struct, frozen=True):
    """A place that still names her, and by what: `email`, `profile id` …"""

    where: str
    what: str


class Searched(msgspec.Struct):
    """How much was searched, what was found, and which files could not be read."""

    tables: int = 0
    files: int = 0
    bytes: int = 0
    found: list[Found] = []
    unread: list[str] = []

    def note(self, where: str, kinds: Iterable[str]) -> None:
        self.found += [Found(where, kind) for kind in sorted(kinds)]


def search_tables(url: str, schemas: Iterable[str], needles: Needles, done: Searched) -> None:
    """Every row of every table of `schemas`, as its bytes are kept, and what the planner noted of
    them. Tables are found by asking for them, so that one added tomorrow is searched too."""
    with psycopg.connect(url, autocommit=True, application_name="patron-proof") as connection:
        for schema in schemas:
            for table in tables_of(connection, schema):
                kinds = _in_stream(copied_out(connection, schema, table), needles, done)
                done.tables += 1
                if not kinds:
                    continue
                for column in columns_of(connection, schema, table):
                    stream = copied_out(connection, schema, table, column)
                    done.note(f"{schema}.{table}.{column}", _in_stream(stream, needles, Searched()))
            kinds = _in_stream(samples_of(connection, schema), needles, done)
            done.note(f"{SAMPLES} {schema}", kinds)


def search_files(
    folders: Iterable[Path], leave_out: Callable[[Path], bool], needles: Needles, done: Searched
) -> None:
    """Every file below `folders`, Parquet by its values, but for those that `leave_out` names."""
    for folder in folders:
        for path in _files(folder, leave_out):
            place = str(path)
            if path.suffix in PACKED:
                done.unread.append(place)
                continue
            try:
                kinds = _in_file(path, needles, done)
            except FileNotFoundError:
                continue  # whoever wrote it has just put it away
            except OSError as error:
                done.unread.append(f"{place}: {error.strerror}")
                continue
            done.files += 1
            done.note(place, kinds)


def _files(folder: Path, leave_out: Callable[[Path], bool]) -> Iterator[Path]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(one for one in folders if not leave_out(Path(here) / one))
        for name in sorted(names):
            path = Path(here) / name
            if path.is_file() and not path.is_symlink() and not leave_out(path):
                yield path


def _in_file(path: Path, needles: Needles, done: Searched) -> set[str]:
    kinds = needles.within(os.fsencode(path.name))
    with path.open("rb") as file:
        kinds |= _in_stream(iter(lambda: file.read(PIECE), b""), needles, done)
    if path.suffix == ".parquet":
        kinds |= _in_stream(_values(path), needles, done)
    return kinds


def _in_stream(pieces: Iterable[bytes], needles: Needles, done: Searched) -> set[str]:
    """Kinds of names in a stream, those that are cut in two by its pieces included."""
    kinds: set[str] = set()
    waiting = bytearray()
    for piece in pieces:
        done.bytes += len(piece)
        waiting += piece
        if len(waiting) >= PIECE:
            kinds |= needles.within(bytes(waiting))
            del waiting[: len(waiting) - needles.longest]
    return kinds | needles.within(bytes(waiting))


def _values(path: Path) -> Iterator[bytes]:
    """The values of a Parquet file, unpacked, one after the other."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
    except pa.ArrowInvalid:
        return  # not whole, or of another kind: its bytes were searched as they are
    with file:
        for batch in file.iter_batches(batch_size=16_384):
            for column in batch.columns:
                yield from _buffers(column)


def _buffers(column: "pa.Array") -> Iterator[bytes]:
    """The bytes of a column, of those within it too."""
    if hasattr(column, "dictionary"):
        yield from _buffers(column.dictionary)
        return
    for buffer in column.buffers():
        if buffer is not None:
            yield buffer.to_pybytes()
            yield b"\0"

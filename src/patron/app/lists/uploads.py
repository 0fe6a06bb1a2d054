"""Files that came over HTTP to fill a list: each in a folder of its own until it is imported.

The web process puts it there and shows what it understood; told to start, the worker imports it in
a process of its own, and again after a kill, until it is done. Then the file goes, and what came of
it stays for a week. One that breaks off again and again without getting any further is `failed`;
its file stays, so that it can be started once more.
"""

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import msgspec

from patron.app.imports.listing import Came, Forecast
from patron.app.imports.mapping import Mapping
from patron.app.imports.reading.faults import Fault
from patron.app.imports.state import folder_of, write_whole
from patron.kit.ids import id_at

SHOWN_FOR = timedelta(days=1)
KEPT_FOR = timedelta(days=7)
_NOTE = "upload.json"


class Progress(msgspec.Struct, frozen=True):
    """Rows read, of about so many; events that came of them, and how many are walked."""

    rows: int
    of: int | None
    events: int
    walked: int


class Result(msgspec.Struct, frozen=True):
    """What came of a file. `problems` counts values that could not be used; the first twenty are
    `examples`, all of them are in the report. `already_done`: this very file had been imported."""

    rows: int
    events: int
    new: int
    faults: int
    problems: dict[str, int]
    examples: list[Fault]
    left_out: dict[str, int]
    repaired: dict[str, int]
    already_done: str | None
    list: Came


class Upload(msgspec.Struct, frozen=True):
    """A file and how far it is: `shown` (nothing is written), `started`, `done` or `failed`.

    `attempts` broke off without getting any further, `error` says how the last one did, and the
    next is at `again_at`.

    `preview` has the columns and what each was taken for, the first rows as they were understood,
    faults in them, and notes; `forecast` what the whole file will come to.
    """

    id: UUID
    list: str
    file: str
    state: Literal["shown", "started", "done", "failed"]
    uploaded_at: datetime
    preview: dict[str, Any]
    forecast: Forecast
    progress: Progress | None = None
    result: Result | None = None
    error: str | None = None
    attempts: int = 0
    again_at: datetime | None = None


class Note(msgspec.Struct, frozen=True):
    """An upload as it is kept, with what the worker needs to know."""

    upload: Upload
    mapping: Mapping
    list_id: UUID
    report: str | None = None
    attempts: int = 0  # begun without getting any further, the one that runs among them
    again_at: datetime | None = None
    rows: int = 0  # how far it was when the last attempt began
    broke: bool = False  # it failed by a mistake of ours: its file is kept


class Uploads:
    """The uploads of one shop."""

    def __init__(self, data_dir: Path, slug: str) -> None:
        self._folder = folder_of(data_dir, slug) / "uploads"

    def put(self, name: str, content: bytes, now: datetime) -> tuple[UUID, Path]:
        """A new upload's id, and the file in its folder."""
        upload_id = id_at(now)
        path = self._at(upload_id) / _plain(name)
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        return upload_id, path

    def file(self, upload: Upload) -> Path:
        return self._at(upload.id) / _plain(upload.file)

    def write(self, note: Note) -> None:
        write_whole(self._at(note.upload.id) / _NOTE, note)

    def read(self, upload_id: UUID) -> Note | None:
        try:
            text = (self._at(upload_id) / _NOTE).read_bytes()
            return msgspec.json.decode(text, type=Note)
        except (OSError, msgspec.MsgspecError):
            return None

    def every(self) -> Iterator[Note]:
        """All of them, the oldest first."""
        for path in sorted(self._folder.glob(f"*/{_NOTE}")):
            note = self.read(UUID(path.parent.name))
            if note is not None:
                yield note

    def due(self, now: datetime) -> Iterator[Note]:
        """Those that are to be imported now, the oldest first."""
        for note in self.every():
            if note.upload.state == "started" and (note.again_at is None or note.again_at <= now):
                yield note

    def waits(self, now: datetime) -> bool:
        """Whether one is to be imported now."""
        return self._folder.is_dir() and any(True for _ in self.due(now))

    def remove(self, upload_id: UUID) -> None:
        shutil.rmtree(self._at(upload_id), ignore_errors=True)

    def sweep(self, now: datetime) -> int:
        """Remove what was only looked at for a day, and results of a week ago; how many."""
        gone = 0
        for path in self._folder.glob("*") if self._folder.is_dir() else []:
            made = datetime.fromtimestamp((UUID(path.name).int >> 80) / 1000, now.tzinfo)
            note = self.read(UUID(path.name))
            started = note is not None and note.upload.state == "started"
            ended = note is not None and note.upload.state in ("done", "failed")
            if not started and now - made > (KEPT_FOR if ended else SHOWN_FOR):
                self.remove(UUID(path.name))
                gone += 1
        return gone

    def forget(self) -> int:
        """Remove all that are not being imported: one of them may name whoever is erased, in
        letters that cannot be searched. Whoever needs one sends it again; how many."""
        gone = 0
        for note in list(self.every()):
            if note.upload.state != "started":
                self.remove(note.upload.id)
                gone += 1
        return gone

    def _at(self, upload_id: UUID) -> Path:
        return self._folder / str(upload_id)


def _plain(name: str) -> str:
    """A name that is safe in a folder; its end, which tells what is in the file, stays."""
    kept = "".join(c if c.isalnum() or c in "-_." else "_" for c in name[-40:])
    return "file-" + kept.lstrip(".")

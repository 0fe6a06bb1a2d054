"""Where an import stands: kept in the data directory, so that it can be stopped and go on."""

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from patron.app.imports.mapping import Mapping, dump_map
from patron.app.imports.reading.encoding import Mended
from patron.app.imports.reading.faults import Fault, Faults
from patron.shops.types import Shop

MOMENT = "completejourney.json"
"""When that data set's history was placed: kept as long as the history is."""


def folder_of(data_dir: Path, slug: str) -> Path:
    """Where the standings and reports of a shop's imports are."""
    return data_dir / "shops" / slug / "imports"


def copy_standings(data_dir: Path, slug: str, to: Path) -> None:
    """Copy how far the imports of a shop are into the folder `to`.

    To be called before the database is copied: a standing that is behind the log is made good by
    reading rows again, one that is ahead of it would leave rows out. A report may be longer than
    its standing says and is cut to it.
    """
    to.mkdir(parents=True, exist_ok=True)
    for pattern in ("*.json", "*.problems.csv"):
        for path in sorted(folder_of(data_dir, slug).glob(pattern)):
            shutil.copyfile(path, to / path.name)


def copy_moment(data_dir: Path, slug: str, to: Path) -> None:
    """Copy the moment of `MOMENT`, if there is one, after the database: a history without it would
    be placed anew, beside itself."""
    path = folder_of(data_dir, slug) / MOMENT
    if path.exists():
        shutil.copyfile(path, to / MOMENT)


def replace_standings(data_dir: Path, slug: str, kept: Path | None) -> None:
    """Put the standings of a backup in place of what is there, which a restored database has not
    come to. Without any, every row is read again and adds nothing twice."""
    folder = folder_of(data_dir, slug)
    shutil.rmtree(folder, ignore_errors=True)
    if kept is not None and kept.is_dir():
        shutil.move(kept, folder)


class Standing(msgspec.Struct):
    """How far the import of one file under one map is: what is done for good, with all that was
    said about it up to there. Steps are whole orders, or rows where rows stand alone."""

    file: str
    steps: int = 0
    rows: int = 0
    events: int = 0
    new: int = 0
    done_at: str | None = None
    report_size: int = 0
    faults: int = 0
    by_problem: dict[str, int] = {}
    left_out: dict[str, int] = {}
    examples: list[Fault] = []
    mended: dict[str, int] = {}
    mended_examples: list[tuple[str, str]] = []

    def taken(
        self, steps: int, rows: int, events: int, faults: Faults, mended: Mended
    ) -> "Standing":
        """The standing after `steps`, as the counters are now."""
        return Standing(
            file=self.file,
            steps=steps,
            rows=rows,
            events=events,
            new=self.new,
            report_size=faults.flush(),
            faults=faults.count,
            by_problem=dict(faults.by_problem),
            left_out=dict(faults.left_out),
            examples=list(faults.examples),
            mended={"bytes": mended.bytes, "texts": mended.texts},
            mended_examples=list(mended.examples),
        )

    def restore(self, faults: Faults, mended: Mended) -> None:
        """Put the counters back to where they stood."""
        faults.count = self.faults
        faults.by_problem.update(self.by_problem)
        faults.left_out.update(self.left_out)
        faults.examples = list(self.examples)
        mended.bytes = self.mended.get("bytes", 0)
        mended.texts = self.mended.get("texts", 0)
        mended.examples = list(self.mended_examples)


class Place:
    """Where the standing and the report of one import are kept.

    The key is made of the file's content, its map, the shop and the list that its people are put
    on: when one of them is another, so is the import.
    """

    def __init__(
        self,
        data_dir: Path,
        shop: Shop,
        path: Path,
        digest: str,
        mapping: Mapping,
        onto: UUID | None = None,
    ) -> None:
        text = f"{shop.id}\n{digest}\n{dump_map(mapping)}{onto or ''}"
        key = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        self.folder = folder_of(data_dir, shop.slug)
        name = "".join(c if c.isalnum() or c in "-_" else "_" for c in path.name[:40])
        self._file = self.folder / f"{name}-{key}.json"
        self.report = self.folder / f"{name}-{key}.problems.csv"
        self.sorting = self.folder / f"{name}-{key}.sorting"

    def read(self) -> Standing | None:
        """The standing, or None when nothing was done yet (or its file cannot be read)."""
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=Standing)
        except (OSError, msgspec.MsgspecError):
            return None

    def write(self, standing: Standing) -> None:
        write_whole(self._file, standing)

    def forget(self) -> None:
        self._file.unlink(missing_ok=True)


def write_whole(path: Path, content: Any) -> None:
    """Write JSON so that a reader, or a kill, finds it whole or as it was before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.draft")
    draft.touch(mode=0o600)  # the demo keeps a key in such a file
    draft.write_bytes(msgspec.json.encode(content))
    draft.replace(path)

"""Where deeds are kept between two countings: beside the lake, in parts that never change.

Derived from the lake: whoever removes the folder loses nothing but the time to read it anew. The
manifest is replaced as a whole, and what it does not name is not there, so a reader that is killed
leaves what was before. A part is joined with the one before it when that has at most twice its
deeds, so there are few, and each deed is written anew a few times in all.

Whoever reads or writes holds a lock. The lake's writer takes it, too, to forget somebody: whoever
counts either still finds her in the lake and is waited for, or finds her nowhere.
"""

import fcntl
import os
import shutil
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from uuid import UUID

import msgspec
import numpy as np

from patron.events.lake.copying import Derived
from patron.kit.disk import to_disk
from patron.kit.log import logger
from patron.recommend.history.deeds import KINDS, Deeds, merged, pairs, without

log = logger(__name__)

VERSION = 1
MERGED = 2
LARGEST = 8_000_000
"""Deeds of a part from which on it is not joined with others; joining takes 60 bytes for each."""
OUTDATED = 0.2
"""The share of deeds older than is counted from which on a part is written without them."""
_MANIFEST = "manifest.json"


class DamagedPastError(Exception):
    """A file is not what was written."""


class Part(msgspec.Struct, frozen=True):
    """One file: the columns of numbers one after the other, then the names as JSON."""

    id: str
    deeds: int
    columns: dict[str, int]  # values of each
    bytes: int
    crc: int


class Manifest(msgspec.Struct, frozen=True):
    """What is kept: all deeds of the log of `epoch` up to `position`, as told by events of these
    `names`. `counted` is the next number for a part."""

    version: int = VERSION
    epoch: str = ""
    names: list[str] = []
    position: int = 0
    parts: list[Part] = []
    counted: int = 0


class Kept:
    """The kept deeds in a folder, which need not exist. All but `held` wants the lock."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def held(self) -> Iterator[None]:
        """Alone with it; waits for whoever else is."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def manifest(self) -> Manifest | None:
        """None where nothing is kept, or another version kept it."""
        try:
            found = msgspec.json.decode((self.path / _MANIFEST).read_bytes(), type=Manifest)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        return found if found.version == VERSION else None

    def read(self, part: Part) -> Deeds:
        """The deeds of a part, mapped. Raises DamagedPastError."""
        path = self._file(part.id)
        try:
            raw = np.memmap(path, np.uint8, "r") if part.bytes else np.empty(0, np.uint8)
        except (OSError, ValueError) as error:
            raise DamagedPastError(f"{path}: {error}") from error
        if len(raw) != part.bytes or zlib.crc32(raw.data) != part.crc:
            raise DamagedPastError(f"{path} is not what was written")
        columns, begin = {}, 0
        for name, kind in KINDS.items():
            end = begin + part.columns[name] * np.dtype(kind).itemsize
            column = raw[begin:end].view(np.ndarray).view(kind)
            if name == "origins":
                column = column.astype(np.uint64)
            columns[name] = column.reshape(-1, 2) if name in ("origins", "key") else column
            begin = end
        return Deeds(names=msgspec.json.decode(bytes(raw[begin:]), type=list[str]), **columns)

    def add(self, there: Manifest, deeds: Deeds, since: int) -> Manifest:
        """The manifest with these deeds more, joined with the parts before them that are not much
        larger; what was done before the second `since` goes on the way. Nothing of it counts before
        `put`."""
        parts = list(there.parts)
        joining = [deeds] if len(deeds) else []
        size = len(deeds)
        while joining and parts and parts[-1].deeds <= MERGED * size:
            if size + parts[-1].deeds > LARGEST:
                break
            before = parts.pop()
            joining.insert(0, self.read(before))
            size += before.deeds
        if not joining:
            return there
        manifest = msgspec.structs.replace(there, parts=parts)
        return self._with(manifest, len(parts), merged(joining, since))

    def trim(self, there: Manifest, since: int) -> list[Deeds]:
        """All deeds; parts of which much is older than is counted are written anew without it."""
        manifest, read = there, [self.read(part) for part in there.parts]
        for place, part in reversed(list(enumerate(there.parts))):
            old = int((read[place].at < since).sum())
            if old > OUTDATED * part.deeds:
                read[place] = merged([read[place]], since)
                manifest = self._with(manifest, place, read[place], replaced=1)
        if manifest is not there:
            self.put(manifest)
        return read

    def put(self, manifest: Manifest) -> Manifest:
        """From now on this is what is kept; files that it does not name go."""
        draft = self.path / f"{_MANIFEST}.new"
        draft.write_bytes(msgspec.json.encode(manifest))
        to_disk(draft)
        draft.replace(self.path / _MANIFEST)
        to_disk(self.path)
        named = {self._file(part.id).name for part in manifest.parts}
        for file in self.path.glob("deeds-*"):
            if file.name not in named:
                file.unlink()
        return manifest

    def forget(self, origins: Sequence[UUID]) -> None:
        """Write the parts that know these origins anew without them."""
        there = self.manifest()
        if there is None:
            return
        gone = pairs(origin.bytes for origin in origins)
        manifest = there
        for place, part in reversed(list(enumerate(there.parts))):
            left = without(self.read(part), gone)
            if left is not None:
                manifest = self._with(manifest, place, left, replaced=1)
        if manifest is not there:
            self.put(manifest)

    def clear(self) -> None:
        """Keep nothing."""
        for path in self.path.glob("*"):
            if path.name != ".lock":
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def _with(self, manifest: Manifest, place: int, deeds: Deeds, *, replaced: int = 0) -> Manifest:
        """The manifest with a part more at this place, or instead of the one there."""
        number = manifest.counted + 1
        written = [self._write(f"{number:06d}", deeds)] if len(deeds) else []
        parts = [*manifest.parts[:place], *written, *manifest.parts[place + replaced :]]
        return msgspec.structs.replace(manifest, parts=parts, counted=number)

    def _write(self, id: str, deeds: Deeds) -> Part:
        counts, crc, size = {}, 0, 0
        with self._file(id).open("wb") as file:
            for name, kind in KINDS.items():
                column = np.ascontiguousarray(getattr(deeds, name), kind)
                counts[name] = column.size
                crc = zlib.crc32(column.tobytes(), crc)
                size += column.nbytes
                column.tofile(file)
            names = msgspec.json.encode(deeds.names)
            file.write(names)
            file.flush()
            os.fsync(file.fileno())
        return Part(id, len(deeds), counts, size + len(names), zlib.crc32(names, crc))

    def _file(self, id: str) -> Path:
        return self.path / f"deeds-{id}"


def kept_of(lake_uri: str) -> Kept:
    """What is kept beside a lake in the file system."""
    return Kept(Path(lake_uri).parent / "deeds")


def forget(lake_uri: str, origins: Sequence[UUID]) -> None:
    """Forget these origins. Damaged deeds go as a whole."""
    kept = kept_of(lake_uri)
    if not kept.path.exists():
        return
    with kept.held():
        try:
            kept.forget(origins)
        except Exception:  # she is to be forgotten even so
            log.exception("kept deeds are read anew", extra={"folder": str(kept.path)})
            kept.clear()


def remove(lake_uri: str) -> None:
    """Keep nothing, as when the lake has lost something."""
    kept = kept_of(lake_uri)
    if kept.path.exists():
        with kept.held():
            kept.clear()


def derived_of(lake_uri: str) -> Derived:
    """For the lake's writer."""
    return Derived(partial(forget, lake_uri), partial(remove, lake_uri))

"""Where a shop's models stand: folders of arrays, written beside the old ones and swapped whole.

One training makes one folder: what the numbers of products stand for, and the arrays of every model
that was kept. A symbolic link says which folder counts. One that is not what was written is refused
with its reason, and the one before it is used.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from patron.kit.disk import to_disk
from patron.kit.log import logger
from patron.recommend.together.offer import Together
from patron.recommend.together.types import Index

log = logger(__name__)

I = TypeVar("I", bound=msgspec.Struct)  # noqa: E741 - an index

CURRENT = "current"
ITEMS = "items.json"
TOGETHER = "together"
VERSION = "%Y%m%dT%H%M%S%f"


class DamagedModelError(Exception):
    """A model's files are not what was written; the message says what to do."""


class Attempt(msgspec.Struct, frozen=True):
    """Parameters that were tried, and what they scored on the days held back."""

    params: dict[str, Any]
    score: float


class About(msgspec.Struct, frozen=True):
    """What is known of a model: how its parameters were chosen, and its fields that are no arrays.

    `score` is its own and `bar` that of plain popularity on the same days; None where too little
    happened to tell.
    """

    params: dict[str, Any] = {}
    tried: list[Attempt] = []
    score: float | None = None
    bar: float | None = None
    seconds: float = 0.0
    silent: list[str] = []  # strategies that did no better with it, and do not ask it
    plain: dict[str, Any] = {}


class Label(msgspec.Struct, frozen=True):
    """What stands in a folder of models: what they were counted from, and each file's checksum."""

    version: str
    made_at: datetime
    position: int  # of the log, up to which was counted
    models: dict[str, About]
    checksums: dict[str, str]

    def narrowed(self, only: str) -> "Label":
        """As if no other model had been made."""
        sums = {file: told for file, told in self.checksums.items() if _is_of(file, only)}
        about = {name: told for name, told in self.models.items() if name == only}
        return msgspec.structs.replace(self, models=about, checksums=sums)


class Opened(msgspec.Struct, frozen=True):
    """The models of one training. `items[n]` is the id of the product that is number n."""

    label: Label
    items: list[str]
    folder: Path

    def index(self, name: str, kind: type[I]) -> I | None:
        """A model as the struct it was, its arrays mapped into memory; None where it is not there.

        Raises DamagedModelError when its fields are others.
        """
        import numpy as np

        about = self.label.models.get(name)
        if about is None:
            return None
        fields: dict[str, Any] = dict(about.plain)
        for file in self.label.checksums:
            if file.startswith(f"{name}.") and file.endswith(".npy"):
                array = np.load(self.folder / file, mmap_mode="r")
                fields[file[len(name) + 1 : -4]] = array.view(np.ndarray)
        if set(fields) != set(kind.__struct_fields__):
            raise DamagedModelError(
                f"model {name} in {self.folder} was written by another version of Patron;"
                " the next training replaces it"
            )
        return kind(**fields)


def write(
    shelf: Path,
    items: list[str],
    models: Mapping[str, tuple[msgspec.Struct, About]],
    now: datetime,
    position: int = 0,
) -> Path:
    """Put the models of a training on the shelf and make them the current ones; their folder.

    Whoever has the old ones open goes on reading them: their files are removed one swap later. A
    training at the command line and one of the worker may end at the same time: one waits.
    """
    shelf.mkdir(parents=True, exist_ok=True)
    with (shelf / ".writing").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _written(shelf, items, models, now, position)


def _written(
    shelf: Path,
    items: list[str],
    models: Mapping[str, tuple[msgspec.Struct, About]],
    now: datetime,
    position: int,
) -> Path:
    import numpy as np

    version = now.astimezone(UTC).strftime(VERSION)
    folder = shelf / f"models-{version}"
    draft = shelf / f".models-{version}-{os.getpid()}"
    for left in shelf.glob(".models-*"):  # of a training that was killed
        shutil.rmtree(left, ignore_errors=True)
    draft.mkdir()
    (draft / ITEMS).write_bytes(msgspec.json.encode(items))
    abouts = {}
    for name, (index, about) in models.items():
        plain = {}
        for field, value in msgspec.structs.asdict(index).items():
            if isinstance(value, np.ndarray):
                np.save(draft / f"{name}.{field}.npy", value)
            else:
                plain[field] = value
        abouts[name] = msgspec.structs.replace(about, plain=plain)
    sums = {path.name: _checksum(path) for path in sorted(draft.iterdir())}
    label = Label(version, now, position, abouts, sums)
    (draft / "label.json").write_bytes(msgspec.json.encode(label, enc_hook=_plainly))
    for path in draft.iterdir():
        to_disk(path)
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)
    before = current(shelf)
    pointer = shelf / f".{CURRENT}.{os.getpid()}"
    pointer.unlink(missing_ok=True)
    pointer.symlink_to(folder.name)
    pointer.rename(shelf / CURRENT)
    to_disk(shelf)
    for old in (*shelf.glob("models-*"), *shelf.glob("together*")):
        if old.name not in (folder.name, before):
            old.unlink() if old.is_symlink() else shutil.rmtree(old, ignore_errors=True)
    return folder


def current(shelf: Path) -> str | None:
    """The name of the models that count now."""
    pointer = shelf / CURRENT
    return str(pointer.readlink()) if pointer.is_symlink() else None


def made_at(name: str) -> datetime:
    """When the models called `name` were made."""
    return datetime.strptime(name.rsplit("-", 1)[1], VERSION).replace(tzinfo=UTC)


def read(folder: Path, only: str | None = None) -> Opened:
    """The models in a folder, every file compared with its checksum: about a second for half a
    gigabyte. With `only`, this model alone is looked at and there. Raises DamagedModelError."""
    try:
        label = msgspec.json.decode((folder / "label.json").read_bytes(), type=Label)
        if only is not None:
            label = label.narrowed(only)
        for name, checksum in label.checksums.items():
            if _checksum(folder / name) != checksum:
                raise DamagedModelError(
                    f"model {folder}: {name} is not what was written; the next training replaces it"
                )
        items = msgspec.json.decode((folder / ITEMS).read_bytes(), type=list[str])
    except (OSError, ValueError, msgspec.DecodeError) as error:
        raise DamagedModelError(
            f"model {folder}: {error}; the next training replaces it"
        ) from error
    return Opened(label, items, folder)


class Shelf:
    """The current models of a shop, opened again when they were swapped; the last good ones if they
    cannot be read. Who needs `only` one is not kept waiting while the others are compared."""

    def __init__(self, folder: Path, only: str | None = None) -> None:
        self.folder = folder
        self._only = only
        self.refused: str | None = None
        self._name: str | None = None
        self._opened: Opened | None = None
        self._together: tuple[Opened, Together] | None = None

    def models(self) -> Opened | None:
        """What counts now, or None before the first training."""
        name = current(self.folder)
        if name is not None and name != self._name:
            self._opened = self._read(name) or self._opened
            self._name = name
        return self._opened

    def is_stale(self) -> bool:
        """Whether `models` would have to read files."""
        return current(self.folder) not in (None, self._name)

    def together(self) -> Together | None:
        """What is bought together, or None before the first training."""
        opened = self.models()
        if opened is None:
            return None
        if self._together is None or self._together[0] is not opened:
            table = opened.index(TOGETHER, Index)
            if table is None:
                return None
            self._together = opened, Together(opened.items, table)
        return self._together[1]

    def _read(self, name: str) -> Opened | None:
        self.refused = None
        for each in (name, *self._older(name)):
            try:
                return read(self.folder / each, self._only)
            except DamagedModelError as error:
                self.refused = self.refused or str(error)
                log.error("models refused, the previous ones stay", extra={"reason": str(error)})
                if self._opened is not None:
                    break  # what is open is newer than anything else that lies here
        return None

    def _older(self, name: str) -> Iterator[str]:
        found = sorted((path.name for path in self.folder.glob("models-*")), reverse=True)
        return (other for other in found if other < name)


def shelf_of(data_dir: Path, slug: str) -> Path:
    """The folder of a shop's models."""
    return data_dir / "shops" / slug / "models"


def _plainly(number: Any) -> Any:
    """A number of numpy's as one of Python's."""
    return number.item()


def _is_of(file: str, model: str) -> bool:
    """Whether a file is a model's, or says which products all of them number."""
    return file == ITEMS or file.startswith(f"{model}.")


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

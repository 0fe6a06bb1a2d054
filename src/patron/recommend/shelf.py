"""Where a shop's models stand: a folder of arrays, written beside the old one and swapped whole."""

import hashlib
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from patron.kit.log import logger
from patron.recommend.together.offer import Together
from patron.recommend.together.types import Index

log = logger(__name__)

ARRAYS = ("start", "item", "score", "lift", "sure", "support", "complement")
NAME = "together"
VERSION = "%Y%m%dT%H%M%S"


class DamagedModelError(Exception):
    """A model's files are not what was written; the message says what to do."""


class Label(msgspec.Struct, frozen=True):
    """What stands in a model's folder, and the checksum of each file."""

    version: str
    checksums: dict[str, str]


def write(shelf: Path, products: list[str], table: Index, now: datetime) -> Path:
    """Put a new model on the shelf and make it the current one; the folder it is in.

    Whoever has the old one open goes on reading it: its files are removed one swap later.
    """
    import numpy as np

    version = now.strftime(VERSION)
    folder = shelf / f"{NAME}-{version}"
    draft = shelf / f".{NAME}-{version}-{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    (draft / "products.json").write_bytes(msgspec.json.encode(products))
    for name in ARRAYS:
        np.save(draft / f"{name}.npy", getattr(table, name))
    np.save(draft / "orders.npy", np.array(table.orders))
    sums = {path.name: _checksum(path) for path in sorted(draft.iterdir())}
    (draft / "label.json").write_bytes(msgspec.json.encode(Label(version, sums)))
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)
    pointer = shelf / f".{NAME}.{os.getpid()}"
    pointer.unlink(missing_ok=True)
    pointer.symlink_to(folder.name)
    before = current(shelf)
    pointer.rename(shelf / NAME)
    for old in shelf.glob(f"{NAME}-*"):
        if old != folder and old.name != before:
            shutil.rmtree(old, ignore_errors=True)
    return folder


def current(shelf: Path) -> str | None:
    """The name of the model that is on the shelf now."""
    pointer = shelf / NAME
    return str(pointer.readlink()) if pointer.is_symlink() else None


def made_at(name: str) -> datetime:
    """When the model called `name` was counted."""
    return datetime.strptime(name.rsplit("-", 1)[1], VERSION).replace(tzinfo=UTC)


def read(folder: Path) -> Together:
    """A model with its arrays mapped into memory; raises DamagedModelError."""
    import numpy as np

    try:
        label = msgspec.json.decode((folder / "label.json").read_bytes(), type=Label)
        for name, checksum in label.checksums.items():
            if _checksum(folder / name) != checksum:
                raise DamagedModelError(
                    f"model {folder}: {name} is not what was written; the next refresh replaces it"
                )
        products = msgspec.json.decode((folder / "products.json").read_bytes(), type=list[str])
        arrays = [np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS]
        orders = int(np.load(folder / "orders.npy"))
    except (OSError, ValueError, msgspec.DecodeError) as error:
        raise DamagedModelError(f"model {folder}: {error}; the next refresh replaces it") from error
    return Together(products, Index(**dict(zip(ARRAYS, arrays, strict=True)), orders=orders))


class Shelf:
    """The current model of a shop, opened again when it was swapped; the last good one if not."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name: str | None = None
        self._model: Together | None = None

    def together(self) -> Together | None:
        """The current model, or None before the first refresh."""
        name = current(self._folder)
        if name is not None and name != self._name:
            try:
                self._model = read(self._folder / name)
            except DamagedModelError as error:
                log.error("model refused, the previous one stays", extra={"reason": str(error)})
            self._name = name
        return self._model


def shelf_of(data_dir: Path, slug: str) -> Path:
    """The folder of a shop's models."""
    return data_dir / "shops" / slug / "models"


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

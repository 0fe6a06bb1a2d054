"""The files of the sorted copy, and how they are read.

The copy is derived: whoever removes its folder loses nothing but the time to make it anew. Events
of one name lie together in runs, each sorted by person, time and log position, a file a column.
A person is the number of the origin in `origins.bin`; a property is the number of what was said,
one line of `values/…`, 0 when nothing was. The manifest is replaced as a whole: what it does not
name is not there.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.kit.disk import to_disk

VERSION = 1
PATHS = (
    "product_id", "sku", "variant", "category", "brand", "price", "quantity", "revenue", "total",
    "value", "discount", "coupon", "currency", "list_id", "rating", "journey", "rehearsal",
    "machine_open", "machine_click",
)  # fmt: skip
"""The properties that rules and reports ask for most. None of them names a person."""
FACTS = ("category", "brand", "price", "on_sale", "in_stock")
"""What the catalog said of an event's products, as `catalog.category` and so on."""
KINDS = ("channel", "device")
COLUMNS = (*PATHS, *(f"catalog.{one}" for one in FACTS), *KINDS)
NAMES_MOST = 200
"""Names of events; those that come later are left out, which the copy tells."""
VALUES_MOST = 1_000_000
VALUES_BYTES = 64 << 20
"""Different values of one property, and what they take; one that has more is left out."""
_MANIFEST = "manifest.json"

Column = NDArray[Any]


class Run(msgspec.Struct, frozen=True):
    """Events of one name. `columns` gives the type of each file; a property that none of them has
    is not there."""

    id: str
    name: str
    rows: int
    columns: dict[str, str]


class Manifest(msgspec.Struct, frozen=True):
    """`position` of the log of `epoch` up to which everything is in it, but events whose name is
    left out when `others` is true, and properties in `given_up`. `day` is when it was last added
    to, `counted` the next number for a run."""

    version: int
    epoch: str
    position: int
    origins: int
    runs: list[Run]
    values: dict[str, int]
    others: bool = False
    given_up: list[str] = []
    day: str = ""
    counted: int = 0

    @property
    def rows(self) -> int:
        return sum(run.rows for run in self.runs)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(run.name for run in self.runs)


class Folder:
    """A sorted copy at `path`, which need not exist."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def manifest(self) -> Manifest | None:
        """None where there is no copy, or one that another version made."""
        try:
            found = msgspec.json.decode((self.path / _MANIFEST).read_bytes(), type=Manifest)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        return found if found.version == VERSION else None

    def put(self, manifest: Manifest) -> None:
        """From now on this is the copy; files that it does not name go."""
        draft = self.path / f"{_MANIFEST}.new"
        draft.write_bytes(msgspec.json.encode(manifest))
        to_disk(draft)
        draft.replace(self.path / _MANIFEST)
        named = {run.id for run in manifest.runs}
        for file in (self.path / "runs").iterdir():
            if file.name.split(".")[0] not in named:
                file.unlink()

    def column(self, run: Run, name: str) -> Path:
        return self.path / "runs" / f"{run.id}.{name}"

    def values(self, path: str) -> Path:
        return self.path / "values" / quote(path, safe="")

    @property
    def origins(self) -> Path:
        return self.path / "origins.bin"

    def read(self, run: Run, name: str, rows: slice | Column, out: Column) -> None:
        """Put these rows of a column into `out`; zeros where no row has it. Of a range only the
        range is read."""
        kind = run.columns.get(name)
        if kind is None:
            out[:] = 0
        elif not isinstance(rows, slice):
            out[:] = self.mapped(run, name)[rows]
        else:
            with self.column(run, name).open("rb") as file:
                file.seek(rows.start * np.dtype(kind).itemsize)
                whole = out if out.dtype == np.dtype(kind) else np.empty(len(out), kind)
                file.readinto(whole.view(np.uint8).data)
            if whole is not out:
                out[:] = whole

    def mapped(self, run: Run, name: str) -> Column:
        return np.memmap(self.column(run, name), run.columns[name], "r", shape=(run.rows,))

    def told(self, manifest: Manifest, path: str) -> list[list[Any]]:
        """What a property's numbers stand for, as lists of values; 0 for none at all."""
        count = manifest.values.get(path, 0)
        lines = self.values(path).read_bytes().splitlines()[:count] if count else []
        whole = b"[[]" + b"".join(b"," + line for line in lines) + b"]"
        found: list[list[Any]] = msgspec.json.decode(whole)
        return found

    def origin(self, numbers: Sequence[int]) -> list[UUID]:
        """The origins of these numbers."""
        every = np.memmap(self.origins, "V16", "r") if len(numbers) else np.empty(0, "V16")
        return [UUID(bytes=bytes(every[number])) for number in numbers]

    def known(self, manifest: Manifest) -> Column:
        """All origins in the order of their numbers, as 16 bytes each."""
        return np.fromfile(self.origins, "S16", manifest.origins)


def where(who: Column, numbers: Any) -> tuple[Column, Column]:
    """Where the rows of these people begin and end. Asked in the column's own type: for another
    one the whole column would be turned into it first."""
    asked = np.asarray(numbers).astype(who.dtype)
    return np.searchsorted(who, asked), np.searchsorted(who, asked, "right")


FORGOTTEN = bytes(16)
"""Stands for an origin that was erased."""


def folder_of(lake_uri: str) -> Folder:
    """The sorted copy beside a lake in the file system."""
    return Folder(Path(lake_uri).parent / "sorted")


def sorted_of(data_dir: Path, slug: str) -> Folder:
    """The sorted copy of the shop `slug`."""
    return Folder(data_dir / "shops" / slug / "lake" / "sorted")

"""Adds events to the sorted copy: numbers what they say, sorts them, and merges small runs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from msgspec.structs import astuple

from patron.events.sorted.layout import (
    COLUMNS,
    FACTS,
    KINDS,
    NAMES_MOST,
    PATHS,
    VALUES_BYTES,
    VALUES_MOST,
    Column,
    Folder,
    Manifest,
    Run,
    where,
)

if TYPE_CHECKING:
    import pyarrow as pa

LAKE = ("position", "ts", "origin_id", "name", "channel", "device", "body")
"""The columns of the lake that are read."""
_SCALARS = (str, int, float, bool)
ROWS_AT_ONCE = 1_000_000
MERGED = 2
"""A run joins the one before it when that has at most so many times its rows."""


_ASKED = (*PATHS, *(f"catalog.{one}" for one in FACTS))
_Said = msgspec.defstruct(
    "_Said",
    [(f"told_{n}", Any, None if n < len(PATHS) else msgspec.UNSET) for n in range(len(_ASKED))],
    rename={f"told_{n}": path for n, path in enumerate(_ASKED)},
    gc=False,
)
"""The properties that are asked for; of all others nothing is made in memory."""
_read_facts = msgspec.json.Decoder(list[dict[str, Any]] | None).decode
FACTS_KEPT = 50_000
_PLAIN = frozenset({str, float, type(None)})
_Body = msgspec.defstruct(
    "_Body",
    [
        ("properties", _Said, msgspec.field(default_factory=_Said)),
        ("catalog", msgspec.Raw, msgspec.Raw(b"null")),
    ],
    gc=False,
)
_read_body: Callable[[str], Any] = msgspec.json.Decoder(_Body).decode
_line = msgspec.json.Encoder().encode


def _fact(catalog: list[dict[str, Any]], name: str) -> list[Any]:
    """What the catalog said of each product."""
    found: list[Any] = []
    for one in catalog:
        value = one.get(name)
        found += value if isinstance(value, list) else [value]
    return found


class Values:
    """The numbers of what one property said, going on from those in its file."""

    def __init__(self, folder: Folder, manifest: Manifest, path: str) -> None:
        self._file = folder.values(path)
        self.count = manifest.values.get(path, 0)
        self.full = path in manifest.given_up
        known = folder.told(manifest, path) if not self.full else []
        self._numbers = {_line(one): number for number, one in enumerate(known) if number}
        self._quick: dict[Any, int] = {None: 0}
        self._bytes = sum(map(len, self._numbers))
        self._new: list[bytes] = []

    def numbers(self, values: Sequence[Any]) -> Column:
        """Of each of some values, in their order. Most events say nothing of most properties, and
        of the others what was said before: both is seen ten times faster for all than for each."""
        if values.count(None) == len(values):
            return np.zeros(len(values), np.uint32)
        if set(map(type, values)) <= _PLAIN:
            known: Iterable[int | None] = map(self._quick.get, values)
        else:
            known = (None for _ in values)
        number = self.number
        found = [
            number(one) if seen is None else seen for one, seen in zip(values, known, strict=True)
        ]
        return np.array(found, np.uint32)

    def number(self, value: Any) -> int:
        """0 for nothing, and for everything once there is too much."""
        kind = type(value)
        if kind is list and len(value) == 1 and type(value[0]) in _SCALARS:
            value = value[0]  # written alike, and found without writing it
            kind = type(value)
        if kind is str or kind is float:
            key = value
        elif kind is int or kind is bool:
            key = (kind, value)
        else:
            return self._slow(value)
        found = self._quick.get(key)
        if found is None:
            found = self._quick[key] = self._slow(value)
        return found

    def _slow(self, value: Any) -> int:
        if value is None or self.full:
            return 0
        listed = [one for one in value if one is not None] if isinstance(value, list) else [value]
        line = _line(listed)
        found = self._numbers.get(line)
        if found is None and listed:
            self._bytes += len(line)
            if self.count >= VALUES_MOST or self._bytes > VALUES_BYTES:
                self.full = True
                return 0
            self.count += 1
            found = self._numbers[line] = self.count
            self._new.append(line)
        return found or 0

    def save(self, before: int) -> None:
        """Append what is new behind the `before` lines that count."""
        if self._new:
            self._file.parent.mkdir(exist_ok=True)
            kept = self._file.read_bytes().splitlines()[:before] if self._file.exists() else []
            draft = self._file.with_suffix(".new")
            draft.write_bytes(b"".join(line + b"\n" for line in [*kept, *self._new]))
            draft.replace(self._file)


class Writer:
    """Adds events to a copy; nothing counts before `finish`."""

    def __init__(self, folder: Folder, manifest: Manifest) -> None:
        self._folder, self._before = folder, manifest
        (folder.path / "runs").mkdir(parents=True, exist_ok=True)
        self._values = {path: Values(folder, manifest, path) for path in COLUMNS}
        self._origins = _Origins(folder, manifest)
        self._runs = list(manifest.runs)
        self._names = set(manifest.names)
        self._others = manifest.others
        self._counted = manifest.counted
        self._said: dict[bytes, list[int]] = {}

    def add(self, batches: Iterable["pa.RecordBatch"]) -> int:
        """Events as the lake has them; how many."""
        held: dict[str, list[dict[str, Column]]] = {}
        waiting = done = 0
        for batch in batches:
            for name, columns in self._encoded(batch):
                held.setdefault(name, []).append(columns)
                waiting += len(columns["who"])
            done += batch.num_rows
            if waiting >= ROWS_AT_ONCE:
                self._keep(held)
                held, waiting = {}, 0
        self._keep(held)
        return done

    def add_columns(self, name: str, columns: dict[str, Column]) -> None:
        """Events of one name whose people and values have their numbers already."""
        self._keep({name: [columns]})

    def origins(self, ids: Sequence[bytes]) -> Column:
        """The numbers of origins, new ones too."""
        return self._origins.numbers(ids)

    def values(self, path: str) -> Values:
        return self._values[path]

    def finish(self, position: int, day: str) -> Manifest:
        """The copy now holds everything up to `position`."""
        before = self._before
        for path, values in self._values.items():
            values.save(before.values.get(path, 0))
        manifest = msgspec.structs.replace(
            before,
            position=position,
            origins=self._origins.save(),
            runs=self._runs,
            values={path: one.count for path, one in self._values.items()},
            others=self._others,
            given_up=[path for path, one in self._values.items() if one.full],
            day=day,
            counted=self._counted,
        )
        self._folder.put(manifest)
        return manifest

    def _encoded(self, batch: "pa.RecordBatch") -> Iterator[tuple[str, dict[str, Column]]]:
        import pyarrow as pa

        told = [_read_body(body) for body in batch.column("body").to_pylist()]
        ids, origins = _distinct(batch.column("origin_id"))
        whole = {
            "who": self.origins([bytes.fromhex(one.replace("-", "")) for one in ids])[origins],
            "at": batch.column("ts").cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy(),
            "position": batch.column("position").to_numpy(),
        }
        for kind in KINDS:
            values, which = _distinct(batch.column(kind))
            whole[kind] = self._values[kind].numbers(values)[which]
        for fact, column in zip(FACTS, self._facts([one.catalog for one in told]), strict=True):
            whole[f"catalog.{fact}"] = column
        names, named = _distinct(batch.column("name"))
        for number, name in enumerate(names):
            if not self._takes(name):
                continue
            rows = np.flatnonzero(named == number)
            columns = {key: column[rows] for key, column in whole.items()}
            theirs = [astuple(told[row].properties) for row in rows.tolist()]
            for path, said in zip(_ASKED, zip(*theirs, strict=True), strict=True):
                if path not in columns:
                    columns[path] = self._values[path].numbers(said)
                elif said.count(msgspec.UNSET) < len(said):
                    self._correct(path, said, columns[path])
            yield name, columns

    def _facts(self, catalogs: Sequence[msgspec.Raw]) -> Iterable[Column]:
        """For each of FACTS the numbers of what the catalog said with these events. It says the
        same of a product again and again, so that only what is new is read."""
        if len(self._said) > FACTS_KEPT:
            self._said.clear()
        said, found = self._said, []
        for catalog in map(bytes, catalogs):
            numbers = said.get(catalog)
            if numbers is None:
                products = _read_facts(catalog) or []
                numbers = said[catalog] = [
                    self._values[f"catalog.{name}"].number(_fact(products, name)) for name in FACTS
                ]
            found.append(numbers)
        return np.array(found, np.uint32).T

    def _correct(self, path: str, said: Sequence[Any], column: Column) -> None:
        """A property of the very name of a fact wins."""
        for place, value in enumerate(said):
            if value is not msgspec.UNSET:
                column[place] = self._values[path].number(value)

    def _takes(self, name: str) -> bool:
        if name not in self._names:
            if len(self._names) >= NAMES_MOST:
                self._others = True
                return False
            self._names.add(name)
        return True

    def _keep(self, held: dict[str, list[dict[str, Column]]]) -> None:
        for name, parts in held.items():
            columns = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
            order = np.lexsort((columns["position"], columns["at"], columns["who"]))
            run = self._open(name, {key: column[order] for key, column in columns.items()})
            theirs = [one for one in self._runs if one.name == name]
            while theirs and theirs[-1].rows <= MERGED * run.rows:
                before = theirs.pop()
                self._runs.remove(before)
                run = self._merged(before, run)
            self._runs.append(run)

    def _open(self, name: str, columns: dict[str, Column]) -> Run:
        self._counted += 1
        found = {key: _smallest(key, column) for key, column in columns.items()}
        kinds = {key: kind for key, kind in found.items() if kind}
        run = Run(f"{self._counted:06d}", name, len(columns["who"]), kinds)
        for key, kind in kinds.items():
            columns[key].astype(kind).tofile(self._folder.column(run, key))
        return run

    def _merged(self, one: Run, other: Run) -> Run:
        """Both as one run, some people at a time."""
        self._counted += 1
        keys = sorted({*one.columns, *other.columns})
        kinds = {
            key: np.promote_types(one.columns.get(key, "u1"), other.columns.get(key, "u1")).str
            for key in keys
        }
        run = Run(f"{self._counted:06d}", one.name, one.rows + other.rows, kinds)
        files = {key: self._folder.column(run, key).open("wb") for key in keys}
        try:
            for parts in together(self._folder, (one, other), ROWS_AT_ONCE):
                read = {key: self._read(parts, key, kinds[key]) for key in keys}
                order = np.lexsort((read["position"], read["at"], read["who"]))
                for key in keys:
                    read[key][order].tofile(files[key])
        finally:
            for file in files.values():
                file.close()
        return run

    def _read(self, parts: Sequence[tuple[Run, slice]], key: str, kind: str) -> Column:
        out = np.empty(sum(rows.stop - rows.start for _, rows in parts), kind)
        begin = 0
        for run, rows in parts:
            end = begin + rows.stop - rows.start
            self._folder.read(run, key, rows, out[begin:end])
            begin = end
        return out


def _distinct(column: "pa.Array") -> tuple[list[Any], Column]:
    """The different values of a column, null among them, and for each row the place of its own."""
    found = column.dictionary_encode("encode")
    return found.dictionary.to_pylist(), found.indices.to_numpy()


class _Origins:
    """The numbers of origins, in the order in which they came."""

    def __init__(self, folder: Folder, manifest: Manifest) -> None:
        self._file: Path = folder.origins
        self._before = manifest.origins
        known = folder.known(manifest) if manifest.origins else np.empty(0, "S16")
        self._order = np.argsort(known, kind="stable")
        self._sorted = known[self._order]
        self._new: dict[bytes, int] = {}

    def numbers(self, ids: Sequence[bytes]) -> Column:
        found = np.empty(len(ids), np.uint32)
        asked = np.array(ids, "S16")
        if len(self._sorted):
            places = np.minimum(np.searchsorted(self._sorted, asked), len(self._sorted) - 1)
            there = self._sorted[places] == asked
            found[there] = self._order[places[there]]
        else:
            there = np.zeros(len(ids), np.bool_)
        for place in np.flatnonzero(~there).tolist():
            id = ids[place]
            number = self._new.get(id)
            if number is None:
                number = self._new[id] = self._before + len(self._new)
            found[place] = number
        return found

    def save(self) -> int:
        """Append the new ones; how many there are now."""
        if self._new:
            mode = "r+b" if self._file.exists() else "wb"
            with self._file.open(mode) as file:
                file.seek(16 * self._before)
                file.truncate()
                file.write(b"".join(self._new))
        return self._before + len(self._new)


def _smallest(key: str, column: Column) -> str | None:
    """The smallest type that holds a column; None for one that says nothing."""
    if key in ("at", "position"):
        return "<i8"
    if key == "who":
        return "<u4"
    top = int(column.max(initial=0))
    if not top:
        return None
    return "<u1" if top < 1 << 8 else "<u2" if top < 1 << 16 else "<u4"


def together(folder: Folder, runs: Sequence[Run], rows: int) -> Iterator[list[tuple[Run, slice]]]:
    """The rows of the same people in each run, about so many at once, people in order."""
    whose = [folder.mapped(run, "who") for run in runs]
    for begin, end in people(whose, rows):
        yield [(run, ranged(who, begin, end)) for run, who in zip(runs, whose, strict=True)]


def ranged(who: Column, begin: int, end: int) -> slice:
    """The rows of the people from `begin` to before `end`."""
    first, last = where(who, (begin, end))[0].tolist()
    return slice(first, last)


def people(whose: Sequence[Column], rows: int) -> Iterator[tuple[int, int]]:
    """Ranges of numbers of people who did about `rows` things together, all people in turn."""
    step = max(1, rows // 64)
    marks = np.sort(np.concatenate([np.asarray(who[step - 1 :: step]) for who in whose]))
    last = max((int(who[-1]) for who in whose if len(who)), default=-1) + 1
    begin = 0
    for end in (*marks[63::64].tolist(), last):
        if end + 1 > begin and begin < last:
            stop = min(int(end) + 1, last)
            if stop > begin:
                yield begin, stop
            begin = stop

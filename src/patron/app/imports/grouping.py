"""Lines of one order together, in bounded memory.

Where a file has the lines of each order side by side they are taken as they come. A few orders
whose lines stand in several places are held until the last of them. Where that is the rule, the
rows go through DuckDB's sort, which spills to disk; orders then come in the order of their first
lines.
"""

import shutil
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from patron.app.imports.reading.encoding import Mended
from patron.app.imports.reading.faults import Faults
from patron.app.imports.reading.tables import Row, Table
from patron.app.imports.reading.values import identifier

SORT_MEMORY = "192MB"
HELD_ROWS = 100_000
_SLICE = 10_000
Key = Callable[[Sequence[Any]], Any]


def key_of(value: Any) -> bytes:
    """Eight bytes that stand for an order's number."""
    return blake2b(identifier(value).encode(), digest_size=8).digest()


def scattered(table: Table, key: Key) -> dict[bytes, int] | None:
    """Orders whose lines stand in several places, with the number of places.

    None when they are so many that the rows must be sorted. Takes sixteen bytes a place.
    """
    import numpy as np

    starts, lengths = bytearray(), array("q")
    last: Any = None
    for _, cells in table.rows(Mended(), Faults(None)):
        value = key(cells)
        if value is None:
            continue
        if value != last or not lengths:
            starts += key_of(value)
            lengths.append(0)
            last = value
        lengths[-1] += 1
    places = np.frombuffer(bytes(starts), dtype=np.uint64)
    keys, order, counts = np.unique(places, return_inverse=True, return_counts=True)
    held = int(np.bincount(order, weights=np.asarray(lengths))[counts > 1].sum())
    if held > HELD_ROWS:
        return None
    several = np.flatnonzero(counts > 1)
    return {keys[at].tobytes(): int(counts[at]) for at in several}


def grouped(
    rows: Iterator[Row], key: Key, faults: Faults, column: str, places: Mapping[bytes, int]
) -> Iterator[tuple[list[Row], int]]:
    """All rows of an order together, with how many rows were drawn up to their end.

    `places` tells which orders stand in several places of `rows`; they are held until their last.
    Rows without a key are faults.
    """
    left = dict(places)
    held: dict[bytes, list[Row]] = {}
    group: list[Row] = []
    current: Any = None
    drawn = 0

    def whole() -> list[Row] | None:
        """The order whose rows have just ended, unless more of them follow elsewhere."""
        if not group or not left or (name := key_of(current)) not in left:
            return group or None
        held.setdefault(name, []).extend(group)
        left[name] -= 1
        if left[name]:
            return None
        del left[name]
        return held.pop(name)

    for row in rows:
        value = key(row[1])
        if value is None:
            faults.add(row[0], column, None, "is blank", "give the order's number on each line")
        else:
            if value != current:
                if ended := whole():
                    yield ended, drawn
                group = []
            current = value
            group.append(row)
        drawn += 1
    if ended := whole():
        yield ended, drawn


def sorted_rows(rows: Iterator[Row], key: Key, folder: Path) -> Iterator[Row]:
    """`rows` with equal keys side by side, in the order of the first row of each key.

    Rows without a key come last. `folder` holds what does not fit into memory, and is removed.
    """
    import duckdb
    import pyarrow as pa

    encode, decode = msgspec.msgpack.encode, msgspec.msgpack.decode
    folder.mkdir(parents=True, exist_ok=True)
    schema = pa.schema([("k", pa.uint64()), ("n", pa.int64()), ("cells", pa.binary())])
    db = duckdb.connect(str(folder / "rows.duckdb"))
    try:
        db.execute(f"SET memory_limit = '{SORT_MEMORY}'; SET threads = 1")
        db.execute("SET temp_directory = '" + str(folder).replace("'", "''") + "'")
        db.execute("CREATE TABLE line (k ubigint, n bigint, cells blob)")
        while part := list(islice(rows, _SLICE)):
            columns = [
                [_number(key(cells)) for _, cells in part],
                [number for number, _ in part],
                [encode(list(cells)) for _, cells in part],
            ]
            db.register("part", pa.table(columns, schema=schema))
            db.execute("INSERT INTO line SELECT k, n, cells FROM part")
            db.unregister("part")
        found = db.execute(
            "SELECT line.n, line.cells FROM line JOIN"
            " (SELECT k, min(n) AS first FROM line GROUP BY k) AS o"
            " ON o.k IS NOT DISTINCT FROM line.k ORDER BY line.k IS NULL, o.first, line.n"
        )
        while fetched := found.fetchmany(_SLICE):
            for number, cells in fetched:
                yield number, decode(cells)
    finally:
        db.close()
        shutil.rmtree(folder, ignore_errors=True)


def _number(value: Any) -> int | None:
    return None if value is None else int.from_bytes(key_of(value), "little")

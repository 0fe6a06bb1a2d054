"""Who turned out to be one person, beside the lake, whose rows keep the origin they came under.

A file of (origin_id, person_id) with every origin that another one stands for; all others stand for
themselves. A merge, and its undoing, changes this file and no event.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    import duckdb


def people_of(lake: str) -> Path:
    """The file beside the lake at `lake`."""
    return Path(lake).parent / "people.parquet"


def write(path: Path, merged: Mapping[UUID, UUID]) -> None:
    """Replace the file by `merged`, from origin to person, unless it says just that."""
    import pyarrow as pa
    from pyarrow import parquet

    pairs = sorted(merged.items())
    made = pa.table(
        {
            "origin_id": pa.array([str(origin) for origin, _ in pairs], pa.string()),
            "person_id": pa.array([str(person) for _, person in pairs], pa.string()),
        }
    )
    if path.exists() and parquet.read_table(path).equals(made):
        return
    draft = path.with_suffix(f".{os.getpid()}")
    parquet.write_table(made, draft)
    draft.replace(path)


def read(lake: str, db: "duckdb.DuckDBPyConnection") -> "duckdb.DuckDBPyRelation":
    """The pairs, as DuckDB has them; none while there is no file."""
    path = people_of(lake)
    if path.exists():
        return db.read_parquet(str(path))
    return db.sql("SELECT '' AS origin_id, '' AS person_id WHERE false")

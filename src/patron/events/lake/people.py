"""Who turned out to be one person, beside the lake, whose rows keep the origin they came under.

A file of (origin_id, person_id) with every origin that another one stands for; all others stand for
themselves. A merge, and its undoing, changes this file and no event.
"""

from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

COLUMNS = ("origin_id", "person_id")


def people_of(lake: str) -> Path:
    """The file beside the lake at `lake`."""
    return Path(lake).parent / "people.parquet"


def write(path: Path, lines: bytes) -> None:
    """Replace the file by `lines`, each an origin and its person with a tab between, unless it says
    just that: half a second for 300,000 of them."""
    import pyarrow as pa
    from pyarrow import csv, parquet

    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)  # of a writer that died, with people who may be erased since
    digest = {b"patron.lines": blake2b(lines, digest_size=16).hexdigest().encode()}
    if path.exists() and (parquet.read_schema(path).metadata or {}).items() >= digest.items():
        return
    columns = pa.schema([(name, pa.string()) for name in COLUMNS], metadata=digest)
    made = columns.empty_table()
    if lines:
        how = csv.ReadOptions(column_names=list(COLUMNS))
        types = csv.ConvertOptions(column_types=columns)
        tabs = csv.ParseOptions(delimiter="\t")
        found = csv.read_csv(pa.BufferReader(lines), how, tabs, types)
        made = found.replace_schema_metadata(digest)
    parquet.write_table(made, draft, use_dictionary=False)
    draft.replace(path)


def read(lake: str, db: "duckdb.DuckDBPyConnection") -> "duckdb.DuckDBPyRelation":
    """The pairs, as DuckDB has them; none while there is no file."""
    path = people_of(lake)
    if path.exists():
        return db.read_parquet(str(path))
    return db.sql("SELECT '' AS origin_id, '' AS person_id WHERE false")

"""Patron's events in a notebook: `from patron.app.notebook import open_shop`."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from patron.kit.lake import lake_of

if TYPE_CHECKING:
    import duckdb


class OpenedShop:
    """A shop's lake, for reading. Needs no running Patron and disturbs none."""

    def __init__(self, data_dir: Path, slug: str) -> None:
        self._lake = lake_of(data_dir, slug)

    def events(
        self, name: str | None = None, since: datetime | None = None
    ) -> "duckdb.DuckDBPyRelation":
        """Events as a DuckDB relation: `.df()`, `.pl()`, `.arrow()`, `.filter(…)`, `.sql(…)`.

        One row an event, in no order; `body` holds properties, traits and context as JSON.
        """
        import duckdb

        files = self._lake.files()
        if not files:
            raise FileNotFoundError(
                f"lake {self._lake.uri} is empty; run `patron lake copy`, or wait a minute"
            )
        relation = duckdb.read_parquet(files)
        if name is not None:
            relation = relation.filter(
                duckdb.ColumnExpression("name") == duckdb.ConstantExpression(name)
            )
        if since is not None:
            relation = relation.filter(
                duckdb.ColumnExpression("ts") >= duckdb.ConstantExpression(since)
            )
        return relation


def open_shop(slug: str, data_dir: str | Path = "patron-data") -> OpenedShop:
    """The shop called `slug` of the installation in `data_dir`."""
    folder = Path(data_dir)
    if not (folder / "shops" / slug).is_dir():
        raise FileNotFoundError(f"there is no shop {slug!r} in {folder}; see `patron shop list`")
    return OpenedShop(folder, slug)

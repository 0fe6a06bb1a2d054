"""Questions that DuckDB answers over the lake's files."""

from datetime import datetime, timedelta
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any

import msgspec

from patron.events.lake import people as beside
from patron.kit.lake import Lake

if TYPE_CHECKING:
    import duckdb

_PERSON = (
    "CREATE MACRO person(of) AS"
    " coalesce((SELECT p.person_id FROM people p WHERE p.origin_id = of), of)"
)


class Misasked(Exception):
    """DuckDB does not take the question; the message is its own."""


class Answer(msgspec.Struct, frozen=True):
    """Rows of plain values, as JSON has them; a statement may have neither."""

    columns: list[str] = []
    rows: list[tuple[Any, ...]] = []


def events(lake: Lake, name: str | None, since: datetime | None) -> "duckdb.DuckDBPyRelation":
    """The events called `name`, or all, from `since` on. FileNotFoundError before the first copy.

    It belongs to DuckDB's own connection of this process, as does what else a notebook asks it.
    """
    import duckdb

    found = duckdb.read_parquet(_files(lake))
    if name is not None:
        found = found.filter(duckdb.ColumnExpression("name") == duckdb.ConstantExpression(name))
    if since is not None:
        found = found.filter(duckdb.ColumnExpression("ts") >= duckdb.ConstantExpression(since))
    return found


def people(lake: Lake) -> "duckdb.DuckDBPyRelation":
    """Who turned out to be one person, for the same connection."""
    import duckdb

    return beside.read(lake.uri, duckdb.default_connection())


def ask(lake: Lake, query: str, zone: str) -> Answer:
    """The answer of `events`, `people` and `person(origin_id)`, days beginning as in `zone`.

    Raises Misasked, and FileNotFoundError before the first copy.
    """
    import duckdb

    files = _files(lake)
    with duckdb.connect() as db:
        db.execute(f"SET TimeZone = '{zone}'")
        db.read_parquet(files).create_view("events")
        beside.read(lake.uri, db).create_view("people")
        db.execute(_PERSON)
        try:
            found: duckdb.DuckDBPyRelation | None = db.sql(query)
            # Fetched as Python's values a moment with a zone would want a library of its own.
            table = None if found is None else found.to_arrow_table()
        except duckdb.Error as error:
            raise Misasked(str(error)) from error
    if table is None:
        return Answer()
    columns = ([_plain(value) for value in column.to_pylist()] for column in table.columns)
    return Answer(table.column_names, list(zip(*columns, strict=True)))


def _files(lake: Lake) -> list[str]:
    files = lake.files()
    if not files:
        raise FileNotFoundError(
            f"lake {lake.uri} is empty; run `patron lake copy`, or wait a minute"
        )
    return files


def _plain(value: Any) -> Any:
    """Whole sums, which are wider than 64 bits, are numbers; other things are their own text."""
    import pyarrow as pa

    if isinstance(value, Decimal) and value.as_tuple().exponent == 0:
        return int(value)
    if isinstance(value, pa.MonthDayNano):
        months = f"{value.months} months, " if value.months else ""
        return months + str(timedelta(days=value.days, microseconds=value.nanoseconds / 1000))
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    return value if isinstance(value, str | int | bool | None) else str(value)

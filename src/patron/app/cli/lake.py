"""`patron lake …`: look into the lake, and look after it."""

import asyncio
from typing import Annotated, Any

import typer

from patron.app.cli.house import open_house
from patron.app.cli.output import Json, ShopName, clear_errors, fail, show, table
from patron.app.jobs import copy_lake
from patron.events.lake import copying
from patron.events.lake import store as lake_store
from patron.kit.db import Database
from patron.kit.lake import lake_of

app = typer.Typer(no_args_is_help=True, help="All events, for ever, in a Delta table.")


@app.command("sql")
def sql(
    query: Annotated[str, typer.Argument(help="SQL of DuckDB over the view `events`.")],
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Ask the lake; while Patron runs, too. `events` has a row an event, `body` is its JSON."""
    import duckdb

    with clear_errors(), open_house() as house:
        which = house.shop(shop)
        files = lake_of(house.settings.data_dir, which.slug).files()
        if not files:
            fail("the lake is empty yet", "run `patron lake copy`, or wait a minute")
        listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
        with duckdb.connect() as db:
            db.execute(f"CREATE VIEW events AS SELECT * FROM read_parquet([{listed}])")
            try:
                result = db.execute(query)
            except duckdb.Error as error:
                fail(f"DuckDB: {error}", "see the columns with `DESCRIBE events`")
            columns = [column[0] for column in result.description or []]
            rows: list[tuple[Any, ...]] = result.fetchall()
        show(
            [dict(zip(columns, map(_plain, row), strict=True)) for row in rows],
            as_json,
            lambda: table(columns, rows, "No rows."),
        )


@app.command("copy")
def copy(shop: ShopName = None, as_json: Json = False) -> None:
    """Bring the lake up to the log now, and carry out the erasures that wait."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)
        try:
            done = asyncio.run(copy_lake(house.settings, house.url, which, house.clock))
        except copying.Busy as error:
            fail(str(error), "it will be done in a moment")
        show(
            done,
            as_json,
            lambda: f"{done.events} events copied; the lake holds the log up to {done.position}.",
        )


@app.command("status")
def status(shop: ShopName = None, as_json: Json = False) -> None:
    """How far the lake is behind the log, and how large it is."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)
        lake = lake_of(house.settings.data_dir, which.slug)

        async def look(db: Database) -> lake_store.LakeState:
            async with db.unit(which.schema) as tx:
                return await lake_store.state(tx)

        state = house.run(look)
        said = {
            "position": state.position,
            "lake_position": lake.position(str(state.epoch)) or 0,
            "files": len(lake.files()),
            "folder": lake.uri,
        }
        show(said, as_json, lambda: table(["", ""], list(said.items()), ""))


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else str(value)

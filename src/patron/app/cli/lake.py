"""`patron lake …`: look into the lake, and look after it."""

import asyncio
from typing import Annotated

import typer

from patron.app.cli.house import open_house
from patron.app.cli.output import Json, ShopName, clear_errors, fail, show, table
from patron.app.jobs import copy_lake
from patron.events.lake import copying
from patron.events.lake import store as lake_store
from patron.events.lake.asking import Misasked, ask
from patron.kit.db import Database
from patron.kit.lake import lake_of

app = typer.Typer(no_args_is_help=True, help="All events, for ever, in a Delta table.")


@app.command("sql")
def sql(
    query: Annotated[str, typer.Argument(help="SQL of DuckDB over the view `events`.")],
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Ask the lake; while Patron runs, too. `events` has a row an event, `body` is its JSON, and
    `person(origin_id)` who it was; days and hours are those of the shop's time zone."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)
        try:
            found = ask(lake_of(house.settings.data_dir, which.slug), query, which.time_zone)
        except FileNotFoundError:
            fail("the lake is empty yet", "run `patron lake copy`, or wait a minute")
        except Misasked as error:
            fail(f"DuckDB: {error}", "see the columns with `DESCRIBE events`")
        show(
            [dict(zip(found.columns, row, strict=True)) for row in found.rows],
            as_json,
            lambda: table(found.columns, found.rows, "No rows."),
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

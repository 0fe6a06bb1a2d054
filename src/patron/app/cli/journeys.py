"""`patron journey …`: what runs, and what it earned."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from patron.analytics import journeys as analytics
from patron.analytics.types import JourneyResult, Period
from patron.app.cli.given import in_utc
from patron.app.cli.house import OpenHouse, open_house
from patron.app.cli.output import Json, ShopName, clear_errors, console, show, table
from patron.app.cli.results import sentences
from patron.journeys import store
from patron.journeys.builtin import offered
from patron.journeys.switch import switch
from patron.journeys.types import Journey, Status
from patron.kit.db import Database
from patron.kit.periods import refuse_odd
from patron.kit.problems import not_found
from patron.shops.types import Shop

app = typer.Typer(no_args_is_help=True, help="What runs by itself, and what it earned.")
Key = Annotated[str, typer.Argument(help="The journey's key, as `patron journey list` shows it.")]


@app.command("list")
def list_journeys(shop: ShopName = None, as_json: Json = False) -> None:
    """All journeys of a shop."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)

        async def look(db: Database) -> list[dict[str, Any]]:
            async with db.unit(which.schema) as tx:
                return [
                    {
                        "key": j.key,
                        "name": j.name,
                        "status": j.status,
                        "version": j.version,
                        "runs": await store.counts(tx, j.id),
                    }
                    for j in await store.journeys(tx)
                ]

        found = house.run(look)
        rows = [
            (
                j["key"],
                j["name"],
                j["status"],
                j["version"],
                ", ".join(f"{count} {state}" for state, count in j["runs"].items()),
            )
            for j in found
        ]
        columns = ("key", "name", "status", "version", "runs")
        show(found, as_json, lambda: table(columns, rows, "No journey yet."))


@app.command("on")
def on(key: Key, shop: ShopName = None, as_json: Json = False) -> None:
    """Let a journey start for whoever meets its trigger from now on."""
    _switch(key, Status.ON, shop, as_json)


@app.command("off")
def off(key: Key, shop: ShopName = None, as_json: Json = False) -> None:
    """Stop a journey; its waiting messages are cancelled."""
    _switch(key, Status.OFF, shop, as_json)


@app.command("results")
def results(
    key: Key,
    since: Annotated[
        datetime | None, typer.Option("--since", help="Of messages that left from here on (UTC).")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--until", help="Of those before this moment (UTC).")
    ] = None,
    window: Annotated[
        int, typer.Option("--window", min=1, max=60, help="Days in which the proof counts orders.")
    ] = 5,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """What a journey earned: attributed to clicks, and proven against its holdout."""
    with clear_errors(), open_house() as house:
        which, now, days = house.shop(shop), house.clock.now(), timedelta(days=window)
        begin, end = (None if one is None else in_utc(one) for one in (since, until))
        refuse_odd(begin, end, now)

        async def look(db: Database) -> JourneyResult | None:
            async with db.unit(which.schema) as tx:
                return await analytics.results(tx, which, key, now, Period(begin, end), window=days)

        found = house.run(look)
        if found is None:
            raise not_found("journey", key)
        if as_json:
            show(found, True, str)
        else:
            for line in sentences(found):
                console.print(line, highlight=False)


def _switch(key: str, status: Status, shop: str | None, as_json: bool) -> None:
    with clear_errors(), open_house() as house:
        which = house.shop(shop)
        done = house.run(lambda db: _switched(db, house, which, key, status))
        show(
            {"key": done.key, "status": done.status},
            as_json,
            lambda: f"Journey {done.name} is {done.status}.",
        )


async def _switched(
    db: Database, house: OpenHouse, which: Shop, key: str, status: Status
) -> Journey:
    async with db.unit(which.schema) as tx:
        await offered(tx, which, key, house.clock.now())
        return await switch(tx, key, status, house.clock.now())

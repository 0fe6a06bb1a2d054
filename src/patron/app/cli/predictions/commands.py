"""`patron prediction …`: the predictions there are, and scores of the shop's own."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from patron.app.cli.house import open_house
from patron.app.cli.output import Json, ShopName, clear_errors, show, table
from patron.app.cli.whom import Who
from patron.app.predictions.reading import bring
from patron.kit.db import Database
from patron.profiles import store as profiles
from patron.profiles.search.whom import root_of
from patron.segments.predictions import keeping, store
from patron.segments.predictions.keeping import Brought
from patron.segments.predictions.types import Kind, Prediction, PredictionOfHers

app = typer.Typer(no_args_is_help=True, help="What is expected of people, as numbers and dates.")
Key = Annotated[str, typer.Argument(help="What rules call it, such as `churn`.")]


@app.command("list")
def list_predictions(shop: ShopName = None, as_json: Json = False) -> None:
    """The predictions there are, and what came of the last night."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)

        async def look(db: Database) -> list[Prediction]:
            async with db.unit(which.schema) as tx:
                return await store.every(tx)

        found = house.run(look)
        rows = [
            (one.name, one.label, one.kind, one.version, f"{one.people:,}", one.said)
            for one in found
        ]
        head = ("prediction", "name", "kind", "version", "people", "")
        show(found, as_json, lambda: table(head, rows, "None yet: they are made in the night."))


@app.command("import")
def import_scores(
    key: Key,
    file: Annotated[Path, typer.Argument(help="CSV with columns `person` and `value`.")],
    kind: Annotated[Kind, typer.Option(help="What the values are.")] = Kind.NUMBER,
    label: Annotated[str | None, typer.Option(help="What people read.")] = None,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Publish a file of scores as the next version; who is not in it has none any more."""
    with clear_errors(), open_house() as house:
        which, now = house.shop(shop), house.clock.now()
        done = house.run(lambda db: bring(db, which, key, file, kind, label, now))
        show(done, as_json, lambda: escape("\n".join(_lines(done))))


@app.command("remove")
def remove_prediction(key: Key, shop: ShopName = None, as_json: Json = False) -> None:
    """Take a prediction of your own away, with all its values."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)

        async def drop(db: Database) -> None:
            async with db.unit(which.schema) as tx:
                await keeping.drop(tx, key)

        house.run(drop)
        show({"removed": key}, as_json, lambda: escape(f"{key} is gone."))


@app.command("of")
def of_person(
    who: Who,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """What is predicted of a customer."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)

        async def look(db: Database) -> list[PredictionOfHers]:
            async with db.unit(which.schema) as tx:
                root = await root_of(tx, which, who)
                return await store.of_person(tx, await profiles.origins(tx, root))

        found = house.run(look)
        rows = [(one.name, one.label, str(one.value), one.percentile) for one in found]
        head = ("prediction", "name", "value", "percentile")
        show(found, as_json, lambda: table(head, rows, "Nothing is predicted of her."))


def _lines(done: Brought) -> list[str]:
    lines = [
        f"version {done.version} of {done.name}: {done.people:,} people by {done.rows:,} rows,"
        f" {done.left_out:,} left out"
    ]
    return lines + [f"row {one.row}, {one.person}: {one.problem}" for one in done.problems]

"""`patron trait …`: traits that are computed out of what people did."""

from typing import Annotated

import msgspec
import typer
from rich.markup import escape

from patron.app.cli.given import json_in
from patron.app.cli.house import open_house
from patron.app.cli.output import Json, ShopName, clear_errors, show, table
from patron.app.cli.whom import Who
from patron.kit.db import Database
from patron.profiles.search.whom import root_of
from patron.segments.computed import keeping, store
from patron.segments.computed.types import ComputedTrait, Outcome

app = typer.Typer(no_args_is_help=True, help="Traits that are computed out of what people did.")

Key = Annotated[str, typer.Argument(help="Small letters, digits and _, such as spent_in_a_year.")]
DEFINED = "a definition", "profiles.md"
DefinitionFile = Annotated[
    str, typer.Argument(help="A file with the definition as JSON; - is standard input.")
]


@app.command("list")
def list_traits(shop: ShopName = None, as_json: Json = False) -> None:
    """The computed traits there are, with their definitions."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)

        async def look(db: Database) -> list[ComputedTrait]:
            async with db.unit(which.schema) as tx:
                return await store.every(tx)

        found = house.run(look)
        rows = [(t.key, t.name, msgspec.json.encode(t.definition).decode()) for t in found]
        columns = ("key", "name", "definition")
        show(found, as_json, lambda: table(columns, rows, "No computed trait yet."))


@app.command("set")
def set_trait(
    key: Key,
    definition: DefinitionFile,
    name: Annotated[
        str | None, typer.Option(help="As people read it; the key if left out.")
    ] = None,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Define a computed trait, or define it anew."""
    with clear_errors():
        given = json_in(definition, *DEFINED)
        with open_house() as house:
            which, now = house.shop(shop), house.clock.now()

            async def write(db: Database) -> ComputedTrait:
                async with db.unit(which.schema) as tx:
                    return await keeping.put(tx, which, key, name or key, given, now)

            kept = house.run(write)
            show(kept, as_json, lambda: escape(f"{kept.name} is computed for everybody."))


@app.command("remove")
def remove_trait(key: Key, shop: ShopName = None, as_json: Json = False) -> None:
    """Take a computed trait away; what it was computed from stays."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)

        async def drop(db: Database) -> None:
            async with db.unit(which.schema) as tx:
                await keeping.drop(tx, key)

        house.run(drop)
        show({"removed": key}, as_json, lambda: escape(f"{key} is gone."))


@app.command("try")
def try_trait(
    definition: DefinitionFile, who: Who, shop: ShopName = None, as_json: Json = False
) -> None:
    """What a definition would be for one customer now."""
    with clear_errors():
        read = keeping.read(json_in(definition, *DEFINED))
        with open_house() as house:
            which, now = house.shop(shop), house.clock.now()

            async def look(db: Database) -> Outcome:
                async with db.unit(which.schema) as tx:
                    root = await root_of(tx, which, who)
                    return await keeping.tried(tx, which, read, root, now)

            found = house.run(look)
            show(
                found,
                as_json,
                lambda: escape(f"{found.value}, out of {found.events} events of hers."),
            )

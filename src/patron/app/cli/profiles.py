"""`patron profile …`: one customer, everything about her."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from patron.app import people
from patron.app.care.erasing import erase_and_prove
from patron.app.care.forgetting import Forgotten, forget
from patron.app.care.readable import readable
from patron.app.cli.house import open_house
from patron.app.cli.output import Json, ShopName, clear_errors, fail, show
from patron.app.cli.person.labels import add_note, add_tag, list_tags, remove_note, remove_tag
from patron.app.cli.person.looking import search, show_profile
from patron.app.cli.person.similar import show_similar
from patron.app.cli.whom import Who
from patron.kit.db import Database

app = typer.Typer(no_args_is_help=True, help="One customer, everything about her.")

app.command("search")(search)
app.command("show")(show_profile)
app.command("similar")(show_similar)
app.command("tags")(list_tags)
app.command("tag")(add_tag)
app.command("untag")(remove_tag)
app.command("note")(add_note)
app.command("unnote")(remove_note)


@app.command("export")
def export_profile(
    who: Who,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page for her to read to this file.")
    ] = None,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Everything kept about her, as one JSON value, with or without --json."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)

        async def look(db: Database) -> dict[str, Any]:
            async with db.unit(which.schema) as tx:
                return await people.export(tx, which, who)

        found = house.run(look)
        if html is not None:
            html.write_text(readable(found, which, house.clock.now()), "utf-8")
        show(found if html is None else {"written": str(html)}, True, str)


@app.command("erase")
def erase_profile(
    who: Who,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    proof: Annotated[
        bool,
        typer.Option(help="Look for her everywhere afterwards, some 20 s a gigabyte."),
    ] = True,
    now: Annotated[
        bool,
        typer.Option(
            "--now",
            help="Write PostgreSQL's files anew now instead of at night; nobody works meanwhile.",
        ),
    ] = False,
    also: Annotated[
        list[Path] | None,
        typer.Option(help="Search this folder too, such as that of your logs; repeatable."),
    ] = None,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Forget her for good, in every room, and prove it. Orders stay as sums of nobody's."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)
        if not yes and not typer.confirm(f"Forget {who} for good?"):
            fail("nothing was erased", None)

        async def erase(db: Database) -> Forgotten:
            given = (db, which, who, house.signer, house.clock, house.settings)
            if not (proof or now):
                return await forget(*given)
            return await erase_and_prove(*given, at_once=now, also=also or [])

        done = house.run(erase)
        show(done, as_json, lambda: _told(done))
        if done.proof is not None and done.proof.found:
            raise typer.Exit(1)


def _told(done: Forgotten) -> str:
    gone = f"Forgotten: {done.events} events, {done.carts} carts, {done.messages} messages."
    if done.proof is None:
        return f"{gone} The lake follows within a minute, or now with `patron lake copy`."
    return escape(f"{gone}\n{done.proof}")

"""Conditions tried before anything depends on them: `patron segment explain` and `preview`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import typer
from rich.markup import escape

from patron.app.cli.given import json_in
from patron.app.cli.house import OpenHouse, open_house
from patron.app.cli.in_shop import in_shop
from patron.app.cli.output import Json, ShopName, clear_errors, console, show, table
from patron.app.cli.progress import Bar
from patron.app.cli.whom import Who
from patron.events.sorted.layout import sorted_of
from patron.kit.db import Database, Tx
from patron.kit.problems import bad_request
from patron.profiles.search.whom import root_of
from patron.segments import saving, trying
from patron.segments.rules.language import parse
from patron.segments.rules.reading import Misread
from patron.segments.trying import Explained, Preview
from patron.shops.types import Shop

T = TypeVar("T")

app = typer.Typer()
RuleFile = Annotated[
    str, typer.Argument(metavar="RULE.json", help="A file with a condition, or - to read it.")
]


@app.command("explain")
def explain(rule: RuleFile, person: Who, shop: ShopName = None, as_json: Json = False) -> None:
    """Whether a condition holds for one person now, and why."""
    data = data_of(rule)

    async def look(tx: Tx, which: Shop, house: OpenHouse) -> Explained:
        with misread(rule):
            asked = parse(data, await saving.scope(tx))
        root = await root_of(tx, which, person)
        return await trying.explain(tx, which, asked, root, house.clock.now())

    found = in_shop(shop, look)
    show(found, as_json, lambda: explained(found))


@app.command("preview")
def preview(rule: RuleFile, shop: ShopName = None, as_json: Json = False) -> None:
    """For how many people a condition holds now, and ten of them."""
    with clear_errors():
        data = data_of(rule)
        with open_house() as house, Bar(as_json) as bar:
            which = house.shop(shop)
            tell = bar.people()

            async def look(db: Database) -> Preview:
                async with db.unit(which.schema) as tx:
                    with misread(rule):
                        asked = parse(data, await saving.scope(tx))
                copy = sorted_of(house.settings.data_dir, which.slug)
                now = house.clock.now()
                return await trying.preview(db, which, asked, now, told=tell, copy=copy)

            found = house.run(look)
        if as_json:
            show(found, True, str)
            return
        console.print(f"{found.said}, in {found.seconds:.1f} s.", highlight=False)
        rows = [(str(one.id), one.name) for one in found.sample]
        console.print(table(("person", "name"), rows, "Nobody."))


def explained(found: Explained) -> str:
    """An explanation for people."""
    lines = ["It holds:" if found.holds else "It does not hold:"]
    lines += [f"  {escape(why)}" for why in found.why]
    if found.changes_at is None:
        return "\n".join([*lines, "That changes only when something happens."])
    when = f"{found.changes_at:%Y-%m-%d %H:%M:%S} UTC"
    return "\n".join([*lines, f"Without anything happening it can change on {when}."])


def data_of(given: str) -> Any:
    """The condition in a file of JSON, or on standard input."""
    with clear_errors():
        return json_in(given, "a condition", "conditions.md")


@contextmanager
def misread(given: str) -> Iterator[None]:
    """Turn what cannot be read in a rule into one clear error that names where it stands."""
    try:
        yield
    except Misread as error:
        raise bad_request(f"{given}: {error}", remedy=error.remedy) from error

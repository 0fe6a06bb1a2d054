"""`patron segment …`: which people, and why."""

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from patron.app.cli.house import OpenHouse, open_house
from patron.app.cli.output import Json, ShopName, clear_errors, console, show, table
from patron.app.cli.progress import Bar
from patron.kit.db import Database
from patron.kit.problems import bad_request, not_found
from patron.profiles import store as profiles
from patron.segments import trying
from patron.segments.language import Rule, Scope, parse
from patron.segments.lists import store as lists
from patron.segments.reading import Misread
from patron.segments.trying import Explained, Preview
from patron.shops.types import Shop

app = typer.Typer(no_args_is_help=True, help="Which people, and why.")
RuleFile = Annotated[
    str, typer.Argument(metavar="RULE.json", help="A file with a condition, or - to read it.")
]
Person = Annotated[
    str, typer.Argument(help="A profile id, or email:…, user_id:…, phone:…, anonymous_id:…")
]


@app.command("explain")
def explain(rule: RuleFile, person: Person, shop: ShopName = None, as_json: Json = False) -> None:
    """Whether a condition holds for one person now, and why."""
    with clear_errors():
        with open_house() as house:
            which = house.shop(shop)
            asked = _read(rule, _lists(house, which))

            async def look(db: Database) -> Explained:
                async with db.unit(which.schema) as tx:
                    root = await profiles.find(tx, person, which.settings.phone_region)
                    if root is None:
                        raise not_found("profile", person)
                    return await trying.explain(tx, which, asked, root, house.clock.now())

            found = house.run(look)
        if as_json:
            show(found, True, str)
            return
        console.print("It holds:" if found.holds else "It does not hold:")
        for why in found.why:
            console.print(f"  {why}", highlight=False, markup=False)
        if found.changes_at is None:
            console.print("That changes only when something happens.")
        else:
            when = f"{found.changes_at:%Y-%m-%d %H:%M:%S} UTC"
            console.print(f"Without anything happening it can change on {when}.", highlight=False)


@app.command("preview")
def preview(rule: RuleFile, shop: ShopName = None, as_json: Json = False) -> None:
    """For how many people a condition holds now, and ten of them."""
    with clear_errors():
        with open_house() as house, Bar(as_json) as bar:
            which = house.shop(shop)
            asked = _read(rule, _lists(house, which))
            tell = bar.people()

            async def look(db: Database) -> Preview:
                return await trying.preview(db, which, asked, house.clock.now(), told=tell)

            found = house.run(look)
        if as_json:
            show(found, True, str)
            return
        console.print(f"{found.said}, in {found.seconds:.1f} s.", highlight=False)
        rows = [(str(one.id), one.name) for one in found.sample]
        console.print(table(("person", "name"), rows, "Nobody."))


def _lists(house: OpenHouse, shop: Shop) -> frozenset[str]:
    async def look(db: Database) -> frozenset[str]:
        async with db.unit(shop.schema) as tx:
            return await lists.keys(tx)

    return house.run(look)


def _read(given: str, there: frozenset[str]) -> Rule:
    """The rule in a file. Problem 400 when there is none, or none that can be read."""
    try:
        text = sys.stdin.read() if given == "-" else Path(given).read_text("utf-8")
        return parse(msgspec.json.decode(text), Scope(lists=there))
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        remedy = "give a file with a condition as JSON, as docs/conditions.md describes it"
        raise bad_request(f"{given} cannot be read: {error}", remedy=remedy) from error
    except msgspec.DecodeError as error:
        raise bad_request(f"{given} is no JSON: {error}", remedy="correct it") from error
    except Misread as error:
        allowed = f"use one of {', '.join(error.allowed)}" if error.allowed else "correct the value"
        raise bad_request(f"{given}: {error}", remedy=allowed) from error

"""`patron list …`: people that are put together by hand or by a file."""

import sys
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer
from rich.markup import escape

from patron.app.cli.house import OpenHouse, open_house
from patron.app.cli.imports import Again, Asked, File, Map, Yes, bring
from patron.app.cli.in_shop import in_shop
from patron.app.cli.output import Json, ShopName, clear_errors, show, table
from patron.app.cli.whom import Who
from patron.app.lists.deleting import delete
from patron.kit.db import Database, Tx
from patron.profiles import store as profiles
from patron.profiles.search.whom import root_of
from patron.segments.alike.growing import Grown, grow, source_of
from patron.segments.lists import keeping, store
from patron.segments.lists.file import content
from patron.segments.lists.keeping import Added, ListMember, Removed
from patron.segments.lists.types import ListOfHers, StaticList
from patron.shops.types import Shop

T = TypeVar("T")
MOST = 100_000

app = typer.Typer(
    no_args_is_help=True, help="Lists: people that are put together by hand or by a file."
)
Key = Annotated[str, typer.Argument(metavar="LIST", help="The key of a list.")]
People = Annotated[
    list[str],
    typer.Argument(metavar="PERSON…", help="Profile ids, or email:…, user_id:…, phone:…"),
]


@app.command("all")
def show_lists(shop: ShopName = None, as_json: Json = False) -> None:
    """The lists there are."""

    async def look(tx: Tx, _: Shop, __: OpenHouse) -> list[StaticList]:
        return await store.every(tx, None, MOST)

    found = in_shop(shop, look)
    rows = [(one.key, one.name, f"{one.members:,}", one.description) for one in found]
    names = ("list", "name", "people", "description")
    show(found, as_json, lambda: table(names, rows, "There is no list yet."))


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="What people call it.")],
    key: Annotated[str | None, typer.Option("--key", help="What rules call it.")] = None,
    description: Annotated[str, typer.Option("--description", help="What it is for.")] = "",
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Make an empty list; its key is made of its name."""

    async def make(tx: Tx, _: Shop, house: OpenHouse) -> StaticList:
        return await keeping.create(tx, name, key, description, house.clock.now())

    made = in_shop(shop, make)
    show(made, as_json, lambda: f"List {made.key!r} is there, and nobody is on it.")


@app.command("lookalikes")
def lookalikes(
    name: Annotated[str, typer.Argument(help="What people call the new list.")],
    segment: Annotated[str | None, typer.Option(help="Like those in this segment.")] = None,
    of_list: Annotated[str | None, typer.Option("--list", help="Like those on this list.")] = None,
    people: Annotated[int, typer.Option(help="At most so many.")] = 500,
    key: Annotated[str | None, typer.Option("--key", help="What rules call it.")] = None,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Make a list of the people who are most like those in a segment or on a list."""

    async def make(tx: Tx, _: Shop, house: OpenHouse) -> Grown:
        source = source_of(segment, of_list)
        return await grow(tx, name, key, source, people, house.clock.now())

    made = in_shop(shop, make)
    said = f"List {made.made.key!r} is there with {made.made.members:,} people"
    if made.alike_in:
        said += f" who, like them, have much of {', '.join(made.alike_in)}"
    show(made, as_json, lambda: escape(f"{said}."))


@app.command("rename")
def rename(
    key: Key,
    name: Annotated[str, typer.Argument(help="Its new name.")],
    description: Annotated[
        str | None, typer.Option("--description", help="What it is for.")
    ] = None,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Call a list something else; its key, which rules know, stays."""

    async def change(tx: Tx, _: Shop, house: OpenHouse) -> StaticList:
        return await keeping.change(tx, key, name, description, house.clock.now())

    changed = in_shop(shop, change)
    show(changed, as_json, lambda: f"List {key!r} is called {changed.name!r} now.")


@app.command("delete")
def remove_list(key: Key, shop: ShopName = None, as_json: Json = False) -> None:
    """Delete a list. The people stay; a list that a rule needs is kept."""

    async def drop(tx: Tx, _: Shop, __: OpenHouse) -> StaticList:
        return await delete(tx, key)

    gone = in_shop(shop, drop)
    show(gone, as_json, lambda: f"List {key!r} is gone; {gone.members:,} people were on it.")


@app.command("members")
def show_members(
    key: Key,
    limit: Annotated[int, typer.Option("--limit", min=1, max=MOST, help="At most so many.")] = 50,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Who is on a list."""

    async def look(tx: Tx, _: Shop, __: OpenHouse) -> list[ListMember]:
        one = await keeping.found(tx, key)
        rows, _more = await store.members(tx, one.id, None, limit)
        return await keeping.shown(tx, rows)

    found = in_shop(shop, look)
    rows = [
        (str(m.id), m.name, m.email or m.phone or m.user_id, f"{m.added_at:%Y-%m-%d}", m.source)
        for m in found
    ]
    names = ("person", "name", "known as", "since", "by")
    show(found, as_json, lambda: table(names, rows, "Nobody."))


@app.command("add")
def add(key: Key, people: People, shop: ShopName = None, as_json: Json = False) -> None:
    """Put people on a list whom the shop knows."""

    async def put(tx: Tx, which: Shop, house: OpenHouse) -> Added:
        return await keeping.add(tx, which, key, people, "patron list", house.clock.now())

    done = in_shop(shop, put)
    unknown = f"; unknown: {', '.join(done.unknown)}" if done.unknown else ""
    show(done, as_json, lambda: f"{done.added} added, {done.already} on it already{unknown}")


@app.command("remove")
def remove(key: Key, people: People, shop: ShopName = None, as_json: Json = False) -> None:
    """Take people off a list."""

    async def take(tx: Tx, which: Shop, house: OpenHouse) -> Removed:
        return await keeping.remove(tx, which, key, people, house.clock.now())

    done = in_shop(shop, take)
    unknown = f"; unknown: {', '.join(done.unknown)}" if done.unknown else ""
    show(done, as_json, lambda: f"{done.removed} removed, {done.not_on_it} not on it{unknown}")


@app.command("of")
def show_lists_of(
    who: Who,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """The lists that one person is on."""

    async def look(tx: Tx, which: Shop, _: OpenHouse) -> list[ListOfHers]:
        return await store.of_person(tx, await profiles.origins(tx, await root_of(tx, which, who)))

    found = in_shop(shop, look)
    rows = [(one.key, one.name, f"{one.added_at:%Y-%m-%d}", one.source) for one in found]
    show(found, as_json, lambda: table(("list", "name", "since", "by"), rows, "On none."))


@app.command("import")
def import_file(
    key: Key,
    file: File,
    map_file: Map = None,
    consent_from: Annotated[
        str | None,
        typer.Option("--consent-from", help="Where the file's consents were given; see docs."),
    ] = None,
    yes: Yes = False,
    again: Again = False,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Put the people of a file on a list; who is not known yet is created."""
    asked = Asked(map_file, None, yes, again, shop, as_json, key, consent_from)
    bring("profiles", file, asked)


class Exported(msgspec.Struct, frozen=True):
    """A list written to a file."""

    list: str
    people: int
    file: str


@app.command("export")
def export(
    key: Key,
    to: Annotated[
        Path | None, typer.Option("--to", help="The file to write; without it, the terminal.")
    ] = None,
    bom: Annotated[bool, typer.Option("--bom", help="Mark the file as UTF-8, for Excel.")] = False,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Write a list as CSV; no cell of it is a formula. With --json and no file, its people."""
    if to is None and as_json:
        show_members(key, MOST, shop, True)
        return
    with clear_errors(), open_house() as house:
        which = house.shop(shop)

        async def write(db: Database) -> StaticList:
            async with db.unit(which.schema) as tx:
                one = await keeping.found(tx, key)
            out = sys.stdout.buffer if to is None else to.open("wb")
            try:
                async for part in content(db, which, one.id, bom=bom):
                    out.write(part)
            finally:
                out.flush()
                if to is not None:
                    out.close()
            return one

        one = house.run(write)
    if to is not None:
        done = Exported(key, one.members, str(to))
        show(done, as_json, lambda: escape(f"{done.people:,} people are written to {to}."))

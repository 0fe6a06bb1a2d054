"""Ready-made and suggested segments: `patron segment ready-made`, `install`, `movement`, …"""

from datetime import datetime
from typing import Annotated

import typer

from patron.app.cli.given import in_utc
from patron.app.cli.house import OpenHouse, open_house
from patron.app.cli.in_shop import in_shop
from patron.app.cli.output import Json, ShopName, clear_errors, show, table
from patron.app.cli.saved import save_and_fill, save_some_and_fill
from patron.kit.db import Database, Tx
from patron.segments.ready import showing
from patron.segments.ready.movement import Movement, movement
from patron.segments.ready.showing import ReadyMadeView
from patron.segments.saved.showing import SegmentView, shown
from patron.segments.suggesting import finding, keeping
from patron.segments.suggesting.keeping import Suggested
from patron.shops.types import Shop

app = typer.Typer()


@app.command("ready-made")
def show_ready_made(
    count: Annotated[
        bool, typer.Option("--count/--no-count", help="Count those that are not saved, too.")
    ] = True,
    whole: Annotated[
        bool, typer.Option("--whole", help="However long it takes, not for some seconds only.")
    ] = False,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """The segments that need no rule of your own, and how many people are in each."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)

        async def look(db: Database) -> list[ReadyMadeView]:
            seconds = None if whole else showing.PATIENCE
            return await showing.shown(db, which, house.clock.now(), seconds if count else 0)

        found = house.run(look)
    rows = [
        (one.theme, one.key, one.name, people(one), "saved" if one.saved else "")
        for one in found
    ]  # fmt: skip
    head = ("theme", "segment", "name", "people", "")
    show(found, as_json, lambda: table(head, rows, "There are none."))


def people(one: ReadyMadeView) -> str:
    """How many it is said to have; "" where nobody counted."""
    if one.count is None:
        return ""
    return f"{one.count:,}" if one.counted_all else f"at least {one.count:,}"


@app.command("install")
def install(
    key: Annotated[
        str | None, typer.Argument(metavar="[KEY]", help="As `ready-made` lists it.")
    ] = None,
    core: Annotated[
        bool, typer.Option("--core", help="All that a new shop begins with and this one has not.")
    ] = False,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Save a ready-made segment, or those that every new shop has, and find out who is in it."""
    if (key is None) != core:
        raise typer.BadParameter("give the KEY of one, or --core")

    async def save(tx: Tx, which: Shop, house: OpenHouse) -> SegmentView:
        return await shown(tx, await showing.save(tx, which, key or "", house.clock.now()))

    async def save_core(tx: Tx, which: Shop, house: OpenHouse) -> list[SegmentView]:
        made = await showing.save_core(tx, which, house.clock.now())
        return [await shown(tx, one) for one in made]

    if core:
        nothing = "All that a new shop begins with are saved already."
        save_some_and_fill(shop, save_core, as_json, nothing)
    else:
        save_and_fill(shop, key or "", save, as_json)


@app.command("movement")
def show_movement(
    since: Annotated[
        datetime | None, typer.Option("--since", help="Compared with now (UTC); 30 days ago.")
    ] = None,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """How many buyers moved from which of the six groups to which."""

    async def look(tx: Tx, _: Shop, house: OpenHouse) -> Movement:
        when = None if since is None else in_utc(since)
        return await movement(tx, when, house.clock.now())

    found = in_shop(shop, look)
    show(found, as_json, lambda: _moved(found))


@app.command("suggestions")
def show_suggestions(
    now: Annotated[
        bool, typer.Option("--now", help="Look anew, instead of what the last night found.")
    ] = False,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Groups of customers who are alike, named in words."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)

        async def look(db: Database) -> Suggested:
            if now:
                await finding.find(db, which, house.clock)
            async with db.unit(which.schema) as tx:
                return await keeping.suggested(tx)

        found = house.run(look)
    show(found, as_json, lambda: _suggested(found))


@app.command("accept")
def accept(
    key: Annotated[str, typer.Argument(metavar="KEY", help="As `suggestions` lists it.")],
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Save a suggested segment, and find out at once who is in it."""

    async def save(tx: Tx, which: Shop, house: OpenHouse) -> SegmentView:
        return await shown(tx, await keeping.save(tx, which, key, house.clock.now()))

    save_and_fill(shop, key, save, as_json)


def _moved(found: Movement) -> str:
    known = "; they are not kept for longer" if found.since == found.known_since else ""
    lines = [f"From {found.since:%Y-%m-%d %H:%M} UTC until now{known}:"]
    lines += [f"  {_group(one.group)}: {one.then:,} then, {one.now:,} now" for one in found.groups]
    for one in found.moves:
        lines.append(f"  {one.people:,} from {_group(one.from_)} to {_group(one.to)}")
    return "\n".join(lines)


def _group(name: str | None) -> str:
    return "no group" if name is None else name.replace("_", " ")


def _suggested(found: Suggested) -> str:
    lines = [f"{found.said[0].upper()}{found.said[1:]}."]
    for one in found.suggestions:
        lines += ["", f"{one.name} (about {one.people:,})", f"  {one.description}"]
        if one.rule is None:
            lines.append("  No rule describes them well enough.")
        else:
            lines.append(
                f"  patron segment accept {one.key}: {one.hits:.0%} of those in it are meant, and"
                f" it has {one.reach:.0%} of those who are."
            )
    return "\n".join(lines)

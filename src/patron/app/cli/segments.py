"""`patron segment …`: which people, and why."""

from datetime import datetime
from typing import Annotated

import msgspec
import typer

from patron.app.cli import conditions
from patron.app.cli.conditions import RuleFile, data_of, explained
from patron.app.cli.given import in_utc
from patron.app.cli.house import OpenHouse
from patron.app.cli.in_shop import in_shop
from patron.app.cli.output import Json, ShopName, show, table
from patron.app.cli.ready_made import commands as ready_made
from patron.app.cli.saved import save_and_fill
from patron.app.cli.whom import Who
from patron.app.segments.deleting import delete
from patron.kit.db import Tx
from patron.profiles.search.whom import root_of
from patron.segments import saving
from patron.segments.members.types import Day
from patron.segments.saved import showing
from patron.segments.saved.showing import MemberView, SegmentView, Why
from patron.segments.saving import Draft
from patron.shops.types import Shop

MOST = 100_000

app = typer.Typer(no_args_is_help=True, help="Which people, and why.")
app.add_typer(conditions.app)
app.add_typer(ready_made.app)
Rules = Annotated[
    str | None, typer.Option("--rule", metavar="RULE.json", help="A file with its rule, or -.")
]
Key = Annotated[str, typer.Argument(metavar="SEGMENT", help="The key of a segment.")]


@app.command("list")
def show_segments(shop: ShopName = None, as_json: Json = False) -> None:
    """The saved segments, and how many are in each."""

    async def look(tx: Tx, _: Shop, __: OpenHouse) -> list[SegmentView]:
        return await showing.all_shown(tx)

    found = in_shop(shop, look)
    rows = [(one.key, one.name, one.said) for one in found]
    show(found, as_json, lambda: table(("segment", "name", "people"), rows, "None is saved yet."))


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="What people call it.")],
    rule: RuleFile,
    key: Annotated[str | None, typer.Option("--key", help="What rules call it.")] = None,
    description: Annotated[str, typer.Option("--description", help="What it is for.")] = "",
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Save a segment, and find out at once who is in it."""
    data = data_of(rule)

    async def save(tx: Tx, which: Shop, house: OpenHouse) -> SegmentView:
        draft = Draft(name=name, description=description, rule=data)
        made = await saving.create(tx, which, key, draft, house.clock.now())
        return await showing.shown(tx, made)

    save_and_fill(shop, rule, save, as_json)


@app.command("change")
def change(
    key: Key,
    name: Annotated[str | None, typer.Option("--name", help="Its new name.")] = None,
    description: Annotated[
        str | None, typer.Option("--description", help="What it is for.")
    ] = None,
    rule: Rules = None,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Change a segment; with another rule everybody is asked anew."""
    if name is None and description is None and rule is None:
        raise typer.BadParameter("give --name, --description or --rule")
    data = None if rule is None else data_of(rule)

    async def save(tx: Tx, which: Shop, house: OpenHouse) -> SegmentView:
        draft = Draft(name=name, description=description, rule=data)
        changed = await saving.change(tx, which, key, draft, house.clock.now())
        return await showing.shown(tx, changed)

    save_and_fill(shop, rule or key, save, as_json)


@app.command("pause")
def pause(key: Key, shop: ShopName = None, as_json: Json = False) -> None:
    """Have nobody enter or leave a segment until it is resumed."""
    _set_paused(key, True, shop, as_json)


@app.command("resume")
def resume(key: Key, shop: ShopName = None, as_json: Json = False) -> None:
    """Keep a paused segment again; everybody is asked."""
    _set_paused(key, False, shop, as_json)


@app.command("delete")
def remove(key: Key, shop: ShopName = None, as_json: Json = False) -> None:
    """Delete a segment and who was in it when; one that a rule names is kept."""

    async def drop(tx: Tx, which: Shop, _: OpenHouse) -> SegmentView:
        return await delete(tx, which, key)

    gone = in_shop(shop, drop)
    show(gone, as_json, lambda: f"Segment {key!r} is gone; it had {gone.said}.")


@app.command("show")
def show_one(key: Key, shop: ShopName = None, as_json: Json = False) -> None:
    """One segment: its rule, and how far it is known."""

    async def look(tx: Tx, _: Shop, __: OpenHouse) -> SegmentView:
        return await showing.shown(tx, await saving.existing(tx, key))

    found = in_shop(shop, look)
    rule = msgspec.json.format(msgspec.json.encode(found.rule)).decode()
    show(found, as_json, lambda: f"{found.name}: {found.said}\n{found.description}\n{rule}")


@app.command("members")
def show_members(
    key: Key,
    on: Annotated[
        datetime | None, typer.Option("--on", help="Who was in it then (UTC); without it, now.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=MOST, help="At most so many.")] = 50,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Who is in a segment, or was at a moment."""

    async def look(tx: Tx, _: Shop, house: OpenHouse) -> list[MemberView]:
        when = None if on is None else showing.past(in_utc(on), house.clock.now(), "on")
        segment = await saving.existing(tx, key)
        return await showing.members_shown(tx, segment, None, limit, when)

    found = in_shop(shop, look)
    rows = [
        (str(one.id), one.name or one.email, f"{one.entered_at:%Y-%m-%d %H:%M}", one.cause)
        for one in found
    ]
    show(found, as_json, lambda: table(("person", "name", "since (UTC)", "by"), rows, "Nobody."))


@app.command("growth")
def show_growth(
    key: Key,
    days: Annotated[int, typer.Option("--days", min=1, max=730, help="So many.")] = 30,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """How many were in a segment at the end of each of the last days."""

    async def look(tx: Tx, which: Shop, house: OpenHouse) -> list[Day]:
        segment = await saving.existing(tx, key)
        return await showing.growth(tx, which, segment, days, house.clock.now())

    found = in_shop(shop, look)
    rows = [(one.day, f"{one.count:,}", f"{one.entered:,}", f"{one.left:,}") for one in found]
    show(found, as_json, lambda: table(("day", "people", "came", "left"), rows, "No day."))


@app.command("why")
def show_why(key: Key, person: Who, shop: ShopName = None, as_json: Json = False) -> None:
    """Why somebody is in a segment, or is not."""

    async def look(tx: Tx, which: Shop, house: OpenHouse) -> Why:
        segment = await saving.existing(tx, key)
        root = await root_of(tx, which, person)
        return await showing.why(tx, which, segment, root, house.clock.now())

    found = in_shop(shop, look)
    show(found, as_json, lambda: _told(found))


def _set_paused(key: str, paused: bool, shop: str | None, as_json: bool) -> None:
    async def save(tx: Tx, which: Shop, house: OpenHouse) -> SegmentView:
        changed = await saving.change(tx, which, key, Draft(paused=paused), house.clock.now())
        return await showing.shown(tx, changed)

    save_and_fill(shop, key, save, as_json)


def _told(found: Why) -> str:
    """Why she is in it, and when she came and went."""
    lines = ["She is in it." if found.inside else "She is not in it.", explained(found.explained)]
    for stay in found.stays:
        until = "now" if stay.left_at is None else f"{stay.left_at:%Y-%m-%d %H:%M}"
        by = stay.cause if stay.left_cause is None else f"{stay.cause}, left by {stay.left_cause}"
        lines.append(f"  in it from {stay.entered_at:%Y-%m-%d %H:%M} to {until} (UTC; {by})")
    return "\n".join(lines)

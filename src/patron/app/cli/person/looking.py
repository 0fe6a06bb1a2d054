"""`patron profile search` and `patron profile show`: finding a customer, and her page."""

from typing import Annotated

import msgspec
import typer

from patron.analytics.person.page import page
from patron.analytics.person.types import PersonPage
from patron.app.cli.house import open_house
from patron.app.cli.output import Json, ShopName, clear_errors, console, show, table
from patron.app.cli.person.page import Part, parts
from patron.app.cli.whom import Who
from patron.events import store as events
from patron.events.types import LoggedEvent
from patron.kit.db import Database
from patron.kit.money import format_money
from patron.kit.paging import Page, bounded
from patron.kit.problems import not_found
from patron.profiles.search.look import look
from patron.profiles.search.types import Found
from patron.profiles.search.whom import root_of
from patron.profiles.types import Reach

TIMELINE = 20


class Shown(msgspec.Struct, frozen=True):
    """Her page with the newest part of her timeline."""

    profile: PersonPage
    email: Reach
    timeline: list[LoggedEvent]


def search(
    term: Annotated[
        str,
        typer.Argument(help="The beginning of a name, address or number, or an order's number."),
    ] = "",
    known: Annotated[
        bool | None,
        typer.Option("--known/--visitors", help="Only customers known by name, or only visitors."),
    ] = None,
    limit: Annotated[int, typer.Option(help="How many; 200 at most.")] = 20,
    cursor: Annotated[str | None, typer.Option(help="Go on behind an earlier page.")] = None,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Customers by whatever they go by; without a term all of them, the last seen first."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)
        bounded(limit)

        async def find(db: Database) -> Page[Found]:
            async with db.unit(which.schema) as tx:
                return await look(tx, which, term, known=known, cursor=cursor, limit=limit)

        found = house.run(find)
        rows = [
            (
                one.id,
                one.name,
                one.email or one.phone,
                f"{one.last_seen:%Y-%m-%d %H:%M}",
                one.orders,
                format_money(one.value, one.currency, which.locale),
                ", ".join(one.tags),
            )
            for one in found.items
        ]
        columns = ("profile", "name", "address", "last seen (UTC)", "orders", "worth", "tags")
        show(found, as_json, lambda: table(columns, rows, "Nobody."))
        if found.next_cursor and not as_json:
            console.print(f"There are more: --cursor {found.next_cursor}", highlight=False)


def show_profile(who: Who, shop: ShopName = None, as_json: Json = False) -> None:
    """Everything known about her, who said so, and what she did last."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)

        async def open_page(db: Database) -> Shown:
            async with db.unit(which.schema) as tx:
                root = await root_of(tx, which, who)
                found = await page(tx, which, root, house.clock.now())
                if found is None:
                    raise not_found("profile", who)
                line = await events.timeline(tx, found.origins, before=None, limit=TIMELINE)
                ways = {(way.channel, way.purpose): way.reach for way in found.ways}
                return Shown(found, ways["email", "marketing"], line)

        shown = house.run(open_page)
        if as_json:
            show(shown, True, str)
            return
        person = shown.profile
        console.print(f"[bold]profile {person.id}[/bold]", highlight=False)
        rows = [(f"{e.ts:%Y-%m-%d %H:%M:%S}", e.name, e.channel, e.device) for e in shown.timeline]
        line = Part("What she did last", ["when (UTC)", "what", "came by", "on"], rows)
        for part in [*parts(person, which), line]:
            if part.rows:
                console.print(f"\n[bold]{part.title}[/bold]", highlight=False)
                console.print(table(part.columns, part.rows, ""))

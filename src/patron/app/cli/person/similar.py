"""`patron profile similar`: who is like a customer, and what those like her turn to."""

from typing import Annotated

import typer
from rich.markup import escape

from patron.app.cli.house import open_house
from patron.app.cli.output import Json, ShopName, clear_errors, console, show, table
from patron.app.cli.person.page import Part
from patron.app.cli.whom import Who
from patron.kit.db import Database
from patron.profiles.search.whom import root_of
from patron.segments.alike import building
from patron.segments.alike.finding import NEIGHBOURS, similar
from patron.segments.alike.types import Similar


def show_similar(
    who: Who,
    limit: Annotated[int, typer.Option(min=1, max=NEIGHBOURS, help="How many people.")] = 10,
    now: Annotated[
        bool, typer.Option("--now", help="Compare everybody anew first, not at night.")
    ] = False,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Who is like her and why, and what those like her are interested in and she has not seen."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)

        async def look(db: Database) -> Similar:
            async with db.unit(which.schema) as tx:
                await root_of(tx, which, who)  # before everybody is compared, which takes minutes
            if now:
                await building.build(db, which, house.clock)
            async with db.unit(which.schema) as tx:
                root = await root_of(tx, which, who)
                return await similar(tx, which, root, house.clock.now(), limit)

        found = house.run(look)
        if as_json:
            show(found, True, str)
            return
        console.print(escape(found.said), highlight=False)
        for one in found.people:
            called = f"[bold]{escape(one.name or 'somebody without a name')}[/bold]"
            console.print(f"\n{called}, {one.likeness:.0%} alike ({one.id})", highlight=False)
            for reason in one.why:
                console.print(f"  {escape(reason)}", highlight=False)
        for part in _parts(found):
            if part.rows:
                console.print(f"\n[bold]{part.title}[/bold]", highlight=False)
                console.print(table(part.columns, part.rows, ""))


def _parts(found: Similar) -> list[Part]:
    turns = found.interested_in
    kinds = [("category", turns.categories), ("brand", turns.brands)]
    return [
        Part(
            f"What those like her turn to ({turns.of} people)",
            ["", "value", "people", "times as often as all"],
            [
                (kind, one.value, one.people, f"{one.times:g}")
                for kind, some in kinds
                for one in some
            ],
        ),
        Part(
            "Products they turn to",
            ["product", "title", "people", "ordered by"],
            [(one.product_id, one.title, one.people, one.ordered) for one in turns.products],
        ),
    ]

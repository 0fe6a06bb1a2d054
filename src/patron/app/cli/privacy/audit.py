"""`patron audit`: who read or changed what."""

from datetime import datetime
from typing import Annotated

import typer

from patron.app.audit.routes import Wanted, entries
from patron.app.cli.given import in_utc
from patron.app.cli.house import open_house
from patron.app.cli.output import Json, ShopName, clear_errors, show, table
from patron.kit.db import Database
from patron.shops.audit.types import Asked, Entry

Moment = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="In UTC.")
]


def audit(
    person: Annotated[
        str | None,
        typer.Argument(help="Only about her (profile id, email:…) or a thing (journey:…)."),
    ] = None,
    actor: Annotated[str | None, typer.Option(help="Only of this key or user.")] = None,
    action: Annotated[
        str | None, typer.Option(help="Only routes or commands with this in their name.")
    ] = None,
    changes: Annotated[
        bool | None, typer.Option("--changes/--reads", help="Only changes, or only reads.")
    ] = None,
    since: Moment = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 30,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Who read or changed what, the newest first. This very look is the first line."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)
        moment = None if since is None else in_utc(since)
        asked = Wanted(person, Asked(actor, action, None, changes, moment, None))

        async def look(db: Database) -> list[Entry]:
            async with db.unit(which.schema) as tx:
                return await entries(tx, which, asked, None, limit)

        found = house.run(look)
        rows = [
            (f"{e.at:%Y-%m-%d %H:%M:%S}", e.actor.name, e.action, e.subject, e.count, e.outcome)
            for e in found
        ]
        columns = ("when (UTC)", "who", "what", "whom", "came back", "outcome")
        show(found, as_json, lambda: table(columns, rows, "Nothing was read or changed."))

"""`patron doctor`."""

from typing import Annotated

import typer

from patron.app.care.doctor import examine
from patron.app.cli.house import open_house
from patron.app.cli.output import Json, clear_errors, console, show, table
from patron.kit.settings import shown

COLOURS = {"ok": "green", "warning": "yellow", "failed": "red"}


def doctor(
    mail: Annotated[bool, typer.Option(help="Send a test mail to owner_email.")] = True,
    settings: Annotated[bool, typer.Option("--settings", help="Show every setting too.")] = False,
    as_json: Json = False,
) -> None:
    """Check everything and send a test mail; ends with status 1 if something has failed."""
    with clear_errors(), open_house() as house:
        to = house.settings.owner_email if mail else None
        found = house.run(lambda db: examine(house.settings, db, house.clock, to))
        if as_json:
            show(found, True, str)
        else:
            for finding in found:
                colour = COLOURS[finding.state]
                console.print(
                    f"[{colour}]{finding.state:>8}[/{colour}]  [bold]{finding.what}[/bold]"
                    f"  {finding.detail}",
                    highlight=False,
                )
                if finding.remedy:
                    console.print(f"          → {finding.remedy}", highlight=False)
            if settings:
                console.print(table(["", ""], list(shown(house.settings).items()), ""))
    if any(finding.state == "failed" for finding in found):
        raise typer.Exit(1)

"""`patron doctor`."""

from typing import Annotated

import typer
from rich.markup import escape

from patron.app.care.doctor import examine, without_database
from patron.app.care.finding import Finding
from patron.app.cli.house import Unreachable, open_house
from patron.app.cli.output import Json, clear_errors, console, show, table
from patron.app.context import read_settings
from patron.app.under_test import REMEDY, TEST_SOCKET, conductor
from patron.kit.postgres.errors import PostgresError
from patron.kit.settings import Settings, shown

COLOURS = {"ok": "green", "warning": "yellow", "failed": "red"}


def doctor(
    mail: Annotated[bool, typer.Option(help="Send a test mail to owner_email.")] = True,
    settings: Annotated[bool, typer.Option("--settings", help="Show every setting too.")] = False,
    as_json: Json = False,
) -> None:
    """Check everything and send a test mail; ends with status 1 if something has failed."""
    with clear_errors():
        found, the_settings = _examined(mail)
    if as_json:
        show(found, True, str)
    else:
        for finding in found:
            colour = COLOURS[finding.state]
            console.print(
                f"[{colour}]{finding.state:>8}[/{colour}]  [bold]{finding.what}[/bold]"
                f"  {escape(finding.detail)}",
                highlight=False,
            )
            if finding.remedy:
                # Not folded: what is there to be copied is one line.
                console.print(
                    f"          → {finding.remedy}", highlight=False, markup=False, soft_wrap=True
                )
        if settings:
            console.print(table(["", ""], list(shown(the_settings).items()), ""))
    if any(finding.state == "failed" for finding in found):
        raise typer.Exit(1)


def _examined(mail: bool) -> tuple[list[Finding], Settings]:
    """What was found, with or without a database, and the settings."""
    the_settings = read_settings()
    found = _conducted()
    try:
        with open_house() as house:
            to = the_settings.owner_email if mail else None
            found += house.run(lambda db: examine(the_settings, db, house.clock, to))
    except (Unreachable, PostgresError) as error:
        found += without_database(the_settings, str(error))
    return found, the_settings


def _conducted() -> list[Finding]:
    path = conductor()
    if path is None:
        return []
    return [Finding("clock", "failed", f"{TEST_SOCKET} = {path}: time is invented here", REMEDY)]

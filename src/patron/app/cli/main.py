"""`patron`: one command to start, and the rest to look and to mend."""

import typer

from patron import VERSION
from patron.app.cli import (
    doctor,
    events,
    imports,
    journeys,
    lake,
    messages,
    profiles,
    running,
    setup,
    shops,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Lets an online shop know and treat every customer as a good shopkeeper would.",
)
app.add_typer(shops.shop_app, name="shop")
app.add_typer(shops.key_app, name="key")
app.add_typer(profiles.app, name="profile")
app.add_typer(events.app, name="events")
app.add_typer(journeys.app, name="journey")
app.add_typer(messages.app, name="message")
app.add_typer(lake.app, name="lake")
app.add_typer(imports.app, name="import")
app.command("init")(setup.init)
app.command("doctor")(doctor.doctor)
app.command("golive")(shops.golive)
app.command("serve")(running.serve)


@app.command("version")
def version() -> None:
    """Print Patron's version."""
    typer.echo(VERSION)


def main() -> None:
    """The entry point of the `patron` program."""
    app()

"""`patron`: one command to start, and the rest to look and to mend."""

import sys
from importlib import import_module

import typer

from patron.app.audit.commands import told_by

COMMANDS: dict[str, tuple[str, str]] = {
    "version": ("running", "version"),
    "demo": ("demo", "demo"),
    "init": ("opening.setup", "init"),
    "serve": ("running", "serve"),
    "doctor": ("doctor", "doctor"),
    "backup": ("keeping", "backup"),
    "restore": ("keeping", "restore_backup"),
    "upgrade": ("keeping", "upgrade"),
    "audit": ("privacy.audit", "audit"),
    "retention": ("privacy.retention", "retention"),
    "golive": ("shops", "golive"),
    "bench": ("bench", "bench"),
    "import": ("imports", "app"),
    "feed": ("feeds.commands", "app"),
    "shop": ("shops", "shop_app"),
    "key": ("shops", "key_app"),
    "profile": ("profiles", "app"),
    "trait": ("person.traits", "app"),
    "prediction": ("predictions.commands", "app"),
    "segment": ("segments", "app"),
    "list": ("lists.commands", "app"),
    "events": ("events", "app"),
    "journey": ("journeys", "app"),
    "message": ("messages", "app"),
    "suppress": ("consent.suppress", "app"),
    "privacy": ("consent.privacy", "app"),
    "webhook": ("webhooks.commands", "app"),
    "recommend": ("recommend.commands", "app"),
    "lake": ("lake", "app"),
}
"""Each command, the module beside this one that holds it, and its name there."""


def build(only: str | None = None) -> typer.Typer:
    """The program with all its commands, or with the one called `only`.

    Importing every room takes longer than most commands do, so only what is asked for is imported.
    """
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        help="Lets an online shop know and treat every customer as a good shopkeeper would.",
    )
    app.callback()(lambda: None)
    for name, (module, attribute) in COMMANDS.items():
        if only in (None, name):
            found = getattr(import_module(f"patron.app.cli.{module}"), attribute)
            if isinstance(found, typer.Typer):
                app.add_typer(found, name=name)
            else:
                app.command(name)(found)
    told_by(app)
    return app


def main() -> None:
    """The entry point of the `patron` program."""
    asked = sys.argv[1] if len(sys.argv) > 1 else ""
    build(asked if asked in COMMANDS else None)()

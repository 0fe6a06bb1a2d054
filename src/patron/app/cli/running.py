"""`patron serve`."""

import typer

from patron.app.cli.output import clear_errors, console
from patron.app.context import read_settings
from patron.app.serve import serve as run
from patron.kit.log import configure


def serve() -> None:
    """Start PostgreSQL (unless database_url names one), the web process and the worker."""
    with clear_errors():
        settings = read_settings()
        configure(settings.log_format, settings.log_level)
        run(settings, lambda line: console.print(line, highlight=False))
    raise typer.Exit(0)

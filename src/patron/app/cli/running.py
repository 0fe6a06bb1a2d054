"""`patron serve` and `patron version`."""

import json

import typer

from patron import VERSION
from patron.app.cli.output import Json, clear_errors, console, show
from patron.app.context import read_settings
from patron.app.serve import serve as run
from patron.kit.log import configure, logger

log = logger(__name__)


def serve(as_json: Json = False) -> None:
    """Start PostgreSQL (unless database_url names one), the web process and the worker.

    With --json each thing that is reported is one JSON object on a line of its own. It is a line of
    the log where that is for machines.
    """
    with clear_errors():
        settings = read_settings()
        configure(settings.log_format, settings.log_level)

        def report(words: str) -> None:
            if as_json:
                typer.echo(json.dumps({"report": words}, ensure_ascii=False))  # which does not wait
            elif settings.log_format == "json":
                log.info(words)
            else:
                console.print(words, highlight=False, markup=False)

        run(settings, report)
    raise typer.Exit(0)


def version(as_json: Json = False) -> None:
    """Print Patron's version."""
    show({"version": VERSION}, as_json, lambda: VERSION)

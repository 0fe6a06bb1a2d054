"""`patron demo`."""

import sys
from typing import Annotated

import typer
from rich.console import Console

from patron.app.cli.output import Json, clear_errors, fail, show
from patron.app.demo.runner import run
from patron.app.demo.source import DemoDataMissing
from patron.app.demo.stage.calls import StageError
from patron.app.demo.stage.telling import Teller

WIDTH = 110


def demo(
    reset: Annotated[bool, typer.Option("--reset", help="Erase the demo and start over.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before erasing.")] = False,
    until_done: Annotated[
        bool, typer.Option("--until-done", help="End after the last scene instead of staying up.")
    ] = False,
    as_json: Json = False,
) -> None:
    """A shop with a year of orders, run and played before your eyes, in a folder of its own.

    With --json the story goes to standard error and a summary to standard output.
    """
    with clear_errors():
        console = Console(stderr=as_json, width=None if sys.stdout.isatty() else WIDTH)
        if reset and not yes and not typer.confirm("Erase the demo shop and all it has learnt?"):
            fail("nothing was erased", None)
        try:
            summary = run(Teller(console), reset=reset, until_done=until_done)
        except KeyboardInterrupt:
            console.print("\nStopped. `patron demo` goes on from here.")
            raise typer.Exit(0) from None
        except (StageError, DemoDataMissing) as error:
            fail(str(error), "see the demo's patron.log; `patron demo --reset` starts over")
        if as_json:
            show(summary, True, str)

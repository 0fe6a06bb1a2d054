"""`patron bench`: what this machine can do, measured."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

import patron
from patron.app.cli.output import Json, clear_errors, console
from patron.kit.problems import Problem

SOURCE = Path(patron.__file__).resolve().parents[2] / "benchmarks"


def bench(
    name: Annotated[
        str | None, typer.Argument(help="One benchmark, for example walk; all without it.")
    ] = None,
    files: Annotated[
        list[str] | None, typer.Argument(help="Its input files, where it takes some.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure this machine: events a second, seconds to start, memory; minutes for all of them.

    Everything runs in folders of its own and touches no shop. With --json each figure is one JSON
    object on a line of its own. The exit status is 1 when a benchmark failed.
    """
    with clear_errors():
        if not (SOURCE / "run.py").exists():
            raise Problem(
                404,
                "No benchmarks here",
                f"this installation has no folder {SOURCE}",
                remedy="Benchmarks come with the source: clone the repository and run it there.",
            )
        asked = [one for one in (name, *(files or ())) if one]
        command = [sys.executable, str(SOURCE / "run.py"), *asked]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            for line in running.stdout:
                if as_json:
                    typer.echo(line.rstrip("\n"))
                else:
                    console.print(_told(line), highlight=False)
    raise typer.Exit(running.returncode)


def _told(line: str) -> str:
    """A figure for people; what is none is passed on as it is."""
    try:
        figure: dict[str, Any] = json.loads(line)
        value = figure["value"]
        said = f"[bold]{escape(figure['figure'])}[/bold]  {value:,} {escape(figure['unit'])}"
        if figure["ratio"] is not None:
            said += f"  ({figure['ratio']:.2f} of {figure['reference']:,})"
        return f"{said}  [dim]{escape(figure['note'])}[/dim]"
    except (ValueError, KeyError, TypeError):
        return escape(line.rstrip("\n"))

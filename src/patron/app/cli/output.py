"""How commands speak: tables for people, one JSON value for programs, errors with a remedy."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from patron.app.audit.commands import shown
from patron.kit.migrate import MigrationError
from patron.kit.postgres.errors import PostgresError
from patron.kit.problems import Problem
from patron.kit.settings import SettingsError

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value instead of text.")]
ShopName = Annotated[
    str | None, typer.Option("--shop", help="The shop's short name; needed when there are several.")
]

IDS = ("id", "profile", "person", "key", "segment", "list", "prediction", "webhook", "delivery",
       "placement")  # fmt: skip
"""Columns of what is copied into the next command."""
READABLE = 16
"""Letters that a column keeps at least; a terminal with less room breaks the lines itself."""


class Terminal(Console):
    """Prints what is wider than the terminal as it is: a cut word says nothing, and an address in
    two lines cannot be copied."""

    def print(self, *objects: Any, **how: Any) -> None:
        words = [word for one in objects if isinstance(one, str) for word in one.split()]
        whole = max(map(len, words), default=0) > self.width
        super().print(*objects, **{"crop": False, "soft_wrap": whole, **how})


console = Terminal()


def show(value: Any, as_json: bool, text: Callable[[], Any]) -> None:
    """Print `value` as JSON, or what `text` returns, for people."""
    shown.note(value)
    if as_json:
        sys.stdout.write(json.dumps(msgspec.to_builtins(value), ensure_ascii=False) + "\n")
    else:
        console.print(text())


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> Table | str:
    """A table, or the sentence `empty` when there is nothing to show. A bracket in a cell, which
    may be a customer's or a file's, is no markup. An id or a key is never cut."""
    if not rows:
        return empty
    result = Table(box=None, header_style="bold", pad_edge=False)
    for name in columns:
        result.add_column(name, no_wrap=name in IDS, overflow="fold")
    told = [[_said(cell) for cell in row] for row in rows]
    for row in told:
        result.add_row(*map(escape, row))
    widest = [max(map(len, column)) for column in zip(columns, *told, strict=True)]
    least = [
        w if name in IDS else min(w, READABLE) for name, w in zip(columns, widest, strict=True)
    ]
    needed = sum(least) + 2 * (len(columns) - 1)
    if needed > console.width:
        result.width = needed
    return result


def _said(value: object) -> str:
    """A cell as a person would write it: what holds several things names them one by one."""
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_said(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(_said, value))
    return "" if value is None else str(value)


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turn what a user can mend into one clear line and exit status 1."""
    try:
        yield
    except Problem as problem:
        document = problem.document
        fail(document.detail, document.remedy)
    except (SettingsError, PostgresError, MigrationError) as error:
        fail(str(error), None)
    except OSError as error:
        if error.filename is None:
            raise
        fail(f"{error.filename}: {error.strerror}", "check the path, and who may read and write it")


def complain(what: str, remedy: str | None) -> None:
    """Say what is wrong and what to do."""
    errors = Console(stderr=True)
    # Not folded: a path that is cut in two cannot be copied.
    errors.print(f"[red]patron:[/red] {escape(what)}", highlight=False, soft_wrap=True)
    if remedy:
        errors.print(f"        {remedy}", highlight=False, markup=False, soft_wrap=True)


def fail(what: str, remedy: str | None) -> NoReturn:
    """Say what is wrong and what to do, and end with status 1."""
    complain(what, remedy)
    raise typer.Exit(1)

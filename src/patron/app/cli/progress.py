"""How far a command is: one look for all of them, on standard error."""

import sys
from collections.abc import Callable

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from patron.app.imports.feed import Progress as Fed
from patron.app.imports.run import Progress as Walked


class Bar:
    """A progress bar on standard error with the time left; silent where nobody looks."""

    def __init__(self, silent: bool) -> None:
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[said]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=silent or not sys.stderr.isatty(),
            transient=True,
        )

    def __enter__(self) -> "Bar":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def bytes(self, size: int) -> Callable[[int], None]:
        """A function that is told how many bytes more were read."""
        task = self._bar.add_task("Looking through the file", total=size or None, said="")
        return lambda count: self._bar.advance(task, count)

    def rows(self, total: int | None) -> Walked:
        """A function that is told (rows read, events on disk, events walked)."""
        task = self._bar.add_task("Importing", total=total, said="")

        def tell(rows: int, fed: int, walked: int) -> None:
            # Rows are read ahead of the walk; what counts is what is walked.
            share = walked / fed if fed else 0.0
            said = f"{walked:,} events"
            self._bar.update(task, completed=int(rows * share), said=said)

        return tell

    def events(self, total: int) -> Fed:
        """A function that is told (events on disk, events walked)."""
        task = self._bar.add_task("Importing", total=total, said="")

        def tell(fed: int, walked: int) -> None:
            self._bar.update(task, completed=walked, said=f"{walked:,} events")

        return tell

    def people(self) -> Callable[[int, int], None]:
        """A function that is told (people looked at, of how many)."""
        task = self._bar.add_task("Looking at people", total=None, said="")

        def tell(looked_at: int, of: int) -> None:
            said = f"{looked_at:,} of {of:,}"
            self._bar.update(task, completed=looked_at, total=of, said=said)

        return tell

    def steps(self) -> Callable[[str, int, int], None]:
        """A function that is told (what is done, how much of it, of how much; 0 if unknown)."""
        task = self._bar.add_task("Reading", total=None, said="")

        def tell(what: str, done: int, of: int) -> None:
            said = f"{done:,} of {of:,}" if of else f"{done:,}"
            self._bar.update(
                task, description=what.capitalize(), completed=done, total=of or None, said=said
            )

        return tell

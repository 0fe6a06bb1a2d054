"""How the demo speaks: a line a step, bars with the time left, and where to look."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.rule import Rule
from rich.text import Text

from patron.kit.clock import monotonic

BARS = {
    "catalogue": "Products on the shelves",
    "history": "Nine months of orders and people",
    "days": "90 days, live on a virtual clock",
    "passers-by": "The days since, up to now",
}


class Bar:
    """One bar on the screen."""

    def __init__(self, progress: Progress, total: int, words: str) -> None:
        self._progress = progress
        self._task = progress.add_task(words, total=total, note="")
        self._total = total

    def forward(self, count: int) -> None:
        self._progress.advance(self._task, count)

    def at(self, count: int, note: str | None = None) -> None:
        """Stand at `count`; `note` is said beside the bar."""
        self._progress.update(self._task, completed=min(count, self._total))
        if note is not None:
            self._progress.update(self._task, note=note)

    def full(self) -> None:
        self._progress.update(self._task, completed=self._total)


class Teller:
    """Speaks to a console, and remembers how long each part took."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.seconds: dict[str, float] = {}
        self._began = monotonic()

    @property
    def passed(self) -> float:
        """Seconds since the demo began."""
        return monotonic() - self._began

    def title(self, words: str) -> None:
        self.console.print()
        self.console.print(Rule(Text(words, style="bold"), align="left", style="green"))

    def say(self, words: str) -> None:
        """A paragraph, as far from the left as it begins."""
        text = words.lstrip(" ")
        self._hanging(" " * (len(words) - len(text)), text)

    def done(self, words: str) -> None:
        self._hanging("  [green]✓[/green] ", words)

    def _hanging(self, lead: str, words: str) -> None:
        """Print `words` behind `lead`, and further lines of them below their beginning."""
        before = Text.from_markup(lead)
        room = self.console.width - before.cell_len
        for line in Text.from_markup(words).wrap(self.console, room):
            line.rstrip()
            self.console.print(before + line, highlight=False)
            before = Text(" " * before.cell_len)

    def look(self, where: str, what: str = "look") -> None:
        """Where to look: a URL or a command, on a line of its own so that it can be copied."""
        self.console.print(f"    [dim]{what:<12}[/dim]  {where}", highlight=False, soft_wrap=True)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        began = monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(monotonic() - began, 1)

    @contextmanager
    def bar(self, name: str, total: int) -> Iterator[Bar]:
        """A bar with the time left; its seconds are remembered under `name`."""
        columns = (
            TextColumn("  {task.description:<34}"),
            BarColumn(28),
            TaskProgressColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("[dim]{task.fields[note]}[/dim]"),
        )
        with self.timed(name), Progress(*columns, console=self.console) as progress:
            bar = Bar(progress, total, BARS[name])
            yield bar
            bar.full()

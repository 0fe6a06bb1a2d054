"""Rows of the inbox on their way to being accepted, a slice at a time.

Accepting asks nobody and is half of the walker's work, so it is done for the next batch while the
database works on this one. Between two slices whoever waits for the database gets the turn.
"""

from collections.abc import Iterator, Sequence

from patron.events.accept import Spent, accept
from patron.events.reading.heard import Heard, Refusal, hear
from patron.events.steps.draft import Draft, Setting
from patron.events.walk_store import Waiting
from patron.kit.clock import monotonic

SLICE = 50
"""Events: half a millisecond, by which an answer of the database may have to wait. The batch asks
the database some forty times; larger slices would be used up by its shortest answers, and the
longest ones, those of COPY and COMMIT, would be waited for idly."""


class Batch:
    """Rows that are walked together, with their bodies; accepted as soon as `accepted` is asked.

    `token` names the transaction behind whose commit they are believed to come next.
    """

    def __init__(
        self, rows: list[Waiting], bodies: list[bytes], setting: Setting, token: int = 0
    ) -> None:
        self.rows = rows
        self.bodies = bodies
        self.setting = setting
        self.token = token
        self._drafts: list[Draft] = []
        self._refused: list[tuple[Heard, Refusal]] = []
        self._spent = Spent()
        self._rest = self._slices()

    def accept_some(self) -> bool:
        """Accept the next slice; False when there is none."""
        return next(self._rest, None) is not None

    def accepted(self) -> tuple[list[Draft], list[tuple[Heard, Refusal]]]:
        """The calls that pass all steps, in order, and those that do not.

        To be asked once: drafts are changed on their way.
        """
        while self.accept_some():
            pass
        self._spent.tell()
        return self._drafts, self._refused

    def _slices(self) -> Iterator[int]:
        heard: list[Heard] = []
        for number, (row, body) in enumerate(zip(self.rows, self.bodies, strict=True)):
            started = monotonic()
            heard += hear([body], [f"{row.lane}-{row.seq}"], number)
            self._spent.add("hear", monotonic() - started)
            at = 0
            while len(heard) - at >= SLICE:
                yield self._accept(heard[at : at + SLICE])
                at += SLICE
            del heard[:at]
        if heard:
            yield self._accept(heard)

    def _accept(self, heard: Sequence[Heard]) -> int:
        drafts, refused = accept(heard, self.setting, self._spent)
        self._drafts += drafts
        self._refused += refused
        return len(heard)

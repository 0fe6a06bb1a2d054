"""A run's way from where it stands to where it rests again. Pure: asks, never looks.

A run rests on a wait, or has ended. Between two rests it passes conditions and sends; what it wants
said is handed back. (step id, lap) names each visit of a step once: within a lap the run only goes
forward, and each jump back begins the next lap.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from patron.journeys.definition import OUT, Condition, Definition, Exit, Send, Wait
from patron.journeys.types import ExitReason, Line, RunState
from patron.segments.rules.language import Answer, Rule
from patron.segments.rules.words import span

AT_THE_DOOR = -1

Ask = Callable[[Rule], Answer]


class Visit(msgspec.Struct, frozen=True):
    """A send step reached; `name` is unique within the run."""

    step: Send
    name: str


class Outcome(msgspec.Struct, frozen=True):
    """Where a run has come to. `wait_seconds` and `due_at` belong to the wait it rests on."""

    state: RunState
    step: int
    visit: int
    due_at: datetime | None
    waits_from: datetime
    wait_seconds: int
    sends: list[Visit]
    lines: list[Line]
    reason: str | None = None


def begin(definition: Definition, at: datetime) -> tuple[int, int, datetime]:
    """(step, seconds to wait, due) of a run that starts at `at`.

    A journey whose first step is no wait begins at the door and is due at once.
    """
    first = definition.steps[0]
    if isinstance(first, Wait):
        return 0, int(first.span.total_seconds()), at + first.span
    return AT_THE_DOOR, 0, at


def proceed(
    definition: Definition,
    step: int,
    visit: int,
    ask: Ask,
    now: datetime,
    waits_from: datetime | None = None,
) -> Outcome:
    """Go on from the wait (or the door) at `step` until the next rest.

    `ask` answers a rule about the person now. Waits met on the way count from `waits_from`, else
    from `now`.
    """
    lines: list[Line] = []
    sends: list[Visit] = []
    begins = waits_from or now

    def rest(
        state: RunState, index: int, reason: str | None = None, length: timedelta = timedelta()
    ) -> Outcome:
        due = begins + length if state is RunState.WAITING else None
        seconds = int(length.total_seconds())
        return Outcome(state, index, visit, due, begins, seconds, sends, lines, reason)

    if 0 <= step < len(definition.steps):
        stood = definition.steps[step]
        if isinstance(stood, Wait):
            lines.append(Line(now, f"Waited {span(stood.span)}.", stood.id))
    index = step + 1
    while index < len(definition.steps):
        current = definition.steps[index]
        match current:
            case Wait():
                return rest(RunState.WAITING, index, length=current.span)
            case Exit():
                lines.append(Line(now, f"Left: {current.reason}.", current.id))
                return rest(RunState.EXITED, index, current.reason)
            case Send():
                sends.append(Visit(current, f"{current.id}:{visit}"))
                index += 1
            case Condition():
                answer = ask(current.rule)
                lines.append(_judged(current, answer, definition, now))
                if answer.value:
                    index += 1
                elif current.otherwise == OUT:
                    return rest(RunState.EXITED, index, ExitReason.CONDITION)
                else:
                    visit += current.otherwise <= index
                    index = current.otherwise
    lines.append(Line(now, "Reached its end."))
    return rest(RunState.DONE, len(definition.steps) - 1)


def _judged(step: Condition, answer: Answer, definition: Definition, now: datetime) -> Line:
    if answer.value:
        words = "Went on."
    elif step.otherwise == OUT:
        words = "Left: the condition does not hold."
    else:
        words = f"Went to “{definition.steps[step.otherwise].id}”."
    return Line(now, words, step.id, answer.why)

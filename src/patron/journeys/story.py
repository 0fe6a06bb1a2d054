"""Why a person got a message, or why not: the run's own story and that of its messages in one."""

from collections.abc import Sequence

from patron.journeys.types import Line, Run, RunState
from patron.messages.types import Message


def told(run: Run, messages: Sequence[Message]) -> list[Line]:
    """All lines by time. Of two at one moment the run's comes first, for it decided first."""
    lines = [(line.at, 0, line) for line in run.story]
    for message in messages:
        step = message.step_visit.partition(":")[0]
        lines += [(line.at, 1, Line(line.at, line.words, step)) for line in message.story]
    return [line for _, _, line in sorted(lines, key=lambda one: one[:2])]


def answer(run: Run, messages: Sequence[Message]) -> str:
    """The one sentence that matters now: what became of the message, or of the run without one."""
    if messages and messages[-1].story:
        return messages[-1].story[-1].words
    if run.state is RunState.WAITING and run.due_at is not None:
        return f"Waits until {run.due_at:%Y-%m-%d %H:%M:%S} UTC."
    if not run.story:
        return f"The run is {run.state.value}."
    last = run.story[-1]
    return f"{last.words} {_sentence(last.why)}".strip()


def _sentence(why: Sequence[str]) -> str:
    return f"She {'; '.join(why)}." if why else ""

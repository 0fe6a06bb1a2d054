"""The front of the walk: named steps that drop an event or put something on it.

`STEPS` is the whole list, in order. A step is a pure function of one draft and the shop's setting;
`drop_*` may refuse it with a reason of the closed list `Drop`, `put_*` never does. Each step is
timed and counted. Deduplication and sessions follow in `walk`, because they remember.
"""

from collections.abc import Sequence

from patron.events.reading.heard import Heard, Refusal
from patron.events.steps.circumstances import (
    drop_bad_time,
    drop_prefetch,
    drop_robot,
    put_channel,
    put_device,
    put_time,
)
from patron.events.steps.consented import drop_unconsented, put_consent
from patron.events.steps.draft import Draft, Setting, Step, draft
from patron.events.steps.what import (
    drop_bad_text,
    drop_crowded,
    drop_nameless,
    drop_surplus,
    drop_too_deep,
    drop_too_large,
    put_body,
    put_name,
)
from patron.events.steps.who import (
    drop_long_id,
    drop_unknown_type,
    drop_without_id,
    put_context,
    put_identifiers,
    put_key,
    put_message_id,
    put_trust,
)
from patron.events.types import Drop
from patron.kit.clock import monotonic
from patron.kit.metrics import counter, histogram

STEP_SECONDS = histogram(
    "patron_accept_step_seconds", "Time of a step over the events that take it together", ["step"]
)
DROPPED = counter("patron_events_dropped_total", "Events not accepted", ["step", "reason"])


STEPS: tuple[Step, ...] = (
    drop_prefetch,
    drop_surplus,
    drop_unknown_type,
    put_identifiers,
    put_context,
    drop_without_id,
    drop_long_id,
    drop_bad_text,
    drop_nameless,
    put_device,
    put_trust,
    drop_bad_time,
    put_time,
    put_name,
    drop_robot,
    put_consent,
    drop_unconsented,
    put_message_id,
    put_channel,
    put_body,
    drop_too_large,
    drop_crowded,
    drop_too_deep,
    put_key,
)


class Spent:
    """Seconds by step, over all slices of a batch: to tell them costs more than a step over a few
    events."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def add(self, step: str, seconds: float) -> None:
        self._seconds[step] = self._seconds.get(step, 0.0) + seconds

    def tell(self) -> None:
        """Let the figures have them; once for each batch."""
        for step, seconds in self._seconds.items():
            STEP_SECONDS.labels(step).observe(seconds)


def accept(
    heard: Sequence[Heard], setting: Setting, spent: Spent
) -> tuple[list[Draft], list[tuple[Heard, Refusal]]]:
    """The calls that pass all steps, in order, and those that do not, each with its refusal.

    Never raises on what a caller sent: a step that fails on a draft refuses it as POISON. What each
    step took is added to `spent`.
    """
    drafts: list[Draft] = []
    refused: list[tuple[Heard, Refusal]] = []
    for one in heard:
        refusal = one.refusal
        if refusal is None:
            try:
                drafts.append(draft(one))
            except (IndexError, OverflowError, ValueError) as error:
                refusal = Refusal(Drop.POISON, f"no door of ours writes such a stamp: {error!r}")
        if refusal is not None:
            refused.append((one, refusal))
            DROPPED.labels("hear", refusal.reason).inc()
    began = monotonic()
    for step in STEPS:
        drafts = _through(step, drafts, setting, refused)
        ended = monotonic()
        spent.add(step.__name__, ended - began)
        began = ended
    return drafts, refused


def _through(
    step: Step, drafts: list[Draft], setting: Setting, refused: list[tuple[Heard, Refusal]]
) -> list[Draft]:
    try:
        verdicts = [step(one, setting) for one in drafts]
    except Exception:
        # A step gives the same answer when it is asked again, so one by one finds the culprit.
        verdicts = [_asked_alone(step, one, setting) for one in drafts]
    kept = drafts
    if any(verdicts):
        kept = []
        for one, refusal in zip(drafts, verdicts, strict=True):
            if refusal is None:
                kept.append(one)
            else:
                refused.append((one.heard, refusal))
                DROPPED.labels(step.__name__, refusal.reason).inc()
    return kept


def _asked_alone(step: Step, one: Draft, setting: Setting) -> Refusal | None:
    try:
        return step(one, setting)
    except Exception as error:
        return Refusal(Drop.POISON, f"step {step.__name__} failed: {error!r}")

"""Carries runs onward: loads what their conditions ask, lets `step` decide, writes what follows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from patron.carts import store as cart_store
from patron.experiments.assign import arm
from patron.journeys import entry_store, store
from patron.journeys.definition import Condition, Definition, Send
from patron.journeys.entry_store import Entry
from patron.journeys.gather import Live
from patron.journeys.step import AT_THE_DOOR, Outcome, Visit, proceed
from patron.journeys.store import Moved
from patron.journeys.types import Line, Run, RunState
from patron.kit.db import Tx
from patron.kit.log import logger
from patron.messages import outbox
from patron.messages.types import BUILT_IN, Arm, Draft
from patron.segments.facts import Subject, load_many
from patron.segments.rules.language import Answer, Facts, Rule, bind, needs
from patron.segments.store import families
from patron.shops.types import Shop

log = logger(__name__)


def source_of(key: str) -> str:
    """What a journey is called as a source of messages and as an experiment."""
    return f"journey:{key}"


async def carry(tx: Tx, shop: Shop, runs: Sequence[Run], now: datetime) -> None:
    """Let each run go on to its next rest, in the caller's transaction, which holds the runs."""
    versions = await store.versions(tx, ((run.journey_id, run.version) for run in runs))
    facts = await _facts(tx, shop, runs, versions, now)
    outcomes = {
        run.id: _step(run, versions[run.journey_id, run.version].definition, facts.get(run.id), now)
        for run in runs
    }
    speaking = [run for run in runs if outcomes[run.id].sends]
    family = await families(tx, (run.origin_id for run in speaking))
    carts = await _carts(tx, speaking, versions, family)
    moved, entered, drafts = [], [], []
    for run in runs:
        live, outcome = versions[run.journey_id, run.version], outcomes[run.id]
        given, cart = run.arm, carts.get(run.id)
        said = [v for v in outcome.sends if cart or not _of_a_cart(v.step.template)]
        if said:
            share = live.definition.holdout
            given = given or arm(source_of(live.key), family[run.origin_id][0], share)
            if run.arm is None:
                entered.append(Entry(run.id, live.key, run.origin_id, given, now))
            drafts += [_draft(run, live, visit, Arm(given), cart, now) for visit in said]
        moved.append(Moved(run.id, _told(outcome, said, given, now), given))
    await outbox.enqueue_all(tx, drafts, now)
    await store.settle(tx, moved, now)
    await entry_store.note(tx, entered)


async def _carts(
    tx: Tx,
    runs: Sequence[Run],
    versions: Mapping[tuple[UUID, int], Live],
    family: Mapping[UUID, Sequence[UUID]],
) -> dict[UUID, str]:
    """The cart each run may speak of: its own, or, where an event started it, her latest open
    one."""
    found: dict[UUID, str] = {}
    for run in runs:
        definition = versions[run.journey_id, run.version].definition
        if definition.of_carts:
            found[run.id] = run.key
        elif any(isinstance(s, Send) and _of_a_cart(s.template) for s in definition.steps):
            cart = await cart_store.latest_open(tx, family[run.origin_id])
            if cart is not None:
                found[run.id] = str(cart)
    return found


def _of_a_cart(template: str) -> bool:
    return "cart" in BUILT_IN.get(template, ())


async def _facts(
    tx: Tx,
    shop: Shop,
    runs: Sequence[Run],
    versions: Mapping[tuple[UUID, int], Live],
    now: datetime,
) -> dict[UUID, Facts]:
    """The facts of each run whose journey has conditions; one load a version."""
    grouped: dict[tuple[UUID, int], list[Run]] = {}
    for run in runs:
        grouped.setdefault((run.journey_id, run.version), []).append(run)
    facts: dict[UUID, Facts] = {}
    for version, group in grouped.items():
        definition = versions[version].definition
        rules = [step.rule for step in definition.steps if isinstance(step, Condition)]
        if not rules:
            continue
        subjects = [
            Subject(run.origin_id, {"start": run.started_at}, _cart(run, definition))
            for run in group
        ]
        loaded = await load_many(tx, subjects, needs(*rules), now, shop)
        facts |= {run.id: found for run, found in zip(group, loaded, strict=True)}
    return facts


def _step(run: Run, definition: Definition, facts: Facts | None, now: datetime) -> Outcome:
    """Where the run comes to. One run that cannot be decided fails alone, visibly."""

    def ask(rule: Rule) -> Answer:
        if facts is None:
            raise LookupError("a condition was met whose facts were not loaded")
        return rule.evaluate(facts, now)

    begins = run.waits_from if run.step == AT_THE_DOOR else None
    try:
        return proceed(definition, run.step, run.visit, ask, now, begins)
    except Exception as error:
        log.exception("run failed", extra={"run": run.id, "journey": run.journey_id})
        line = Line(now, f"Failed: {type(error).__name__} at this step.")
        return Outcome(
            RunState.FAILED, run.step, run.visit, None, run.waits_from, run.wait_seconds, [], [line]
        )


def _draft(
    run: Run, live: Live, visit: Visit, given: Arm, cart: str | None, now: datetime
) -> Draft:
    """The message of a send step; its condition can be answered without knowing the run."""
    condition = live.definition.send_condition(visit.step)
    context = {"start": run.started_at.isoformat(), "journey": live.key, "step": visit.step.id}
    return Draft(
        source=source_of(live.key),
        run_id=run.id,
        step_visit=visit.name,
        origin_id=run.origin_id,
        template=visit.step.template,
        due_at=now,
        expires_at=now + visit.step.expires,
        channel=visit.step.channel,
        purpose=visit.step.purpose,
        arm=given,
        condition=None if condition is None else bind(condition, {"start": run.started_at}, cart),
        context=context | ({"cart_id": cart} if cart else {}),
    )


def _told(outcome: Outcome, written: Sequence[Visit], given: str | None, now: datetime) -> Outcome:
    """`outcome` with a line about each of its sends."""
    if not outcome.sends:
        return outcome
    words = "Wrote a message for her"
    if given == Arm.HOLDOUT:
        words += "; she is in the holdout, so it will be judged but not sent"
    none = "Nothing was written: she has no open cart to write about"
    said = [
        Line(now, f"{words if visit in written else none}.", visit.step.id)
        for visit in outcome.sends
    ]
    last = [line for line in outcome.lines if line.words == "Reached its end."]
    lines = [line for line in outcome.lines if line not in last]
    return Outcome(
        outcome.state,
        outcome.step,
        outcome.visit,
        outcome.due_at,
        outcome.waits_from,
        outcome.wait_seconds,
        outcome.sends,
        [*lines, *said, *last],
        outcome.reason,
    )


def _cart(run: Run, definition: Definition) -> str | None:
    return run.key if definition.of_carts else None

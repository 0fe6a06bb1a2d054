"""Gate, rendering and the mark `handing_over` for several messages, in one transaction.

Each is decided as if it were alone: no two of one transaction go to one address or one person, for
what is said to her first counts when the second is judged.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from patron.delivery import words
from patron.delivery.deps import Deps
from patron.delivery.facts import load
from patron.delivery.gate import CATCH_UP, decide
from patron.delivery.types import Decision, Delay, Facts, Go, Letter, Reason, Skip
from patron.kit.db import Tx
from patron.messages import passing_store as passing
from patron.messages.model import Composed, compose_all
from patron.messages.render import RenderError, built_in, render
from patron.messages.types import Arm, Ended, Leaving, Line, Message, Outcome, Rendered, State
from patron.shops.types import Shop


class Prepared(msgspec.Struct, frozen=True):
    """A message that stands in `handing_over` and goes out next."""

    message: Message
    letter: Letter
    address_key: str


Verdict = Prepared | Outcome | None
"""None: the claim was no longer ours."""


async def judge(
    tx: Tx, shop: Shop, deps: Deps, messages: Sequence[Message], caught_up: bool
) -> dict[UUID, Verdict]:
    """The verdict on each message, written down.

    One without a verdict has to be judged again, alone: somebody else holds its row, or an earlier
    one of `messages` is for the same address or person. A single message always gets its verdict.
    """
    alone = len(messages) == 1
    held = await passing.hold(tx, messages, wait=alone)
    found: dict[UUID, Verdict] = {one.id: None for one in messages if alone and one.id not in held}
    now = deps.clock.now()
    facts = await load(tx, shop, [one for one in messages if one.id in held], now)
    zone = ZoneInfo(shop.time_zone)
    going: list[tuple[Message, Go]] = []
    ended: list[Ended] = []
    for message in messages:
        if (known := facts.get(message.id)) is None:
            continue
        decision: Decision = decide(known)
        if isinstance(decision, Go) and not caught_up:
            decision = Delay(now + CATCH_UP, Reason.WALK_BEHIND)
        if isinstance(decision, Go):
            going.append((message, decision))
        else:
            ended.append(Ended(message, _held_back(decision, known, zone), now))
    leaving: list[tuple[Leaving, Letter]] = []
    written = await _written(tx, shop, deps, [message for message, _ in going])
    for (message, go), mail in zip(going, written, strict=True):
        if isinstance(mail, Outcome):
            ended.append(Ended(message, mail, now))
        elif message.arm is Arm.HOLDOUT:
            ended.append(Ended(message, _held_out(go), now, go.recipient.address_key))
        else:
            line = Line(now, State.HANDING_OVER, words.of_go(go, facts[message.id], zone))
            detail = {"subject": mail[1].subject, "rehearsal": go.rehearsal}
            until = now + deps.limits.send_lease
            one = Leaving(message, go.recipient, line, until, detail)
            leaving.append((one, _letter(message, go, *mail, now)))
    return found | await _marked(tx, ended, leaving)


async def _marked(
    tx: Tx, ended: Sequence[Ended], leaving: Sequence[tuple[Leaving, Letter]]
) -> dict[UUID, Verdict]:
    """What is decided, in the rows that are still ours."""
    ours = await passing.finish(tx, ended)
    ours |= await passing.hand_over(tx, [one for one, _ in leaving])
    found: dict[UUID, Verdict] = {one.message.id: one.outcome for one in ended}
    for one, letter in leaving:
        message = msgspec.structs.replace(one.message, attempts=one.message.attempts + 1)
        found[message.id] = Prepared(message, letter, one.recipient.address_key)
    return {name: verdict if name in ours else None for name, verdict in found.items()}


async def _written(
    tx: Tx, shop: Shop, deps: Deps, messages: Sequence[Message]
) -> list[tuple[Composed, Rendered] | Outcome]:
    """Each mail, or why there is none: nothing half done is sent."""
    fit = [message for message in messages if message.channel in deps.channels]
    models = await compose_all(tx, shop, fit, deps.materials) if fit else []
    composed = {message.id: model for message, model in zip(fit, models, strict=True)}
    return [_mail(message, composed.get(message.id)) for message in messages]


def _mail(
    message: Message, composed: Composed | RenderError | None
) -> tuple[Composed, Rendered] | Outcome:
    if composed is None:
        return Outcome(
            state=State.SKIPPED,
            reason=Reason.NO_CHANNEL,
            words=f"Not sent: no way to send “{message.channel}” is set up"
            " (for e-mail, set smtp_host).",
        )
    try:
        if isinstance(composed, RenderError):
            raise composed
        return composed, render(built_in(message.template), composed.model, composed.hosts)
    except RenderError as error:
        return Outcome(
            state=State.SKIPPED,
            reason=Reason.RENDER_FAILED,
            words=f"Not sent: the message could not be written: {error}.",
        )


def _held_out(go: Go) -> Outcome:
    return Outcome(
        state=State.HELD_OUT,
        words="Would have been sent now, but she is in the holdout: that is how we learn what"
        " this journey earns.",
        detail={"rehearsal": go.rehearsal},
    )


def _held_back(decision: Skip | Delay, facts: Facts, zone: ZoneInfo) -> Outcome:
    if isinstance(decision, Delay):
        return Outcome(
            state=State.DELAYED,
            reason=decision.reason,
            words=words.of_delay(decision, facts, zone),
            due_at=decision.until,
        )
    return Outcome(
        state=State.SKIPPED, reason=decision.reason, words=words.of_skip(decision, facts, zone)
    )


def _letter(
    message: Message, go: Go, composed: Composed, rendered: Rendered, now: datetime
) -> Letter:
    return Letter(
        message_id=message.id,
        to=go.to,
        rendered=rendered,
        written_at=now,
        journey=message.journey,
        template=message.template,
        unsubscribe_url=composed.unsubscribe_url,
        rehearsal_for=go.recipient.address if go.rehearsal else None,
    )

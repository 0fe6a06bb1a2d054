"""Claims due messages and takes each through the gate, out of the house, into the ledger."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import psycopg
from psycopg_pool import PoolTimeout

from patron.delivery import confirming, words
from patron.delivery.facts import load
from patron.delivery.gate import CATCH_UP, decide
from patron.delivery.hand import hand
from patron.delivery.telling import tell
from patron.delivery.types import Channel, Decision, Delay, Facts, Go, Letter, Reason, Skip
from patron.events import store as events
from patron.events.inbox import Inbox
from patron.kit.clock import Clock, monotonic
from patron.kit.db import Database, Tx
from patron.kit.log import logger
from patron.kit.metrics import counter, histogram
from patron.kit.pauses import reach
from patron.messages import outbox, store
from patron.messages.model import Composed, Materials, compose
from patron.messages.render import RenderError, built_in, render
from patron.messages.types import Arm, Line, Message, Outcome, Rendered, State
from patron.profiles import store as profiles
from patron.profiles.types import SuppressionReason
from patron.shops.types import Shop

log = logger(__name__)

DECIDED = counter(
    "patron_messages_total", "Messages by what became of them", ["shop", "state", "reason"]
)
ROUND_SECONDS = histogram("patron_delivery_round_seconds", "One round of claiming and sending")
POLL = 0.02
KEEP_TRYING = (0.2, 1.0, 3.0, 10.0)  # seconds
AFTER_ERROR = timedelta(minutes=1)
SPARE = timedelta(seconds=10)  # a claim is not begun when less of its lease is left


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """`claims` are taken a round, `in_flight` of them may be handed over at once. `send_lease` must
    outlast the longest conversation with a provider. `walk_wait` and `settle` are real seconds: how
    long a claim waits for the walk, and what an event stamped before the claim may take to be
    committed.
    """

    claims: int = 200
    in_flight: int = 8
    claim_lease: timedelta = timedelta(seconds=60)
    send_lease: timedelta = timedelta(seconds=240)
    walk_wait: float = 3.0
    settle: float = 0.25
    attempts: int = 6


class Deps(msgspec.Struct, frozen=True, kw_only=True):
    """What delivery needs from the process it runs in; `channels` by name ("email").

    `newest` reads a shop anew: whether it is in rehearsal is asked after a claim, so that going
    live, and going back, holds for every message that is claimed later.
    """

    clock: Clock
    inbox: Inbox
    materials: Materials
    channels: Mapping[str, Channel]
    limits: Limits = Limits()
    newest: Callable[[Shop], Awaitable[Shop]] | None = None


class Prepared(msgspec.Struct, frozen=True):
    """A message that stands in `handing_over` and goes out next."""

    message: Message
    letter: Letter
    address_key: str


class Round(msgspec.Struct, frozen=True):
    """What one round did: messages by the state reached, leases that had ended, events told."""

    states: dict[str, int]
    requeued: int = 0
    ambiguous: int = 0
    told: int = 0

    @property
    def idle(self) -> bool:
        return not (self.states or self.requeued or self.ambiguous or self.told)


async def deliver_due(db: Database, shop: Shop, deps: Deps, now: datetime) -> Round:
    """One round: judge ended leases, claim what is due, send it, append the events about it.

    Takes a batch; call again while the answer is not idle. A claim made at `now` is not acted on
    before the walk has read everything received until then.
    """
    started = monotonic()
    limits = deps.limits
    async with db.unit(shop.schema) as tx:
        requeued, doubtful = await outbox.expire(tx, now)
        await confirming.ask(tx, now)
        claimed = await store.claim(tx, now, limits.claims, limits.claim_lease)
    for message_id in doubtful:
        log.warning("message is ambiguous", extra={"message_id": message_id, "shop": shop.slug})
    states: Counter[str] = Counter()
    if claimed:
        await reach("delivery.claimed")
        shop = await deps.newest(shop) if deps.newest is not None else shop
        caught_up = await _walked(db, shop, limits, now)
        hands = asyncio.Semaphore(limits.in_flight)
        ended = await asyncio.gather(
            *(_deliver(db, shop, deps, message, hands, caught_up) for message in claimed),
            return_exceptions=True,
        )
        for end in ended:
            if isinstance(end, BaseException):
                raise end  # the others have ended; this row's lease brings it back
            if end is not None:
                states[end.state] += 1
                DECIDED.labels(shop.slug, end.state, end.reason or "").inc()
    told = await tell(db, shop, deps.inbox)
    ROUND_SECONDS.observe(monotonic() - started)
    return Round(dict(states), len(requeued), len(doubtful), told)


async def _walked(db: Database, shop: Shop, limits: Limits, claimed_at: datetime) -> bool:
    """Wait until the walk has read all that was received up to `claimed_at`; whether it did."""
    until = monotonic() + limits.walk_wait
    await asyncio.sleep(limits.settle)
    while True:
        async with db.unit(shop.schema) as tx:
            frontier = await events.frontier(tx)
        if frontier is None or frontier > claimed_at:
            return True
        if monotonic() >= until:
            return False
        await asyncio.sleep(POLL)


async def _deliver(
    db: Database,
    shop: Shop,
    deps: Deps,
    message: Message,
    hands: asyncio.Semaphore,
    caught_up: bool,
) -> Outcome | None:
    """Take one claimed message as far as it goes; None when the claim was no longer ours."""
    channel = deps.channels.get(message.channel)
    # A row stands in `handing_over` while it is with the provider, never while it waits its turn.
    async with hands, channel.slot() if channel is not None else nullcontext():
        if message.lease_until is not None and deps.clock.now() >= message.lease_until - SPARE:
            async with db.unit(shop.schema) as tx:  # the provider is slow: it had no turn yet
                await store.release(tx, message)
            return None
        return await _through(db, shop, deps, message, caught_up)


async def _through(
    db: Database, shop: Shop, deps: Deps, message: Message, caught_up: bool
) -> Outcome | None:
    try:
        result = await db.run(shop.schema, lambda tx: _judge(tx, shop, deps, message, caught_up))
    except (psycopg.OperationalError, PoolTimeout):
        raise
    except Exception as error:  # a bug in one message must not hold up the others
        log.error("message could not be judged", exc_info=error, extra={"message_id": message.id})
        return await _put_back(db, shop, deps, message, error)
    if not isinstance(result, Prepared):
        return result
    await reach("delivery.handing_over")
    handed = await hand(deps.channels[message.channel], shop, result.letter)
    await reach("delivery.handed_over")
    now = deps.clock.now()
    outcome = handed.outcome(result.message, deps.limits.attempts, now)

    async def write(tx: Tx) -> bool:
        if handed.bounced and result.letter.rehearsal_for is None:
            await profiles.suppress(
                tx,
                message.channel,
                result.address_key,
                SuppressionReason.HARD_BOUNCE,
                now,
                f"message {message.id}",
            )
        return await store.finish(tx, result.message, outcome, now)

    written = await _stubborn(db, shop, write)
    await reach("delivery.finished")
    return outcome if written else None


async def _stubborn(db: Database, shop: Shop, write: Callable[[Tx], Awaitable[bool]]) -> bool:
    """Write the provider's answer through a short outage: losing it would leave a doubt."""
    for pause in KEEP_TRYING:
        try:
            return await db.run(shop.schema, write)
        except (psycopg.OperationalError, PoolTimeout):
            await asyncio.sleep(pause)
    return await db.run(shop.schema, write)


async def _judge(
    tx: Tx, shop: Shop, deps: Deps, message: Message, caught_up: bool
) -> Prepared | Outcome | None:
    """Gate, rendering and the mark `handing_over`, in one transaction."""
    assert message.token is not None
    if not await store.hold(tx, message.id, message.token):
        return None
    now = deps.clock.now()
    zone = ZoneInfo(shop.time_zone)
    facts = await load(tx, shop, message, now)
    decision: Decision = decide(facts)
    if isinstance(decision, Go) and not caught_up:
        decision = Delay(now + CATCH_UP, Reason.WALK_BEHIND)
    if not isinstance(decision, Go):
        outcome = _held_back(decision, facts, zone)
        return outcome if await store.finish(tx, message, outcome, now) else None
    prepared = await _written(tx, shop, deps, message)
    if isinstance(prepared, Outcome):
        return prepared if await store.finish(tx, message, prepared, now) else None
    composed, rendered = prepared
    if message.arm is Arm.HOLDOUT:
        outcome = Outcome(
            state=State.HELD_OUT,
            words="Would have been sent now, but she is in the holdout: that is how we learn what"
            " this journey earns.",
            detail={"rehearsal": decision.rehearsal},
        )
        await store.remember_recipient(tx, message, decision.recipient)
        return outcome if await store.finish(tx, message, outcome, now) else None
    line = Line(now, State.HANDING_OVER, words.of_go(decision, facts, zone))
    lease_until = now + deps.limits.send_lease
    detail = {"subject": rendered.subject, "rehearsal": decision.rehearsal}
    if not await store.hand_over(tx, message, decision.recipient, line, lease_until, detail):
        return None
    return Prepared(
        msgspec.structs.replace(message, attempts=message.attempts + 1),
        _letter(message, decision, composed, rendered, now),
        decision.recipient.address_key,
    )


async def _written(
    tx: Tx, shop: Shop, deps: Deps, message: Message
) -> tuple[Composed, Rendered] | Outcome:
    """The mail, or why there is none: nothing half done is sent."""
    if message.channel not in deps.channels:
        return Outcome(
            state=State.SKIPPED,
            reason=Reason.NO_CHANNEL,
            words=f"Not sent: no way to send “{message.channel}” is set up"
            " (for e-mail, set smtp_host).",
        )
    try:
        composed = await compose(tx, shop, message, deps.materials)
        return composed, render(built_in(message.template), composed.model, composed.hosts)
    except RenderError as error:
        return Outcome(
            state=State.SKIPPED,
            reason=Reason.RENDER_FAILED,
            words=f"Not sent: the message could not be written: {error}.",
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


async def _put_back(
    db: Database, shop: Shop, deps: Deps, message: Message, error: Exception
) -> Outcome | None:
    now = deps.clock.now()
    late = now >= message.expires_at
    outcome = Outcome(
        state=State.SKIPPED if late else State.DELAYED,
        reason=Reason.ERROR,
        words=f"{'Not sent' if late else 'Waiting'}: an error on our side"
        f" ({type(error).__name__}). The log has the details.",
        due_at=None if late else now + AFTER_ERROR,
    )
    async with db.unit(shop.schema) as tx:
        return outcome if await store.finish(tx, message, outcome, now) else None

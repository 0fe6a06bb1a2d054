"""Claims due messages and takes each through the gate, out of the house, into the ledger.

Each message goes its own way; what all of them ask the database for is asked in rounds.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import psycopg
from psycopg_pool import PoolTimeout

from patron.delivery import confirming
from patron.delivery.deps import Deps, Limits
from patron.delivery.hand import Handed, hand
from patron.delivery.judging import Prepared, Verdict, judge
from patron.delivery.telling import tell
from patron.delivery.types import Reason
from patron.events import store as events
from patron.kit.clock import monotonic
from patron.kit.db import Database, Tx
from patron.kit.log import logger
from patron.kit.metrics import counter, histogram
from patron.kit.pauses import reach
from patron.kit.rounds import Rounds
from patron.messages import outbox, store
from patron.messages import passing_store as passing
from patron.messages.types import Ended, Message, Outcome, State
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
AWAY = (psycopg.OperationalError, PoolTimeout)


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
        bench = _Bench(db, shop, deps, await _walked(db, shop, limits, now))
        ended = await asyncio.gather(
            *(bench.deliver(message) for message in claimed), return_exceptions=True
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


class _Bench:
    """Where the messages of one claim are judged and their ends are written, those that come to it
    at the same time in one transaction."""

    def __init__(self, db: Database, shop: Shop, deps: Deps, caught_up: bool) -> None:
        self._db = db
        self._shop = shop
        self._deps = deps
        self._caught_up = caught_up
        self._hands = asyncio.Semaphore(deps.limits.in_flight)
        self._judged: Rounds[Message, Verdict] = Rounds(self._judge)
        self._written: Rounds[tuple[Prepared, Handed], Outcome | None] = Rounds(self._write)

    async def deliver(self, message: Message) -> Outcome | None:
        """Take one claimed message as far as it goes; None when the claim was no longer ours."""
        channel = self._deps.channels.get(message.channel)
        # A row stands in `handing_over` while it is with the provider, never while it waits its
        # turn.
        async with self._hands, channel.slot() if channel is not None else nullcontext():
            now = self._deps.clock.now()
            if message.lease_until is not None and now >= message.lease_until - SPARE:
                async with self._db.unit(self._shop.schema) as tx:  # it had no turn yet
                    await store.release(tx, message)
                return None
            verdict = await self._judged.do(message)
            if not isinstance(verdict, Prepared):
                return verdict
            await reach("delivery.handing_over")
            handed = await hand(self._deps.channels[message.channel], self._shop, verdict.letter)
            await reach("delivery.handed_over")
            outcome = await self._written.do((verdict, handed))
            await reach("delivery.finished")
            return outcome

    async def _judge(self, messages: Sequence[Message]) -> list[Verdict]:
        """Those that cannot be judged beside the others are judged after them, one by one."""
        try:
            found = await self._judge_once(messages)
        except AWAY:
            raise
        except Exception as error:  # a bug in one message must not hold up the others
            if len(messages) == 1:
                return [await self._put_back(messages[0], error)]
            found = {}
        for message in messages:
            if message.id not in found:
                (found[message.id],) = await self._judge([message])
        return [found[message.id] for message in messages]

    async def _judge_once(self, messages: Sequence[Message]) -> dict[UUID, Verdict]:
        return await self._db.run(
            self._shop.schema,
            lambda tx: judge(tx, self._shop, self._deps, messages, self._caught_up),
        )

    async def _write(self, told: Sequence[tuple[Prepared, Handed]]) -> list[Outcome | None]:
        """The provider's answers, in the ledger."""
        now = self._deps.clock.now()
        most = self._deps.limits.attempts
        ended = [
            Ended(one.message, handed.outcome(one.message, most, now), now) for one, handed in told
        ]

        async def write(tx: Tx) -> set[UUID]:
            for one, handed in told:
                if handed.bounced and one.letter.rehearsal_for is None:
                    await profiles.suppress(
                        tx,
                        one.message.channel,
                        one.address_key,
                        SuppressionReason.HARD_BOUNCE,
                        now,
                        f"message {one.message.id}",
                    )
            return await passing.finish(tx, ended)

        try:
            written = await _stubborn(self._db, self._shop, write)
        except AWAY:
            raise
        except Exception:
            if len(told) == 1:
                raise
            return [end for one in told for end in await self._write([one])]
        return [one.outcome if one.message.id in written else None for one in ended]

    async def _put_back(self, message: Message, error: Exception) -> Outcome | None:
        log.error("message could not be judged", exc_info=error, extra={"message_id": message.id})
        now = self._deps.clock.now()
        late = now >= message.expires_at
        outcome = Outcome(
            state=State.SKIPPED if late else State.DELAYED,
            reason=Reason.ERROR,
            words=f"{'Not sent' if late else 'Waiting'}: an error on our side"
            f" ({type(error).__name__}). The log has the details.",
            due_at=None if late else now + AFTER_ERROR,
        )
        async with self._db.unit(self._shop.schema) as tx:
            return outcome if await passing.finish(tx, [Ended(message, outcome, now)]) else None


async def _stubborn(
    db: Database, shop: Shop, write: Callable[[Tx], Awaitable[set[UUID]]]
) -> set[UUID]:
    """Write the providers' answers through a short outage: losing them would leave a doubt."""
    for pause in KEEP_TRYING:
        try:
            return await db.run(shop.schema, write)
        except AWAY:
            await asyncio.sleep(pause)
    return await db.run(shop.schema, write)

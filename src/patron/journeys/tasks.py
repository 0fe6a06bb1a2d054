"""Fires due timers, never ahead of the walk.

A timer due at T fires only when everything received up to T has been walked. Runs are claimed under
a lease in one transaction and carried on in the next, which first locks the people in id order.
Whoever dies in between loses nothing: the lease ends and another claims the run. Nothing is said
twice, for a step's messages and its end are written together.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from patron.events import store as events
from patron.events.inbox import Inbox
from patron.events.types import Source, Trust
from patron.journeys import entry_store, store
from patron.journeys.carry import carry
from patron.journeys.entry_store import Entry
from patron.journeys.switch import end_off
from patron.kit.db import Database, Tx
from patron.kit.metrics import counter, histogram
from patron.kit.pauses import reach
from patron.profiles import store as profiles
from patron.segments.last.reading import ENTERED
from patron.shops.types import Shop

AT_ONCE = 500
LEASE = timedelta(seconds=60)

FIRED = counter("patron_journey_timers_fired", "Due runs carried on", ["shop"])
LATE = histogram("patron_journey_timer_late_seconds", "From due to fired", ["shop"])


async def fire_due(db: Database, shop: Shop, now: datetime) -> int:
    """Carry on every run that is due and not ahead of the walk; how many these were."""
    fired = 0
    while True:
        async with db.unit(shop.schema) as tx:
            await store.snooze(tx, now)
            walked_to = await events.frontier(tx)
            token, claimed = await store.claim(tx, now, walked_to, AT_ONCE, LEASE)
        if not claimed:
            return fired
        await reach("journeys.claimed")

        async def work(
            tx: Tx, token: UUID = token, claimed: list[tuple[UUID, UUID]] = claimed
        ) -> list[float]:
            return await _fire(tx, shop, token, claimed, now)

        late = await db.run(shop.schema, work)
        await reach("journeys.fired")
        fired += len(late)
        FIRED.labels(shop.slug).inc(len(late))
        for seconds in late:
            LATE.labels(shop.slug).observe(seconds)
        if len(claimed) < AT_ONCE or not late:
            return fired


async def _fire(
    tx: Tx, shop: Shop, token: UUID, claimed: list[tuple[UUID, UUID]], now: datetime
) -> list[float]:
    """Seconds late of each run carried on. The frontier is read anew under the locks: what the walk
    commits before it is seen here, what it has not committed holds the timer back."""
    await profiles.lock(tx, sorted({origin for _, origin in claimed}))
    ours = await store.hold(tx, token, [run_id for run_id, _ in claimed], now)
    frontier = await events.frontier(tx)
    due = [run for run in ours if run.due_at and (frontier is None or run.due_at < frontier)]
    versions = await store.versions(tx, ((run.journey_id, run.version) for run in due))
    on = {pair for pair, live in versions.items() if live.on}
    ready = [run for run in due if (run.journey_id, run.version) in on]
    if ready:
        await carry(tx, shop, ready, now)
        await reach("journeys.carried")
    # The walk may have started a run while its journey was being switched off.
    await end_off(tx, [run.id for run in due if run not in ready], now)
    going = {run.id for run in due}
    rest = [run_id for run_id, _ in claimed if run_id not in going]
    if rest:
        await store.release(tx, token, rest)
    return [max((now - run.due_at).total_seconds(), 0.0) for run in ready if run.due_at]


async def tell(db: Database, shop: Shop, inbox: Inbox) -> int:
    """Append an event for each run that was given its arm; how many these were. One that is
    appended twice, because we stopped in between, carries the same id and counts once."""
    told = 0
    while True:
        async with db.unit(shop.schema) as tx:
            untold = await entry_store.untold(tx, AT_ONCE)
        if not untold:
            return told
        some = [_entered(one) for one in untold]
        await inbox.append(shop, some, trust=Trust.SERVER, source=Source.PATRON)
        await reach("journeys.told")
        async with db.unit(shop.schema) as tx:
            await entry_store.told(tx, [one.run_id for one in untold])
        told += len(untold)
        if len(untold) < AT_ONCE:
            return told


def _entered(entry: Entry) -> dict[str, Any]:
    return {
        "type": "track",
        "event": ENTERED,
        "messageId": f"patron-{entry.run_id}-entered",
        "timestamp": entry.at.isoformat(),
        "properties": {"journey": entry.journey, "arm": entry.arm},
        "context": {"patron": {"origin_id": str(entry.origin_id)}},
    }

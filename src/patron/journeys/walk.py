"""The acting part of the walk: runs start, move and end by what just happened.

An event that is older than the journey's maximum age when it is walked starts nothing, and neither
does history (`backfill`). What ends a run ends its waiting messages in the same transaction, also
when the run itself is done and only its message waits.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from patron.carts.types import CartChange
from patron.events.types import Event
from patron.journeys import store
from patron.journeys.builtin import order_names
from patron.journeys.carry import carry
from patron.journeys.gather import MESSAGES_WAIT, Batch, Live, Plan, gather, listens
from patron.journeys.step import AT_THE_DOOR
from patron.journeys.types import RunState
from patron.kit.db import Tx
from patron.kit.metrics import counter
from patron.messages import outbox
from patron.profiles.types import People
from patron.shops.types import Shop

STARTED = counter("patron_journey_started", "Runs started", ["shop", "journey"])
EXITED = counter("patron_journey_exited", "Runs ended by what happened", ["shop", "reason"])


async def advance(
    tx: Tx,
    shop: Shop,
    events: Sequence[Event],
    people: People,
    cart_changes: Sequence[CartChange],
    now: datetime,
) -> None:
    """Start, move and end runs for a batch of recorded events, in the walk's own transaction.

    `events` must be in the log already: conditions of a journey without a first wait read it.
    """
    live = await store.live(tx)
    if not live:
        return
    names = listens(live)
    heard = [event for event in events if event.name in names]
    changes = list(cart_changes) if any(one.definition.of_carts for one in live) else []
    merged = {people.roots.get(merge.winner, merge.winner) for merge in people.merged}
    if not (heard or changes or merged):
        return
    roots = {people.roots.get(event.origin_id, event.origin_id) for event in heard} | merged
    keys = {str(change.cart_id) for change in changes}
    alive = await store.alive(tx, live, sorted(keys), sorted(roots), now - MESSAGES_WAIT)
    batch = Batch(
        live=live,
        events=heard,
        changes=changes,
        received={event.position: event.received_at for event in events},
        roots=people.roots,
        last_starts=await _last_starts(tx, live, heard, changes, people),
        now=now,
        zone=ZoneInfo(shop.time_zone),
        orders=frozenset(order_names(shop.settings.metrics)),
    )
    await _write(tx, shop, gather(batch, alive), live, now)


async def _last_starts(
    tx: Tx,
    live: Sequence[Live],
    heard: Sequence[Event],
    changes: Sequence[CartChange],
    people: People,
) -> dict[tuple[UUID, UUID], datetime]:
    limited = [one for one in live if one.definition.reentry != timedelta()]
    if not limited:
        return {}
    origins = {one.origin_id for one in heard} | {one.origin_id for one in changes}
    roots = {people.roots.get(origin, origin) for origin in origins}
    return await store.last_starts(tx, limited, sorted(roots))


async def _write(tx: Tx, shop: Shop, plan: Plan, live: Sequence[Live], now: datetime) -> None:
    keys = {one.id: one.key for one in live}
    if plan.moved:
        await store.move(tx, plan.moved)
    if plan.ended:
        await store.end(tx, plan.ended, now)
    for reason, run_ids in plan.silenced.items():
        await outbox.cancel(tx, run_ids, reason, now)
    for ending in plan.ended:
        EXITED.labels(shop.slug, ending.reason).inc()
    if not plan.born:
        return
    await store.insert(tx, plan.born)
    for run in plan.born:
        STARTED.labels(shop.slug, keys[run.journey_id]).inc()
    fresh = [run for run in plan.born if run.step == AT_THE_DOOR and run.state is RunState.WAITING]
    if fresh:
        await carry(tx, shop, fresh, now)

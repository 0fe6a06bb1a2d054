"""What the worker does for segments: asks again when time or an answer by hand changed something,
and tells others who entered and left."""

from datetime import datetime

import numpy as np

from patron.events import store as events
from patron.events.inbox import Inbox
from patron.events.types import Source, Trust
from patron.kit.db import Database, Tx
from patron.kit.metrics import counter, histogram
from patron.kit.pauses import reach
from patron.profiles import store as profiles
from patron.profiles.changes import store as changed
from patron.segments.keeping import Asked, Touch, keep
from patron.segments.live import store as live
from patron.segments.live.opened import book_of
from patron.segments.members import store as members
from patron.segments.telling import about
from patron.shops.types import Shop

AT_ONCE = 500

ASKED = counter("patron_segments_asked_again", "People asked again by clock or by hand", ["shop"])
LATE = histogram("patron_segment_late_seconds", "From the end of a window to leaving", ["shop"])


async def fire_due(db: Database, shop: Shop, now: datetime) -> int:
    """Ask everybody again whose answer may have changed by time, or by what was done outside the
    walk; how many these were."""
    fired = 0
    while True:
        some, at_once = await db.run(shop.schema, lambda tx: _fire(tx, shop, now))
        fired += some
        if some < at_once:
            break
    if fired:
        ASKED.labels(shop.slug).inc(fired)
    return fired


async def _fire(tx: Tx, shop: Shop, now: datetime) -> tuple[int, int]:
    """How many were asked, of so many at most. Nothing overtakes the log: no window ends before
    everything received until then is walked."""
    book = await book_of(tx, shop)
    noted = await changed.waiting(tx, book.at_once)
    walked_to = await events.frontier(tx)
    due = await live.due(tx, now, walked_to, book.at_once)
    if not due and not noted:
        return 0, book.at_once
    roots = await profiles.roots(tx, [*due, *noted])
    await profiles.lock(tx, sorted(set(roots.values())))
    told = await changed.take(tx, noted)
    # Read anew under the locks: what was walked meanwhile is seen, what was received holds back.
    walked_to = await events.frontier(tx)
    still = set(await live.due(tx, now, walked_to, book.at_once)) & set(due)
    roots = await profiles.roots(tx, [*still, *told])
    await live.drop_due(tx, [one for one in still if roots.get(one) != one])
    people = sorted({roots[one] for one in (*still, *told) if one in roots})
    asked = Asked.of(people, book, Touch.NONE)
    place = {root: row for row, root in enumerate(people)}
    for one, why in [*((one, Touch.CLOCK) for one in still), *told.items()]:
        if one in roots:
            row = asked.touches[place[roots[one]]]
            np.maximum(row, int(why), out=row)
    for seconds in await live.late(tx, sorted(still), now):
        LATE.labels(shop.slug).observe(seconds)
    await keep(tx, shop, book, asked, None, now)
    await reach("segments.fired")
    return max(len(due), len(noted)), book.at_once


async def tell(db: Database, shop: Shop, inbox: Inbox) -> int:
    """Append the events about who entered and left what; how many these were. One that is appended
    twice, because we stopped in between, carries the same id and counts once."""
    told = 0
    while True:
        async with db.unit(shop.schema) as tx:
            untold = await members.untold(tx, AT_ONCE)
        if not untold:
            return told
        some = [about(one) for one in untold]
        await inbox.append(shop, some, trust=Trust.SERVER, source=Source.PATRON)
        await reach("segments.told")
        async with db.unit(shop.schema) as tx:
            await members.told(tx, [one.id for one in untold])
        told += len(untold)
        if len(untold) < AT_ONCE:
            return told

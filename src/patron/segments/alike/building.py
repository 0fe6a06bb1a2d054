"""Makes the index anew every night: everybody's features, then the postings of each feature.

What is held meanwhile is some twenty features of twelve bytes a person, and several times that for
moments while they are weighed.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from patron.kit.clock import Clock
from patron.kit.db import Database, Tx
from patron.kit.pauses import reach
from patron.segments import store as log
from patron.segments.alike import store
from patron.segments.alike.indexing import Gathered
from patron.segments.alike.measuring import NEEDED, features
from patron.segments.facts import Loaded
from patron.segments.population.keeping import last_night
from patron.segments.ready.counting import loaded
from patron.shops.types import Shop

FEWEST = 25
"""People that a shop must have for some of them to be alike."""
SEEN = timedelta(days=365)
MOST_PEOPLE = 500_000
"""Those seen last; whoever was not seen for so long is like nobody today."""
AT_ONCE = 250


async def is_due(tx: Tx, shop: Shop, now: datetime) -> bool:
    """Once a night, and as soon as there are people enough."""
    made_at = await store.made_at(tx)
    if made_at is not None:
        return made_at < last_night(shop, now)
    return len(await log.people(tx, None, FEWEST)) >= FEWEST


async def build(db: Database, shop: Shop, clock: Clock) -> int:
    """Compare everybody; of how many something is known that can be compared."""
    now = clock.now()
    async with db.unit(shop.schema) as tx:
        roots = await store.active(tx, now - SEEN, MOST_PEOPLE)
    gathered, whose = Gathered(), []
    for start in range(0, len(roots), AT_ONCE):
        some = roots[start : start + AT_ONCE]
        async with db.unit(shop.schema) as tx:
            facts = await loaded(tx, some, NEEDED, now, shop)
        whose += await asyncio.to_thread(_gather, gathered, some, facts, now)
    index = await asyncio.to_thread(gathered.index)
    await reach("segments.compared")
    async with db.unit(shop.schema) as tx:
        await store.replace(tx, index, whose, now)
    return gathered.people


def _gather(
    gathered: Gathered, roots: Sequence[UUID], facts: Sequence[Loaded], now: datetime
) -> list[UUID]:
    """Those of them who are in it now."""
    every = [features(her, now) for her in facts]
    gathered.add(one for one in every if one)
    return [root for root, one in zip(roots, every, strict=True) if one]

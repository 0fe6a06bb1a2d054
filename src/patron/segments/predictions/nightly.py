"""What Patron itself expects of buyers, made anew every night, and published only if it is good for
something."""

import asyncio
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.kit.clock import Clock
from patron.kit.db import Database, Tx
from patron.kit.pauses import reach
from patron.segments.population import store as population
from patron.segments.population.keeping import last_night
from patron.segments.predictions import bgnbd, store
from patron.segments.predictions.bgnbd import WEEK, Buyers, Tested
from patron.segments.predictions.types import ALIVE, NEXT, ORDERS, OWN, Source, cuts_of
from patron.segments.rules.dates import micros
from patron.shops.types import Shop

FEWEST_AGAIN = 100
"""People who ordered again before the period that is held out."""
SHORTEST = 84
"""Days of orders there must be: twelve weeks."""
HELD_OUT = (28, 90)
"""At least and at most so many days, a quarter of all in between."""
AHEAD = 90
"""Days ahead for which orders are expected."""
LONGEST = 520.0
"""Weeks; a next order later than in ten years is none."""
_EPOCH = date(1970, 1, 1)


class Made(msgspec.Struct):
    """What one night made: by name the values of people, or nothing; and what is to be said."""

    said: str
    values: dict[str, dict[UUID, float]] | None = None


async def is_due(tx: Tx, shop: Shop, now: datetime) -> bool:
    """Whether nobody has tried since last night, in a shop that has an order."""
    looked = [one.looked_at for one in await store.every(tx) if one.source == Source.PATRON]
    if looked and all(at is not None and at >= last_night(shop, now) for at in looked):
        return False
    return bool(await population.buyers(tx, None, 1))


async def refresh(db: Database, shop: Shop, clock: Clock) -> Made | None:
    """Make predictions if they are due, and publish them if they foretell a period that was held
    out better than those who know no model."""
    async with db.unit(shop.schema) as tx:
        now = clock.now()
        if not await is_due(tx, shop, now):
            return None
        ordered = await store.ordered(tx, shop.time_zone)
    made = await asyncio.to_thread(foretold, ordered, now, ZoneInfo(shop.time_zone))
    async with db.unit(shop.schema) as tx:
        await store.lock(tx)
        for name, (kind, label) in OWN.items():
            await store.put(tx, name, label, kind, Source.PATRON)
        if made.values is None:
            await store.looked(tx, list(OWN), now, made.said)
        else:
            for name, values in made.values.items():
                cuts = cuts_of(list(values.values()))
                await store.publish(tx, name, values, cuts, now, made.said)
            await store.looked(tx, list(OWN), now)
        await reach("segments.predicted")
    return made


def foretold(ordered: list[tuple[UUID, list[int]]], now: datetime, zone: ZoneInfo) -> Made:
    """Predictions out of the days on which people ordered; days count from 1970 in the shop's
    zone."""
    today = (now.astimezone(zone).date() - _EPOCH).days
    days = np.array([day for _, some in ordered for day in some], np.int64)
    who = np.repeat(np.arange(len(ordered)), [len(some) for _, some in ordered])
    span = today - int(days.min()) if len(days) else 0
    if span < SHORTEST:
        return Made(f"Orders of {SHORTEST} days are needed; there are those of {span}.")
    period = max(HELD_OUT[0], min(HELD_OUT[1], span // 4))
    found = _tested(who, days, today - period, period)
    if isinstance(found, str):
        return Made(found)
    told = (
        f"Forecasts for the last {period} days were off by {found.model:.3f} orders a person;"
        f" by {found.goes_on:.3f} if everybody goes on as before, by {found.all_alike:.3f} if all"
        f" do the same"
    )
    if not found.wins:
        return Made(f"{told}. So nothing is published.")
    buyers = bgnbd.buyers_of(who, days, len(ordered), today)
    fitted = bgnbd.fit(buyers)
    if fitted is None:
        return Made("No parameters fit the orders there are.")
    values = _values([root for root, _ in ordered], buyers, fitted, today, zone)
    return Made(f"{told} (BG/NBD, {len(ordered):,} buyers).", values)


def _tested(who: NDArray[np.int64], days: NDArray[np.int64], cut: int, period: int) -> Tested | str:
    """How well the last `period` days are foretold from those up to `cut`; or why nobody tried."""
    early = days <= cut
    there, whose = np.unique(who[early], return_inverse=True)
    before = bgnbd.buyers_of(whose, days[early], len(there), cut)
    again = int((before.repeat > 0).sum())
    if again < FEWEST_AGAIN:
        return (
            f"{FEWEST_AGAIN} people who ordered again are needed before the last {period} days,"
            f" which are held out; there are {again}."
        )
    fitted = bgnbd.fit(before)
    if fitted is None:
        return "No parameters fit the orders there are."
    came = np.zeros(int(who.max()) + 1)
    np.add.at(came, who[~early], 1)
    return bgnbd.tested(fitted, before, came[there], period / WEEK)


def _values(
    roots: list[UUID], buyers: Buyers, fitted: bgnbd.Fitted, today: int, zone: ZoneInfo
) -> dict[str, dict[UUID, float]]:
    still = np.round(bgnbd.alive(fitted, buyers), 4)
    orders = np.round(bgnbd.expected(fitted, buyers, AHEAD / WEEK), 4)
    weeks = bgnbd.half_time(fitted, buyers)
    begins = datetime.combine(_EPOCH + timedelta(days=today), time(), zone).astimezone(UTC)
    at = {
        root: float(micros(begins + timedelta(days=round(one * WEEK))))
        for root, one in zip(roots, weeks.tolist(), strict=True)
        if one <= LONGEST
    }
    return {
        ALIVE: dict(zip(roots, still.tolist(), strict=True)),
        NEXT: at,
        ORDERS: dict(zip(roots, orders.tolist(), strict=True)),
    }

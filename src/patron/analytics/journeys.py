"""What a journey did and what it earned."""

from datetime import datetime, timedelta

from patron.analytics import store
from patron.analytics.types import JourneyResult, Period, Unit
from patron.experiments.proof import proof
from patron.kit.db import Tx
from patron.shops.types import Shop

WINDOW = timedelta(days=5)


async def results(
    tx: Tx,
    shop: Shop,
    journey: str,
    now: datetime,
    period: Period = Period(),  # noqa: B008 - frozen
    *,
    window: timedelta = WINDOW,
) -> JourneyResult | None:
    """The result of a journey, or None when there is none of that key.

    Attribution says whose last click an order followed; proof says what would not have been bought
    without the journey. They answer different questions and are never added.
    """
    of_carts = await store.of_carts(tx, journey)
    if of_carts is None:
        return None
    unit: Unit = "carts" if of_carts else "people"
    source = f"journey:{journey}"
    counts = await store.counts(tx, journey, source, period)
    cohorts, mixed = await store.cohorts(tx, source, period, window, shop.currency, now)
    return JourneyResult(
        journey=journey,
        since=period.since,
        until=period.until,
        unit=unit,
        entered=counts.entered,
        held_out=counts.held_out,
        sent=counts.sent,
        opened=counts.opened,
        clicked=counts.clicked,
        ordered=await store.ordered(tx, source, period, window),
        skipped=counts.skipped,
        attributed=await store.attributed(tx, source, period, window, shop.currency),
        currency=shop.currency,
        other_currency=await store.other_currencies(tx, source, period, window, shop.currency),
        proof=proof(shop, cohorts, mixed, window, unit=unit, entered=counts.entered),
    )

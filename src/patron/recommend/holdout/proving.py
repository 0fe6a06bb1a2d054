"""What a placement earned, measured against those who were held out of it."""

from datetime import datetime, timedelta

from patron.experiments import store
from patron.experiments.proof import proof
from patron.experiments.types import Proof
from patron.kit.db import Tx
from patron.recommend.holdout.comparing import experiment_of
from patron.shops.types import Shop


async def proven(
    tx: Tx,
    shop: Shop,
    placement: str,
    now: datetime,
    period: tuple[datetime | None, datetime | None],
    window: timedelta,
) -> Proof | None:
    """The finding of all who were answered for the first time in the period; None where nobody was
    ever held out."""
    experiment = experiment_of(placement)
    if not await store.is_known(tx, experiment):
        return None
    cohorts, mixed = await store.exposed(tx, experiment, period, window, shop.currency, now)
    return proof(shop, cohorts, mixed, window)

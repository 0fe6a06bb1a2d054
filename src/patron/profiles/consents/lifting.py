"""Which suppressions somebody at the shop may lift."""

from datetime import datetime

from patron.kit.db import Tx
from patron.kit.problems import conflict, not_found
from patron.profiles.consents import suppression_store as store
from patron.profiles.types import Suppression, SuppressionReason

HER_OWN = frozenset({SuppressionReason.UNSUBSCRIBE, SuppressionReason.COMPLAINT})
"""Her own word, which nobody takes back but she."""


async def lift(
    tx: Tx, channel: str, address_key: str, reason: SuppressionReason, why: str, now: datetime
) -> Suppression:
    """Take a suppression away. Problem 404 when there is none, 409 when only she may lift it."""
    stop = await store.find(tx, channel, address_key, reason)
    if stop is None:
        raise not_found(f"{channel} suppression ({reason}) of", address_key)
    if reason is SuppressionReason.ERASED:
        raise conflict(
            f"{address_key} belongs to somebody who asked to be forgotten",
            remedy="nothing lifts this but her signing up anew",
        )
    if reason in HER_OWN and not await store.said_yes_since(tx, channel, address_key, stop.at):
        raise conflict(
            f"{address_key} is suppressed by her own word ({reason}) of {stop.at:%Y-%m-%d}",
            remedy="only a newer yes of hers lifts it: write one down, with its proof, if you have"
            " it",
        )
    await store.lift(tx, stop, why, now)
    return stop

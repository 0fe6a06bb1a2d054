"""An address that somebody at the shop stops or frees; the owner's systems hear of it."""

from datetime import datetime

from patron.kit.db import Tx
from patron.profiles import named_store as named
from patron.profiles import store as profiles
from patron.profiles.consent import CHANNEL_KIND
from patron.profiles.consents import lifting
from patron.profiles.types import Suppression, SuppressionReason
from patron.profiles.untold import store as untold


async def suppress(
    tx: Tx, channel: str, address_key: str, source: str, now: datetime
) -> Suppression:
    """Nothing more goes to this address over the channel until that is lifted by hand."""
    stop = Suppression(channel, address_key, SuppressionReason.MANUAL, now, source)
    await _tell(tx, untold.SUPPRESSED, stop, now)
    await profiles.suppress(tx, channel, address_key, stop.reason, now, source)
    return stop


async def lift(
    tx: Tx, channel: str, address_key: str, reason: SuppressionReason, why: str, now: datetime
) -> Suppression:
    """Take a suppression away. Problem 404 when there is none, 409 when only she may lift it."""
    await _tell(tx, untold.LIFTED, Suppression(channel, address_key, reason, now, why), now)
    return await lifting.lift(tx, channel, address_key, reason, why, now)


async def _tell(tx: Tx, event: str, stop: Suppression, now: datetime) -> None:
    """As an event of whoever has the address; of one that nobody has there is nobody to tell of."""
    name = (CHANNEL_KIND[stop.channel], stop.address_key)
    found = await named.roots_of(tx, [name])
    if name not in found:
        return
    await profiles.lock(tx, await profiles.origins(tx, found[name]))
    found = await named.roots_of(tx, [name])  # whoever is erased meanwhile is not told of
    if name in found:
        told = {"channel": stop.channel, "reason": str(stop.reason)}
        await untold.put(tx, found[name], event, told, now)

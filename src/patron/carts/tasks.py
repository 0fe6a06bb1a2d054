"""What the worker does for carts."""

from datetime import datetime

from patron.carts import store
from patron.kit.db import Tx
from patron.kit.log import logger
from patron.profiles.changes import store as changes

log = logger(__name__)


async def expire(tx: Tx, now: datetime) -> int:
    """Close carts that nobody touched for thirty days, and drop marks of orders older than sixty.

    At most 2,000 carts a call, so that no call lasts long; the number it closed.
    """
    origins = await store.expire(tx, now)
    if origins:
        await changes.note(tx, origins, now, changes.Why.CLOCK)
        log.info("carts expired", extra={"carts": len(origins)})
    return len(origins)

"""What the worker does for carts."""

from datetime import datetime

from patron.carts import store
from patron.kit.db import Tx
from patron.kit.log import logger

log = logger(__name__)


async def expire(tx: Tx, now: datetime) -> int:
    """Close carts that nobody touched for thirty days, and drop marks of orders older than sixty.

    At most 2,000 carts a call, so that no call lasts long; the number it closed.
    """
    closed = await store.expire(tx, now)
    if closed:
        log.info("carts expired", extra={"carts": closed})
    return closed

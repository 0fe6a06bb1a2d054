"""What a request of a customer works with, and how her word is told besides being kept."""

from collections.abc import Sequence
from typing import Any

import msgspec

from patron.delivery.telling import append
from patron.events.inbox import Inbox, InboxDown, InboxFull
from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.kit.log import logger
from patron.shops.types import Shop

log = logger(__name__)


class Desk(msgspec.Struct, frozen=True):
    """What a request about a subscription works with."""

    db: Database
    clock: Clock
    inbox: Inbox
    shop: Shop

    async def tell(self, events: Sequence[dict[str, Any]]) -> None:
        """Append events about what is kept already: only lines in her timeline depend on them."""
        if not events:
            return
        try:
            await append(self.inbox, self.shop, list(events))
        except (InboxFull, InboxDown) as error:
            log.warning("her word is kept but not told", extra={"reason": str(error)})

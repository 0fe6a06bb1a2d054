"""Whether the shop's feeds are read, and believed."""

from patron.app.care.finding import Finding
from patron.catalog.feeds import store
from patron.catalog.feeds.types import FeedStatus, view
from patron.kit.db import Tx
from patron.shops.types import Shop


async def of_shop(tx: Tx, shop: Shop) -> list[Finding]:
    """One finding for each feed; nothing where there is none."""
    found = []
    for feed in await store.every(tx):
        shown, name = view(feed), f"{shop.slug}: feed {feed.key}"
        if shown.status in (FeedStatus.FAILING, FeedStatus.ALARM):
            found.append(Finding(name, "warning", shown.error or "", shown.remedy))
        else:
            found.append(Finding(name, "ok", f"{shown.status}, {shown.items:,} items"))
    return found

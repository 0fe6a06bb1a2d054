"""What customers asked about their data and nobody has answered yet."""

from patron.app.care.finding import Finding
from patron.kit.db import Tx
from patron.profiles.consents import request_store
from patron.shops.types import Shop


async def of_shop(tx: Tx, shop: Shop) -> list[Finding]:
    """One finding while somebody waits; laws give an answer about a month."""
    waiting = await request_store.waiting(tx)
    if not waiting:
        return []
    detail = f"{waiting} ask for their data, or to be forgotten"
    remedy = "`patron privacy list --state open` shows who, and since when"
    return [Finding(f"{shop.slug}: requests", "warning", detail, remedy)]

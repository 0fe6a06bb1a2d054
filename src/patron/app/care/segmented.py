"""Whether a shop has the ready-made segments that every new one begins with."""

from patron.app.care.finding import Finding
from patron.kit.db import Tx
from patron.segments.ready import showing
from patron.segments.ready.catalogue import catalogue
from patron.shops.types import Shop


async def of_shop(tx: Tx, shop: Shop) -> list[Finding]:
    """A warning while it has none: it was founded before there were any. One that lacks some has an
    owner who chose, which is no fault, and no finding."""
    core = sum(one.core for one in catalogue(shop))
    if len(await showing.missing(tx, shop)) < core:
        return []
    detail = f"none of the {core} ready-made ones that a new shop begins with is saved"
    remedy = "`patron segment install --core` saves them"
    return [Finding(f"{shop.slug}: segments", "warning", detail, remedy)]

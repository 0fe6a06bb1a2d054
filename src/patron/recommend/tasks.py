"""Training: a shop's past is read, models are counted and swapped in, in a process that ends."""

from datetime import datetime
from pathlib import Path

import numpy as np

from patron.events.sorted.layout import folder_of
from patron.kit.db import Database
from patron.kit.lake import Lake
from patron.recommend import shelf
from patron.recommend.history.reading import Past, past
from patron.recommend.history.telling import finder, told
from patron.recommend.together import fit
from patron.recommend.together.types import Params
from patron.recommend.types import Fitted, Kind
from patron.shops.types import Shop


async def read_past(db: Database, shop: Shop, lake: Lake, now: datetime) -> Past:
    """What the lake knows of the last two years, with people and products as they are now."""
    async with db.unit(shop.schema) as tx:
        known = await told(tx, shop)
    return await past(lake, folder_of(lake.uri), known, finder(db, shop), now)


def refresh(whole: Past, models: Path, now: datetime) -> Fitted:
    """Count "bought together" and swap the result in. With no order at all there is nothing to
    swap."""
    seen = whole.interactions
    bought = seen.where(seen.kind == Kind.BUY)
    if not len(bought):
        return Fitted(0, 0, 0)
    table = fit.fit(seen, Params())
    shelf.write(models, whole.items, {shelf.TOGETHER: (table, shelf.About())}, now, whole.position)
    orders = int(bought.basket.max()) + 1
    return Fitted(orders, len(np.unique(bought.item)), len(table.item))

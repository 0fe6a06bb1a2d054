"""The suppression list as a CSV file, in the columns that an import reads."""

import csv
import io
from collections.abc import AsyncIterator

from patron.kit.db import Database
from patron.kit.sheets import harmless
from patron.profiles.consents import suppression_store as store
from patron.profiles.consents.suppression_store import Wanted
from patron.shops.types import Shop

AT_ONCE = 1_000
COLUMNS = ("address", "channel", "reason", "at", "note")


async def content(db: Database, shop: Shop, wanted: Wanted) -> AsyncIterator[bytes]:
    """The file in parts of 1,000 lines, newest first, in UTF-8; each part is read by itself."""
    yield _lines([COLUMNS])
    after = None
    while True:
        async with db.unit(shop.schema) as tx:
            found = await store.listed(tx, wanted, after, AT_ONCE)
        yield _lines(
            [
                (
                    harmless(one.address_key),
                    one.channel,
                    str(one.reason),
                    one.at.isoformat(),
                    harmless(one.source),
                )
                for one in found
            ]
        )
        if len(found) < AT_ONCE:
            return
        last = found[-1]
        after = (last.at, last.address_key, last.channel, str(last.reason))


def _lines(rows: list[tuple[str, ...]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()

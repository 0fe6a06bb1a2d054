"""A list as a CSV file."""

import csv
import io
from collections.abc import AsyncIterator
from uuid import UUID

import msgspec

from patron.kit.db import Database
from patron.kit.sheets import harmless
from patron.segments.lists import store
from patron.segments.lists.keeping import ListMember, shown
from patron.shops.types import Shop

AT_ONCE = 500
COLUMNS = tuple("profile_id" if name == "id" else name for name in ListMember.__struct_fields__)


async def content(
    db: Database, shop: Shop, list_id: UUID, *, bom: bool = False
) -> AsyncIterator[bytes]:
    """The file in parts of 500 people, each read in a transaction of its own, in UTF-8; `bom` marks
    it as such for Excel."""
    yield (b"\xef\xbb\xbf" if bom else b"") + _lines([COLUMNS])
    after = None
    while True:
        async with db.unit(shop.schema) as tx:
            rows, after = await store.members(tx, list_id, after, AT_ONCE)
            members = await shown(tx, rows)
        yield _lines([_cells(member) for member in members])
        if after is None:
            return


def _cells(member: ListMember) -> tuple[object, ...]:
    values = msgspec.to_builtins(member)
    return tuple(harmless(values[name]) for name in member.__struct_fields__)


def _lines(rows: list[tuple[object, ...]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()

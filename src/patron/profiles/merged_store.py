"""Merges in the order in which they were made, and people kept while one reads about them."""

from collections.abc import Iterable
from uuid import UUID

from patron.kit.db import Tx, rows, tuples, value
from patron.profiles.types import Merge

NONE = UUID(int=0)


async def merges_after(tx: Tx, last: UUID, limit: int) -> list[Merge]:
    """Merges behind that of id `last` that stand. One walker makes them, so their ids are in the
    order in which they were committed."""
    return await rows(
        tx,
        Merge,
        "SELECT id, winner, loser, moved, reason, message_id, event_at, merged_at, undone_at"
        " FROM merge_log WHERE id > %s AND undone_at IS NULL ORDER BY id LIMIT %s",
        (last, limit),
    )


async def last_merge(tx: Tx) -> UUID:
    found = await value(tx, "SELECT id FROM merge_log ORDER BY id DESC LIMIT 1")
    return found if isinstance(found, UUID) else NONE


async def kept(tx: Tx, origins: Iterable[UUID]) -> set[UUID]:
    """Those of `origins` that exist; nobody erases them before this transaction ends."""
    found = await tuples(
        tx,
        "SELECT id FROM origin WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE",
        (sorted(set(origins)),),
    )
    return {origin for (origin,) in found}

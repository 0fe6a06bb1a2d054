"""The SQL of visitors whom nobody ever knew and who have not come for long."""

from datetime import datetime
from uuid import UUID

from patron.kit.db import Tx, tuples, value

_STRANGER = (
    "NOT o.known AND o.id = o.root_id AND o.last_seen < %s AND NOT EXISTS (SELECT FROM origin k"
    " WHERE k.root_id = o.id AND (k.known OR k.last_seen >= %s)) AND NOT EXISTS (SELECT FROM"
    " identifier i JOIN origin k ON k.id = i.origin_id"
    " WHERE k.root_id = o.id AND i.kind <> 'anonymous_id')"
)


async def strangers(tx: Tx, before: datetime, limit: int) -> list[UUID]:
    """People without a name who were last seen before that. Reads every origin once."""
    found = await tuples(
        tx, f"SELECT o.id FROM origin o WHERE {_STRANGER} LIMIT %s", (before, before, limit)
    )
    return [id for (id,) in found]


async def still_strangers(tx: Tx, roots: list[UUID], before: datetime) -> list[UUID]:
    """Those of `roots` of whom it is still so."""
    found = await tuples(
        tx,
        f"SELECT o.id FROM origin o WHERE o.id = ANY(%s) AND {_STRANGER} ORDER BY o.id",
        (roots, before, before),
    )
    return [id for (id,) in found]


async def oldest_stranger(tx: Tx) -> datetime | None:
    """When the visitor without a name was last seen who has been away for longest."""
    found: datetime | None = await value(
        tx, "SELECT min(last_seen) FROM origin WHERE NOT known AND id = root_id"
    )
    return found

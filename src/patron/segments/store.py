"""The SQL of segments: people and what they did, through the views that lower rooms declare."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from patron.kit.db import Tx, tuples


async def families(tx: Tx, origins: Iterable[UUID]) -> dict[UUID, list[UUID]]:
    """For each origin all origins of its person, oldest first; itself alone if it is unknown."""
    asked = sorted(set(origins))
    found = await tuples(
        tx,
        "SELECT o.origin_id, f.origin_id FROM v_origin o JOIN v_origin f ON f.root_id = o.root_id"
        " WHERE o.origin_id = ANY(%s) ORDER BY f.origin_id",
        (asked,),
    )
    families: dict[UUID, list[UUID]] = {}
    for origin, member in found:
        families.setdefault(origin, []).append(member)
    return {origin: families.get(origin, [origin]) for origin in asked}


async def happened(
    tx: Tx,
    origins: Sequence[UUID],
    names: Sequence[str],
    since: datetime | None,
    *,
    properties: bool,
) -> list[tuple[UUID, datetime, str, dict[str, Any]]]:
    """(origin, event time, name, properties) of these origins' events from `since` on.

    The properties are read only when asked for, and are {} otherwise.
    """
    told = "properties" if properties else "NULL"
    when = "" if since is None else " AND ts >= %s"
    found = await tuples(
        tx,
        f"SELECT origin_id, ts, name, {told} FROM v_event"
        f" WHERE origin_id = ANY(%s) AND name = ANY(%s){when}",
        (list(origins), list(names), *([] if since is None else [since])),
    )
    return [(origin, ts, name, told or {}) for origin, ts, name, told in found]

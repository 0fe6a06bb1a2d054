"""The SQL of what is remembered of people, and of when they are to be asked again."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from patron.kit.db import Tx, execute, tuples
from patron.profiles.batch.arrays import byte_strings, longs, times, uuids

NEVER = 2**63 - 1


class Kept(msgspec.Struct):
    """An origin and what is remembered of it; `known` is false when nothing was written yet."""

    origin_id: UUID
    root_id: UUID
    records: bytes
    inside: bytes
    due: int
    known: bool


async def load(tx: Tx, roots: Sequence[UUID]) -> list[Kept]:
    """Every origin of the people with these roots, by id."""
    cursor = await tx.execute(
        "SELECT o.origin_id, o.root_id, coalesce(s.records, ''), coalesce(s.inside, ''),"
        " coalesce(s.due, %b), s.origin_id IS NOT NULL FROM v_origin o"
        " LEFT JOIN segment_state s ON s.origin_id = o.origin_id"
        " WHERE o.root_id = ANY(%b) ORDER BY o.origin_id",
        (NEVER, uuids(roots)),
        binary=True,
    )
    return [Kept(*found) for found in await cursor.fetchall()]


async def save(tx: Tx, some: Sequence[Kept]) -> None:
    """Write what is remembered of origins, new ones too."""
    if not some:
        return
    await execute(
        tx,
        "INSERT INTO segment_state AS s (origin_id, records, inside, due)"
        " SELECT * FROM unnest(%b::uuid[], %b::bytea[], %b::bytea[], %b::bigint[])"
        " ON CONFLICT (origin_id) DO UPDATE SET records = excluded.records,"
        " inside = excluded.inside, due = excluded.due",
        (
            uuids(one.origin_id for one in some),
            byte_strings(one.records for one in some),
            byte_strings(one.inside for one in some),
            longs(one.due for one in some),
        ),
    )


async def set_due(tx: Tx, when: Sequence[tuple[UUID, datetime]]) -> None:
    """Have these people be asked again at these moments."""
    if when:
        await execute(
            tx,
            "INSERT INTO segment_due AS d (origin_id, due_at)"
            " SELECT * FROM unnest(%b::uuid[], %b::timestamptz[]) AS u (origin_id, due_at)"
            " ON CONFLICT (origin_id) DO UPDATE SET due_at = excluded.due_at",
            (uuids(origin for origin, _ in when), times(at for _, at in when)),
        )


async def drop_due(tx: Tx, origins: Sequence[UUID]) -> None:
    if origins:
        await execute(tx, "DELETE FROM segment_due WHERE origin_id = ANY(%b)", (uuids(origins),))


async def due(tx: Tx, now: datetime, before: datetime | None, limit: int) -> list[UUID]:
    """Those who are to be asked by `now`, the longest overdue first; before `before` if given."""
    found = await tuples(
        tx,
        "SELECT origin_id FROM segment_due WHERE due_at <= %s"
        " AND (%s::timestamptz IS NULL OR due_at < %s) ORDER BY due_at LIMIT %s",
        (now, before, before, limit),
    )
    return [origin for (origin,) in found]


async def late(tx: Tx, origins: Sequence[UUID], now: datetime) -> list[float]:
    """How many seconds overdue each of them is."""
    found = await tuples(
        tx, "SELECT due_at FROM segment_due WHERE origin_id = ANY(%s)", (list(origins),)
    )
    return [(now - at).total_seconds() for (at,) in found]


async def erase(tx: Tx, origins: Sequence[UUID]) -> None:
    own = list(origins)
    await execute(tx, "DELETE FROM segment_state WHERE origin_id = ANY(%s)", (own,))
    await execute(tx, "DELETE FROM segment_due WHERE origin_id = ANY(%s)", (own,))

"""The SQL of the audit log. Users can only add to it; age and an erasure take from it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from patron.kit.db import Tx, as_json, execute, tuples, value
from patron.kit.ids import id_at
from patron.shops.audit.types import ERASED, Actor, ActorKind, Asked, Entry, Outcome, profile

_LOCK = 7_236_503
_COLUMNS = (
    "id, at, actor_kind, actor_id, actor_name, place, action, change, subject, outcome, count,"
    " detail"
)


async def share(tx: Tx) -> None:
    """Keep erasures out until the transaction ends; to be called before a subject is looked up.

    Otherwise an entry could name somebody whom an erasure has just taken out of the log.
    """
    await value(tx, "SELECT pg_advisory_xact_lock_shared(%s, hashtext(current_schema()))", (_LOCK,))


async def record(
    tx: Tx,
    actor: Actor,
    action: str,
    subject: str | None,
    detail: Mapping[str, Any],
    now: datetime,
) -> UUID:
    """Write down a change that this very transaction makes; the entry's id."""
    await share(tx)
    entry = Entry(id_at(now), now, actor, action, True, subject, detail=dict(detail))
    await write(tx, [entry])
    return entry.id


async def write(tx: Tx, entries: Sequence[Entry]) -> None:
    """Add entries, in one statement however many there are."""
    if not entries:
        return
    columns = [
        [entry.id for entry in entries],
        [entry.at for entry in entries],
        [entry.actor.kind.value for entry in entries],
        [_kept(entry.actor.id) for entry in entries],
        [_kept(entry.actor.name) for entry in entries],
        [_kept(entry.actor.place) for entry in entries],
        [_kept(entry.action) for entry in entries],
        [entry.change for entry in entries],
        [None if entry.subject is None else _kept(entry.subject) for entry in entries],
        [entry.outcome.value for entry in entries],
        [entry.count for entry in entries],
        [_kept(as_json(entry.detail), 4_000) for entry in entries],
    ]
    await execute(
        tx,
        f"INSERT INTO audit ({_COLUMNS}) SELECT {_COLUMNS.removesuffix('detail')} detail::jsonb"
        " FROM unnest(%s::uuid[], %s::timestamptz[], %s::text[], %s::text[], %s::text[],"
        " %s::text[], %s::text[], %s::boolean[], %s::text[], %s::text[], %s::int[], %s::text[])"
        f" AS e ({_COLUMNS}) ON CONFLICT (id) DO NOTHING",
        columns,
    )


def _kept(text: str, most: int = 300) -> str:
    """`text` as PostgreSQL can hold it; what is too long to be meant is told by its length."""
    if len(text) > most:
        return '{"cut": true}' if most > 300 else text[:most]
    return text.replace("\0", "").encode("utf-8", "replace").decode()


async def finish(
    tx: Tx, entry_ids: Sequence[UUID], outcomes: Sequence[Outcome], counts: Sequence[int | None]
) -> None:
    """What came of changes that were written down when they began."""
    await execute(
        tx,
        "UPDATE audit a SET outcome = e.outcome, count = e.count"
        " FROM unnest(%s::uuid[], %s::text[], %s::int[]) AS e (id, outcome, count)"
        " WHERE a.id = e.id",
        (list(entry_ids), [outcome.value for outcome in outcomes], list(counts)),
    )


async def listed(
    tx: Tx, asked: Asked, before: tuple[datetime, UUID] | None, limit: int
) -> list[Entry]:
    """Entries, the newest first, from behind (time, id) on."""
    at, last = before or (None, None)
    found = await tuples(
        tx,
        f"SELECT {_COLUMNS} FROM audit WHERE (%s::text IS NULL OR %s IN (actor_id, actor_name))"
        " AND (%s::text IS NULL OR position(lower(%s) IN lower(action)) > 0)"
        " AND (%s::text[] IS NULL OR subject = ANY(%s))"
        " AND (%s::boolean IS NULL OR change = %s)"
        " AND (%s::timestamptz IS NULL OR at >= %s) AND (%s::timestamptz IS NULL OR at < %s)"
        " AND (%s::timestamptz IS NULL OR (at, id) < (%s, %s))"
        " ORDER BY at DESC, id DESC LIMIT %s",
        (
            *(asked.actor, asked.actor, asked.action, asked.action),
            *(asked.subjects, asked.subjects, asked.change, asked.change),
            *(asked.since, asked.since, asked.until, asked.until),
            *(at, at, last, limit),
        ),
    )
    return [_entry(one) for one in found]


def _entry(found: Sequence[Any]) -> Entry:
    id, at, kind, actor, name, place, action, change, subject, outcome, count, detail = found
    who = Actor(ActorKind(kind), actor, name, place)
    return Entry(id, at, who, action, change, subject, Outcome(outcome), count, detail)


async def forget(tx: Tx, origins: Sequence[UUID]) -> int:
    """Replace an erased person where she is a subject; how many entries. That somebody was read,
    changed or erased stays, by whom and when. Nobody adds entries until the transaction ends."""
    await value(tx, "SELECT pg_advisory_xact_lock(%s, hashtext(current_schema()))", (_LOCK,))
    return await execute(
        tx,
        "UPDATE audit SET subject = %s, detail = '{}' WHERE subject = ANY(%s)",
        (ERASED, [profile(origin) for origin in origins]),
    )


async def expire(tx: Tx, before: datetime, limit: int) -> int:
    """Delete entries from before that moment, up to `limit`; how many."""
    return await execute(
        tx,
        "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < %s ORDER BY at LIMIT %s)",
        (before, limit),
    )


async def oldest(tx: Tx) -> datetime | None:
    found: datetime | None = await value(tx, "SELECT min(at) FROM audit")
    return found

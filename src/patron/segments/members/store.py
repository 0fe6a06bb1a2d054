"""The SQL of memberships: who is in, who was, and what is not told yet."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from patron.kit.db import Tx, execute, rows, tuples, value
from patron.profiles.batch.arrays import bools, integers, texts, times, uuids
from patron.segments.members.types import Change, Day, Member, Stay, Told

_NOW = "m.left_at IS NULL"


async def write(tx: Tx, changes: Sequence[Change], untold: Sequence[tuple[UUID, Change]]) -> None:
    """Keep that people entered and left; `untold` are those that others shall hear of."""
    entered = [one for one in changes if one.entered]
    left = [one for one in changes if not one.entered]
    if entered:
        await execute(
            tx,
            "INSERT INTO membership (segment_id, origin_id, entered_at, cause)"
            " SELECT * FROM unnest(%b::integer[], %b::uuid[], %b::timestamptz[], %b::text[])"
            " ON CONFLICT (origin_id, segment_id, entered_at)"
            " DO UPDATE SET left_at = NULL, left_cause = NULL",
            _columns(entered),
        )
    if left:
        await execute(
            tx,
            "UPDATE membership m SET left_at = u.at, left_cause = u.cause"
            " FROM unnest(%b::integer[], %b::uuid[], %b::timestamptz[], %b::text[])"
            f" AS u (segment_id, origin_id, at, cause) WHERE {_NOW}"
            " AND m.segment_id = u.segment_id AND m.origin_id = u.origin_id",
            _columns(left),
        )
    if untold:
        told = [change for _, change in untold]
        await execute(
            tx,
            "INSERT INTO segment_change (segment_id, origin_id, at, cause, entered, id)"
            " SELECT * FROM unnest(%b::integer[], %b::uuid[], %b::timestamptz[], %b::text[],"
            " %b::boolean[], %b::uuid[])",
            (
                *_columns(told),
                bools(one.entered for one in told),
                uuids(id for id, _ in untold),
            ),
        )


def _columns(changes: Sequence[Change]) -> tuple[Any, Any, Any, Any]:
    return (
        integers(one.segment_id for one in changes),
        uuids(one.origin_id for one in changes),
        times(one.at for one in changes),
        texts(one.cause for one in changes),
    )


async def untold(tx: Tx, limit: int) -> list[Told]:
    """The oldest changes that nobody has heard of, locked."""
    return await rows(
        tx,
        Told,
        "SELECT c.id, s.key, s.name, c.origin_id, c.entered, c.at, c.cause FROM segment_change c"
        " JOIN segment s ON s.id = c.segment_id ORDER BY c.id LIMIT %s FOR UPDATE OF c SKIP LOCKED",
        (limit,),
    )


async def told(tx: Tx, ids: Sequence[UUID]) -> None:
    await execute(tx, "DELETE FROM segment_change WHERE id = ANY(%s)", (list(ids),))


async def counts(tx: Tx) -> dict[int, int]:
    """How many are in each segment that has anybody in it."""
    found = await tuples(
        tx, f"SELECT segment_id, count(*) FROM membership m WHERE {_NOW} GROUP BY segment_id"
    )
    return {segment: int(count) for segment, count in found}


async def count(tx: Tx, segment_id: int) -> int:
    return int(
        await value(
            tx, f"SELECT count(*) FROM membership m WHERE {_NOW} AND segment_id = %s", (segment_id,)
        )
    )


async def smallest(tx: Tx, most: int) -> dict[str, list[bytes]]:
    """The origins in each segment by its key, the smallest segments first, as many as have together
    at most `most` members."""
    sized = await tuples(
        tx,
        "SELECT id, key, people FROM (SELECT s.id, s.key, count(*) AS people,"
        " sum(count(*)) OVER (ORDER BY count(*), s.id) AS so_far FROM membership m"
        f" JOIN segment s ON s.id = m.segment_id WHERE {_NOW} GROUP BY s.id, s.key) AS sized"
        " WHERE so_far <= %s ORDER BY people, id",
        (most,),
    )
    found: dict[str, list[bytes]] = {}
    for segment, key, _ in sized:
        theirs = await tuples(
            tx, f"SELECT origin_id FROM membership m WHERE {_NOW} AND segment_id = %s", (segment,)
        )
        found[key] = [origin.bytes for (origin,) in theirs]
    return found


async def members(
    tx: Tx, segment_id: int, after: UUID | None, limit: int, on: datetime | None = None
) -> list[Member]:
    """Who is in a segment, or was at the moment `on`, in the order of their ids."""
    when = _NOW if on is None else "m.entered_at <= %(on)s AND (m.left_at > %(on)s OR " + _NOW + ")"
    cursor = await tx.execute(
        "SELECT m.origin_id, m.entered_at, m.left_at, m.cause, m.left_cause FROM membership m"
        f" WHERE m.segment_id = %(segment)s AND {when}"
        " AND (%(after)s::uuid IS NULL OR m.origin_id > %(after)s)"
        " ORDER BY m.origin_id LIMIT %(limit)s",
        {"segment": segment_id, "on": on, "after": after, "limit": limit},
    )
    return [Member(*found) for found in await cursor.fetchall()]


async def stays(tx: Tx, origins: Sequence[UUID]) -> list[Stay]:
    """Which segments the origins of a person are and were in, the latest first."""
    return await rows(
        tx,
        Stay,
        "SELECT s.key, s.name, m.entered_at, m.left_at, m.cause, m.left_cause FROM membership m"
        " JOIN segment s ON s.id = m.segment_id WHERE m.origin_id = ANY(%s)"
        " ORDER BY m.entered_at DESC, s.key",
        (list(origins),),
    )


async def of_people(
    tx: Tx, people: Mapping[UUID, Sequence[UUID]], wanted: Collection[str] | None = None
) -> dict[UUID, frozenset[str]]:
    """By person the keys of the segments she is in, of those `wanted` or of all; nobody without
    any."""
    whose = {origin: person for person, origins in people.items() for origin in origins}
    found = await tuples(
        tx,
        "SELECT m.origin_id, s.key FROM membership m JOIN segment s ON s.id = m.segment_id"
        f" WHERE {_NOW} AND m.origin_id = ANY(%s) AND (%s::text[] IS NULL OR s.key = ANY(%s))",
        (sorted(whose), *[None if wanted is None else sorted(wanted)] * 2),
    )
    keys: dict[UUID, set[str]] = {}
    for origin, key in found:
        keys.setdefault(whose[origin], set()).add(key)
    return {person: frozenset(theirs) for person, theirs in keys.items()}


async def growth(tx: Tx, segment_id: int, days: Sequence[date], zone: str) -> list[Day]:
    """How many were in at the end of each of these days of the shop, and how many came and went."""
    turns = await tuples(
        tx,
        "SELECT day, sum(came)::bigint, sum(went)::bigint FROM ("
        "SELECT (entered_at AT TIME ZONE %s)::date AS day, count(*) AS came, 0 AS went"
        " FROM membership WHERE segment_id = %s GROUP BY 1 UNION ALL"
        " SELECT (left_at AT TIME ZONE %s)::date, 0, count(*)"
        " FROM membership WHERE segment_id = %s AND left_at IS NOT NULL GROUP BY 1)"
        " AS turns GROUP BY day ORDER BY day",
        (zone, segment_id, zone, segment_id),
    )
    by_day = {day: (int(came), int(went)) for day, came, went in turns}
    inside = sum(came - went for day, (came, went) in by_day.items() if days and day < days[0])
    found = []
    for day in days:
        came, went = by_day.get(day, (0, 0))
        inside += came - went
        found.append(Day(day, inside, came, went))
    return found


async def forget(tx: Tx, segment_id: int) -> None:
    """The segment is deleted, and with it who was in it."""
    await execute(tx, "DELETE FROM membership WHERE segment_id = %s", (segment_id,))
    await execute(tx, "DELETE FROM segment_change WHERE segment_id = %s", (segment_id,))


async def erase(tx: Tx, origins: Iterable[UUID]) -> int:
    own = list(origins)
    await execute(tx, "DELETE FROM segment_change WHERE origin_id = ANY(%s)", (own,))
    return await execute(tx, "DELETE FROM membership WHERE origin_id = ANY(%s)", (own,))

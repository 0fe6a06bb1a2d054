"""The SQL of static lists. Rows keep their origin; people are found through `v_origin`."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from patron.kit.db import Tx, execute, row, rows, tuples, value
from patron.kit.ids import id_at
from patron.segments.lists.types import ListOfHers, Membership, StaticList

_LIST = "l.id, l.key, l.name, l.description, l.created_at, l.changed_at"
_COUNT = (
    "(SELECT count(DISTINCT o.root_id) FROM list_member m"
    " JOIN v_origin o ON o.origin_id = m.origin_id WHERE m.list_id = l.id) AS members"
)


async def create(tx: Tx, key: str, name: str, description: str, now: datetime) -> UUID | None:
    """A new, empty list; None when there is one of this key."""
    found = await value(
        tx,
        "INSERT INTO static_list (id, key, name, description, created_at, changed_at)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (key) DO NOTHING RETURNING id",
        (id_at(now), key, name, description, now, now),
    )
    return found if isinstance(found, UUID) else None


async def by_key(tx: Tx, key: str) -> StaticList | None:
    """The list with its number of members."""
    sql = f"SELECT {_LIST}, {_COUNT} FROM static_list l WHERE l.key = %s"
    return await row(tx, StaticList, sql, (key,))


async def every(tx: Tx, after: str | None, limit: int) -> list[StaticList]:
    """Lists in the order of their keys, behind `after`."""
    return await rows(
        tx,
        StaticList,
        f"SELECT {_LIST}, {_COUNT} FROM static_list l WHERE %s::text IS NULL OR l.key > %s"
        " ORDER BY l.key LIMIT %s",
        (after, after, limit),
    )


async def keys(tx: Tx) -> frozenset[str]:
    """The keys there are, for whoever accepts a rule."""
    return frozenset(key for (key,) in await tuples(tx, "SELECT key FROM static_list"))


async def lock(tx: Tx, key: str) -> UUID | None:
    """The list's id, kept from being deleted in this transaction."""
    sql = "SELECT id FROM static_list WHERE key = %s FOR SHARE"
    found = await value(tx, sql, (key,))
    return found if isinstance(found, UUID) else None


async def change(tx: Tx, key: str, name: str, description: str, now: datetime) -> None:
    await execute(
        tx,
        "UPDATE static_list SET name = %s, description = %s, changed_at = %s WHERE key = %s",
        (name, description, now, key),
    )


async def delete(tx: Tx, key: str) -> None:
    """The list, and its rows with it."""
    await execute(tx, "DELETE FROM static_list WHERE key = %s", (key,))


async def add(
    tx: Tx, list_id: UUID, origins: Sequence[UUID], source: str, now: datetime
) -> list[UUID]:
    """Put the people of `origins` on the list; the origins that were new to it. Whoever is on it
    under another of her origins stays as she is."""
    found = await tuples(
        tx,
        "INSERT INTO list_member (list_id, origin_id, added_at, source)"
        " SELECT %s, u.id, %s, %s FROM unnest(%s::uuid[]) AS u(id) WHERE NOT EXISTS ("
        " SELECT FROM v_origin o JOIN v_origin f ON f.root_id = o.root_id"
        " JOIN list_member m ON m.origin_id = f.origin_id AND m.list_id = %s"
        " WHERE o.origin_id = u.id) ORDER BY u.id ON CONFLICT DO NOTHING RETURNING origin_id",
        (list_id, now, source, sorted(set(origins)), list_id),
    )
    return [origin for (origin,) in found]


async def join(tx: Tx, words: Sequence[tuple[UUID, UUID, datetime, str]]) -> None:
    """Rows (list, origin, at, source) as events tell them; of lists that are gone, none."""
    lists, origins, moments, sources = zip(*words, strict=True)
    await execute(
        tx,
        "INSERT INTO list_member (list_id, origin_id, added_at, source)"
        " SELECT l.id, w.origin_id, w.at, w.source FROM unnest(%s::uuid[], %s::uuid[],"
        " %s::timestamptz[], %s::text[]) AS w(list_id, origin_id, at, source)"
        " JOIN static_list l ON l.id = w.list_id WHERE NOT EXISTS ("
        " SELECT FROM v_origin o JOIN v_origin f ON f.root_id = o.root_id"
        " JOIN list_member m ON m.origin_id = f.origin_id AND m.list_id = w.list_id"
        " WHERE o.origin_id = w.origin_id)"
        " ORDER BY l.id, w.origin_id, w.at ON CONFLICT DO NOTHING",
        (list(lists), list(origins), list(moments), list(sources)),
    )


async def remove(tx: Tx, list_id: UUID, origins: Sequence[UUID]) -> list[UUID]:
    """Take these origins off; those that were on it."""
    found = await tuples(
        tx,
        "DELETE FROM list_member WHERE list_id = %s AND origin_id = ANY(%s) RETURNING origin_id",
        (list_id, list(origins)),
    )
    return [origin for (origin,) in found]


async def members(
    tx: Tx, list_id: UUID, after: UUID | None, limit: int
) -> tuple[list[Membership], UUID | None]:
    """People on the list, each once, in the order of the origins they were put on under, behind
    `after`; and the origin to go on behind, None at the end."""
    found = await rows(
        tx,
        Membership,
        "SELECT m.origin_id, o.root_id AS profile_id, m.added_at, m.source FROM list_member m"
        " JOIN v_origin o ON o.origin_id = m.origin_id WHERE m.list_id = %s"
        " AND (%s::uuid IS NULL OR m.origin_id > %s) AND NOT EXISTS ("
        " SELECT FROM v_origin f JOIN list_member e ON e.origin_id = f.origin_id"
        " AND e.list_id = m.list_id WHERE f.root_id = o.root_id AND f.origin_id < m.origin_id)"
        " ORDER BY m.origin_id LIMIT %s",
        (list_id, after, after, limit),
    )
    return found, found[-1].origin_id if len(found) == limit else None


async def on_it(tx: Tx, list_id: UUID, roots: Sequence[UUID]) -> set[UUID]:
    """Those of the people with these roots who are on the list."""
    found = await tuples(
        tx,
        "SELECT DISTINCT o.root_id FROM v_origin o JOIN list_member m"
        " ON m.origin_id = o.origin_id AND m.list_id = %s WHERE o.root_id = ANY(%s)",
        (list_id, list(roots)),
    )
    return {root for (root,) in found}


async def imported(tx: Tx, list_id: UUID, source: str) -> int:
    """How many rows an import put on the list."""
    sql = "SELECT count(*) FROM list_member WHERE list_id = %s AND source = %s"
    return int(await value(tx, sql, (list_id, source)))


async def of_person(tx: Tx, origins: Sequence[UUID]) -> list[ListOfHers]:
    """The lists that a person with these origins is on, by key."""
    return await rows(
        tx,
        ListOfHers,
        "SELECT DISTINCT ON (l.key) l.key, l.name, m.added_at, m.source FROM list_member m"
        " JOIN static_list l ON l.id = m.list_id WHERE m.origin_id = ANY(%s)"
        " ORDER BY l.key, m.added_at",
        (list(origins),),
    )


async def of_people(
    tx: Tx, people: Mapping[UUID, Sequence[UUID]], keys: Collection[str]
) -> dict[UUID, frozenset[str]]:
    """For each person, given by any id and all her origins, those of the lists she is on."""
    whose = {origin: person for person, origins in people.items() for origin in origins}
    found: dict[UUID, set[str]] = {}
    for origin, key in await tuples(
        tx,
        "SELECT m.origin_id, l.key FROM list_member m JOIN static_list l ON l.id = m.list_id"
        " WHERE m.origin_id = ANY(%s) AND l.key = ANY(%s)",
        (sorted(whose), sorted(keys)),
    ):
        found.setdefault(whose[origin], set()).add(key)
    return {person: frozenset(some) for person, some in found.items()}


async def export(tx: Tx, origins: Sequence[UUID]) -> list[dict[str, Any]]:
    """The lists a person is on, as JSON-ready values."""
    exported: list[dict[str, Any]] = msgspec.to_builtins(await of_person(tx, origins))
    return exported


async def erase(tx: Tx, origins: Sequence[UUID]) -> int:
    """Take a person off every list."""
    return await execute(tx, "DELETE FROM list_member WHERE origin_id = ANY(%s)", (list(origins),))

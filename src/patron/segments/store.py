"""The SQL of segments: people and what they did, through the views that lower rooms declare."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from patron.kit.db import Tx, tuples, value


class Crowded(Exception):
    """More events than were to be held at once."""


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


async def people(tx: Tx, after: UUID | None, limit: int) -> list[UUID]:
    """The roots of the next people in the order of their ids."""
    found = await tuples(
        tx,
        "SELECT origin_id FROM v_origin WHERE origin_id = root_id"
        " AND (%s::uuid IS NULL OR origin_id > %s) ORDER BY origin_id LIMIT %s",
        (after, after, limit),
    )
    return [root for (root,) in found]


async def merged(tx: Tx) -> dict[UUID, UUID]:
    """The root of each origin that is not its own."""
    sql = "SELECT origin_id, root_id FROM v_origin WHERE origin_id <> root_id"
    return dict(await tuples(tx, sql))


async def merged_lines(tx: Tx) -> bytes:
    """The same as lines of text, origin and root with a tab between, in the origins' order."""
    sql = (
        "COPY (SELECT origin_id, root_id FROM v_origin WHERE origin_id <> root_id"
        " ORDER BY origin_id) TO STDOUT"
    )
    async with tx.cursor() as cursor, cursor.copy(sql) as copy:
        return b"".join([bytes(part) async for part in copy])


async def anybody(tx: Tx) -> bool:
    return bool(await value(tx, "SELECT EXISTS (SELECT FROM v_origin)"))


async def how_many(tx: Tx) -> int:
    """People there are."""
    return int(await value(tx, "SELECT count(*) FROM v_origin WHERE origin_id = root_id"))


async def happened(
    tx: Tx,
    origins: Sequence[UUID],
    names: Sequence[str],
    since: datetime | None,
    *,
    properties: bool,
    of_one: int,
    at_most: int | None = None,
) -> list[tuple[UUID, datetime, str, dict[str, Any]]]:
    """(origin, event time, name, properties) of these origins' events from `since` on, by time.

    The properties are read only when asked for, and are {} otherwise. Of one origin the newest
    `of_one` events count. Crowded is raised when there are more than `at_most` in all.
    """
    told = "properties AS told, catalog" if properties else "NULL AS told, NULL AS catalog"
    when = "" if since is None else " AND ts >= %s"
    # An origin at a time, newest first along its index, so that a till's million rows are not read.
    found = await tuples(
        tx,
        "SELECT o.id, e.ts, e.position, e.name, e.told, e.catalog FROM unnest(%s::uuid[]) AS o(id)"
        f" CROSS JOIN LATERAL (SELECT ts, position, name, {told} FROM v_event"
        f" WHERE origin_id = o.id AND name = ANY(%s){when} ORDER BY ts DESC LIMIT %s) AS e"
        " LIMIT %s",
        (
            list(origins),
            list(names),
            *([] if since is None else [since]),
            of_one,
            None if at_most is None else at_most + 1,
        ),
    )
    if at_most is not None and len(found) > at_most:
        raise Crowded
    found.sort(key=lambda row: (row[1], row[2]))
    return [
        (origin, ts, name, whole(told, catalog)) for origin, ts, _, name, told, catalog in found
    ]


def whole(properties: dict[str, Any] | None, catalog: list[Any] | None) -> dict[str, Any]:
    """An event's properties, with what the catalog said of its products when it happened."""
    found = properties or {}
    return found if catalog is None else {**found, "catalog": catalog}


async def ordered(
    tx: Tx, origins: Sequence[UUID], event: str, *, reduced: bool
) -> list[tuple[UUID, datetime, int, str, dict[str, Any] | None]]:
    """(origin, placed at, net, currency, properties) of the orders that stand, by time.

    `event` is what the shop calls an order; the properties of the one that placed it are read when
    `reduced` asks for them.
    """
    told, join, once = "NULL", "", ""
    if reduced:
        told, once = "e.properties", "DISTINCT ON (o.ts, o.order_id) "
        join = (
            " LEFT JOIN v_event e ON e.origin_id = o.origin_id AND e.ts = o.ts"
            " AND e.name = %(event)s AND coalesce(e.properties ->> 'order_id',"
            " e.properties ->> 'checkout_id', o.order_id) = o.order_id"
        )
    cursor = await tx.execute(
        f"SELECT {once}o.origin_id, o.ts, o.net, o.currency, {told}"
        f" FROM v_order o{join} WHERE o.origin_id = ANY(%(origins)s) AND NOT o.cancelled"
        " AND (o.net > 0 OR o.refunded = 0) ORDER BY o.ts, o.order_id",
        {"origins": list(origins), "event": event},
    )
    return await cursor.fetchall()


async def fallen(tx: Tx, origins: Sequence[UUID]) -> list[tuple[UUID, str, datetime]]:
    """(origin, order, placed at) of the orders that do not stand."""
    return await tuples(
        tx,
        "SELECT origin_id, order_id, ts FROM v_order WHERE origin_id = ANY(%s)"
        " AND (cancelled OR (net <= 0 AND refunded <> 0))",
        (list(origins),),
    )


async def owners(tx: Tx, order_ids: Sequence[str]) -> list[UUID]:
    """The origins that these orders were placed under."""
    found = await tuples(
        tx,
        "SELECT DISTINCT origin_id FROM v_order WHERE order_id = ANY(%s)",
        (list(order_ids),),
    )
    return [origin for (origin,) in found]


async def lake_position(tx: Tx) -> int:
    """Up to which log position the lake holds everything, as the database believes."""
    return int(await value(tx, "SELECT lake_position FROM v_log"))


async def logged(
    tx: Tx, after: int, upto: int, names: Sequence[str] | None
) -> list[tuple[int, UUID, datetime, str, str | None, str | None, dict[str, Any]]]:
    """(position, origin, event time, name, channel, device, properties) of the events of these
    names, or all, at the log positions `after` + 1 … `upto`."""
    which = "" if names is None else " AND name = ANY(%s)"
    found = await tuples(
        tx,
        "SELECT position, origin_id, ts, name, channel, device, properties, catalog FROM v_event"
        f" WHERE position > %s AND position <= %s{which} ORDER BY position",
        (after, upto, *([] if names is None else [list(names)])),
    )
    return [(*row[:6], whole(row[6], row[7])) for row in found]


async def touched(
    tx: Tx, origins: Sequence[UUID], kinds: Sequence[str], since: datetime | None
) -> list[tuple[UUID, str, str, datetime, datetime]]:
    """(origin, kind, value, first, last) of the channels and devices of these origins' events."""
    when = "" if since is None else " AND ts >= %s"
    found: list[tuple[UUID, str, str, datetime, datetime]] = []
    for kind in kinds:
        column = {"channel": "channel", "device": "device"}[kind]
        found += await tuples(
            tx,
            f"SELECT origin_id, %s, {column}, min(ts), max(ts) FROM v_event"
            f" WHERE origin_id = ANY(%s) AND {column} IS NOT NULL{when} GROUP BY 1, 3",
            (kind, list(origins), *([] if since is None else [since])),
        )
    return found

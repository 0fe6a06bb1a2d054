"""The SQL of the log: how far it is, events written and read, orders, acting parts that wait."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import msgspec

from patron.events.log.orders import OrderWord
from patron.events.log.rows import EVENT_COLUMNS, HEADER, TRAILER, event_rows
from patron.events.types import Event, EventType, LoggedEvent, Source, Trust
from patron.kit.db import Tx, execute, row, tuples, value

__all__ = [
    "acting_done", "acting_failed", "acting_waits", "after", "by_positions", "erase", "frontier",
    "lag", "latest", "months_of", "next_acting", "queue_acting", "save_orders", "timeline", "write",
]  # fmt: skip

PART = 250
_COLUMNS = (
    "position, ts, received_at, type, trust, source, flags, origin_id, session_id, name, channel,"
    " device, message_id, user_id, anonymous_id, body::text"
)
_TYPES = tuple(EventType)
_TRUSTS = tuple(Trust)
_SOURCES = tuple(Source)


class _Body(msgspec.Struct):
    properties: dict[str, Any] = {}
    traits: dict[str, Any] = {}
    context: dict[str, Any] = {}
    previous_id: str | None = None
    group_id: str | None = None
    catalog: list[Any] | None = None


_body = msgspec.json.Decoder(_Body)


async def write(tx: Tx, events: Sequence[Event]) -> None:
    """Append numbered events to the log; the partitions of their months exist."""
    async with (
        tx.cursor() as cursor,
        cursor.copy(f"COPY event ({EVENT_COLUMNS}) FROM STDIN (FORMAT BINARY)") as copy,
    ):
        await copy.write(HEADER)
        # In parts, so that PostgreSQL takes in one while the next is packed.
        for start in range(0, len(events), PART):
            await copy.write(event_rows(events[start : start + PART]))
        await copy.write(TRAILER)


async def timeline(
    tx: Tx, origin_ids: Sequence[UUID], *, before: tuple[datetime, int] | None, limit: int
) -> list[LoggedEvent]:
    """What these origins did, the latest first, from behind (event time, position) on."""
    moment, position = before or (None, None)
    return await _read(
        tx,
        "origin_id = ANY(%s) AND (%s::timestamptz IS NULL OR (ts <= %s AND (ts, position) <"
        " (%s, %s))) ORDER BY ts DESC, position DESC LIMIT %s",
        (list(origin_ids), moment, moment, moment, position, limit),
    )


async def after(tx: Tx, position: int, limit: int) -> list[LoggedEvent]:
    """Up to `limit` events behind a log position, in its order."""
    # Positions are gap-free but for what was erased or has left for the lake, so the range is
    # nearly always all there is to read; sorting everything behind it is the exception.
    found = await by_positions(tx, position + 1, position + limit)
    if found or cast(int, await value(tx, "SELECT position FROM walk")) <= position + limit:
        return found
    return await _read(tx, "position > %s ORDER BY position LIMIT %s", (position, limit))


async def latest(tx: Tx, limit: int, before: int | None) -> list[LoggedEvent]:
    """The newest `limit` events of the log, the newest first, from before a position on."""
    found = await tuples(tx, "SELECT position FROM walk")
    top = found[0][0] if before is None else before - 1
    return await _read(
        tx,
        "position > %s AND position <= %s ORDER BY position DESC LIMIT %s",
        (top - limit, top, limit),
    )


async def by_positions(tx: Tx, first: int, last: int) -> list[LoggedEvent]:
    """Events of the positions `first` to `last`, both included."""
    return await _read(tx, "position >= %s AND position <= %s ORDER BY position", (first, last))


async def _read(tx: Tx, where: str, params: Sequence[Any]) -> list[LoggedEvent]:
    return [
        _logged(found)
        for found in await tuples(tx, f"SELECT {_COLUMNS} FROM event WHERE {where}", params)
    ]


def _logged(found: tuple[Any, ...]) -> LoggedEvent:
    position, ts, received_at, kind, trust, source, flags, origin, session, name = found[:10]
    channel, device, message_id, user_id, anonymous_id, text = found[10:]
    body = _body.decode(text)
    if body.catalog is not None:
        body.properties["catalog"] = body.catalog
    return LoggedEvent(
        type=_TYPES[kind],
        name=name,
        ts=ts,
        received_at=received_at,
        message_id=message_id,
        user_id=user_id,
        anonymous_id=anonymous_id,
        previous_id=body.previous_id,
        group_id=body.group_id,
        properties=body.properties,
        traits=body.traits,
        context=body.context,
        trust=_TRUSTS[trust],
        source=_SOURCES[source],
        backfill=bool(flags & 1),
        session_id=session,
        channel=channel,
        device=device,
        position=position,
        origin_id=origin,
    )


async def save_orders(tx: Tx, words: Sequence[OrderWord]) -> None:
    """Add what a batch says about orders, one row each, to what is known of them.

    The result does not depend on the order of arrival: field by field the most trusted word counts,
    and among words of one trust the earliest Order Completed tells when and whose, the newest tells
    the amount, and refunds add up.
    """
    columns = zip(*(msgspec.structs.astuple(word) for word in words), strict=True)
    await execute(tx, _SAVE_ORDERS, [list(column) for column in columns])


# Each is null, so not true, where the new word leaves the field unsaid.
_PLACED = (
    "(excluded.placed_trust, o.placed_at, o.origin_id)"
    " > (coalesce(o.placed_trust, -1), excluded.placed_at, excluded.origin_id)"
)
_AMOUNT = (
    "(excluded.amount_trust, excluded.amount_at, excluded.revenue, excluded.currency)"
    " > (coalesce(o.amount_trust, -1), o.amount_at, o.revenue, o.currency)"
)
_REFUND = "excluded.refund_trust > coalesce(o.refund_trust, -1)"
_CANCEL = (
    "(excluded.cancel_trust, o.cancelled_at)"
    " > (coalesce(o.cancel_trust, -1), excluded.cancelled_at)"
)
_ORDER_FIELDS = {
    _PLACED: ("origin_id", "placed_at", "placed_trust"),
    _AMOUNT: ("revenue", "amount_at", "amount_trust"),
    _CANCEL: ("cancelled_at", "cancel_trust"),
}
_SAVE_ORDERS = (
    "INSERT INTO order_fact AS o (order_id, origin_id, position, backfill, currency, placed_at,"
    " placed_trust, revenue, amount_at, amount_trust, refunded, refunded_whole, refund_trust,"
    " cancelled_at, cancel_trust)"
    " SELECT * FROM unnest(%s::text[], %s::uuid[], %s::bigint[], %s::boolean[], %s::text[],"
    " %s::timestamptz[], %s::smallint[], %s::bigint[], %s::timestamptz[], %s::smallint[],"
    " %s::bigint[], %s::boolean[], %s::smallint[], %s::timestamptz[], %s::smallint[])"
    " ON CONFLICT (order_id) DO UPDATE SET"
    " position = least(o.position, excluded.position),"
    " backfill = o.backfill AND excluded.backfill,"
    f" currency = CASE WHEN {_AMOUNT} THEN excluded.currency WHEN o.amount_trust IS NULL"
    f" AND {_PLACED} THEN excluded.currency ELSE o.currency END,"
    f" refunded = CASE WHEN {_REFUND} THEN excluded.refunded"
    " WHEN excluded.refund_trust = o.refund_trust THEN o.refunded + excluded.refunded"
    " ELSE o.refunded END,"
    f" refunded_whole = CASE WHEN {_REFUND} THEN excluded.refunded_whole"
    " WHEN excluded.refund_trust = o.refund_trust THEN o.refunded_whole OR excluded.refunded_whole"
    " ELSE o.refunded_whole END,"
    " refund_trust = greatest(o.refund_trust, excluded.refund_trust), "
    + ", ".join(
        f"{name} = CASE WHEN {told} THEN excluded.{name} ELSE o.{name} END"
        for told, names in _ORDER_FIELDS.items()
        for name in names
    )
)


async def frontier(tx: Tx) -> datetime | None:
    """Receipt of the oldest acknowledged event that is not walked yet, imports apart.

    None: everything that was received is walked. Timers due at or after the frontier must wait.
    """
    return cast(
        datetime | None,
        await value(
            tx,
            "SELECT min(n.received_at) FROM lane l CROSS JOIN LATERAL ("
            " SELECT i.received_at FROM inbox i WHERE i.lane = l.id AND i.seq > l.cursor_seq"
            " ORDER BY i.seq LIMIT 1) n WHERE l.kind = 'live'",
        ),
    )


async def standstill(tx: Tx) -> int:
    """Keep the walk from going on until this transaction ends; the last log position it gave."""
    return cast(int, await value(tx, "SELECT position FROM walk FOR UPDATE"))


async def lag(tx: Tx, now: datetime) -> timedelta:
    """How long the oldest unwalked event has been waiting; zero when there is none."""
    oldest = await frontier(tx)
    return timedelta(0) if oldest is None else max(now - oldest, timedelta(0))


# --- acting parts that wait ---------------------------------------------------------------------


class WaitingActing(msgspec.Struct, frozen=True):
    """Where a postponed acting part stands in the log, with what the carts had said."""

    id: int
    first: int
    last: int
    changes: bytes


async def queue_acting(
    tx: Tx, part: str, first: int, last: int, changes: bytes, now: datetime
) -> None:
    await execute(
        tx,
        "INSERT INTO acting (part, first_position, last_position, changes, queued_at, due_at)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (part, first, last, changes, now, now),
    )


async def next_acting(tx: Tx, part: str, now: datetime) -> WaitingActing | None:
    """The oldest of a part, locked, if it is due: they are tried in the order of the log."""
    return await row(
        tx,
        WaitingActing,
        "SELECT id, first_position, last_position, changes FROM acting"
        " WHERE id = (SELECT min(id) FROM acting WHERE part = %s) AND due_at <= %s"
        " FOR UPDATE SKIP LOCKED",
        (part, now),
    )


async def acting_done(tx: Tx, acting: int) -> None:
    await execute(tx, "DELETE FROM acting WHERE id = %s", (acting,))


async def acting_failed(tx: Tx, part: str, now: datetime) -> None:
    """Try the oldest of a part again: after 2 s, then twice as long each time, 5 min at most."""
    await execute(
        tx,
        "UPDATE acting SET attempts = attempts + 1,"
        " due_at = %s::timestamptz + least(300, 2 ^ least(attempts + 1, 9)) * interval '1 second'"
        " WHERE id = (SELECT min(id) FROM acting WHERE part = %s)",
        (now, part),
    )


async def acting_waits(tx: Tx) -> int:
    """How many acting parts wait."""
    found = await tuples(tx, "SELECT count(*) FROM acting")
    return int(found[0][0])


# --- erasure ------------------------------------------------------------------------------------


async def months_of(tx: Tx, origin_ids: Sequence[UUID]) -> list[str]:
    """Partitions of the log with events of these origins."""
    found = await tuples(
        tx,
        "SELECT DISTINCT c.relname FROM event e JOIN pg_catalog.pg_class c ON c.oid = e.tableoid"
        " WHERE e.origin_id = ANY(%s) ORDER BY 1",
        (list(origin_ids),),
    )
    return [name for (name,) in found]


async def erase(tx: Tx, origin_ids: Sequence[UUID], nobody: UUID) -> int:
    """Delete these origins' events; their orders stay as sums that belong to nobody."""
    gone = await execute(tx, "DELETE FROM event WHERE origin_id = ANY(%s)", (list(origin_ids),))
    await execute(
        tx,
        "UPDATE order_fact SET origin_id = %s WHERE origin_id = ANY(%s)",
        (nobody, list(origin_ids)),
    )
    return gone

"""The SQL of saved segments and of the streams their rules ask for."""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from patron.kit.db import Tx, as_json, execute, rows, tuples, value
from patron.segments.live.streams import Kept, span_micros
from patron.segments.saved.types import KeptStream, Segment, Status

_LOCK = 7_236_503
_CHANGES = 7_236_504
_SEGMENT = (
    "id, key, name, description, rule, ready_made, status, done, total, created_at,"
    " changed_at, asked_at"
)
_STREAM = "id, key, newest, oldest, back, since_position, filled"


async def try_lock(connection: Tx, schema: str) -> bool:
    """Become the only one who fills a shop's segments, until the connection ends."""
    asks = "SELECT pg_try_advisory_lock(%s, hashtext(%s))"
    return bool(await value(connection, asks, (_LOCK, schema)))


async def unlock(connection: Tx, schema: str) -> None:
    await value(connection, "SELECT pg_advisory_unlock(%s, hashtext(%s))", (_LOCK, schema))


async def one_by_one(tx: Tx) -> None:
    """Wait for whoever else is changing what rules may name, until the transaction ends: two rules
    that are saved at once could make a circle, and one that is named could go."""
    await value(tx, "SELECT pg_advisory_xact_lock(%s, hashtext(current_schema()))", (_CHANGES,))


async def version(tx: Tx) -> int:
    """Another one after each change of a definition, 0 before the first."""
    return int(await value(tx, "SELECT version FROM segment_book"))


async def turn_page(tx: Tx) -> None:
    """Have the walk read the definitions anew; waits for whoever else is changing one."""
    # Drawn, not counted: a restored database would come to the same number with other segments.
    drawn = secrets.randbits(62) + 1
    await execute(tx, "UPDATE segment_book SET version = %s", (drawn,))


async def terms(tx: Tx) -> str | None:
    """The shop's settings that decide answers, when everybody was last asked; None if never."""
    found = await value(tx, "SELECT terms FROM segment_book")
    return None if found is None else str(found)


async def set_terms(tx: Tx, terms: str) -> None:
    await execute(tx, "UPDATE segment_book SET terms = %s", (terms,))


async def insert(tx: Tx, segment: Segment) -> int | None:
    """The id of the new segment; None when there is one of this key."""
    found = await value(
        tx,
        "INSERT INTO segment (key, name, description, rule, ready_made, status,"
        " created_at, changed_at) VALUES (%s, %s, %s, %s::jsonb, %s, %s, %s, %s)"
        " ON CONFLICT (key) DO NOTHING RETURNING id",
        (
            segment.key, segment.name, segment.description, as_json(segment.rule),
            segment.ready_made, segment.status, segment.created_at,
            segment.changed_at,
        ),
    )  # fmt: skip
    return None if found is None else int(found)


async def change(tx: Tx, segment: Segment) -> None:
    """Write name, description, rule and state of an existing segment."""
    await execute(
        tx,
        "UPDATE segment SET name = %s, description = %s, rule = %s::jsonb, ready_made = %s,"
        " status = %s, changed_at = %s, done = 0, total = 0 WHERE id = %s",
        (
            segment.name, segment.description, as_json(segment.rule), segment.ready_made,
            segment.status, segment.changed_at, segment.id,
        ),
    )  # fmt: skip


async def delete(tx: Tx, segment_id: int) -> None:
    await execute(tx, "DELETE FROM segment WHERE id = %s", (segment_id,))


async def by_key(tx: Tx, key: str) -> Segment | None:
    found = await tuples(tx, f"SELECT {_SEGMENT} FROM segment WHERE key = %s", (key,))
    return _segment(found[0]) if found else None


async def every(tx: Tx) -> list[Segment]:
    """All segments, by key."""
    return [
        _segment(one) for one in await tuples(tx, f"SELECT {_SEGMENT} FROM segment ORDER BY key")
    ]


def _segment(found: tuple[Any, ...]) -> Segment:
    names = Segment.__struct_fields__
    whole = dict(zip(names, found, strict=True))
    return Segment(**{**whole, "status": Status(whole["status"])})


async def keys(tx: Tx) -> frozenset[str]:
    return frozenset(key for (key,) in await tuples(tx, "SELECT key FROM segment"))


async def progress(tx: Tx, segment_ids: Sequence[int], done: int, total: int) -> None:
    await execute(
        tx,
        "UPDATE segment SET done = %s, total = %s WHERE id = ANY(%s)",
        (done, total, list(segment_ids)),
    )


async def set_status(tx: Tx, segment_ids: Sequence[int], status: Status) -> None:
    await execute(
        tx, "UPDATE segment SET status = %s WHERE id = ANY(%s)", (status, list(segment_ids))
    )


async def asked(tx: Tx, segment_ids: Sequence[int], now: datetime) -> None:
    """Everybody was asked."""
    await execute(
        tx, "UPDATE segment SET asked_at = %s WHERE id = ANY(%s)", (now, list(segment_ids))
    )


async def streams(tx: Tx) -> list[KeptStream]:
    """All streams, the oldest number first."""
    return await rows(tx, KeptStream, f"SELECT {_STREAM} FROM segment_stream ORDER BY id")


async def add_stream(tx: Tx, key: str, kept: Kept, since_position: int) -> int:
    """Number a stream; records of it are left by what is walked behind `since_position`."""
    back = None if kept.back is None else span_micros(kept.back)
    found: Any = await value(
        tx,
        "INSERT INTO segment_stream (key, newest, oldest, back, since_position)"
        " VALUES (%s, %s, %s, %s, %s) RETURNING id",
        (key, kept.newest, kept.oldest, back, since_position),
    )
    return int(found)


async def filled(tx: Tx, stream_ids: Collection[int]) -> None:
    await execute(
        tx, "UPDATE segment_stream SET filled = true WHERE id = ANY(%s)", (list(stream_ids),)
    )


async def drop_streams(tx: Tx, stream_ids: Collection[int]) -> None:
    """Nobody asks for them any more; their records go when a person is written next."""
    await execute(tx, "DELETE FROM segment_stream WHERE id = ANY(%s)", (list(stream_ids),))

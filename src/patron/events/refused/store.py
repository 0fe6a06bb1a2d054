"""The SQL of what was refused and of what made the walk fail."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from patron.kit.db import Tx, execute, rows

Kind = Literal["rejected", "dead-letter"]

MOST_KEPT = 100_000
"""Refusals kept at once: somebody who floods the door with nonsense fills no disk."""


class Letter(msgspec.Struct, frozen=True):
    """A refused event: `payload` is its envelope, as it came."""

    id: int
    at: datetime
    received_at: datetime
    reason: str
    detail: str
    payload: bytes


class Entry(msgspec.Struct, frozen=True):
    """A refusal to be kept."""

    received_at: datetime
    reason: str
    detail: str
    payload: bytes


_INSERT = {
    "rejected": "INSERT INTO rejected (at, received_at, reason, detail, payload)",
    "dead-letter": "INSERT INTO dead_letter (at, received_at, reason, detail, payload)",
}
_SELECT = {
    "rejected": "SELECT id, at, received_at, reason, detail, payload FROM rejected",
    "dead-letter": "SELECT id, at, received_at, reason, detail, payload FROM dead_letter",
}
_DELETE = {
    "rejected": "DELETE FROM rejected WHERE id = ANY(%s)",
    "dead-letter": "DELETE FROM dead_letter WHERE id = ANY(%s)",
}


_DELETE_NAMING = {"rejected": "DELETE FROM rejected", "dead-letter": "DELETE FROM dead_letter"}
SHORT = 6
_NAMED = (
    "SELECT FROM unnest(%s::text[]) AS w (word) WHERE"
    " position(encode(convert_to(w.word, 'UTF8'), 'escape') IN lower(encode({body}, 'escape'))) > 0"
)


async def keep(tx: Tx, kind: Kind, entries: Sequence[Entry], now: datetime) -> None:
    await execute(
        tx,
        f"{_INSERT[kind]} SELECT %s, e.received_at, e.reason, e.detail, e.payload FROM"
        " unnest(%s::timestamptz[], %s::text[], %s::text[], %b::bytea[])"
        " AS e (received_at, reason, detail, payload)",
        (
            now,
            [entry.received_at for entry in entries],
            [entry.reason for entry in entries],
            # Details quote what callers sent; NUL is the one character that text cannot hold.
            [entry.detail.replace("\x00", "\\u0000") for entry in entries],
            [entry.payload for entry in entries],
        ),
    )


async def listed(
    tx: Tx, kind: Kind, *, reason: str | None, before: int | None, limit: int
) -> list[Letter]:
    """The latest refusals first, from behind the id `before` on."""
    return await rows(
        tx,
        Letter,
        f"{_SELECT[kind]} WHERE (%s::text IS NULL OR reason = %s)"
        " AND (%s::bigint IS NULL OR id < %s) ORDER BY id DESC LIMIT %s",
        (reason, reason, before, before, limit),
    )


async def chosen(
    tx: Tx, kind: Kind, *, ids: Sequence[int] | None, reason: str | None, limit: int
) -> list[Letter]:
    """Up to `limit` refusals, the oldest first and locked: those of `ids`, of `reason`, or all."""
    return await rows(
        tx,
        Letter,
        f"{_SELECT[kind]} WHERE (%s::bigint[] IS NULL OR id = ANY(%s))"
        " AND (%s::text IS NULL OR reason = %s) ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED",
        (ids, ids, reason, reason, limit),
    )


async def discard(tx: Tx, kind: Kind, ids: Sequence[int]) -> None:
    await execute(tx, _DELETE[kind], (list(ids),))


async def expire(tx: Tx, *, before: datetime) -> int:
    """Delete refusals from before that moment, and the oldest above `MOST_KEPT`."""
    old = await execute(tx, "DELETE FROM rejected WHERE at < %s", (before,))
    return old + await execute(
        tx,
        "DELETE FROM rejected WHERE id <="
        " (SELECT id FROM rejected ORDER BY id DESC OFFSET %s LIMIT 1)",
        (MOST_KEPT,),
    )


async def forget_walked(tx: Tx, words: Sequence[bytes]) -> int:
    """Empty the raw calls that hold one of these identifiers and that the walk has read.

    They would stand in the inbox until its slot is truncated, up to an hour. The rows stay, because
    the backlog is counted between two of them. Compared without regard to case: an address is kept
    in small letters, whatever she typed.
    """
    return await execute(
        tx,
        "UPDATE inbox i SET body = '[]' FROM lane l WHERE l.id = i.lane AND i.seq <= l.cursor_seq"
        f" AND EXISTS ({_NAMED.format(body='i.body')})",
        ([found.decode("utf-8", "replace").lower() for found in words],),
    )


async def forget(tx: Tx, words: Sequence[bytes]) -> int:
    """Delete refusals and dead letters whose payload names one of these identifiers.

    Compared without regard to case; a short one only counts as a whole JSON text.
    """
    sought = [
        word if len(word) > SHORT else f'"{word}"'
        for word in (found.decode("utf-8", "replace").lower() for found in words)
    ]
    gone = 0
    for kind in _DELETE:
        gone += await execute(
            tx,
            f"{_DELETE_NAMING[kind]} WHERE EXISTS ({_NAMED.format(body='payload')})",
            (sought,),
        )
    return gone

"""The SQL of what was refused and of what made the walk fail."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from patron.kit.db import Tx, execute, rows, tuples, value

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


_NAMING = {
    "rejected": "SELECT id, payload FROM rejected",
    "dead-letter": "SELECT id, payload FROM dead_letter",
}
_OLDEST = {
    "rejected": "SELECT min(at) FROM rejected",
    "dead-letter": "SELECT min(at) FROM dead_letter",
}
_LIKE = "lower(encode({body}, 'escape')) ~ %s"
_READ_AT_ONCE = 200
_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode

Named = Callable[[bytes], bool]
"""Whether a text that was kept as it came names the person who is to be forgotten."""


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


async def expire(tx: Tx, *, before: datetime | None) -> int:
    """Delete refusals from before a moment, if one is given, and the oldest above `MOST_KEPT`."""
    old = await execute(tx, "DELETE FROM rejected WHERE at < %s", (before,))
    return old + await execute(
        tx,
        "DELETE FROM rejected WHERE id <="
        " (SELECT id FROM rejected ORDER BY id DESC OFFSET %s LIMIT 1)",
        (MOST_KEPT,),
    )


async def expire_letters(tx: Tx, before: datetime, limit: int) -> int:
    """Delete dead letters from before that moment, up to `limit`; how many."""
    return await execute(
        tx,
        "DELETE FROM dead_letter WHERE id IN"
        " (SELECT id FROM dead_letter WHERE at < %s ORDER BY id LIMIT %s)",
        (before, limit),
    )


async def oldest(tx: Tx, kind: Kind) -> datetime | None:
    """Since when there are refusals, or dead letters."""
    found: datetime | None = await value(tx, _OLDEST[kind])
    return found


async def forget_walked(tx: Tx, pattern: str, named: Named) -> int:
    """Empty the raw calls that name somebody and that the walk has read.

    They would stand in the inbox until its slot is truncated, up to an hour. The rows stay, because
    the backlog is counted between two of them. Read are only bodies that `pattern` finds, in small
    letters and escaped.
    """
    place = (-1, 0, 0)
    emptied = 0
    while part := await tuples(
        tx,
        "SELECT i.slot, i.lane, i.seq, i.body FROM inbox i JOIN lane l ON l.id = i.lane"
        " WHERE i.seq <= l.cursor_seq AND (i.slot, i.lane, i.seq) > (%s, %s, %s)"
        f" AND {_LIKE.format(body='i.body')} ORDER BY i.slot, i.lane, i.seq LIMIT 20",
        (*place, pattern),
    ):
        place = part[-1][:3]
        hers = [found[:3] for found in part if any(map(named, _envelopes(bytes(found[3]))))]
        if hers:
            emptied += await execute(
                tx,
                "UPDATE inbox i SET body = '[]'"
                " FROM unnest(%s::smallint[], %s::bigint[], %s::bigint[]) AS h (slot, lane, seq)"
                " WHERE i.slot = h.slot AND i.lane = h.lane AND i.seq = h.seq",
                [list(column) for column in zip(*hers, strict=True)],
            )
    return emptied


def _envelopes(body: bytes) -> Sequence[bytes]:
    """The envelopes of a row, each to be read by itself: mostly few of a commit are of interest."""
    try:
        return [bytes(one) for one in _raws(body)]
    except msgspec.DecodeError:
        return [body]


async def forget(tx: Tx, pattern: str, named: Named, *, since: datetime | None = None) -> int:
    """Delete refusals and dead letters that name somebody; how many. Read are only those that
    `pattern` finds, in small letters and escaped: about 10 s for `MOST_KEPT`."""
    gone = 0
    for kind, select in _NAMING.items():
        last = 0
        while part := await tuples(
            tx,
            f"{select} WHERE id > %s AND (%s::timestamptz IS NULL OR at >= %s)"
            f" AND {_LIKE.format(body='payload')} ORDER BY id LIMIT %s",
            (last, since, since, pattern, _READ_AT_ONCE),
        ):
            last = part[-1][0]
            hers = [id for id, payload in part if named(bytes(payload))]
            gone += await execute(tx, _DELETE[kind], (hers,))
    return gone

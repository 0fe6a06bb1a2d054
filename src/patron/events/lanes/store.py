"""The SQL of the writing side of the inbox.

Writers use connections in autocommit mode that serve any shop, so tables are named with their
schema here: one statement is one commit and one round trip.
"""

from datetime import datetime
from typing import Any, LiteralString, cast

import msgspec

from patron.events.lanes.wire import run_prepared
from patron.kit.db import Tx

_FORMATS = (0, 0, 0, 0, 0, 0, 1)


class Row(msgspec.Struct, frozen=True):
    """One commit of a lane. `received_at` is the earliest in it, `upto` the running count."""

    seq: int
    received_at: datetime
    count: int
    upto: int
    body: bytes


class Backlog(msgspec.Struct, frozen=True):
    """Events that are acknowledged and not yet walked."""

    live: int = 0
    imports: int = 0


class Statements(msgspec.Struct, frozen=True):
    """The statements of one shop, as text that stays the same so that it is prepared once."""

    open_lane: LiteralString
    prepare: LiteralString
    stands: LiteralString
    backlog: LiteralString


def statements(schema: str) -> Statements:
    at = '"' + schema.replace('"', "") + '"'
    return Statements(
        open_lane=_sql(
            f"INSERT INTO {at}.lane (kind, process, started_at) VALUES (%s, %s, %s) RETURNING id"
        ),
        # The lane takes part so that a row can never land in a lane that the walk has given up.
        prepare=_sql(
            "PREPARE inbox_put (bigint, text, bigint, timestamptz, integer, bigint, bytea) AS"
            f" INSERT INTO {at}.inbox (slot, lane, seq, received_at, count, upto, body)"
            f" SELECT walk.slot, lane.id, $3, $4, $5, $6, $7 FROM {at}.walk, {at}.lane"
            " WHERE lane.id = $1 AND lane.process = $2 ON CONFLICT DO NOTHING"
        ),
        # Joined with the walk's row as well: without it nothing could have been put in.
        stands=_sql(f"SELECT 1 FROM {at}.lane, {at}.walk WHERE lane.id = %s AND process = %s"),
        backlog=_sql(
            f"SELECT l.kind, sum(newest.upto - oldest.upto + oldest.count)::bigint FROM {at}.lane l"
            f" JOIN LATERAL (SELECT i.upto, i.count FROM {at}.inbox i WHERE i.lane = l.id"
            " AND i.seq > l.cursor_seq ORDER BY i.seq LIMIT 1) oldest ON true"
            f" JOIN LATERAL (SELECT i.upto FROM {at}.inbox i WHERE i.lane = l.id"
            " AND i.seq > l.cursor_seq ORDER BY i.seq DESC LIMIT 1) newest ON true GROUP BY l.kind"
        ),
    )


async def open_lane(
    connection: Tx, words: Statements, kind: str, process: str, now: datetime
) -> int:
    """A new lane; its id."""
    cursor = await connection.execute(words.open_lane, (kind, process, now))
    found = await cursor.fetchone()
    assert found is not None
    return cast(int, found[0])


async def prepare(connection: Tx, words: Statements) -> None:
    """Make `connection` ready to put rows into one shop's inbox."""
    await connection.execute(words.prepare)


async def put(connection: Tx, words: Statements, lane: int, process: str, row: Row) -> bool:
    """Commit `row`; True when it stands in the lane (now or from an earlier try).

    False: the lane itself is gone (a database was restored under a running process).
    """
    params = (
        b"%d" % lane,
        process.encode(),
        b"%d" % row.seq,
        row.received_at.isoformat().encode(),
        b"%d" % row.count,
        b"%d" % row.upto,
        row.body,
    )
    if await run_prepared(connection, b"inbox_put", params, _FORMATS) == 1:
        return True
    cursor = await connection.execute(words.stands, (lane, process))
    return await cursor.fetchone() is not None


async def backlog(connection: Tx, words: Statements) -> Backlog:
    """Counted from two index lookups a lane, whatever the backlog is."""
    cursor = await connection.execute(words.backlog, prepare=True)
    found = {kind: int(count) for kind, count in await cursor.fetchall()}
    return Backlog(found.get("live", 0), found.get("import", 0))


def _sql(text: str) -> LiteralString:
    # The schema's name is ours, made from the slug when the shop is founded.
    quoted: Any = text
    return cast(LiteralString, quoted)

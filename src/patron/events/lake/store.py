"""The SQL of the way from the log to the lake."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus

from patron.events.log.rows import HEADER, TRAILER
from patron.kit.db import Tx, execute, row, tuples, value

_LOCK = 7_236_502

COLUMNS = (
    "position", "ts", "received_at", "origin_id", "type", "name", "message_id", "user_id",
    "anonymous_id", "session_id", "channel", "device", "trust", "source", "backfill", "body",
)  # fmt: skip
NUMBERS = {
    "position": ("int8send(position)", ">i8"),
    "ts": ("timestamptz_send(ts)", ">i8"),
    "received_at": ("timestamptz_send(received_at)", ">i8"),
    "type": ("int2send(type)", ">i2"),
    "trust": ("int2send(trust)", ">i2"),
    "source": ("int2send(source)", ">i2"),
    "flags": ("int2send(flags)", ">i2"),
}
"""How PostgreSQL writes these columns, and what numpy calls that. Times are microseconds since
2000."""
TEXTS = (
    "origin_id", "name", "message_id", "user_id", "anonymous_id", "session_id", "channel",
    "device", "body",
)  # fmt: skip
LENGTHS = ">i4"
_TOGETHER = 500
"""Rows of one answer: of the largest events, half a megabyte each, they are far less than the
gigabyte that PostgreSQL can hold in one value."""

# A column of many rows as one value: what its rows say stands behind each other, of texts behind
# their lengths. Written row by row it costs PostgreSQL twice as much, and the reader six times.
_OUT = (
    "COPY (SELECT "
    + ", ".join(
        [f"string_agg({said}, '')" for said, _ in NUMBERS.values()]
        + [
            f"string_agg(int4send(coalesce(octet_length({name}::text), -1)), ''),"
            f" string_agg({name}::text, '')"
            for name in TEXTS
        ]
    )
    + " FROM event WHERE position > {after} AND position <= {upto}"
    f" GROUP BY position / {_TOGETHER}) TO STDOUT (FORMAT binary)"
)
# All rows of an answer are held at once; sorted by what they are grouped by they would go to disk.
_ROOM = b"SET LOCAL work_mem = '128MB'"


class LakeState(msgspec.Struct, frozen=True):
    """The log's last position, how far the database believes the lake is, and the log's epoch."""

    position: int
    lake_position: int
    epoch: UUID | None


async def try_lock(connection: Tx, schema: str) -> bool:
    """Become the only lake writer of a shop, until the connection ends; False if there is one."""
    return bool(
        await value(connection, "SELECT pg_try_advisory_lock(%s, hashtext(%s))", (_LOCK, schema))
    )


async def unlock(connection: Tx, schema: str) -> None:
    """Let another writer have the lake; closing the connection does it too, a little later."""
    await value(connection, "SELECT pg_advisory_unlock(%s, hashtext(%s))", (_LOCK, schema))


async def state(tx: Tx) -> LakeState:
    found = await row(tx, LakeState, "SELECT position, lake_position, epoch FROM walk")
    assert found is not None
    return found


async def set_epoch(tx: Tx, epoch: UUID, lake_position: int) -> None:
    await execute(tx, "UPDATE walk SET epoch = %s, lake_position = %s", (epoch, lake_position))


async def set_lake_position(tx: Tx, position: int) -> None:
    await execute(
        tx, "UPDATE walk SET lake_position = %s WHERE lake_position < %s", (position, position)
    )


async def copy_out(tx: Tx, after: int, upto: int) -> list[bytes]:
    """Events of the positions `after` + 1 … `upto`, in any order but the same in all columns.

    First the columns of NUMBERS, then of each in TEXTS the lengths in bytes, -1 for NULL, and the
    texts. The event loop stands still meanwhile: who copies has a process of his own.
    """
    wire = tx.pgconn
    wire.exec_(_ROOM)
    answer = wire.exec_(_OUT.format(after=int(after), upto=int(upto)).encode())
    if answer.status != ExecStatus.COPY_OUT:
        raise error_from_result(answer)
    parts: list[list[bytes]] = [[] for _ in range(len(NUMBERS) + 2 * len(TEXTS))]
    at = len(HEADER)
    while True:
        length, answered = wire.get_copy_data(0)
        if length < 0:
            break
        _fields(bytes(answered), at, parts)
        at = 0
    while (end := wire.get_result()) is not None:
        if end.status != ExecStatus.COMMAND_OK:
            raise error_from_result(end)
    return [b"".join(part) for part in parts]


def _fields(row: bytes, at: int, parts: Sequence[list[bytes]]) -> None:
    """Put the fields of a row of binary COPY, from `at` on, behind those before them."""
    if row[at : at + 2] == TRAILER:
        return
    at += 2
    for part in parts:
        length = int.from_bytes(row[at : at + 4], signed=True)
        at += 4
        if length > 0:
            part.append(row[at : at + length])
            at += length


async def message_ids(tx: Tx, first: int, last: int) -> dict[int, str]:
    """message id of the events at these positions, as far as PostgreSQL still has them."""
    sql = "SELECT position, message_id FROM event WHERE position BETWEEN %s AND %s"
    return dict(await tuples(tx, sql, (first, last)))


async def queue_erasure(tx: Tx, origins: Sequence[UUID], now: datetime) -> None:
    """Have the lake forget these origins; done by the lake's writer, which is alone."""
    await execute(
        tx,
        "INSERT INTO lake_erasure (origin_id, asked_at) SELECT unnest(%s::uuid[]), %s"
        " ON CONFLICT DO NOTHING",
        (list(origins), now),
    )


async def erasures(tx: Tx) -> list[UUID]:
    return [found[0] for found in await tuples(tx, "SELECT origin_id FROM lake_erasure")]


async def erased(tx: Tx, origins: Sequence[UUID]) -> None:
    await execute(tx, "DELETE FROM lake_erasure WHERE origin_id = ANY(%s)", (list(origins),))

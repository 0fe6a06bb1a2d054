"""The SQL of the way from the log to the lake."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus

from patron.kit.db import Tx, execute, row, tuples, value

_LOCK = 7_236_502

COLUMNS = (
    "position", "ts", "received_at", "origin_id", "type", "name", "message_id", "user_id",
    "anonymous_id", "session_id", "channel", "device", "trust", "source", "backfill", "body",
)  # fmt: skip

_OUT = (
    "COPY (SELECT position, (extract(epoch FROM ts) * 1000000)::bigint,"
    " (extract(epoch FROM received_at) * 1000000)::bigint, origin_id, type, name, message_id,"
    " user_id, anonymous_id, session_id, channel, device, trust, source, (flags & 1) = 1, body"
    " FROM event WHERE position > {after} AND position <= {upto} ORDER BY position)"
    " TO STDOUT (FORMAT csv, HEADER false)"
)


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


async def copy_out(tx: Tx, after: int, upto: int) -> bytes:
    """Events of the positions `after` + 1 … `upto` as CSV in the order of COLUMNS.

    Times are microseconds since 1970; NULL is an unquoted empty field. The event loop stands still
    meanwhile: a turn of it for each row would cost more than the row, and who copies has a process
    of his own.
    """
    parts: list[bytes] = []
    wire = tx.pgconn
    answer = wire.exec_(_OUT.format(after=int(after), upto=int(upto)).encode())
    if answer.status != ExecStatus.COPY_OUT:
        raise error_from_result(answer)
    while True:
        length, part = wire.get_copy_data(0)
        if length < 0:
            break
        parts.append(bytes(part))
    while (end := wire.get_result()) is not None:
        if end.status != ExecStatus.COMMAND_OK:
            raise error_from_result(end)
    return b"".join(parts)


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

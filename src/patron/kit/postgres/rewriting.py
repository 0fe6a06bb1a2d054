"""What PostgreSQL keeps in its files after a DELETE, and how it is written over.

A deleted row stays in its page until another takes its place; VACUUM frees the space and leaves the
bytes (https://www.postgresql.org/docs/18/routine-vacuuming.html). Only a table written anew is
without them. Column statistics hold samples of values, and the write-ahead log every row as it was
written, in segments that are used again without being emptied.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from psycopg import sql

from patron.kit.db import Tx, tuples, value
from patron.kit.log import logger
from patron.kit.postgres.configuration import CLUSTER

log = logger(__name__)

LOCK_SECONDS = 2
MOST_SEGMENTS = 1_000


def tables_of(connection: "psycopg.Connection[Any]", schema: str) -> list[str]:
    """Every table of a schema that holds rows, partitions included."""
    found = connection.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relkind IN ('r', 'm') ORDER BY c.relname",
        (schema,),
    )
    return [name for (name,) in found.fetchall()]


def columns_of(connection: "psycopg.Connection[Any]", schema: str, table: str) -> list[str]:
    found = connection.execute(
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position",
        (schema, table),
    )
    return [name for (name,) in found.fetchall()]


def copied_out(
    connection: "psycopg.Connection[Any]", schema: str, table: str, column: str | None = None
) -> Iterator[bytes]:
    """A table's rows, or one column of them, in PostgreSQL's binary format: texts, JSON and byte
    strings as they are, UUIDs as 16 bytes."""
    what = sql.SQL("*") if column is None else sql.Identifier(column)
    copy = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT (FORMAT BINARY)").format(
        what, sql.Identifier(schema, table)
    )
    with connection.cursor() as cursor, cursor.copy(copy) as rows:
        for part in rows:
            yield bytes(part)


def samples_of(connection: "psycopg.Connection[Any]", schema: str) -> Iterator[bytes]:
    """The values that the planner keeps of a schema's columns, as far as our account may see."""
    found = connection.execute(
        "SELECT concat(most_common_vals, ' ', histogram_bounds, ' ', most_common_elems)"
        " FROM pg_stats WHERE schemaname = %s",
        (schema,),
    )
    for (text,) in found:
        yield text.encode() + b"\n"


async def sizes(tx: Tx, schema: str) -> dict[str, int]:
    """Bytes of every table of a schema with its indexes, partitions each for itself."""
    found = await tuples(
        tx,
        "SELECT c.relname, pg_total_relation_size(c.oid) FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relkind = 'r' ORDER BY c.relname",
        (schema,),
    )
    return dict(found)


async def rewrite(connection: Tx, schema: str, tables: Sequence[str]) -> list[str]:
    """Write tables anew, in autocommit mode; those that somebody held longer than `LOCK_SECONDS`.

    Nobody reads or writes a table meanwhile: ten to twenty seconds a gigabyte.
    """
    left = []
    await connection.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
    try:
        for table in tables:
            name = sql.Identifier(schema, table)
            try:
                await connection.execute(sql.SQL("VACUUM (FULL, ANALYZE) {}").format(name))
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                left.append(table)
            except psycopg.errors.UndefinedTable:
                continue  # a month that has just left for the lake
    finally:
        await connection.execute("RESET lock_timeout")
    return left


async def renew_statistics(connection: Tx) -> None:
    """Write the table of column statistics anew: it holds the most common values of each column as
    they were. Does nothing where our account may not."""
    try:
        await connection.execute("VACUUM (FULL) pg_catalog.pg_statistic")
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.LockNotAvailable) as error:
        log.info("statistics stay as they are", extra={"reason": str(error)})


async def renew_log(connection: Tx) -> bool:
    """Have the write-ahead log of Patron's own server begin anew: what was written so far is in no
    file any more. False on a server of the owner's, whose log may be archived and followed.

    Costs 16 MB of writing for each segment that waits to be used again, by our settings 2 GB at
    most.
    """
    ours = "SELECT rolsuper AND current_setting('cluster_name') = %s FROM pg_roles"
    if not await value(connection, f"{ours} WHERE rolname = current_user", (CLUSTER,)):
        return False
    recycles = await value(connection, "SHOW wal_recycle") == "on"
    try:
        if recycles:
            await connection.execute("ALTER SYSTEM SET wal_recycle = off")
        await value(connection, "SELECT pg_reload_conf()")
        # Once through every segment that stands ready: they hold what was in them before.
        waiting = int(await value(connection, "SELECT count(*) FROM pg_ls_waldir()"))
        for _ in range(min(waiting + 1, MOST_SEGMENTS)):
            await value(connection, "SELECT pg_create_restore_point('patron')")
            await value(connection, "SELECT pg_switch_wal()")
        await connection.execute("CHECKPOINT")
        await connection.execute("CHECKPOINT")
    finally:
        if recycles:
            await connection.execute("ALTER SYSTEM RESET wal_recycle")
            await value(connection, "SELECT pg_reload_conf()")
    return True

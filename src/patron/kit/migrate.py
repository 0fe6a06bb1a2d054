"""Plain SQL migrations: each room's `migrations/NNNN_*.sql`, in the order of the rooms.

`migrations/house/` holds what exists once for all shops (schema `patron`); the files beside it are
applied in every shop's schema. What ran is written down with its checksum; a file that changed
after it ran is refused.
"""

import hashlib
import re
from importlib.resources import files

import msgspec

from patron.kit.db import Database, Tx, begun, execute, tuples

HOUSE = "patron"
_LOCK = 7_236_501
_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


class MigrationError(Exception):
    """A migration cannot be applied; the message names the file and the remedy."""


class Migration(msgspec.Struct, frozen=True):
    room: str
    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def found(rooms: list[str], *, house: bool) -> list[Migration]:
    """The migrations of `rooms` (lowest room first), of the house or of a shop."""
    result: list[Migration] = []
    for room in rooms:
        folder = files("patron") / room / "migrations"
        if house:
            folder = folder / "house"
        if not folder.is_dir():
            continue
        for entry in sorted(folder.iterdir(), key=lambda e: e.name):
            if match := _NAME.fullmatch(entry.name):
                result.append(Migration(room, int(match[1]), entry.name, entry.read_text("utf-8")))
    return result


async def migrate(db: Database, schema: str, migrations: list[Migration]) -> list[str]:
    """Bring `schema` up to date, a transaction a file, one migrator at a time.

    Returns the names of the files that ran. Raises MigrationError when an applied file changed.
    """
    ran: list[str] = []
    async with db.session() as connection:
        await connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        try:
            await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
            done = await _applied(connection, schema)
            for migration in migrations:
                before = done.get((migration.room, migration.number))
                if before is None:
                    await _apply(connection, schema, migration)
                    ran.append(f"{migration.room}/{migration.name}")
                elif before != migration.checksum:
                    raise MigrationError(
                        f"migration {migration.room}/{migration.name}: it changed after it was"
                        f" applied to schema {schema}; restore it and put the change in a new file"
                    )
        finally:
            await connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))
    return ran


async def pending(db: Database, schema: str, migrations: list[Migration]) -> list[str]:
    """Names of the migrations that `schema` still lacks."""
    async with db.session() as connection:
        done = await _applied(connection, schema)
    return [f"{m.room}/{m.name}" for m in migrations if (m.room, m.number) not in done]


async def _applied(connection: Tx, schema: str) -> dict[tuple[str, int], str]:
    async with begun(connection, schema):
        await execute(
            connection,
            "CREATE TABLE IF NOT EXISTS schema_migration (room text, number int,"
            " name text NOT NULL,"
            " checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),"
            " PRIMARY KEY (room, number))",
        )
        found = await tuples(connection, "SELECT room, number, checksum FROM schema_migration")
    return {(room, number): checksum for room, number, checksum in found}


async def _apply(connection: Tx, schema: str, migration: Migration) -> None:
    async with begun(connection, schema):
        await connection.execute(migration.sql)
        await execute(
            connection,
            "INSERT INTO schema_migration (room, number, name, checksum) VALUES (%s, %s, %s, %s)",
            (migration.room, migration.number, migration.name, migration.checksum),
        )

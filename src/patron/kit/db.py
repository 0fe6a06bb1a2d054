"""PostgreSQL: a pool, and the unit of work that is one transaction in one shop's schema."""

import itertools
import select
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import msgspec
import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool

from patron.kit.log import logger

Tx = AsyncConnection[tuple[Any, ...]]
"""A connection inside a transaction, as stores receive it."""

Params = Sequence[Any] | Mapping[str, Any]

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)

RETRIED = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)
log = logger(__name__)

RECONNECT_SECONDS = 3.0
"""So long a pool tries by itself, ever more seldom; later whoever asks for a connection makes it
try anew. Left to itself it would find a server that was away for a minute up to a minute late."""

_cursors = itertools.count(1)
_encode = msgspec.json.Encoder().encode
set_json_loads(msgspec.json.decode)
set_json_dumps(_encode)


class Deeds:
    """Whether a piece of work has left something that doing it again would do twice."""

    __slots__ = ("kept",)

    def __init__(self) -> None:
        self.kept = False


_deeds: ContextVar[Deeds | None] = ContextVar("deeds", default=None)


@contextmanager
def watched() -> Iterator[Deeds]:
    """What is committed from here on, in this task and those it starts, is noted in the Deeds."""
    deeds = Deeds()
    token = _deeds.set(deeds)
    try:
        yield deeds
    finally:
        _deeds.reset(token)


def deeds() -> Deeds | None:
    """Those of the work that is watched around the caller, if any is."""
    return _deeds.get()


def kept() -> None:
    """Something was done, or is about to be, that no rollback takes back."""
    if (noted := _deeds.get()) is not None:
        noted.kept = True


class Database:
    """A pool of connections to one PostgreSQL server.

    `url` is a libpq connection string. A pool belongs to the event loop that opened it. Who finds
    no free connection within `patience` seconds gets a PoolTimeout.
    """

    def __init__(
        self, url: str, *, max_size: int = 8, name: str = "patron", patience: float = 30.0
    ) -> None:
        self.url = url
        self._pool: AsyncConnectionPool[Tx] = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=max_size,
            open=False,
            timeout=patience,
            reconnect_timeout=RECONNECT_SECONDS,
            name=name,
            check=_check,
            kwargs={"autocommit": True, "options": "-c search_path=", "application_name": name},
        )

    async def open(self, *, wait: bool = True) -> None:
        """Open the pool; with `wait`, PoolTimeout when there is no connection within `patience`."""
        await self._pool.open(wait=wait, timeout=self._pool.timeout)

    async def close(self) -> None:
        await self._pool.close()

    async def __aenter__(self) -> "Database":
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @asynccontextmanager
    async def unit(self, schema: str) -> AsyncIterator[Tx]:
        """One transaction with `schema` as search path: committed or rolled back whole."""
        async with self._pool.connection() as connection, begun(connection, schema):
            yield connection

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Tx]:
        """A connection in autocommit mode, for what cannot stand in a transaction."""
        async with self._pool.connection() as connection:
            yield connection

    async def run(self, schema: str, work: Callable[[Tx], Awaitable[T]], *, attempts: int = 5) -> T:
        """`work` in one transaction, again from the start when PostgreSQL asks for a retry.

        `work` must not touch anything outside the transaction that cannot be done twice.
        """
        for attempt in range(1, attempts + 1):
            try:
                async with self.unit(schema) as tx:
                    return await work(tx)
            except RETRIED as error:
                if attempt == attempts:
                    raise
                log.info("transaction retried", extra={"attempt": attempt, "reason": str(error)})
        raise AssertionError("unreachable")


async def _check(connection: Tx) -> None:
    """Ask the server only when its silence is broken: who ends a session or dies closes the socket,
    which can be read then. Asking each time would cost a short transaction a third round trip."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        await AsyncConnectionPool.check_connection(connection)


@asynccontextmanager
async def begun(connection: Tx, schema: str) -> AsyncIterator[None]:
    """BEGIN … COMMIT on a connection of one's own, with `schema` as the search path."""
    path = schema.replace('"', "")
    # One round trip: both statements in a simple query.
    await connection.execute(f'BEGIN; SET LOCAL search_path TO "{path}"')
    try:
        yield
    except BaseException:
        if not connection.closed:
            try:
                await connection.execute("ROLLBACK")
            except psycopg.Error:
                await connection.close()  # the pool replaces it
        raise
    await _commit(connection)


async def _commit(connection: Tx) -> None:
    noted = _deeds.get()
    if noted is None or connection.info.transaction_status is not TransactionStatus.INTRANS:
        await connection.execute("COMMIT")
        return
    # A transaction has an id once it wrote; both statements take one round trip.
    wrote = await connection.execute(
        "SELECT pg_catalog.pg_current_xact_id_if_assigned() IS NOT NULL; COMMIT"
    )
    found = await wrote.fetchone()
    noted.kept = noted.kept or found is None or bool(found[0])


async def connect(url: str, name: str) -> Tx:
    """A connection outside any pool, in autocommit mode with an empty search path."""
    return await AsyncConnection.connect(
        url, autocommit=True, options="-c search_path=", application_name=name
    )


async def rows(tx: Tx, kind: type[S], sql: str, params: Params = ()) -> list[S]:
    """Every row as a `kind`, columns to fields by position."""
    cursor = await tx.execute(sql, params)
    return [kind(*row) for row in await cursor.fetchall()]


async def streamed(
    tx: Tx, kind: type[S], sql: str, params: Params = (), *, at_once: int = 5_000
) -> AsyncIterator[S]:
    """The same row by row, `at_once` of them held here; other statements may be run meanwhile, in
    the same transaction."""
    async with tx.cursor(name=f"rows_{next(_cursors)}") as cursor:
        cursor.itersize = at_once
        await cursor.execute(sql, params)
        async for one in cursor:
            yield kind(*one)


async def row(tx: Tx, kind: type[S], sql: str, params: Sequence[Any] = ()) -> S | None:
    """The first row as a `kind`, or None."""
    cursor = await tx.execute(sql, params)
    found = await cursor.fetchone()
    return None if found is None else kind(*found)


async def tuples(tx: Tx, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    cursor = await tx.execute(sql, params)
    return await cursor.fetchall()


async def value(tx: Tx, sql: str, params: Sequence[Any] = ()) -> Any:
    """The first column of the first row, or None."""
    cursor = await tx.execute(sql, params)
    found = await cursor.fetchone()
    return None if found is None else found[0]


async def execute(tx: Tx, sql: str, params: Sequence[Any] = ()) -> int:
    """Run a statement; the number of rows it touched."""
    cursor = await tx.execute(sql, params)
    return cursor.rowcount


def as_json(thing: Any) -> str:
    """Text for a `json`/`jsonb` parameter written as `%s::json`."""
    return _encode(thing).decode()

"""One writer of the inbox: takes what comes in, commits in groups, answers when it is on disk."""

import asyncio
from collections import deque
from collections.abc import Iterable
from datetime import datetime

import msgspec
import psycopg

from patron.events.lanes import store
from patron.kit.clock import Clock, monotonic
from patron.kit.db import Tx, connect
from patron.kit.log import logger
from patron.kit.metrics import counter, histogram
from patron.kit.pauses import reach

log = logger(__name__)

COMMIT_SECONDS = histogram("patron_inbox_commit_seconds", "Time of one group commit of the inbox")
COMMITTED = counter("patron_inbox_events_total", "Events acknowledged as on disk", ["lane"])
RETRIED = counter("patron_inbox_retries_total", "Group commits that had to be tried again")

ROW_BYTES = 4 << 20
BACKOFF_SECONDS = (0.02, 0.1, 0.25, 0.5, 1.0)
TICK_SECONDS = 0.5
GONE = (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName)


class InboxFull(Exception):
    """The inbox has reached its bound; come back after `retry_after` seconds."""

    def __init__(self, reason: str, retry_after: int) -> None:
        super().__init__(f"inbox: {reason}; try again in {retry_after} s")
        self.retry_after = retry_after


class InboxDown(Exception):
    """The database could not be written in time. What was handed in may be handed in again."""

    retry_after = 2


class Waiting(msgspec.Struct, eq=False):
    """An envelope that is not on disk yet, and whom to tell."""

    body: bytes
    count: int
    done: "asyncio.Future[None]"
    received_at: datetime
    since: float


class LaneName(msgspec.Struct, frozen=True):
    """Which lane it is: one start of one process, one shop, live or import."""

    schema: str
    kind: str
    process: str


class Pending(msgspec.Struct):
    """Bytes of all lanes of a process that are not on disk yet."""

    bytes: int = 0


class Lane:
    """Numbers and commits the envelopes of one (process start, shop, kind).

    A commit starts when the one before it has returned, never after a fixed wait. A commit whose
    outcome is unknown is repeated under the same number until it is certain; only then does the
    next number follow, so the lane has no gaps and is in commit order.
    """

    def __init__(
        self, url: str, name: LaneName, clock: Clock, pending: Pending, patience: float
    ) -> None:
        self._url = url
        self._name = name
        self._words = store.statements(name.schema)
        self._pending = pending
        self._clock = clock
        self._patience = patience
        self._queue: deque[Waiting] = deque()
        self._flying: list[Waiting] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._ticking = False
        self._connection: Tx | None = None
        self._id: int | None = None
        self._seq = 0
        self._upto = 0
        self._closing = False
        self._committed = COMMITTED.labels(name.kind)

    def append(self, body: bytes, count: int) -> "asyncio.Future[None]":
        """Take one envelope; the future is done when it is on disk, or fails with InboxDown."""
        loop = self._loop or self._settle()
        done: asyncio.Future[None] = loop.create_future()
        self._queue.append(Waiting(body, count, done, self._clock.now(), monotonic()))
        self._pending.bytes += len(body)
        if self._task is None:
            self._task = loop.create_task(self._drain())
            if not self._ticking:
                self._ticking = True
                loop.call_later(TICK_SECONDS, self._tick, loop)
        return done

    def _settle(self) -> asyncio.AbstractEventLoop:
        """Note the loop of this lane: to ask for it at each call would be a system call each."""
        self._loop = asyncio.get_running_loop()
        return self._loop

    async def close(self) -> None:
        """Put down what was taken, waiting no longer than the lane's patience; then let go."""
        self._closing = True
        while self._task is not None:
            await asyncio.wait([self._task])
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _drain(self) -> None:
        try:
            while self._queue:
                await self._flush(self._take())
        finally:
            self._task = None

    def _take(self) -> list[Waiting]:
        taken = [self._queue.popleft()]
        size = len(taken[0].body)
        while self._queue and size < ROW_BYTES:
            taken.append(self._queue.popleft())
            size += len(taken[-1].body)
        return taken

    async def _flush(self, chunk: list[Waiting]) -> None:
        self._flying = chunk
        body = b"[" + b",".join([waiting.body for waiting in chunk]) + b"]"
        count = sum(waiting.count for waiting in chunk)
        stands = await self._commit_until_certain(body, count, chunk[0].received_at)
        self._flying = []
        self._pending.bytes -= sum(len(waiting.body) for waiting in chunk)
        _answer(chunk, on_disk=stands)
        if stands:
            self._committed.inc(count)

    async def _commit_until_certain(self, body: bytes, count: int, received_at: datetime) -> bool:
        """True when the row is on disk; False only when it is given up at closing time."""
        failures = 0
        while True:
            started = monotonic()
            try:
                await self._commit(body, count, received_at)
            except Exception as error:  # whatever it is, nothing is acknowledged and nothing lost
                failures += 1
                RETRIED.inc()
                await self._let_go(error, failures)
                if isinstance(error, GONE) or (self._closing and self._nobody_waits()):
                    # Its row may stand all the same. Under its number the next one would be taken
                    # for it, and acknowledged unwritten: what still waits goes into another lane.
                    self._id = None
                    return False
                await asyncio.sleep(BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS)) - 1])
                self._expire(monotonic())
            else:
                COMMIT_SECONDS.observe(monotonic() - started)
                return True

    async def _commit(self, body: bytes, count: int, received_at: datetime) -> None:
        async with asyncio.timeout(self._patience):
            if self._connection is None:
                self._connection = await connect(self._url, "patron-inbox")
                await store.prepare(self._connection, self._words)
            while True:
                if self._id is None:
                    self._id = await store.open_lane(
                        self._connection,
                        self._words,
                        self._name.kind,
                        self._name.process,
                        self._clock.now(),
                    )
                    self._seq = self._upto = 0
                row = store.Row(self._seq + 1, received_at, count, self._upto + count, body)
                if await store.put(
                    self._connection, self._words, self._id, self._name.process, row
                ):
                    break
                log.warning("inbox lane is gone, opening another", extra={"lane": self._id})
                self._id = None
            await reach("inbox.committed")
            self._seq += 1
            self._upto += count

    async def _let_go(self, error: Exception, failures: int) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
        if failures in (1, 10) or failures % 100 == 0:
            log.warning(
                "inbox cannot be written, will retry",
                extra={"schema": self._name.schema, "reason": repr(error), "failures": failures},
            )

    def _nobody_waits(self) -> bool:
        return all(waiting.done.done() for waiting in self._flying)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._ticking = self._task is not None
        if self._ticking:
            self._expire(monotonic())
            loop.call_later(TICK_SECONDS, self._tick, loop)

    def _expire(self, now: float) -> None:
        """Tell those who have waited too long. Their envelopes leave the queue; one that is already
        being committed stays, because its outcome decides about its number."""
        before = now - self._patience
        late = [waiting for waiting in self._flying if waiting.since < before]
        while self._queue and self._queue[0].since < before:
            late.append(self._queue.popleft())
            self._pending.bytes -= len(late[-1].body)
        _answer(late, on_disk=False)


def _answer(waiting: Iterable[Waiting], *, on_disk: bool) -> None:
    for one in waiting:
        if one.done.done():
            continue
        if on_disk:
            one.done.set_result(None)
        else:
            one.done.set_exception(InboxDown("inbox: the database cannot be written just now"))

"""The SQL of the walk: what it takes, what it remembers, where it stands."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any, LiteralString, cast

import msgspec

from patron.events.log.rows import DAY, HEADER, KEY_LENGTH, TRAILER, day_number
from patron.kit.db import Tx, execute, row, rows, tuples, value

ROWS_AHEAD = 1_000
_KNOWN: LiteralString = "SELECT key FROM seen WHERE key = ANY(%s::bytea[])"
_KNOWN_IMPORTS: LiteralString = "SELECT key FROM seen_import WHERE key = ANY(%s::bytea[])"


class Waiting(msgspec.Struct, frozen=True):
    """A row of a lane behind its cursor, without its body."""

    lane: int
    seq: int
    received_at: datetime
    count: int


class Standing(msgspec.Struct, frozen=True):
    """The walk's own row: the last position given, and whose memory of `seen` is the newest."""

    position: int
    seen_token: int


async def waiting(tx: Tx, kind: str) -> list[Waiting]:
    """Rows of the lanes of `kind` that are not walked yet, lane by lane in their order."""
    found = await rows(
        tx,
        Waiting,
        "SELECT l.id, n.seq, n.received_at, n.count FROM lane l CROSS JOIN LATERAL ("
        " SELECT i.seq, i.received_at, i.count FROM inbox i"
        " WHERE i.lane = l.id AND i.seq > l.cursor_seq ORDER BY i.seq LIMIT %s) n"
        " WHERE l.kind = %s ORDER BY l.id, n.seq",
        (ROWS_AHEAD, kind),
    )
    # A commit that was repeated while the slots changed stands in both of them.
    return [one for at, one in enumerate(found) if at == 0 or not _same_row(one, found[at - 1])]


async def many_wait(tx: Tx, at_least: int) -> bool:
    """Whether so many events are not walked yet, imports among them."""
    return bool(
        await value(
            tx,
            "SELECT sum(n.count) >= %s FROM lane l CROSS JOIN LATERAL ("
            " SELECT i.count FROM inbox i WHERE i.lane = l.id AND i.seq > l.cursor_seq"
            " ORDER BY i.seq LIMIT %s) n",
            (at_least, ROWS_AHEAD),
        )
    )


def _same_row(one: Waiting, other: Waiting) -> bool:
    return one.lane == other.lane and one.seq == other.seq


async def bodies(tx: Tx, wanted: Sequence[Waiting]) -> list[bytes]:
    """The bodies of `wanted`, in that order."""
    found: dict[tuple[int, int], bytes] = {}
    async with tx.cursor(binary=True) as cursor:  # as text, bytea costs twice its size in hex
        await cursor.execute(
            "SELECT i.lane, i.seq, i.body FROM unnest(%s::bigint[], %s::bigint[]) AS w (lane, seq)"
            " JOIN inbox i ON i.lane = w.lane AND i.seq = w.seq",
            ([one.lane for one in wanted], [one.seq for one in wanted]),
        )
        async for lane, seq, body in cursor:
            found[lane, seq] = bytes(body)
    return [found[one.lane, one.seq] for one in wanted]


async def lock(tx: Tx) -> Standing:
    """Become the shop's only walker until the transaction ends."""
    found = await row(tx, Standing, "SELECT position, seen_token FROM walk FOR UPDATE")
    assert found is not None
    return found


async def take_positions(tx: Tx, count: int) -> int:
    """The first of `count` gap-free log positions; undone with the (sub)transaction."""
    last = await value(tx, "UPDATE walk SET position = position + %s RETURNING position", (count,))
    return cast(int, last) - count + 1


async def advance(tx: Tx, cursors: dict[int, int], seen_token: int) -> None:
    await execute(
        tx,
        "UPDATE lane SET cursor_seq = c.seq"
        " FROM unnest(%s::bigint[], %s::bigint[]) AS c (lane, seq) WHERE lane.id = c.lane",
        (list(cursors), list(cursors.values())),
    )
    await execute(tx, "UPDATE walk SET seen_token = %s", (seen_token,))


# --- what was seen ------------------------------------------------------------------------------


async def known(tx: Tx, keys: Sequence[bytes], *, imported: bool) -> set[bytes]:
    """Those of `keys` that were taken in before."""
    async with tx.cursor(binary=True) as cursor:
        await cursor.execute(
            _KNOWN_IMPORTS if imported else _KNOWN,
            (list(keys),),
        )
        return {bytes(key) for (key,) in await cursor.fetchall()}


async def newest_seen(tx: Tx, since: bytes, most: int) -> list[bytes]:
    """Up to `most` of the greatest keys from `since` on, in falling order."""
    async with tx.cursor(binary=True) as cursor:
        await cursor.execute(
            "SELECT key FROM seen WHERE key >= %s ORDER BY key DESC LIMIT %s", (since, most)
        )
        return [bytes(key) for (key,) in await cursor.fetchall()]


async def remember(tx: Tx, by_day: dict[date, list[bytes]]) -> None:
    """Write down keys under the day of their receipt; their partitions exist."""
    buffer = [HEADER]
    for day, keys in by_day.items():
        head = b"\x00\x02" + DAY.pack(4, day_number(day)) + KEY_LENGTH
        buffer += [head + key for key in sorted(keys)]
    await _copy(tx, "COPY seen (day, key) FROM STDIN (FORMAT BINARY)", buffer)


async def remember_imports(tx: Tx, keys: Iterable[bytes]) -> None:
    buffer = [HEADER, *(b"\x00\x01" + KEY_LENGTH + key for key in sorted(keys))]
    await _copy(tx, "COPY seen_import (key) FROM STDIN (FORMAT BINARY)", buffer)


async def _copy(tx: Tx, sql: LiteralString, buffer: list[bytes]) -> None:
    buffer.append(TRAILER)
    async with tx.cursor() as cursor, cursor.copy(sql) as copy:
        await copy.write(b"".join(buffer))


# --- partitions ---------------------------------------------------------------------------------


async def ensure_days(tx: Tx, days: Iterable[date]) -> None:
    """Partitions of `seen` for these days of receipt."""
    wanted = {f"seen_{day:%Y%m%d}": f"IN ('{day:%Y-%m-%d}')" for day in days}
    await _ensure(tx, "seen", wanted)


async def ensure_months(tx: Tx, months: Iterable[date]) -> None:
    """Partitions of the log for the months that begin on these days."""
    wanted = {}
    for month in months:
        after = date(month.year + month.month // 12, month.month % 12 + 1, 1)
        bounds = f"FROM ('{month:%Y-%m-%d} 00:00:00+00') TO ('{after:%Y-%m-%d} 00:00:00+00')"
        wanted[f"event_{month:%Y_%m}"] = bounds
    await _ensure(tx, "event", wanted)


async def _ensure(tx: Tx, parent: str, wanted: dict[str, str]) -> None:
    missing = await tuples(
        tx,
        "SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass(quote_ident(name)) IS NULL",
        (list(wanted),),
    )
    for (name,) in missing:
        # Attaching lets readers go on; CREATE … PARTITION OF would wait for them, and they for it.
        await execute(
            tx, f"CREATE TABLE {name} (LIKE {parent} INCLUDING DEFAULTS INCLUDING STORAGE)"
        )
        await execute(tx, f"ALTER TABLE {parent} ATTACH PARTITION {name} FOR VALUES {wanted[name]}")


async def partitions(tx: Tx, parent: str) -> list[str]:
    """Names of the partitions of a table, in order."""
    found = await tuples(
        tx,
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = to_regclass(quote_ident(%s)) ORDER BY c.relname",
        (parent,),
    )
    return [name for (name,) in found]


async def drop_partition(tx: Tx, name: str) -> None:
    """Drop one partition; gives up after two seconds rather than making the walk wait."""
    await execute(tx, "SET LOCAL lock_timeout = '2s'")
    await execute(tx, f"DROP TABLE {name}")


# --- visitors -----------------------------------------------------------------------------------


async def visitors(tx: Tx, keys: Sequence[bytes]) -> dict[bytes, bytes]:
    """The packed sessions of these visitors."""
    async with tx.cursor(binary=True) as cursor:
        await cursor.execute(
            "SELECT key, state FROM visitor WHERE key = ANY(%s::bytea[])", (list(keys),)
        )
        return {bytes(key): bytes(state) for key, state in await cursor.fetchall()}


async def save_visitors(tx: Tx, states: list[tuple[bytes, bytes, datetime]]) -> None:
    """Write (key, packed sessions, last event), one row a visitor."""
    keys, packed, last = zip(*sorted(states), strict=True)
    await execute(
        tx,
        "INSERT INTO visitor AS v (key, state, last_at)"
        " SELECT * FROM unnest(%b::bytea[], %b::bytea[], %b::timestamptz[])"
        " ON CONFLICT (key) DO UPDATE SET state = excluded.state, last_at = excluded.last_at",
        (list(keys), list(packed), list(last)),
    )


async def forget_visitors(tx: Tx, *, before: datetime) -> int:
    """Visitors whose last session is long over: their next one begins anew anyway."""
    return await execute(tx, "DELETE FROM visitor WHERE last_at < %s", (before,))


async def oldest_visitor(tx: Tx) -> datetime | None:
    found: datetime | None = await value(tx, "SELECT min(last_at) FROM visitor")
    return found


async def oldest_month(tx: Tx) -> datetime | None:
    """The first moment of the first month of which PostgreSQL has events."""
    for name in await partitions(tx, "event"):
        if await value(tx, f"SELECT EXISTS (SELECT FROM {name})"):
            return datetime.strptime(name, "event_%Y_%m").replace(tzinfo=UTC)
    return None


async def oldest_call(tx: Tx) -> datetime | None:
    """Since when calls are in the inbox, walked or not."""
    found: datetime | None = await value(tx, "SELECT min(received_at) FROM inbox")
    return found


# --- the inbox's slots and lanes ----------------------------------------------------------------


async def turn_slots(tx: Tx, now: datetime) -> bool:
    """Empty the slot that is not written and write into it from now on; False if rows in it wait.

    A row is emptied away only when its lane's cursor has passed it, which is asked under a lock
    that no writer can overtake.
    """
    await execute(tx, "SET LOCAL lock_timeout = '200ms'")
    # The walk's row first, as the walker does, or the two would wait for each other.
    idle = 1 - cast(int, await value(tx, "SELECT slot FROM walk FOR UPDATE"))
    await execute(tx, f"LOCK TABLE inbox_{idle} IN ACCESS EXCLUSIVE MODE")
    if await value(
        tx,
        "SELECT EXISTS (SELECT FROM inbox i LEFT JOIN lane l ON l.id = i.lane"
        " WHERE i.slot = %s AND i.seq > coalesce(l.cursor_seq, 0))",
        (idle,),
    ):
        return False
    await execute(tx, f"TRUNCATE inbox_{idle}")
    await execute(tx, "UPDATE walk SET slot = %s, rotated_at = %s", (idle, now))
    return True


async def slots_are_due(tx: Tx, most_bytes: int, oldest: datetime) -> bool:
    """Whether the slot written now is too large, or a row in either is older than `oldest`."""
    large = "pg_total_relation_size(to_regclass('inbox_' || slot)) > %s"
    old = "EXISTS (SELECT FROM inbox WHERE received_at < %s)"
    return bool(await value(tx, f"SELECT {large} OR {old} FROM walk", (most_bytes, oldest)))


async def give_up_lanes(tx: Tx, *, before: datetime) -> int:
    """Delete drained lanes of processes that started before that and have no row in the inbox.

    Writers wait for this transaction; one whose lane is gone opens another.
    """
    await execute(tx, "SET LOCAL lock_timeout = '200ms'")
    await execute(tx, "LOCK TABLE inbox IN SHARE MODE")
    return await execute(
        tx,
        "DELETE FROM lane l WHERE l.started_at < %s"
        " AND NOT EXISTS (SELECT FROM inbox i WHERE i.lane = l.id)",
        (before,),
    )


async def lanes_may_go(tx: Tx, *, before: datetime) -> bool:
    """Whether there are so many old lanes that taking the lock is worth it."""
    found: Any = await value(tx, "SELECT count(*) FROM lane WHERE started_at < %s", (before,))
    return int(found) > 8


async def lake_has(tx: Tx, partition: str) -> bool:
    """Whether the lake holds every event of a partition of the log."""
    found = await value(
        tx,
        f"SELECT coalesce(max(position), 0) <= (SELECT w.lake_position FROM walk w)"
        f" FROM {partition}",
    )
    return bool(found)


# --- imports ------------------------------------------------------------------------------------


async def imported_count(tx: Tx) -> int:
    """How many different events imports have brought: a scan, about 0.1 s a million."""
    return cast(int, await value(tx, "SELECT count(*) FROM seen_import"))


async def count_imports_of_erased(tx: Tx, count: int) -> None:
    """Add to the imported events that were left out because they spoke of erased people."""
    await execute(tx, "UPDATE walk SET imports_of_erased = imports_of_erased + %s", (count,))


async def imports_of_erased(tx: Tx) -> int:
    """How many imported events were left out because they spoke of erased people."""
    return cast(int, await value(tx, "SELECT imports_of_erased FROM walk"))


async def walker_count(tx: Tx) -> int:
    """How many connections of walkers this database has."""
    return cast(
        int,
        await value(
            tx,
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'patron-walk'",
        ),
    )

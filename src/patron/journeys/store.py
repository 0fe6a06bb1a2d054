"""The SQL of journeys and runs."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from patron.journeys.definition import read
from patron.journeys.gather import Ending, Live
from patron.journeys.step import Outcome
from patron.journeys.types import Alive, Journey, Line, Run, RunState, Status
from patron.kit.db import Tx, as_json, execute, tuples, value
from patron.kit.ids import id_at, new_id
from patron.messages.types import State, before

_JOURNEY = (
    "SELECT j.id, j.key, j.name, j.status, j.version, v.definition, j.created_at, j.changed_at"
    " FROM journey j JOIN journey_version v ON v.journey_id = j.id AND v.version = j.version"
)
# A run is due when its wait is over; `wake_at`, which is indexed, is that moment or an earlier one.
# New activity in a cart moves `waits_from` alone, an update that touches no index, and the timer
# looks once more when it wakes too early.
_DUE = "waits_from + make_interval(secs => wait_seconds)"
_KEPT = (
    "id, journey_id, version, origin_id, key, state, step, visit, waits_from, wait_seconds,"
    " started_at, started_received_at, arm, exit_reason, ended_at, context, story"
)
_RUN = _KEPT.replace("visit,", f"visit, CASE state WHEN 'waiting' THEN {_DUE} END AS due_at,")


class Moved(msgspec.Struct, frozen=True):
    """A run after its steps: where it came to, and its arm if it has one."""

    run_id: UUID
    outcome: Outcome
    arm: str | None


async def journeys(tx: Tx) -> list[Journey]:
    """All journeys by key."""
    return [_journey(found) for found in await tuples(tx, f"{_JOURNEY} ORDER BY j.key")]


async def journey(tx: Tx, key: str) -> Journey | None:
    found = await tuples(tx, f"{_JOURNEY} WHERE j.key = %s", (key,))
    return _journey(found[0]) if found else None


async def live(tx: Tx) -> list[Live]:
    """The journeys that are on, with their newest definitions."""
    found = await tuples(
        tx,
        "SELECT j.id, j.key, j.version, v.definition::text FROM journey j"
        " JOIN journey_version v ON v.journey_id = j.id AND v.version = j.version"
        " WHERE j.status = 'on' ORDER BY j.key",
    )
    return [Live(one, key, version, read(text)) for one, key, version, text in found]


async def versions(tx: Tx, wanted: Iterable[tuple[UUID, int]]) -> dict[tuple[UUID, int], Live]:
    """The definitions that these (journey, version) have."""
    pairs = sorted(set(wanted))
    found = await tuples(
        tx,
        "SELECT v.journey_id, j.key, v.version, v.definition::text, j.status = 'on'"
        " FROM journey_version v"
        " JOIN journey j ON j.id = v.journey_id"
        " WHERE (v.journey_id, v.version) IN (SELECT * FROM unnest(%s::uuid[], %s::int[]))",
        ([one for one, _ in pairs], [version for _, version in pairs]),
    )
    return {
        (one, version): Live(one, key, version, read(text), on)
        for one, key, version, text, on in found
    }


async def put(tx: Tx, key: str, name: str, definition: Mapping[str, Any], now: datetime) -> Journey:
    """Create the journey as a draft, or give it a new version when the definition differs."""
    text = as_json(definition)
    await execute(
        tx,
        "INSERT INTO journey (id, key, name, status, version, created_at, changed_at)"
        " VALUES (%s, %s, %s, 'draft', 0, %s, %s) ON CONFLICT (key) DO NOTHING",
        (id_at(now), key, name, now, now),
    )
    await execute(tx, "SELECT 1 FROM journey WHERE key = %s FOR UPDATE", (key,))
    await execute(
        tx,
        "WITH changed AS (UPDATE journey j SET version = j.version + 1, changed_at = %s"
        " WHERE j.key = %s AND NOT EXISTS (SELECT 1 FROM journey_version v"
        " WHERE v.journey_id = j.id AND v.version = j.version"
        " AND v.definition::jsonb = %s::jsonb) RETURNING j.id, j.version)"
        " INSERT INTO journey_version (journey_id, version, definition, created_at)"
        " SELECT id, version, %s::json, %s FROM changed",
        (now, key, text, text, now),
    )
    await execute(
        tx,
        "UPDATE journey SET name = %s, changed_at = %s WHERE key = %s AND name <> %s",
        (name, now, key, name),
    )
    found = await journey(tx, key)
    if found is None:
        raise LookupError(f"journey {key} vanished while it was written")
    return found


async def set_status(tx: Tx, key: str, status: Status, now: datetime) -> None:
    await execute(
        tx,
        "UPDATE journey SET status = %s, changed_at = %s WHERE key = %s AND status <> %s",
        (status, now, key, status),
    )


async def alive(
    tx: Tx, live: Sequence[Live], keys: Sequence[str], roots: Sequence[UUID], since: datetime
) -> list[Alive]:
    """Runs of these carts or people that still go on, locked; and those done since `since`."""
    found = await tuples(
        tx,
        "SELECT r.id, r.journey_id, r.key, coalesce(o.root_id, r.origin_id), r.state, r.started_at,"
        " r.waits_from, r.wait_seconds FROM run r LEFT JOIN v_origin o ON o.origin_id = r.origin_id"
        " WHERE r.id IN (SELECT id FROM run WHERE key = ANY(%s)"
        " UNION SELECT p.id FROM v_origin f JOIN run p ON p.origin_id = f.origin_id"
        " WHERE f.root_id = ANY(%s))"
        " AND r.journey_id = ANY(%s) AND (r.state = 'waiting' OR r.ended_at >= %s)"
        " ORDER BY r.id FOR UPDATE OF r",
        (list(keys), list(roots), [one.id for one in live], since),
    )
    return [
        Alive(one, journey_id, key, root, RunState(state), started, begins, seconds)
        for one, journey_id, key, root, state, started, begins, seconds in found
    ]


async def last_starts(
    tx: Tx, live: Sequence[Live], roots: Sequence[UUID]
) -> dict[tuple[UUID, UUID], datetime]:
    """When each of these people last entered each of these journeys."""
    found = await tuples(
        tx,
        "SELECT r.journey_id, o.root_id, max(r.started_at) FROM v_origin o"
        " JOIN run r ON r.origin_id = o.origin_id"
        " WHERE o.root_id = ANY(%s) AND r.journey_id = ANY(%s)"
        " AND r.exit_reason IS DISTINCT FROM 'duplicate' GROUP BY 1, 2",
        (list(roots), [one.id for one in live]),
    )
    return {(journey_id, root): at for journey_id, root, at in found}


async def insert(tx: Tx, born: Sequence[Run]) -> None:
    rows = [{**msgspec.structs.asdict(run), "wake_at": run.due_at} for run in born]
    await execute(
        tx,
        f"INSERT INTO run ({_KEPT}, wake_at) SELECT {_KEPT}, wake_at"
        " FROM jsonb_populate_recordset(NULL::run, %s::jsonb)",
        (as_json(rows),),
    )


async def move(tx: Tx, moved: Mapping[UUID, datetime]) -> None:
    """Give the waits these runs stand on a new beginning."""
    await execute(
        tx,
        "UPDATE run r SET waits_from = m.at"
        " FROM unnest(%s::uuid[], %s::timestamptz[]) AS m (id, at) WHERE r.id = m.id",
        (list(moved), list(moved.values())),
    )


async def end(tx: Tx, ended: Sequence[Ending], now: datetime) -> None:
    rows = [{"id": one.run_id, "reason": one.reason, "line": one.line} for one in ended]
    await execute(
        tx,
        "UPDATE run r SET state = 'exited', exit_reason = e.reason, ended_at = %s, wake_at = NULL,"
        " lease_token = NULL, lease_until = NULL, story = r.story || e.line"
        " FROM jsonb_to_recordset(%s::jsonb) AS e (id uuid, reason text, line jsonb)"
        " WHERE r.id = e.id AND r.state = 'waiting'",
        (now, as_json(rows)),
    )


async def snooze(tx: Tx, now: datetime) -> int:
    """Let runs that woke before their wait is over sleep until it is; how many these were."""
    return await execute(
        tx,
        f"UPDATE run SET wake_at = {_DUE} WHERE id IN (SELECT id FROM run"
        f" WHERE state = 'waiting' AND wake_at <= %s AND {_DUE} > %s FOR UPDATE SKIP LOCKED)",
        (now, now),
    )


async def claim(
    tx: Tx, now: datetime, before: datetime | None, limit: int, lease: timedelta
) -> tuple[UUID, list[tuple[UUID, UUID]]]:
    """Take due runs under a lease: its token, and (run, origin) by run. With `before`, only those
    that are due earlier than that. Runs another worker looks at are left to it."""
    token = new_id()
    found = await tuples(
        tx,
        "WITH due AS MATERIALIZED (SELECT id FROM run WHERE state = 'waiting' AND wake_at <= %s"
        f" AND {_DUE} <= %s AND (%s::timestamptz IS NULL OR {_DUE} < %s)"
        " AND (lease_until IS NULL OR lease_until <= %s)"
        " ORDER BY wake_at LIMIT %s FOR UPDATE SKIP LOCKED)"
        " UPDATE run SET lease_token = %s, lease_until = %s WHERE id IN (SELECT id FROM due)"
        " RETURNING id, origin_id",
        (now, now, before, before, now, limit, token, now + lease),
    )
    return token, sorted(found)


async def hold(tx: Tx, token: UUID, run_ids: Sequence[UUID], now: datetime) -> list[Run]:
    """Lock those of the claimed runs that are still ours and still due, in id order."""
    found = await tuples(
        tx,
        f"SELECT {_RUN} FROM run WHERE id = ANY(%s) AND lease_token = %s AND lease_until > %s"
        f" AND state = 'waiting' AND {_DUE} <= %s ORDER BY id FOR UPDATE",
        (list(run_ids), token, now, now),
    )
    return [_run(one) for one in found]


async def release(tx: Tx, token: UUID, run_ids: Sequence[UUID]) -> None:
    """Give back what was claimed and not fired, so that it need not wait for its lease to end."""
    await execute(
        tx,
        "UPDATE run SET lease_token = NULL, lease_until = NULL"
        " WHERE id = ANY(%s) AND lease_token = %s",
        (list(run_ids), token),
    )


async def settle(tx: Tx, moved: Sequence[Moved], now: datetime) -> None:
    """Write where runs have come to; their leases end."""
    rows = [
        {
            "id": one.run_id,
            "state": one.outcome.state,
            "step": one.outcome.step,
            "visit": one.outcome.visit,
            "due_at": one.outcome.due_at,
            "waits_from": one.outcome.waits_from,
            "wait_seconds": one.outcome.wait_seconds,
            "arm": one.arm,
            "exit_reason": one.outcome.reason,
            "ended_at": None if one.outcome.state is RunState.WAITING else now,
            "lines": one.outcome.lines,
        }
        for one in moved
    ]
    await execute(
        tx,
        "UPDATE run r SET state = m.state, step = m.step, visit = m.visit, wake_at = m.due_at,"
        " waits_from = m.waits_from, wait_seconds = m.wait_seconds, arm = m.arm,"
        " exit_reason = m.exit_reason, ended_at = m.ended_at, lease_token = NULL,"
        " lease_until = NULL, story = r.story || m.lines"
        " FROM jsonb_to_recordset(%s::jsonb) AS m (id uuid, state text, step int, visit int,"
        " due_at timestamptz, waits_from timestamptz, wait_seconds int, arm text,"
        " exit_reason text, ended_at timestamptz, lines jsonb) WHERE r.id = m.id",
        (as_json(rows),),
    )


async def waiting(tx: Tx, journey_id: UUID) -> list[tuple[UUID, UUID]]:
    """(run, origin) of runs of this journey that still go on, not locked."""
    return [
        (run_id, origin)
        for run_id, origin in await tuples(
            tx,
            "SELECT id, origin_id FROM run WHERE journey_id = %s AND state = 'waiting' ORDER BY id",
            (journey_id,),
        )
    ]


async def speaking(tx: Tx, source: str) -> list[UUID]:
    """Runs of this source whose messages have not been handed over."""
    found = await tuples(
        tx,
        "SELECT DISTINCT run_id FROM v_outbox WHERE source = %s AND state = ANY(%s)",
        (source, [state.value for state in before(State.CANCELLED)]),
    )
    return [run_id for (run_id,) in found]


async def run(tx: Tx, run_id: UUID) -> Run | None:
    found = await tuples(tx, f"SELECT {_RUN} FROM run WHERE id = %s", (run_id,))
    return _run(found[0]) if found else None


class Wanted(msgspec.Struct, frozen=True):
    """Which runs a list shows; None means all."""

    state: str | None = None
    origins: list[UUID] | None = None
    key: str | None = None


async def runs(
    tx: Tx,
    journey_id: UUID,
    wanted: Wanted,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Run]:
    """Runs of a journey, the latest started first, from before (started, id) on."""
    at, last = before or (None, None)
    state, origins, key = wanted.state, wanted.origins, wanted.key
    found = await tuples(
        tx,
        f"SELECT {_RUN} FROM run WHERE journey_id = %s AND (%s::text IS NULL OR state = %s)"
        " AND (%s::uuid[] IS NULL OR origin_id = ANY(%s)) AND (%s::text IS NULL OR key = %s)"
        " AND (%s::timestamptz IS NULL OR (started_at, id) < (%s, %s::uuid))"
        " ORDER BY started_at DESC, id DESC LIMIT %s",
        (journey_id, state, state, origins, origins, key, key, at, at, last, limit),
    )
    return [_run(one) for one in found]


async def messages_of(tx: Tx, run_id: UUID) -> list[UUID]:
    """The messages this run wrote, oldest first."""
    found = await tuples(tx, "SELECT id FROM v_outbox WHERE run_id = %s ORDER BY id", (run_id,))
    return [message_id for (message_id,) in found]


async def next_due(tx: Tx) -> datetime | None:
    """When the timers should be looked at next: no later than the next is due."""
    due: datetime | None = await value(tx, "SELECT min(wake_at) FROM run WHERE state = 'waiting'")
    return due


async def counts(tx: Tx, journey_id: UUID) -> dict[str, int]:
    """How many runs stand in each state."""
    found = await tuples(
        tx, "SELECT state, count(*) FROM run WHERE journey_id = %s GROUP BY state", (journey_id,)
    )
    return dict(found)


async def export(tx: Tx, origins: Sequence[UUID]) -> list[dict[str, Any]]:
    """All that is kept about this person's runs, as plain values, oldest first."""
    found = await tuples(
        tx,
        f"SELECT r.id, j.key, r.version, r.key, r.state, CASE state WHEN 'waiting' THEN {_DUE} END,"
        " r.started_at, r.ended_at, r.arm,"
        " r.exit_reason, r.context, r.story FROM run r JOIN journey j ON j.id = r.journey_id"
        " WHERE r.origin_id = ANY(%s) ORDER BY r.started_at, r.id",
        (list(origins),),
    )
    names = ("id", "journey", "version", "key", "state", "due_at", "started_at", "ended_at", "arm")
    return [
        dict(zip((*names, "exit_reason", "context", "story"), one, strict=True)) for one in found
    ]


async def erase(tx: Tx, origins: Sequence[UUID]) -> int:
    """Delete this person's runs; how many there were."""
    return await execute(tx, "DELETE FROM run WHERE origin_id = ANY(%s)", (list(origins),))


def _journey(found: Sequence[Any]) -> Journey:
    one, key, name, status, version, definition, created, changed = found
    return Journey(one, key, name, Status(status), version, definition, created, changed)


def _run(found: Sequence[Any]) -> Run:
    values = dict(zip(Run.__struct_fields__, found, strict=True))
    values["state"] = RunState(values["state"])
    values["story"] = msgspec.convert(values["story"], list[Line])
    return Run(**values)

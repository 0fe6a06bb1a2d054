"""The SQL of the outbox."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec

from patron.kit.db import Tx, as_json, execute, tuples, value
from patron.kit.ids import id_at, new_id
from patron.messages.passing_store import GROWN
from patron.messages.types import (
    Arm,
    Draft,
    Line,
    Message,
    State,
    before,
)

_COLUMNS = (
    "id, state, source, run_id, step_visit, origin_id, channel, purpose, template, arm, condition,"
    " context, queued_at, due_at, expires_at, attempts, token, lease_until, claimed_at, address,"
    " address_key, handed_over_at, done_at, reason, detail, provider_id, story"
)
_DRAFTED = ", ".join(Draft.__struct_fields__)


class Filter(msgspec.Struct, frozen=True):
    """Which messages a list shows; None means all."""

    state: str | None = None
    origins: list[UUID] | None = None
    source: str | None = None


async def insert(tx: Tx, drafts: Sequence[tuple[Draft, Line]], now: datetime) -> list[UUID | None]:
    """The id of each new row, or None where the unique key is taken."""
    rows = [
        {**msgspec.structs.asdict(draft), "id": id_at(now), "story": [line]}
        for draft, line in drafts
    ]
    found = await tuples(
        tx,
        f"INSERT INTO outbox ({_DRAFTED}, id, story, state, queued_at)"
        f" SELECT {_DRAFTED}, id, story, 'queued', %s"
        " FROM jsonb_populate_recordset(NULL::outbox, %s::jsonb)"
        " ON CONFLICT (source, run_id, step_visit, origin_id) DO NOTHING RETURNING id",
        (now, as_json(rows)),
    )
    new = {message_id for (message_id,) in found}
    return [row["id"] if row["id"] in new else None for row in rows]


async def cancel(tx: Tx, run_ids: Sequence[UUID], line: Line) -> int:
    """End what is queued, claimed or delayed of these runs; how many rows that were."""
    return await execute(
        tx,
        f"UPDATE outbox SET state = 'cancelled', reason = line ->> 'reason', done_at = %s,"
        f" lease_until = NULL, story = {GROWN} FROM (SELECT %s::jsonb AS line) AS said"
        " WHERE run_id = ANY(%s) AND state = ANY(%s)",
        (line.at, as_json(line), list(run_ids), _names(before(State.CANCELLED))),
    )


async def claim(tx: Tx, now: datetime, limit: int, lease: timedelta) -> list[Message]:
    """Take up to `limit` due messages under a lease, leaving what another worker looks at."""
    found = await tuples(
        tx,
        "WITH due AS MATERIALIZED ("
        " SELECT id FROM outbox WHERE state IN ('queued', 'delayed') AND due_at <= %s"
        " ORDER BY due_at, id LIMIT %s FOR UPDATE SKIP LOCKED)"
        " UPDATE outbox SET state = 'claimed', token = %s, claimed_at = %s, lease_until = %s"
        f" WHERE id IN (SELECT id FROM due) RETURNING {_COLUMNS}",
        (now, limit, new_id(), now, now + lease),
    )
    return sorted((_message(row) for row in found), key=lambda m: (m.due_at, m.id))


async def release(tx: Tx, message: Message) -> None:
    """Give a claim back; nothing was decided, so nothing is written into the story."""
    await execute(
        tx,
        "UPDATE outbox SET state = 'queued', token = NULL, lease_until = NULL"
        " WHERE id = %s AND token = %s AND state = 'claimed'",
        (message.id, message.token),
    )


async def expire(tx: Tx, source: State, line: Line) -> list[UUID]:
    """Move rows in `source` whose lease ended by `line.at` to `line.state`; which these were."""
    found = await tuples(
        tx,
        "WITH late AS MATERIALIZED ("
        " SELECT id FROM outbox WHERE state = %s AND lease_until <= %s"
        " ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED)"
        f" UPDATE outbox SET state = %s, reason = %s, lease_until = NULL, story = {GROWN}"
        " FROM (SELECT %s::jsonb AS line) AS said"
        " WHERE id IN (SELECT id FROM late) RETURNING id",
        (source, line.at, line.state, line.reason, as_json(line)),
    )
    return [found_id for (found_id,) in found]


async def decide(tx: Tx, message_id: UUID, line: Line, tell: str | None) -> bool:
    """A human ends an ambiguity; False when the row is not ambiguous.

    Sending again gives the message another day, since the decision may come late.
    """
    again = line.state is State.QUEUED
    return bool(
        await execute(
            tx,
            "UPDATE outbox SET state = %s, reason = %s, done_at = %s, token = NULL, untold = %s,"
            " due_at = CASE WHEN %s THEN %s ELSE due_at END,"
            " expires_at = CASE WHEN %s THEN greatest(expires_at, %s) ELSE expires_at END,"
            f" story = {GROWN} FROM (SELECT %s::jsonb AS line) AS said"
            " WHERE id = %s AND state = 'ambiguous'",
            (
                line.state,
                line.reason,
                None if again else line.at,
                tell,
                again,
                line.at,
                again,
                line.at + timedelta(days=1),
                as_json(line),
                message_id,
            ),
        )
    )


async def returned(tx: Tx, message_id: UUID, line: Line, tell: str) -> bool:
    """A sent message came back; it stays sent. False when it was not sent, or not told of yet."""
    return bool(
        await execute(
            tx,
            f"UPDATE outbox SET reason = %s, untold = %s, story = {GROWN}"
            " FROM (SELECT %s::jsonb AS line) AS said"
            " WHERE id = %s AND state = 'sent' AND untold IS NULL",
            (line.reason, tell, as_json(line), message_id),
        )
    )


async def find(tx: Tx, message_id: UUID) -> Message | None:
    found = await tuples(tx, f"SELECT {_COLUMNS} FROM outbox WHERE id = %s", (message_id,))
    return _message(found[0]) if found else None


async def why(tx: Tx, message_id: UUID) -> list[Line]:
    """The story of a message, oldest decision first; empty when there is no such message."""
    story = await value(tx, "SELECT story FROM outbox WHERE id = %s", (message_id,))
    return msgspec.convert(story or [], list[Line])


async def listed(tx: Tx, wanted: Filter, before_id: UUID | None, limit: int) -> list[Message]:
    """The newest first, from before `before_id` on."""
    found = await tuples(
        tx,
        f"SELECT {_COLUMNS} FROM outbox WHERE (%s::text IS NULL OR state = %s)"
        " AND (%s::uuid[] IS NULL OR origin_id = ANY(%s))"
        " AND (%s::text IS NULL OR source = %s) AND (%s::uuid IS NULL OR id < %s)"
        " ORDER BY id DESC LIMIT %s",
        (
            wanted.state,
            wanted.state,
            wanted.origins,
            wanted.origins,
            wanted.source,
            wanted.source,
            before_id,
            before_id,
            limit,
        ),
    )
    return [_message(row) for row in found]


async def counts(tx: Tx) -> dict[State, int]:
    """How many messages stand in each state."""
    found = await tuples(tx, "SELECT state, count(*) FROM outbox GROUP BY state")
    return {State(state): number for state, number in found}


async def next_due(tx: Tx) -> datetime | None:
    """When the earliest waiting message is due."""
    due: datetime | None = await value(
        tx, "SELECT min(due_at) FROM outbox WHERE state IN ('queued', 'delayed')"
    )
    return due


async def untold(tx: Tx, limit: int) -> list[tuple[Message, str]]:
    """Messages about which an event is still to be appended, and its name."""
    found = await tuples(
        tx,
        f"SELECT {_COLUMNS}, untold FROM outbox WHERE untold IS NOT NULL ORDER BY id LIMIT %s",
        (limit,),
    )
    return [(_message(row[:-1]), row[-1]) for row in found]


async def told(tx: Tx, message_ids: Sequence[UUID]) -> None:
    await execute(tx, "UPDATE outbox SET untold = NULL WHERE id = ANY(%s)", (list(message_ids),))


async def erase(tx: Tx, origins: Sequence[UUID]) -> int:
    """Take the person out of her messages: what is waiting ends, addresses and content go.

    State, times and arm stay, and whether it was a rehearsal, so that results still add up; each
    of her origins is another, that nobody knows. How many rows were hers.
    """
    others = [uuid4() for _ in origins]
    return await execute(
        tx,
        "UPDATE outbox SET origin_id = other, address = NULL, address_key = NULL, condition = NULL,"
        " context = '{}', detail = CASE WHEN detail ? 'rehearsal' THEN"
        " jsonb_build_object('rehearsal', detail -> 'rehearsal') ELSE '{}' END,"
        " provider_id = NULL, untold = NULL, story = '[]',"
        " reason = CASE WHEN state = ANY(%s) THEN 'erased' ELSE reason END,"
        " state = CASE WHEN state = ANY(%s) THEN 'cancelled' ELSE state END"
        " FROM unnest(%s::uuid[], %s::uuid[]) AS hers (origin, other) WHERE origin_id = origin",
        (*[_names(before(State.CANCELLED))] * 2, list(origins), others),
    )


async def export(tx: Tx, origins: Sequence[UUID]) -> list[dict[str, Any]]:
    """All that is kept about this person's messages, as plain values, oldest first."""
    found = await tuples(
        tx,
        f"SELECT {_COLUMNS} FROM outbox WHERE origin_id = ANY(%s) ORDER BY id",
        (list(origins),),
    )
    hidden = ("token", "lease_until", "condition")
    kept = (msgspec.to_builtins(_message(row)) for row in found)
    return [{k: v for k, v in row.items() if k not in hidden} for row in kept]


def _message(row: Sequence[Any]) -> Message:
    values = dict(zip(Message.__struct_fields__, row, strict=True))
    values["state"] = State(values["state"])
    values["arm"] = Arm(values["arm"])
    values["story"] = msgspec.convert(values["story"], list[Line])
    return Message(**values)


def _names(states: Sequence[State]) -> list[str]:
    return [state.value for state in states]

"""The SQL of messages on their way out, many at once: held, marked as handed over, ended.

What a statement is asked for many messages costs hardly more than for one, and each row is judged
by its own token and state: one that is no longer ours stays as it is.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from patron.kit.db import Tx, as_json, execute, tuples
from patron.messages.types import (
    TOLD,
    Asked,
    Ended,
    Leaving,
    Line,
    Message,
    Said,
    State,
    before,
)

# Appends a line; a delay for the same reason as the last one only moves that line on.
GROWN = """
  CASE WHEN story -> -1 ->> 'state' = 'delayed' AND line ->> 'state' = 'delayed'
       AND story -> -1 ->> 'reason' = line ->> 'reason'
  THEN (story - (-1)) || (line || jsonb_build_object(
         'times', coalesce((story -> -1 ->> 'times')::int, 1) + 1,
         'since', coalesce(story -> -1 ->> 'since', story -> -1 ->> 'at')))
  ELSE story || line END"""


async def hold(tx: Tx, messages: Sequence[Message], *, wait: bool) -> set[UUID]:
    """Lock the rows; which of them are still claimed under their token. Without `wait` those that
    somebody else has locked are left out."""
    found = await tuples(
        tx,
        "SELECT o.id FROM unnest(%s::uuid[], %s::uuid[]) AS m (id, token)"
        " JOIN outbox o ON o.id = m.id AND o.token = m.token WHERE o.state = 'claimed'"
        f" ORDER BY o.id FOR UPDATE OF o{'' if wait else ' SKIP LOCKED'}",
        ([one.id for one in messages], [one.token for one in messages]),
    )
    return {message_id for (message_id,) in found}


async def lock_addresses(tx: Tx, keys: Sequence[str]) -> None:
    """Until the end of the transaction nobody else decides about these addresses of this shop."""
    await execute(
        tx,
        "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '/' || key, 0))"
        " FROM (SELECT key FROM unnest(%s::text[]) WITH ORDINALITY AS k (key, n) ORDER BY n) AS k",
        # In one order, whoever asks: two that hold several cannot wait for each other.
        (sorted(set(keys)),),
    )


async def hand_over(tx: Tx, leaving: Sequence[Leaving]) -> set[UUID]:
    """Mark that the provider is about to be told; which of them are still ours to hand over."""
    if not leaving:
        return set()
    rows = [
        {
            "id": one.message.id,
            "token": one.message.token,
            "address": one.recipient.address,
            "address_key": one.recipient.address_key,
            "at": one.line.at,
            "lease_until": one.lease_until,
            "detail": one.detail,
            "line": one.line,
        }
        for one in leaving
    ]
    found = await tuples(
        tx,
        "UPDATE outbox o SET state = 'handing_over', address = m.address,"
        " address_key = m.address_key, handed_over_at = m.at, lease_until = m.lease_until,"
        f" attempts = o.attempts + 1, detail = o.detail || m.detail, story = {GROWN}"
        " FROM jsonb_to_recordset(%s::jsonb) AS m (id uuid, token uuid, address text,"
        " address_key text, at timestamptz, lease_until timestamptz, detail jsonb, line jsonb)"
        " WHERE o.id = m.id AND o.token = m.token AND o.state = 'claimed'"
        " AND o.lease_until > m.at RETURNING o.id",
        (as_json(rows),),
    )
    return {message_id for (message_id,) in found}


async def finish(tx: Tx, ended: Sequence[Ended]) -> set[UUID]:
    """Write how claimed messages went on; of which of them that was still ours to say."""
    if not ended:
        return set()
    found = await tuples(
        tx,
        "UPDATE outbox o SET state = m.state, reason = m.reason,"
        " due_at = coalesce(m.due_at, o.due_at), done_at = m.done_at, lease_until = NULL,"
        " detail = o.detail || m.detail, provider_id = coalesce(m.provider_id, o.provider_id),"
        " untold = coalesce(m.tell, o.untold),"
        f" address_key = coalesce(m.address_key, o.address_key), story = {GROWN}"
        " FROM jsonb_to_recordset(%s::jsonb) AS m (id uuid, token uuid, state text, reason text,"
        " due_at timestamptz, done_at timestamptz, detail jsonb, provider_id text, tell text,"
        " address_key text, before text[], line jsonb)"
        " WHERE o.id = m.id AND o.token = m.token AND o.state = ANY(m.before) RETURNING o.id",
        (as_json([_ending(one) for one in ended]),),
    )
    return {message_id for (message_id,) in found}


def _ending(one: Ended) -> dict[str, Any]:
    outcome = one.outcome
    waiting = outcome.state in (State.DELAYED, State.QUEUED)
    return {
        "id": one.message.id,
        "token": one.message.token,
        "state": outcome.state,
        "reason": outcome.reason,
        "due_at": outcome.due_at,
        "done_at": None if waiting else one.at,
        "detail": outcome.detail,
        "provider_id": outcome.provider_id,
        "tell": outcome.tell,
        "address_key": one.reached,
        "before": before(outcome.state),
        "line": Line(one.at, outcome.state, outcome.words, outcome.reason),
    }


async def said(tx: Tx, asked: Mapping[UUID, Asked], *, rehearsal: bool) -> dict[UUID, list[Said]]:
    """For each that asks, by any id, what went to its address or person after its `since`, newest
    first.

    For a message that is itself to be held out, those held out of its source before count too, so
    that both arms meet the same caps. What other sources held back was told to neither arm. What
    was only rehearsed counts in rehearsal alone: she never got it.
    """
    if not asked:
        return {}
    every = asked.values()
    found = await tuples(
        tx,
        "SELECT id, source, purpose, coalesce(handed_over_at, done_at) AS at, address_key,"
        " origin_id, state = 'held_out' FROM outbox"
        " WHERE (address_key = ANY(%s) OR origin_id = ANY(%s))"
        " AND (state = ANY(%s) OR state = 'held_out' AND source = ANY(%s))"
        " AND coalesce(handed_over_at, done_at) > %s"
        " AND (%s OR NOT coalesce((detail ->> 'rehearsal')::boolean, false)) ORDER BY at DESC",
        (
            sorted({one.recipient.address_key for one in every}),
            sorted({origin for one in every for origin in one.origins}),
            [state.value for state in TOLD],
            sorted({one.held_out_of for one in every if one.held_out_of is not None}),
            min(one.since for one in every),
            rehearsal,
        ),
    )
    return {
        name: [
            Said(*row[:4])
            for row in found
            if (row[4] == one.recipient.address_key or row[5] in one.origins)
            and row[3] > one.since
            and (not row[6] or row[1] == one.held_out_of)
        ]
        for name, one in asked.items()
    }

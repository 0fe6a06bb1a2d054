"""The SQL of webhooks: endpoints, and the queue of what each is to be told."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from patron.delivery.channels.webhook.schedule import PATIENCE
from patron.delivery.channels.webhook.types import Claimed, Delivery, Draft, Endpoint, Heard, State
from patron.kit.db import Tx, execute, row, rows, tuples, value
from patron.kit.ids import id_at, new_id

_ENDPOINT = (
    "w.id, w.key, w.url, w.topics, w.description, w.status, w.reason, w.created_at, w.position,"
    " w.merged_after, w.generation, w.rotated_at, w.failures, w.failing_since, w.paused_until,"
    " w.succeeded_at, (SELECT count(*) FROM webhook_delivery d WHERE d.endpoint_id = w.id"
    " AND d.state IN ('waiting', 'sending')) AS waiting"
)
_DELIVERY = (
    "id, number, message_id, topic, queued_at, state, due_at, attempts, first_at, done_at,"
    " status_code, answer"
)

_DUE = (
    "(({0}.state = 'waiting' AND {0}.due_at <= %(now)s)"
    " OR ({0}.state = 'sending' AND {0}.lease_until < %(now)s))"
)


async def insert(tx: Tx, made: Endpoint) -> bool:
    """A new endpoint; False when its key is taken."""
    return bool(
        await execute(
            tx,
            "INSERT INTO webhook (id, key, url, topics, description, status, created_at, position,"
            " merged_after) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (key) DO NOTHING",
            (
                made.id, made.key, made.url, made.topics, made.description, made.status,
                made.created_at, made.position, made.merged_after,
            ),
        )
    )  # fmt: skip


async def by_key(tx: Tx, key: str) -> Endpoint | None:
    return await row(tx, Endpoint, f"SELECT {_ENDPOINT} FROM webhook w WHERE key = %s", (key,))


async def every(tx: Tx) -> list[Endpoint]:
    """All endpoints by key."""
    return await rows(tx, Endpoint, f"SELECT {_ENDPOINT} FROM webhook w ORDER BY key")


async def listening(tx: Tx) -> list[Endpoint]:
    """Those that are on."""
    sql = f"SELECT {_ENDPOINT} FROM webhook w WHERE status = 'on' ORDER BY key"
    return await rows(tx, Endpoint, sql)


async def change(tx: Tx, key: str, url: str, topics: Sequence[str], description: str) -> None:
    await execute(
        tx,
        "UPDATE webhook SET url = %s, topics = %s, description = %s WHERE key = %s",
        (url, list(topics), description, key),
    )


async def switch_on(tx: Tx, key: str, position: int, merged_after: UUID, now: datetime) -> None:
    """On, to be told at once what waits, then what lies behind `position` and `merged_after`."""
    await execute(
        tx,
        "UPDATE webhook_delivery d SET due_at = %s FROM webhook w WHERE w.key = %s"
        " AND d.endpoint_id = w.id AND d.state = 'waiting'",
        (now, key),
    )
    await execute(
        tx,
        "UPDATE webhook SET status = 'on', reason = NULL, failures = 0, failing_since = NULL,"
        " paused_until = NULL, position = %s, merged_after = %s WHERE key = %s",
        (position, merged_after, key),
    )


async def switch_off(tx: Tx, endpoint_id: UUID, reason: str) -> None:
    await execute(
        tx,
        "UPDATE webhook SET status = 'off', reason = %s WHERE id = %s AND status = 'on'",
        (reason, endpoint_id),
    )


async def rotate(tx: Tx, key: str, now: datetime) -> None:
    """Another secret, beside which the one before stays good for a while."""
    await execute(
        tx,
        "UPDATE webhook SET generation = generation + 1, rotated_at = %s WHERE key = %s",
        (now, key),
    )


async def delete(tx: Tx, key: str) -> None:
    """The endpoint and what waits for it."""
    await execute(tx, "DELETE FROM webhook WHERE key = %s", (key,))


# --- what is to be told ---------------------------------------------------------------------------


async def held(tx: Tx, endpoint_id: UUID) -> Endpoint | None:
    """The endpoint, if it is on and nobody else is writing for it: locked until the end."""
    found = await value(
        tx,
        "SELECT id FROM webhook WHERE id = %s AND status = 'on' FOR UPDATE SKIP LOCKED",
        (endpoint_id,),
    )
    if found is None:
        return None
    return await row(tx, Endpoint, f"SELECT {_ENDPOINT} FROM webhook w WHERE id = %s", (found,))


async def told_up_to(tx: Tx, endpoint_id: UUID, position: int, merged_after: UUID) -> None:
    await execute(
        tx,
        "UPDATE webhook SET position = %s, merged_after = %s WHERE id = %s",
        (position, merged_after, endpoint_id),
    )


async def queue(tx: Tx, endpoint_id: UUID, drafts: Sequence[Draft], now: datetime) -> None:
    """Write down what is to be told, in this order. What was told before is told once more, under
    its old id and with a new number."""
    if not drafts:
        return
    ids = [draft.message_id for draft in drafts]
    await execute(
        tx,
        "DELETE FROM webhook_delivery WHERE endpoint_id = %s AND message_id = ANY(%s)",
        (endpoint_id, ids),
    )
    await tx.cursor().executemany(
        "INSERT INTO webhook_delivery (id, endpoint_id, message_id, topic, subject, origin_id,"
        " body, queued_at, state, due_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 'waiting', %s)"
        " ON CONFLICT DO NOTHING",
        [
            (
                id_at(now), endpoint_id, one.message_id, one.topic, one.subject, one.origin_id,
                one.body, now, now,
            )
            for one in drafts
        ],
    )  # fmt: skip


async def claim(
    tx: Tx, endpoint_id: UUID, limit: int, now: datetime, lease: timedelta
) -> list[Claimed]:
    """The next deliveries of an endpoint that are due, one a person at most, ours for `lease`.
    Those of a sender that died come back when its lease is over."""
    # The first open one of each person, in one pass along the index: asking after an earlier one
    # row by row took seconds for thousands where the planner's figures were old.
    cursor = await tx.execute(
        "UPDATE webhook_delivery AS t SET state = 'sending', token = %(token)s,"
        " lease_until = %(until)s, attempts = t.attempts + 1, first_at = coalesce(t.first_at,"
        " %(now)s) FROM (SELECT f.id FROM (SELECT DISTINCT ON (d.subject) d.id, d.number, d.state,"
        " d.due_at, d.lease_until FROM webhook_delivery d WHERE d.endpoint_id = %(endpoint)s"
        " AND d.state IN ('waiting', 'sending') ORDER BY d.subject, d.number) AS f"
        f" WHERE {_DUE.format('f')} ORDER BY f.number LIMIT %(limit)s) AS due"
        f" WHERE t.id = due.id AND {_DUE.format('t')}"
        " RETURNING t.id, t.token, t.message_id, t.topic, t.body, t.attempts, t.first_at",
        {
            "token": new_id(),
            "until": now + lease,
            "now": now,
            "endpoint": endpoint_id,
            "limit": limit,
        },
    )
    return [Claimed(*found) for found in await cursor.fetchall()]


async def settle(
    tx: Tx, done: Claimed, heard: Heard, state: State, due_at: datetime, now: datetime
) -> bool:
    """Write down what came of an attempt; False when the delivery is no longer ours, or gone. What
    was an erasure is not kept once it is told."""
    ended = state in (State.DELIVERED, State.FAILED)
    return bool(
        await execute(
            tx,
            "UPDATE webhook_delivery SET state = %s, due_at = %s, token = NULL, lease_until = NULL,"
            " done_at = %s, status_code = %s, answer = %s,"
            " body = CASE WHEN %s AND origin_id IS NULL THEN NULL ELSE body END,"
            " subject = CASE WHEN %s AND origin_id IS NULL THEN id ELSE subject END"
            " WHERE id = %s AND token = %s AND state = 'sending'",
            (
                state, due_at, now if ended else None, heard.status_code, heard.answer, ended,
                ended, done.id, done.token,
            ),
        )
    )  # fmt: skip


async def succeeded(tx: Tx, endpoint_id: UUID, now: datetime) -> None:
    await execute(
        tx,
        "UPDATE webhook SET failures = 0, failing_since = NULL, paused_until = NULL,"
        " succeeded_at = %s WHERE id = %s",
        (now, endpoint_id),
    )


async def failed(tx: Tx, endpoint_id: UUID, now: datetime) -> tuple[int, datetime]:
    """One failure more; how many there are in a row, and since when."""
    [(failures, since)] = await tuples(
        tx,
        "UPDATE webhook SET failures = failures + 1, failing_since = coalesce(failing_since, %s)"
        " WHERE id = %s RETURNING failures, failing_since",
        (now, endpoint_id),
    ) or [(1, now)]
    return failures, since


async def leave_alone(tx: Tx, endpoint_id: UUID, until: datetime) -> None:
    await execute(
        tx,
        "UPDATE webhook SET paused_until = greatest(paused_until, %s) WHERE id = %s",
        (until, endpoint_id),
    )


# --- looked at, told again, forgotten -------------------------------------------------------------


async def deliveries(
    tx: Tx, endpoint_id: UUID, state: State | None, before: int | None, limit: int
) -> list[Delivery]:
    """Those of an endpoint, the newest first, from before a number on."""
    return await rows(
        tx,
        Delivery,
        f"SELECT {_DELIVERY} FROM webhook_delivery WHERE endpoint_id = %s"
        " AND (%s::text IS NULL OR state = %s) AND (%s::bigint IS NULL OR number < %s)"
        " ORDER BY number DESC LIMIT %s",
        (endpoint_id, state, state, before, before, limit),
    )


async def again(tx: Tx, endpoint_id: UUID, delivery_id: UUID | None, now: datetime) -> int:
    """Tell one delivery that has ended, or without an id all that failed, once more."""
    return await execute(
        tx,
        "UPDATE webhook_delivery SET state = 'waiting', due_at = %s, attempts = 0,"
        " first_at = NULL, done_at = NULL WHERE endpoint_id = %s AND body IS NOT NULL"
        " AND CASE WHEN %s::uuid IS NULL THEN state = 'failed'"
        " ELSE id = %s AND state IN ('delivered', 'failed') END",
        (now, endpoint_id, delivery_id, delivery_id),
    )


async def expire(tx: Tx, now: datetime, kept: timedelta) -> int:
    """Delete what ended longer than `kept` ago, and what an endpoint that is off has not been told
    in all that time and three days; how many."""
    return await execute(
        tx,
        "DELETE FROM webhook_delivery d WHERE done_at < %s OR (queued_at < %s AND EXISTS ("
        " SELECT FROM webhook w WHERE w.id = d.endpoint_id AND w.status = 'off'))",
        (now - kept, now - kept - PATIENCE),
    )


async def erase(tx: Tx, origins: Sequence[UUID]) -> int:
    """Delete what was, or is to be, told about a person."""
    return await execute(
        tx, "DELETE FROM webhook_delivery WHERE origin_id = ANY(%s)", (list(origins),)
    )


async def export(tx: Tx, origins: Sequence[UUID]) -> list[dict[str, object]]:
    """What the shop's systems were told about a person, as JSON-ready values."""
    found = await tuples(
        tx,
        "SELECT w.key, d.topic, d.queued_at, d.state, d.done_at FROM webhook_delivery d"
        " JOIN webhook w ON w.id = d.endpoint_id WHERE d.origin_id = ANY(%s) ORDER BY d.number",
        (list(origins),),
    )
    names = ("webhook", "topic", "queued_at", "state", "done_at")
    return [dict(zip(names, one, strict=True)) for one in found]

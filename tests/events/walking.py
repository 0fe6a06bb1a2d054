"""Rows in the inbox and the room's part of the walk over them, for tests."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import msgspec

from patron.events import walk
from patron.events.types import Event, LoggedEvent, Source, Trust
from patron.kit.db import Tx, execute, tuples, value
from patron.kit.metrics import REGISTRY
from patron.shops.types import Shop

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
_SPACE = UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/126.0.0.0 Safari/537.36"
)


def track(name: str, message: str | None = None, **more: Any) -> dict[str, Any]:
    """A track call of the browser "b1", unless it says otherwise."""
    call = {"type": "track", "event": name, "anonymousId": "b1", **more}
    return {**call, "messageId": message} if message else call


def envelope(
    body: Any,
    *,
    at: datetime = NOON,
    trust: Trust = Trust.PUBLIC,
    source: Source = Source.BROWSER,
    **more: Any,
) -> bytes:
    """One envelope as the door writes it; `body` is JSON text or what becomes it."""
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    stamp = {"r": int(at.timestamp() * 1000), "t": int(trust), "s": int(source), **more}
    return msgspec.json.encode(stamp)[:-1] + b',"b":' + raw + b"}"


def row(*envelopes: bytes) -> bytes:
    return b"[" + b",".join(envelopes) + b"]"


async def lane(tx: Tx, kind: str = "live") -> int:
    found: int = await value(
        tx,
        "INSERT INTO lane (kind, process, started_at) VALUES (%s, 'test', %s) RETURNING id",
        (kind, NOON),
    )
    return found


async def put(
    tx: Tx, lane_id: int, body: bytes, *, count: int = 1, at: datetime = NOON, slot: int = 0
) -> int:
    """Add a row to a lane as its writer would; its number."""
    seq: int = await value(
        tx, "SELECT coalesce(max(seq), 0) + 1 FROM inbox WHERE lane = %s", (lane_id,)
    )
    await execute(
        tx,
        "INSERT INTO inbox (slot, lane, seq, received_at, count, upto, body)"
        " VALUES (%s, %s, %s, %s, %s, 0, %s)",
        (slot, lane_id, seq, at, count, body),
    )
    return seq


async def put_calls(
    tx: Tx, calls: Sequence[Any], *, at: datetime = NOON, kind: str = "live", **stamp: Any
) -> None:
    """One row of a lane of its own that holds a batch of `calls`."""
    body = row(envelope({"batch": list(calls)}, at=at, **stamp))
    await put(tx, await lane(tx, kind), body, count=len(calls), at=at)


async def walk_once(
    tx: Tx, shop: Shop, *, now: datetime = NOON + timedelta(seconds=1), limit: int = 5_000
) -> list[Event] | None:
    """This room's part of one batch; the recorded events, or None when there was nothing."""
    taken = await walk.take(tx, shop, limit)
    if taken is None:
        return None
    events = await walk.accept_batch(tx, shop, taken, now)
    for event in events:
        event.origin_id = origin(event.user_id or event.anonymous_id or "nobody")
    events = await walk.drop_erased(tx, shop, events, [])
    await walk.record(tx, shop, events)
    await walk.advance(tx, taken)
    return events


async def walk_all(tx: Tx, shop: Shop, *, limit: int = 5_000) -> list[Event]:
    walked: list[Event] = []
    while (batch := await walk_once(tx, shop, limit=limit)) is not None:
        walked += batch
    return walked


def origin(name: str) -> UUID:
    """The origin that the tests give a person."""
    return uuid5(_SPACE, name)


def figure(name: str, **labels: str) -> float:
    """One of this process's figures for Prometheus; 0 before it was counted."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def refusals(tx: Tx) -> list[tuple[str, str]]:
    """(reason, detail) of what was refused, in order."""
    return [
        (reason, detail)
        for reason, detail in await tuples(tx, "SELECT reason, detail FROM rejected ORDER BY id")
    ]


def names(events: Sequence[LoggedEvent]) -> list[str]:
    return [event.name for event in events]

"""What people asked of the shop about their data."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from patron.kit.db import Tx, execute, tuples, value
from patron.kit.ids import id_at
from patron.kit.problems import conflict, not_found
from patron.profiles.consents.types import PrivacyRequest, RequestKind, RequestState

_COLUMNS = "id, kind, state, origin_id, address_key, asked_at, place, closed_at, note"


async def ask(
    tx: Tx, kind: RequestKind, origin_id: UUID, address_key: str, place: str, now: datetime
) -> UUID:
    """Write a request down; one that is open already is the same."""
    found = await tuples(
        tx,
        "SELECT id FROM privacy_request WHERE state = 'open' AND kind = %s AND address_key = %s",
        (kind, address_key),
    )
    if found:
        known: UUID = found[0][0]
        return known
    request_id = id_at(now)
    await execute(
        tx,
        f"INSERT INTO privacy_request ({_COLUMNS})"
        " VALUES (%s, %s, 'open', %s, %s, %s, %s, NULL, NULL)",
        (request_id, kind, origin_id, address_key, now, place),
    )
    return request_id


async def listed(
    tx: Tx, state: RequestState | None, before: UUID | None, limit: int
) -> list[PrivacyRequest]:
    """The newest first, from before `before` on."""
    found = await tuples(
        tx,
        f"SELECT {_COLUMNS} FROM privacy_request WHERE (%s::text IS NULL OR state = %s)"
        " AND (%s::uuid IS NULL OR id < %s) ORDER BY id DESC LIMIT %s",
        (state, state, before, before, limit),
    )
    return [_request(one) for one in found]


async def of(tx: Tx, keys: Sequence[str], origins: Sequence[UUID]) -> list[PrivacyRequest]:
    """All of these addresses or origins, oldest first."""
    found = await tuples(
        tx,
        f"SELECT {_COLUMNS} FROM privacy_request WHERE address_key = ANY(%s)"
        " OR origin_id = ANY(%s) ORDER BY id",
        (list(keys), list(origins)),
    )
    return [_request(one) for one in found]


async def waiting(tx: Tx) -> int:
    """How many are open."""
    return int(await value(tx, "SELECT count(*) FROM privacy_request WHERE state = 'open'"))


async def ended(
    tx: Tx, request_id: UUID, state: RequestState, note: str, now: datetime
) -> PrivacyRequest:
    """End an open request. Problem 404 when there is none, 409 when it has ended before."""
    found = await tuples(
        tx,
        "UPDATE privacy_request SET state = %s, note = %s, closed_at = %s"
        f" WHERE id = %s AND state = 'open' RETURNING {_COLUMNS}",
        (state, note or None, now, request_id),
    )
    if found:
        return _request(found[0])
    kept = await tuples(tx, f"SELECT {_COLUMNS} FROM privacy_request WHERE id = %s", (request_id,))
    if not kept:
        raise not_found("request", request_id)
    raise conflict(f"request {request_id} is {kept[0][2]} already", remedy="nothing is left to do")


async def erase(tx: Tx, keys: Sequence[str], origins: Sequence[UUID], now: datetime) -> None:
    """She is forgotten: her requests name nobody, and what she asked for is done."""
    await execute(
        tx,
        "UPDATE privacy_request SET origin_id = NULL, address_key = NULL, note = NULL,"
        " place = '', closed_at = coalesce(closed_at, %s),"
        " state = CASE state WHEN 'open' THEN 'done' ELSE state END"
        " WHERE address_key = ANY(%s) OR origin_id = ANY(%s)",
        (now, list(keys), list(origins)),
    )


def _request(row: tuple[Any, ...]) -> PrivacyRequest:
    return PrivacyRequest(row[0], RequestKind(row[1]), RequestState(row[2]), *row[3:])

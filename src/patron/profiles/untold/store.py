"""The SQL of what was written on people by hand and nobody has heard of yet.

What comes as an event is told by the log. A consent, a tag, a note or a suppression that is written
over the API, or at the command line, is put down here in the same transaction and becomes an event
of its own.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from patron.kit.db import Tx, as_json, execute, rows
from patron.kit.ids import id_at

CONSENT = "Consent Recorded"
TAGGED, UNTAGGED = "Profile Tagged", "Profile Untagged"
NOTED, UNNOTED = "Note Written", "Note Removed"
SUPPRESSED, LIFTED = "Suppression Added", "Suppression Lifted"


class Untold(msgspec.Struct, frozen=True):
    number: int
    id: UUID
    origin_id: UUID
    name: str
    properties: dict[str, Any]
    at: datetime


async def put(
    tx: Tx, origin_id: UUID, name: str, properties: Mapping[str, Any], now: datetime
) -> None:
    """Have it told; the caller has locked the person."""
    await execute(
        tx,
        "INSERT INTO untold (id, origin_id, name, properties, at) VALUES (%s, %s, %s, %s::jsonb,"
        " %s)",
        (id_at(now), origin_id, name, as_json(properties), now),
    )


async def oldest(tx: Tx, limit: int) -> list[Untold]:
    """Those written first, locked."""
    return await rows(
        tx,
        Untold,
        "SELECT number, id, origin_id, name, properties, at FROM untold ORDER BY number LIMIT %s"
        " FOR UPDATE SKIP LOCKED",
        (limit,),
    )


async def told(tx: Tx, numbers: Sequence[int]) -> None:
    await execute(tx, "DELETE FROM untold WHERE number = ANY(%s)", (list(numbers),))


async def erase(tx: Tx, origins: Sequence[UUID]) -> None:
    await execute(tx, "DELETE FROM untold WHERE origin_id = ANY(%s)", (list(origins),))

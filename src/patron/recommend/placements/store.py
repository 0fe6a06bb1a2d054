"""The SQL of placements: a shop's own, which stand for the ready-made ones of the same key."""

from datetime import datetime
from typing import Any

import msgspec

from patron.kit.db import Tx, as_json, execute, rows, value


class Kept(msgspec.Struct, frozen=True):
    """A placement as it was saved; `definition` as the documentation of placements describes it."""

    key: str
    definition: dict[str, Any]
    version: int
    created_at: datetime
    changed_at: datetime


async def every(tx: Tx) -> list[Kept]:
    """A shop's own placements, by key."""
    return await rows(tx, Kept, f"{_KEPT} ORDER BY key")


async def by_key(tx: Tx, key: str) -> Kept | None:
    found = await rows(tx, Kept, f"{_KEPT} WHERE key = %s", (key,))
    return found[0] if found else None


async def put(tx: Tx, key: str, definition: dict[str, Any], now: datetime) -> None:
    """Keep a placement; the same once more changes nothing."""
    await execute(
        tx,
        "INSERT INTO placement AS p (key, definition, version, created_at, changed_at)"
        " VALUES (%s, %s::jsonb, 1, %s, %s) ON CONFLICT (key) DO UPDATE"
        " SET definition = excluded.definition, version = p.version + 1,"
        " changed_at = excluded.changed_at WHERE p.definition <> excluded.definition",
        (key, as_json(definition), now, now),
    )


async def delete(tx: Tx, key: str) -> bool:
    """Whether there was one."""
    return await execute(tx, "DELETE FROM placement WHERE key = %s", (key,)) > 0


async def count(tx: Tx) -> int:
    return int(await value(tx, "SELECT count(*) FROM placement"))


async def state(tx: Tx) -> str:
    """Another text after each change of any placement."""
    found = await value(
        tx,
        "SELECT coalesce(string_agg(key || ' ' || version || ' ' || xmin::text, ',' ORDER BY key),"
        " '') FROM placement",
    )
    return str(found)


_KEPT = "SELECT key, definition, version, created_at, changed_at FROM placement"

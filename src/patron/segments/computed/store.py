"""The SQL of computed traits: their definitions. What they are for somebody is not kept."""

from datetime import datetime
from typing import Any

import msgspec

from patron.kit.db import Tx, as_json, execute, tuples
from patron.segments.computed.types import ComputedTrait

_COLUMNS = "key, name, definition::text, created_at, changed_at"
_read = msgspec.json.Decoder(dict[str, Any]).decode


async def every(tx: Tx) -> list[ComputedTrait]:
    """All of them, by key."""
    return [
        _trait(found)
        for found in await tuples(tx, f"SELECT {_COLUMNS} FROM computed_trait ORDER BY key")
    ]


async def definitions(tx: Tx) -> dict[str, dict[str, Any]]:
    """What each is computed from, by key."""
    return {trait.key: trait.definition for trait in await every(tx)}


async def one(tx: Tx, key: str) -> ComputedTrait | None:
    found = await tuples(tx, f"SELECT {_COLUMNS} FROM computed_trait WHERE key = %s", (key,))
    return _trait(found[0]) if found else None


async def put(tx: Tx, key: str, name: str, definition: dict[str, Any], now: datetime) -> None:
    """Write it, or write it anew."""
    await execute(
        tx,
        "INSERT INTO computed_trait (key, name, definition, created_at, changed_at)"
        " VALUES (%s, %s, %s::json, %s, %s) ON CONFLICT (key) DO UPDATE SET"
        " name = excluded.name, definition = excluded.definition,"
        " changed_at = excluded.changed_at",
        (key, name, as_json(definition), now, now),
    )


async def drop(tx: Tx, key: str) -> bool:
    """Whether there was one."""
    return bool(await execute(tx, "DELETE FROM computed_trait WHERE key = %s", (key,)))


async def lock(tx: Tx) -> None:
    """Stand in line with whoever adds a definition, so that their number stays bounded."""
    await execute(tx, "LOCK TABLE computed_trait IN SHARE ROW EXCLUSIVE MODE")


def _trait(found: tuple[Any, ...]) -> ComputedTrait:
    key, name, definition, created_at, changed_at = found
    return ComputedTrait(key, name, _read(definition), created_at, changed_at)

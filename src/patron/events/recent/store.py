"""The SQL that reads a few columns of events, of some people or behind a position of the log."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from patron.kit.db import Tx, rows, value

_DEED = (
    "position, extract(epoch FROM ts)::float8, origin_id, session_id, name, user_id, anonymous_id"
)
_TOLD = (
    "body -> 'properties' ->> 'product_id',"
    " coalesce(body -> 'properties' ->> 'rec_id', body -> 'properties' ->> 'list_id'),"
    " body -> 'properties' -> 'products'"
)


class Deed(msgspec.Struct, frozen=True):
    """An event in short; `at` in seconds since 1970. Products are as the event called them;
    `rec_id` is what it says, be it the name of an answer or of any list."""

    position: int
    at: float
    origin_id: UUID
    session_id: UUID | None
    name: str
    user_id: str | None
    anonymous_id: str | None
    product: str | None
    rec_id: str | None
    products: Any

    @property
    def visit(self) -> str:
        """The visit it belongs to, which begins with whose it is."""
        return f"{self.origin_id}/{self.session_id or ''}"

    def lines(self) -> list[str]:
        """The products that the event lists, or its one."""
        listed = self.products if isinstance(self.products, list) else []
        found = [_named(one) for one in listed if isinstance(one, dict)]
        return [one for one in (*found, self.product) if one]


def _named(line: dict[str, Any]) -> str | None:
    for field in ("product_id", "sku", "variant_id"):
        said = line.get(field)
        if isinstance(said, str | int) and said != "":
            return str(said)
    return None


async def of_origins(
    tx: Tx, origins: Sequence[UUID], names: Sequence[str], since: datetime, limit: int
) -> list[Deed]:
    """The newest `limit` events of each name of these origins since then, by time."""
    found = await rows(
        tx,
        Deed,
        f"SELECT e.* FROM unnest(%s::uuid[]) AS o(id) CROSS JOIN unnest(%s::text[]) AS n(name)"
        f" CROSS JOIN LATERAL (SELECT {_DEED}, {_TOLD} FROM event"
        " WHERE origin_id = o.id AND name = n.name AND ts >= %s"
        " ORDER BY ts DESC LIMIT %s) AS e",
        (list(origins), list(names), since, limit),
    )
    return sorted(found, key=lambda deed: (deed.at, deed.position))


async def behind(
    tx: Tx, position: int, names: Sequence[str], since: datetime, limit: int
) -> list[Deed]:
    """The next events of these names behind a position of the log, by position; those that happened
    before `since` are left out, so that old months are not opened."""
    return await rows(
        tx,
        Deed,
        f"SELECT {_DEED}, {_TOLD} FROM event WHERE position > %s AND name = ANY(%s) AND ts >= %s"
        " ORDER BY position LIMIT %s",
        (position, list(names), since, limit),
    )


async def last_position(tx: Tx) -> int:
    """The log's last position."""
    return int(await value(tx, "SELECT position FROM walk"))

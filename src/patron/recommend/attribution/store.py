"""The SQL of attribution: clicks on answers, and what those who clicked did then."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from patron.kit.db import Tx, rows

# A page may send its shop system's own list events, whose list is then the answer.
_REC_ID = "coalesce(e.properties ->> 'rec_id', e.properties ->> 'list_id')"
_ROOT = "coalesce(o.root_id, e.origin_id)"
_FROM = "FROM v_event e LEFT JOIN v_origin o ON o.origin_id = e.origin_id"


class Told(msgspec.Struct, frozen=True):
    """How often an answer was shown to somebody."""

    rec_id: str
    person: UUID
    times: int


class Click(msgspec.Struct, frozen=True):
    person: UUID
    at: datetime
    rec_id: str
    product: str


class Deed(msgspec.Struct, frozen=True):
    """A product put into a cart, or an order with its lines; `net` and `revenue` of the order in
    minor units, what was refunded or cancelled taken back."""

    person: UUID
    at: datetime
    order_id: str | None
    product: str | None
    products: Any
    net: int | None
    revenue: int | None
    currency: str | None


async def shown(
    tx: Tx, names: Sequence[str], since: datetime, until: datetime, prefix: str
) -> list[Told]:
    """The answers that were shown and to whom, by their name; `prefix` is what names of the
    placement begin with."""
    return await rows(
        tx,
        Told,
        f"SELECT {_REC_ID}, {_ROOT}, count(*) {_FROM}"
        " WHERE e.name = ANY(%s) AND e.ts >= %s AND e.ts < %s"
        f" AND starts_with({_REC_ID}, %s) GROUP BY 1, 2",
        (list(names), since, until, prefix),
    )


async def clicks(tx: Tx, names: Sequence[str], since: datetime, until: datetime) -> list[Click]:
    """Every click on an answer of any placement, by time."""
    return await rows(
        tx,
        Click,
        f"SELECT {_ROOT}, e.ts, {_REC_ID}, e.properties ->> 'product_id' {_FROM}"
        " WHERE e.name = ANY(%s) AND e.ts >= %s AND e.ts < %s"
        f" AND {_REC_ID} IS NOT NULL AND e.properties ->> 'product_id' IS NOT NULL"
        " ORDER BY e.ts, e.position",
        (list(names), since, until),
    )


async def added(
    tx: Tx, people: Sequence[UUID], name: str, since: datetime, until: datetime
) -> list[Deed]:
    """What these people put into their carts, by time."""
    return await rows(
        tx,
        Deed,
        "SELECT h.root_id, e.ts, NULL, e.properties ->> 'product_id', NULL, NULL, NULL, NULL"
        " FROM v_origin h JOIN v_event e ON e.origin_id = h.origin_id"
        " WHERE h.root_id = ANY(%s) AND e.name = %s AND e.ts >= %s AND e.ts < %s"
        " ORDER BY e.ts, e.position",
        (list(people), name, since, until),
    )


async def ordered(
    tx: Tx, people: Sequence[UUID], name: str, since: datetime, until: datetime
) -> list[Deed]:
    """Their orders, each once, by time; those that were cancelled are left out."""
    found = await rows(
        tx,
        Deed,
        "SELECT DISTINCT ON (r.order_id) h.root_id, r.ts, r.order_id, NULL,"
        " e.properties -> 'products', r.net, r.revenue, r.currency"
        " FROM v_origin h JOIN v_order r ON r.origin_id = h.origin_id"
        " JOIN v_event e ON e.origin_id = r.origin_id AND e.name = %s"
        " AND coalesce(e.properties ->> 'order_id', e.properties ->> 'checkout_id') = r.order_id"
        " WHERE h.root_id = ANY(%s) AND r.ts >= %s AND r.ts < %s AND NOT r.cancelled"
        " ORDER BY r.order_id, e.position DESC",
        (name, list(people), since, until),
    )
    return sorted(found, key=lambda deed: deed.at)

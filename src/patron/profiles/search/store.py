"""The SQL of the search: each range is read along its index, a page at a time."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from patron.kit.db import Tx, tuples, value
from patron.profiles.claims import DEVICE_KINDS
from patron.profiles.search.terms import Range, Where

Key = tuple[str, UUID]
"""By what somebody was found, and under which of her origins: the order of pages."""

_TYPED = "t.kind NOT IN ({})".format(", ".join(f"'{kind}'" for kind in sorted(DEVICE_KINDS)))
_NAME = '(search_name(t.traits) COLLATE "C")'
_FAMILY = '(search_family(t.traits) COLLATE "C")'


class Hit(msgspec.Struct, frozen=True):
    """`key`, which is of `kind`, leads to an origin."""

    key: str
    origin: UUID
    kind: str

    @property
    def place(self) -> tuple[bytes, int]:
        """Where it stands: text by its bytes, as the collation "C" has it."""
        return self.key.encode(), self.origin.int


class Summary(msgspec.Struct, frozen=True):
    """What a list shows of a person besides what she goes by. `orders` that stand; `worth` in minor
    units of the currency that was asked for."""

    origins: list[UUID]
    known: bool
    first_seen: datetime
    last_seen: datetime
    orders: int = 0
    worth: int = 0


async def folded(tx: Tx, text: str) -> str | None:
    """`text` as names are compared."""
    found: str | None = await value(tx, "SELECT search_key(%s)", (text,))
    return found


class _Source(msgspec.Struct, frozen=True):
    """A table as `t`, its columns, and the condition of a range with its parameters."""

    table: str
    key: str
    origin: str
    kind: str
    where: str
    params: list[Any]


async def hits(tx: Tx, one: Range, after: Key | None, limit: int) -> list[Hit]:
    """What lies in a range behind `after`, in order of key and origin."""
    told = _source(one)
    behind, more = (
        ("", ()) if after is None else (f"AND ({told.key}, {told.origin}) > (%s, %s)", after)
    )
    found = await tuples(
        tx,
        f"SELECT {told.key}, {told.origin}, {told.kind} FROM {told.table} t"
        f" WHERE {told.where} {behind} ORDER BY {told.key}, {told.origin} LIMIT %s",
        (*told.params, *more, limit),
    )
    return [Hit(*each) for each in found]


async def hers(tx: Tx, one: Range, roots: Sequence[UUID]) -> list[tuple[UUID, Hit]]:
    """(root, hit) for all by which these people lie in a range."""
    told = _source(one)
    found = await tuples(
        tx,
        f"SELECT o.root_id, {told.key}, {told.origin}, {told.kind} FROM origin o"
        f" JOIN {told.table} t ON {told.origin} = o.id WHERE o.root_id = ANY(%s) AND {told.where}",
        (list(roots), *told.params),
    )
    return [(root, Hit(*each)) for root, *each in found]


def _source(one: Range) -> _Source:
    match one.where:
        case Where.IDENTIFIER | Where.DEVICE:
            where, params = _within("t.value", one)
            if one.kind is not None:
                where, params = f"t.kind = %s AND {where}", [one.kind, *params]
            typed = _TYPED if one.where is Where.IDENTIFIER else f"NOT ({_TYPED})"
            where = f"{typed} AND {where}"
            return _Source("identifier", "t.value", "t.origin_id", "t.kind", where, params)
        case Where.NAME:
            return _Source("origin", _NAME, "t.id", "'name'", *_within(_NAME, one))
        case Where.FAMILY:
            where, params = _within(_FAMILY, one)
            if one.first is not None:
                where, params = f"{where} AND starts_with({_NAME}, %s)", [*params, one.first]
            return _Source("origin", _FAMILY, "t.id", "'name'", where, params)
        case Where.ORDER:
            key = '(t.order_id COLLATE "C")'
            return _Source("v_order", key, "t.origin_id", "'order'", "t.order_id = %s", [one.low])
        case Where.TAG:
            return _Source("profile_tag", "t.key", "t.origin_id", "'tag'", "t.key = %s", [one.low])
    key = '(t.id::text COLLATE "C")'
    return _Source("origin", key, "t.id", "'id'", "t.id = %s::uuid", [one.low])


def _within(key: str, one: Range) -> tuple[str, list[Any]]:
    if one.whole:
        return f"{key} = %s", [one.low]
    return f"{key} >= %s AND {key} < %s", [one.low, one.high]


async def newest(
    tx: Tx, before: tuple[datetime, UUID] | None, limit: int
) -> list[tuple[UUID, datetime, UUID]]:
    """(root, last seen, origin) of people, whoever was seen last first, each by the origin she was
    seen last under; from behind (last seen, origin) on."""
    behind = ""
    more: tuple[Any, ...] = ()
    if before is not None:
        hour = before[0].astimezone(UTC).replace(minute=0, second=0, microsecond=0, tzinfo=None)
        behind = " AND o.seen_hour <= %s AND (o.last_seen, o.id) < (%s, %s)"
        more = (hour, *before)
    return await tuples(
        tx,
        "SELECT o.root_id, o.last_seen, o.id FROM origin o WHERE NOT EXISTS (SELECT FROM origin n"
        " WHERE n.root_id = o.root_id AND (n.last_seen, n.id) > (o.last_seen, o.id))"
        f"{behind} ORDER BY o.seen_hour DESC, o.last_seen DESC, o.id DESC LIMIT %s",
        (*more, limit),
    )


async def roots(tx: Tx, origins: Sequence[UUID]) -> dict[UUID, UUID]:
    """The root of each origin; those that are no more are missing."""
    return dict(
        await tuples(tx, "SELECT id, root_id FROM origin WHERE id = ANY(%s)", (list(origins),))
    )


async def summaries(tx: Tx, people: Sequence[UUID], currency: str) -> dict[UUID, Summary]:
    """What a list shows of the people with these roots; money in `currency`."""
    parts: dict[UUID, list[tuple[Any, ...]]] = {}
    for root, *part in await tuples(
        tx,
        "SELECT o.root_id, o.id, o.known, o.first_seen, o.last_seen, b.number, b.worth"
        " FROM origin o LEFT JOIN LATERAL (SELECT count(*) AS number,"
        "  coalesce(sum(r.net) FILTER (WHERE r.currency = %s), 0)::bigint AS worth"
        "  FROM v_order r WHERE r.origin_id = o.id AND NOT r.cancelled"
        "  AND (r.net > 0 OR r.refunded = 0)) AS b ON true"
        " WHERE o.root_id = ANY(%s) ORDER BY o.id",
        (currency, list(people)),
    ):
        parts.setdefault(root, []).append(tuple(part))
    return {
        root: Summary(
            [part[0] for part in hers],
            any(part[1] for part in hers),
            min(part[2] for part in hers),
            max(part[3] for part in hers),
            sum(part[4] for part in hers),
            sum(part[5] for part in hers),
        )
        for root, hers in parts.items()
    }

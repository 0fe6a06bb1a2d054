"""The SQL of attribution: what was shown and clicked, and what those who clicked did then.

Everything is counted, or streamed by person, where it lies: what the reader holds does not grow
with the shop.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from patron.kit.db import Tx, execute, rows, streamed
from patron.recommend.attribution.words import CLICKED, MAC, SHOWN

# Sorts of millions of rows go to the disk; with the usual 4 MB they go there in crumbs.
_ROOM = "SET LOCAL work_mem = '64MB'"
# A page may send its shop system's own list events, whose list is then the answer. OFFSET 0 has the
# JSON of an event read once, and not again wherever a condition asks for a part of it.
_SAID = (
    "(SELECT e.position, e.ts, e.origin_id, e.name,"
    " coalesce(e.properties ->> 'rec_id', e.properties ->> 'list_id') AS rec_id,"
    " CASE WHEN e.name = ANY(%(clicked)s) THEN e.properties ->> 'product_id' END AS product"
    " FROM v_event e"
    " WHERE e.name = ANY(%(names)s) AND e.ts >= %(since)s AND e.ts < %(until)s OFFSET 0) AS s"
)
# HMAC-SHA256 of all before the last dot, as `Namer` makes it.
_OURS = (
    f"right(s.rec_id, {MAC + 1}) = '.' || left(encode(sha256(%(outer)s || sha256(%(inner)s"
    f" || convert_to(left(s.rec_id, -{MAC + 1}), 'UTF8'))), 'hex'), {MAC})"
)
OF_ONE = 1_000
"""So many clicks of one person are looked at, the newest: who clicks more is a robot."""


class Told(msgspec.Struct, frozen=True):
    """How often a placement was shown and clicked on a day of the shop, and by how many people; a
    `day` of None is the whole period."""

    day: date | None
    shown: int
    viewers: int
    clicks: int
    clickers: int


class Click(msgspec.Struct, frozen=True):
    person: UUID
    at: datetime
    placement: str
    product: str


class Deed(msgspec.Struct, frozen=True):
    """A product put into a cart, or an order with its lines; `net` of the order in minor units,
    what was refunded or cancelled taken back."""

    person: UUID
    at: datetime
    product: str | None
    products: Any
    net: int | None
    currency: str | None


async def told(
    tx: Tx, placement: str, pads: tuple[bytes, bytes], since: datetime, until: datetime, zone: str
) -> list[Told]:
    """What was shown and clicked of a placement's answers by day, days without any left out, and
    in the whole period. Answers whose name was not signed with the keys `pads` do not count."""
    await execute(tx, _ROOM)
    asked = _asked((*SHOWN, *CLICKED), pads, since, until)
    asked |= {"prefix": f"{placement}.", "zone": zone}
    return await rows(
        tx,
        Told,
        "SELECT day, coalesce(sum(shown), 0)::bigint,"
        " count(DISTINCT person) FILTER (WHERE shown > 0), coalesce(sum(clicks), 0)::bigint,"
        " count(DISTINCT person) FILTER (WHERE clicks > 0)"
        " FROM (SELECT t.day, coalesce(o.root_id, t.origin_id) AS person, t.shown, t.clicks FROM ("
        "  SELECT (s.ts AT TIME ZONE %(zone)s)::date AS day, s.origin_id,"
        "   count(*) FILTER (WHERE s.name <> ALL(%(clicked)s)) AS shown,"
        "   count(*) FILTER (WHERE s.name = ANY(%(clicked)s)) AS clicks"
        f"  FROM {_SAID} WHERE starts_with(s.rec_id, %(prefix)s)"
        f"  AND (s.product IS NOT NULL OR s.name <> ALL(%(clicked)s)) AND {_OURS} GROUP BY 1, 2"
        " ) AS t LEFT JOIN v_origin o ON o.origin_id = t.origin_id) AS p"
        " GROUP BY GROUPING SETS ((day), ())",
        asked,
    )


def clicks(
    tx: Tx, placement: str, pads: tuple[bytes, bytes], since: datetime, until: datetime
) -> AsyncIterator[Click]:
    """The clicks on answers of any placement by those who clicked one of this placement: person by
    person, of each the newest first, `OF_ONE` at most."""
    return streamed(
        tx,
        Click,
        "SELECT person, ts, placement, product FROM (SELECT c.*,"
        "  bool_or(placement = %(placement)s) OVER (PARTITION BY person) AS is_hers,"
        "  row_number() OVER (PARTITION BY person ORDER BY ts DESC, position DESC) AS newest"
        "  FROM (SELECT coalesce(o.root_id, s.origin_id) AS person, s.ts, s.position, s.product,"
        "   split_part(s.rec_id, '.', 1) AS placement"
        f"  FROM {_SAID} LEFT JOIN v_origin o ON o.origin_id = s.origin_id"
        f"  WHERE s.rec_id IS NOT NULL AND s.product IS NOT NULL AND {_OURS}) AS c) AS w"
        f" WHERE is_hers AND newest <= {OF_ONE} ORDER BY person, ts DESC, position DESC",
        _asked(CLICKED, pads, since, until) | {"placement": placement},
    )


def added(
    tx: Tx, people: Sequence[UUID], name: str, since: datetime, until: datetime
) -> AsyncIterator[Deed]:
    """What these people put into their carts, in no order."""
    return streamed(
        tx,
        Deed,
        "SELECT h.root_id, e.ts, e.properties ->> 'product_id', NULL, NULL, NULL"
        " FROM v_origin h JOIN v_event e ON e.origin_id = h.origin_id"
        " WHERE h.root_id = ANY(%s) AND e.name = %s AND e.ts >= %s AND e.ts < %s",
        (list(people), name, since, until),
    )


def ordered(
    tx: Tx, people: Sequence[UUID], name: str, since: datetime, until: datetime
) -> AsyncIterator[Deed]:
    """Their orders, each once; those that were cancelled are left out."""
    return streamed(
        tx,
        Deed,
        "SELECT DISTINCT ON (r.order_id) h.root_id, r.ts, NULL,"
        " e.properties -> 'products', r.net, r.currency"
        " FROM v_origin h JOIN v_order r ON r.origin_id = h.origin_id"
        " JOIN v_event e ON e.origin_id = r.origin_id AND e.name = %s"
        " AND coalesce(e.properties ->> 'order_id', e.properties ->> 'checkout_id') = r.order_id"
        " WHERE h.root_id = ANY(%s) AND r.ts >= %s AND r.ts < %s AND NOT r.cancelled"
        " ORDER BY r.order_id, e.position DESC",
        (name, list(people), since, until),
    )


def _asked(
    names: Sequence[str], pads: tuple[bytes, bytes], since: datetime, until: datetime
) -> dict[str, Any]:
    inner, outer = pads
    return {
        "names": list(names), "clicked": list(CLICKED), "inner": inner, "outer": outer,
        "since": since, "until": until,
    }  # fmt: skip

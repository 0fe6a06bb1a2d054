"""The SQL of the page: reads through the views that the owning rooms declare."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from patron.analytics.person.types import Deed, Heard, Order
from patron.events.types import Trust
from patron.kit.db import Tx, tuples

NEWEST = 10_000
"""Events of a person that count; who has more is a till or a robot."""

# An origin at a time, newest first along its index, so that a till's million rows are not read.
_NEWEST = (
    "SELECT {columns} FROM unnest(%s::uuid[]) AS o(id) CROSS JOIN LATERAL (SELECT {read}"
    " FROM v_deed WHERE origin_id = o.id {more} ORDER BY ts DESC LIMIT %s) AS e"
)


async def deeds(tx: Tx, origins: Sequence[UUID], names: Sequence[str]) -> list[Deed]:
    """What was done under these names, oldest first; of many origins the newest."""
    found = await tuples(
        tx,
        _NEWEST.format(
            columns="e.position, e.ts, e.name, e.trust, e.properties",
            read="position, ts, name, trust, properties",
            more="AND name = ANY(%s)",
        )
        + " ORDER BY e.ts DESC, e.position DESC LIMIT %s",
        (list(origins), list(names), NEWEST, NEWEST),
    )
    return [
        Deed(position, ts, name, Trust(trust).name.lower(), told or {})
        for position, ts, name, trust, told in reversed(found)
    ]


async def visits(tx: Tx, origins: Sequence[UUID]) -> list[tuple[Any, ...]]:
    """(id, begin, end, events, pages, channel, device) of visits, the newest first. A visit's
    channel is that of its last event: one that began as direct may have been told better."""
    return await tuples(
        tx,
        _NEWEST.format(
            columns="e.session_id, min(e.ts), max(e.ts), count(*),"
            " count(*) FILTER (WHERE e.name IN ('Page Viewed', 'Screen Viewed')),"
            " (array_agg(e.channel ORDER BY e.ts DESC, e.position DESC)"
            " FILTER (WHERE e.channel IS NOT NULL))[1],"
            " (array_agg(e.device ORDER BY e.ts DESC, e.position DESC)"
            " FILTER (WHERE e.device IS NOT NULL))[1]",
            read="position, ts, name, session_id, channel, device",
            more="",
        )
        + " WHERE e.session_id IS NOT NULL GROUP BY e.session_id ORDER BY min(e.ts) DESC",
        (list(origins), NEWEST),
    )


async def landings(
    tx: Tx, origins: Sequence[UUID], sessions: Sequence[UUID], since: datetime
) -> dict[UUID, dict[str, Any]]:
    """The context of the first event of each visit that tells a page or a campaign."""
    found = await tuples(
        tx,
        "SELECT DISTINCT ON (session_id) session_id, context FROM v_deed"
        " WHERE origin_id = ANY(%s) AND session_id = ANY(%s) AND ts >= %s"
        " AND (context -> 'page' IS NOT NULL OR context -> 'campaign' IS NOT NULL)"
        " ORDER BY session_id, ts, position",
        (list(origins), list(sessions), since),
    )
    return {session: context for session, context in found if isinstance(context, dict)}


async def orders(tx: Tx, origins: Sequence[UUID]) -> list[Order]:
    """Her newest orders, ten thousand at most, the newest first."""
    found = await tuples(
        tx,
        "SELECT o.order_id, o.ts, o.revenue, o.refunded, o.net, o.currency, o.cancelled,"
        " coalesce(w.placed_trust, 0) FROM v_order o JOIN v_order_word w USING (order_id)"
        " WHERE o.origin_id = ANY(%s) ORDER BY o.ts DESC, o.order_id DESC LIMIT %s",
        (list(origins), NEWEST),
    )
    return [
        Order(
            order_id, at, revenue, refunded, net, currency, cancelled,
            stands=not cancelled and (net > 0 or refunded == 0),
            said_by=Trust(trust).name.lower(),
        )
        for order_id, at, revenue, refunded, net, currency, cancelled, trust in found
    ]  # fmt: skip


async def heard(tx: Tx, origins: Sequence[UUID]) -> Heard:
    """Her messages, and what she did with them herself."""
    hers = list(origins)
    found = await tuples(
        tx,
        "SELECT count(*), max(handed_over_at) FROM v_outbox WHERE origin_id = ANY(%s)"
        " AND state IN ('sent', 'recorded', 'ambiguous') AND NOT rehearsal",
        (hers,),
    )
    did = await tuples(
        tx,
        "SELECT count(DISTINCT told ->> 'message_id') FILTER (WHERE name = 'Email Opened'"
        " AND coalesce(told ->> 'machine_open', 'false') <> 'true'),"
        " count(DISTINCT told ->> 'message_id') FILTER (WHERE name = 'Email Link Clicked'"
        " AND coalesce(told ->> 'machine_click', 'false') <> 'true')"
        " FROM (SELECT name, properties AS told FROM v_deed WHERE origin_id = ANY(%s)"
        " AND name IN ('Email Opened', 'Email Link Clicked')) AS e"
        " WHERE coalesce(told ->> 'rehearsal', 'false') <> 'true'",
        (hers,),
    )
    sent, last = found[0]
    opened, clicked = did[0]
    return Heard(sent, opened, clicked, last)

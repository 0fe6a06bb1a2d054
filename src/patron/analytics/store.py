"""The SQL of analytics: reads through the views that the owning rooms declare, and nothing else."""

from datetime import datetime, timedelta
from typing import Any

from patron.analytics.types import Attributed, Counts, Period
from patron.experiments import store as compared
from patron.experiments.store import WITHIN
from patron.experiments.types import Cohort
from patron.kit.db import Tx, tuples, value

# Messages of a journey in a period, by the moment they left or would have left. What passed the
# gate and then failed counts with the treated: those held out were never asked whether they would.
_SAID = """
  SELECT o.id, o.run_id, o.origin_id, coalesce(g.root_id, o.origin_id) AS person, o.arm, o.state,
    coalesce(o.handed_over_at, o.done_at) AS at
  FROM v_outbox o LEFT JOIN v_origin g ON g.origin_id = o.origin_id
  WHERE o.source = %(source)s AND NOT o.rehearsal
    AND (o.state = 'held_out' OR o.handed_over_at IS NOT NULL)"""
# Filters of mail scanners click every link.
_BY_HAND = "coalesce(e.properties ->> 'machine_click', 'false') <> 'true'"
# Each person once, from her first message of the journey on, whenever that was.
_FIRST = compared.once(_SAID)


def _asked(source: str, period: Period, **more: Any) -> dict[str, Any]:
    return {"source": source, "since": period.since, "until": period.until, **more}


async def of_carts(tx: Tx, journey: str) -> bool | None:
    """Whether carts enter a journey, or people; None when there is none of that key."""
    found: bool | None = await value(
        tx, "SELECT of_carts FROM v_journey WHERE key = %s", (journey,)
    )
    return found


async def counts(tx: Tx, journey: str, source: str, period: Period) -> Counts:
    entered = await _named(
        tx,
        "SELECT count(*) FROM v_run WHERE journey = %(journey)s"
        f" AND exit_reason IS DISTINCT FROM 'duplicate' AND {WITHIN.format(at='started_at')}",
        _asked(source, period, journey=journey),
    )
    said = await _named(
        tx,
        "SELECT count(*) FILTER (WHERE state IN ('sent', 'recorded', 'ambiguous')),"
        f" count(*) FILTER (WHERE state = 'held_out') FROM ({_SAID}) AS every"
        f" WHERE {WITHIN.format(at='at')}",
        _asked(source, period),
    )
    heard = await _named(
        tx,
        "SELECT count(DISTINCT s.id) FILTER (WHERE e.name = 'Email Opened'"
        " AND coalesce(e.properties ->> 'machine_open', 'false') <> 'true'),"
        f" count(DISTINCT s.id) FILTER (WHERE e.name = 'Email Link Clicked' AND {_BY_HAND})"
        f" FROM ({_SAID}) AS s JOIN v_event e ON e.origin_id = s.origin_id"
        " AND e.name IN ('Email Opened', 'Email Link Clicked') AND e.ts >= s.at"
        f" AND e.properties ->> 'message_id' = s.id::text WHERE {WITHIN.format(at='s.at')}",
        _asked(source, period),
    )
    skipped = await _named(
        tx,
        "SELECT coalesce(reason, state), count(*) FROM v_outbox WHERE source = %(source)s"
        " AND state IN ('skipped', 'cancelled', 'failed')"
        f" AND {WITHIN.format(at='done_at')} GROUP BY 1 ORDER BY 2 DESC, 1",
        _asked(source, period),
    )
    sent, held = said[0]
    opened, clicked = heard[0]
    return Counts(entered[0][0], sent, held, opened, clicked, dict(skipped))


async def ordered(tx: Tx, source: str, period: Period, window: timedelta) -> int:
    """People who ordered within `window` after a message of this journey was sent to them."""
    found = await _named(
        tx,
        f"SELECT count(DISTINCT s.person) FROM ({_SAID}) AS s"
        " WHERE s.state IN ('sent', 'recorded', 'ambiguous')"
        f" AND {WITHIN.format(at='s.at')} AND EXISTS (SELECT FROM v_origin f"
        " JOIN v_order r ON r.origin_id = f.origin_id WHERE f.root_id = s.person"
        " AND r.ts > s.at AND r.ts <= s.at + %(window)s AND NOT r.cancelled)",
        _asked(source, period, window=window),
    )
    return int(found[0][0])


async def attributed(
    tx: Tx, source: str, period: Period, window: timedelta, currency: str
) -> Attributed:
    """Last touch: an order counts for the message whose link its buyer clicked last before it, at
    most `window` before, over all journeys; here those whose message is of this journey."""
    found = await _named(
        tx,
        "WITH buyer AS MATERIALIZED ("
        f" SELECT DISTINCT s.person FROM ({_SAID}) AS s JOIN v_event e ON e.origin_id = s.origin_id"
        f" AND e.name = 'Email Link Clicked' AND {_BY_HAND} AND e.ts >= s.at"
        f" AND e.properties ->> 'message_id' = s.id::text WHERE {WITHIN.format(at='s.at')})"
        " SELECT count(*), coalesce(sum(r.net), 0)::bigint FROM buyer b"
        " JOIN v_origin f ON f.root_id = b.person JOIN v_order r ON r.origin_id = f.origin_id"
        " CROSS JOIN LATERAL (SELECT e.properties ->> 'message_id' AS message_id FROM v_origin h"
        "  JOIN v_event e ON e.origin_id = h.origin_id WHERE h.root_id = b.person"
        f"  AND e.name = 'Email Link Clicked' AND {_BY_HAND} AND e.ts <= r.ts"
        "  AND e.ts >= r.ts - %(window)s"
        "  ORDER BY e.ts DESC, e.position DESC LIMIT 1) AS last"
        f" JOIN ({_SAID}) AS m ON m.id::text = last.message_id"
        f" WHERE NOT r.cancelled AND r.currency = %(currency)s AND {WITHIN.format(at='m.at')}",
        _asked(source, period, window=window, currency=currency),
    )
    orders, revenue = found[0]
    return Attributed(orders, revenue)


async def cohorts(
    tx: Tx, source: str, period: Period, window: timedelta, currency: str, now: datetime
) -> tuple[list[Cohort], int]:
    """Both arms, and how many people had mixed ones. A person belongs to the period of her first
    message."""
    asked = _asked(source, period, window=window, currency=currency, now=now)
    return await compared.cohorts(tx, _FIRST, asked)


async def other_currencies(tx: Tx, source: str, period: Period, window: timedelta, own: str) -> int:
    """Orders of the compared people in the window that are in another currency than the shop's."""
    found = await _named(
        tx,
        f"SELECT count(*) FROM ({_FIRST}) AS o JOIN v_origin f ON f.root_id = o.person"
        " JOIN v_order r ON r.origin_id = f.origin_id WHERE r.currency <> %(own)s"
        f" AND r.ts > o.at AND r.ts <= o.at + %(window)s AND {WITHIN.format(at='o.at')}",
        _asked(source, period, window=window, own=own),
    )
    return int(found[0][0])


async def _named(tx: Tx, sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    return await tuples(tx, sql, params)  # type: ignore[arg-type]

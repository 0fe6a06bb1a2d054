"""The SQL of population tables: cut points over everybody, counted where the orders are."""

from datetime import datetime
from uuid import UUID

from patron.kit.db import Tx, execute, tuples, value
from patron.segments.population.types import MEASURES, Cuts, Population

MOST_KEPT = 60
"""Versions; one a night is two months."""
_STANDS = "NOT o.cancelled AND (o.net > 0 OR o.refunded = 0)"

# What is compared of each buyer. One row an order comes in, one row a person goes on; sorting
# spills to disk, so memory does not grow with the shop.
_BUYERS = f"""
SELECT g.root_id,
       max(o.ts) FILTER (WHERE o.ts >= %(since)s) AS recency,
       count(*) FILTER (WHERE o.ts >= %(since)s) AS frequency,
       coalesce(sum(o.net) FILTER (WHERE o.ts >= %(since)s AND o.currency = %(currency)s), 0)
           AS money,
       sum(o.net) FILTER (WHERE o.currency = %(currency)s) AS value,
       count(*) FILTER (WHERE o.currency = %(currency)s) AS own,
       count(*) AS number
FROM v_order o JOIN v_origin g ON g.origin_id = o.origin_id
WHERE {_STANDS}
GROUP BY g.root_id
"""
# Of n values in order the least that k percent do not exceed is number ceil(k n / 100).
_CUTS = f"""
WITH buyer AS MATERIALIZED ({_BUYERS}),
measured AS (
    SELECT 'recency' AS measure,
           (extract(epoch FROM recency) * 1000000)::bigint AS value FROM buyer WHERE frequency > 0
    UNION ALL SELECT 'frequency', frequency FROM buyer WHERE frequency > 0
    UNION ALL SELECT 'money', money::bigint FROM buyer WHERE frequency > 0
    UNION ALL SELECT 'value', value::bigint FROM buyer WHERE own > 0
    UNION ALL SELECT 'average', floor(value / own)::bigint FROM buyer WHERE own > 0
    UNION ALL SELECT 'number', number FROM buyer
),
placed AS (
    SELECT measure, value, row_number() OVER (PARTITION BY measure ORDER BY value) AS place,
           count(*) OVER (PARTITION BY measure) AS compared FROM measured
)
SELECT measure, compared, array_agg(value ORDER BY k) FROM placed
JOIN generate_series(1, 99) AS k ON place = (k * compared + 99) / 100
GROUP BY measure, compared
"""


async def count(tx: Tx, since: datetime, currency: str) -> dict[str, Cuts]:
    """The cut points of every measure, as everybody's orders are in this transaction."""
    cursor = await tx.execute(_CUTS, {"since": since, "currency": currency})
    found = {
        measure: Cuts(compared, tuple(points))
        for measure, compared, points in await cursor.fetchall()
    }
    return {measure: found.get(measure, Cuts(0, ())) for measure in MEASURES}


async def publish(
    tx: Tx, made_at: datetime, since: datetime, currency: str, cuts: dict[str, Cuts]
) -> int:
    """Write a version whole and have it count from this transaction on; its number."""
    version = int(
        await value(
            tx,
            "INSERT INTO population (made_at, since, currency) VALUES (%s, %s, %s)"
            " RETURNING version",
            (made_at, since, currency),
        )
    )
    for measure, one in cuts.items():
        await execute(
            tx,
            "INSERT INTO population_cut (version, measure, compared, cuts) VALUES (%s, %s, %s, %s)",
            (version, measure, one.compared, list(one.points)),
        )
    await execute(tx, "UPDATE population_now SET version = %s", (version,))
    await execute(
        tx,
        "DELETE FROM population WHERE version <= %s",
        (version - MOST_KEPT,),
    )
    return version


async def published(tx: Tx) -> Population | None:
    """The version that counts; None before the first."""
    found = await tuples(
        tx,
        "SELECT p.version, p.made_at, p.since, p.currency, c.measure, c.compared, c.cuts"
        " FROM population_now n JOIN population p ON p.version = n.version"
        " JOIN population_cut c ON c.version = p.version",
    )
    if not found:
        return None
    cuts = {measure: Cuts(compared, tuple(points)) for *_, measure, compared, points in found}
    version, made_at, since, currency = found[0][:4]
    return Population(version, made_at, since, currency, cuts)


async def made_at(tx: Tx) -> datetime | None:
    """When the version that counts was made."""
    found: datetime | None = await value(
        tx,
        "SELECT p.made_at FROM population_now n JOIN population p ON p.version = n.version",
    )
    return found


async def unasked(tx: Tx) -> int | None:
    """The version that not everybody was asked about yet; None when there is none."""
    found: int | None = await value(
        tx, "SELECT version FROM population_now WHERE version IS DISTINCT FROM asked"
    )
    return found


async def asked(tx: Tx, version: int) -> None:
    """Everybody was asked about this version."""
    await execute(tx, "UPDATE population_now SET asked = %s", (version,))


async def enough(tx: Tx, fewest: int, since: datetime) -> bool:
    """Whether at least so many different people have ordered since."""
    found = await value(
        tx,
        "SELECT count(*) FROM (SELECT DISTINCT g.root_id FROM v_order o"
        f" JOIN v_origin g ON g.origin_id = o.origin_id WHERE o.ts >= %s AND {_STANDS}"
        " LIMIT %s) AS found",
        (since, fewest),
    )
    return int(found) >= fewest


async def buyers(tx: Tx, after: UUID | None, limit: int) -> list[UUID]:
    """The roots of the next people who ever placed an order, in the order of their ids."""
    found = await tuples(
        tx,
        "SELECT r.origin_id FROM v_origin r WHERE r.origin_id = r.root_id"
        " AND (%s::uuid IS NULL OR r.origin_id > %s)"
        " AND EXISTS (SELECT FROM v_origin g JOIN v_order o ON o.origin_id = g.origin_id"
        " WHERE g.root_id = r.origin_id) ORDER BY r.origin_id LIMIT %s",
        (after, after, limit),
    )
    return [root for (root,) in found]

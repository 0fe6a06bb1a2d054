"""The SQL of experiments: who met which arm when, and what both arms bought since.

What is compared is told as a query `first` of (person, arm, at, mixed), each person once; it may be
an experiment's own exposures or what another room knows.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from patron.experiments.types import Cohort
from patron.kit.db import Tx, execute, rows, tuples, value

WITHIN = (
    "(%(since)s::timestamptz IS NULL OR {at} >= %(since)s)"
    " AND (%(until)s::timestamptz IS NULL OR {at} < %(until)s)"
)


def once(met: str) -> str:
    """Each person of a query of (person, arm, at) once, with her first arm: a query `first`.

    Her arms are mixed when she met the other one while her orders counted. Who met it later, since
    somebody changed the share, is no less of her first arm; to leave out those who came back would
    take the most faithful from one arm only.
    """
    times = [f"min(at) FILTER (WHERE arm = '{arm}')" for arm in ("treatment", "holdout")]
    return f"""
  SELECT person, (array_agg(arm ORDER BY at, arm))[1] AS arm, min(at) AS at,
    count(DISTINCT arm) > 1 AND greatest({", ".join(times)}) <= min(at) + %(window)s AS mixed
  FROM ({met}) AS every GROUP BY person"""


EXPOSED = once("""
  SELECT coalesce(g.root_id, e.origin_id) AS person, e.arm, e.at
  FROM exposure e LEFT JOIN v_origin g ON g.origin_id = e.origin_id
  WHERE e.experiment = %(experiment)s""")


class Exposure(msgspec.Struct, frozen=True):
    """Somebody met an arm of an experiment at this moment for the first time."""

    experiment: str
    origin_id: UUID
    arm: str
    at: datetime


async def expose(tx: Tx, many: Sequence[Exposure]) -> None:
    """Write down who met which arm; what is known stays as it is, and so does who was erased."""
    await execute(
        tx,
        "INSERT INTO exposure (experiment, origin_id, arm, at)"
        " SELECT u.* FROM unnest(%s::text[], %s::uuid[], %s::text[], %s::timestamptz[])"
        " AS u (experiment, origin_id, arm, at)"
        " JOIN v_origin o ON o.origin_id = u.origin_id ON CONFLICT DO NOTHING",
        (
            [one.experiment for one in many],
            [one.origin_id for one in many],
            [one.arm for one in many],
            [one.at for one in many],
        ),
    )


async def is_known(tx: Tx, experiment: str) -> bool:
    """Whether anybody ever met it."""
    return bool(
        await value(tx, "SELECT EXISTS (SELECT FROM exposure WHERE experiment = %s)", (experiment,))
    )


async def cohorts(tx: Tx, first: str, asked: dict[str, Any]) -> tuple[list[Cohort], int]:
    """Both arms, and how many people had mixed ones.

    A person belongs to the period (`since`, `until`) of her first moment. Her revenue is that of
    her orders in `currency` after it, up to `window` later, what was refunded or cancelled until
    `now` taken back. `asked` holds these five, and what `first` asks for.
    """
    found: list[tuple[Any, ...]] = await tuples(
        tx,
        f"WITH one AS MATERIALIZED (SELECT * FROM ({first}) AS f"
        f" WHERE {WITHIN.format(at='f.at')}),"
        " spent AS (SELECT o.person, sum(r.net) AS net,"
        "  count(*) FILTER (WHERE NOT r.cancelled) AS orders FROM one o"
        "  JOIN v_origin f ON f.root_id = o.person JOIN v_order r ON r.origin_id = f.origin_id"
        "  WHERE r.ts > o.at AND r.ts <= o.at + %(window)s AND r.currency = %(currency)s"
        "  GROUP BY o.person)"
        " SELECT o.arm, o.mixed, o.at + %(window)s <= %(now)s AS ripe, count(*),"
        "  count(*) FILTER (WHERE s.orders > 0), coalesce(sum(s.orders), 0)::bigint,"
        "  coalesce(sum(s.net), 0)::float8, coalesce(sum(s.net * s.net), 0)::float8"
        " FROM one o LEFT JOIN spent s ON s.person = o.person GROUP BY 1, 2, 3",
        asked,  # type: ignore[arg-type]
    )
    mixed = sum(row[3] for row in found if row[1])
    return [_cohort(arm, found) for arm in ("treatment", "holdout")], mixed


async def exposed(
    tx: Tx, experiment: str, period: tuple[datetime | None, datetime | None],
    window: timedelta, currency: str, now: datetime,
) -> tuple[list[Cohort], int]:  # fmt: skip
    """`cohorts` of an experiment's own exposures."""
    asked = {
        "experiment": experiment, "since": period[0], "until": period[1], "window": window,
        "currency": currency, "now": now,
    }  # fmt: skip
    return await cohorts(tx, EXPOSED, asked)


async def export(tx: Tx, origins: Sequence[UUID]) -> list[dict[str, Any]]:
    """The arms a person met, as JSON-ready values."""
    found = await rows(
        tx,
        Exposure,
        "SELECT experiment, origin_id, arm, at FROM exposure WHERE origin_id = ANY(%s)"
        " ORDER BY at, experiment, arm",
        (list(origins),),
    )
    exported: list[dict[str, Any]] = msgspec.to_builtins(found)
    return exported


async def erase(tx: Tx, origins: Sequence[UUID]) -> None:
    await execute(tx, "DELETE FROM exposure WHERE origin_id = ANY(%s)", (list(origins),))


def _cohort(arm: str, found: Sequence[tuple[Any, ...]]) -> Cohort:
    people = buyers = orders = maturing = 0
    total = squares = 0.0
    for found_arm, mixed, ripe, count, bought, many, net, square in found:
        if found_arm != arm or mixed:
            continue
        if not ripe:
            maturing += count
            continue
        people, buyers, orders, total, squares = count, bought, many, net, square
    return Cohort(arm, people, buyers, orders, total, squares, maturing)

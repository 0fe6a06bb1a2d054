"""The SQL of predictions."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from patron.kit.db import Tx, execute, rows, tuples, value
from patron.segments.predictions.types import (
    Foretold,
    Kind,
    Prediction,
    PredictionOfHers,
    Source,
    percentile,
)

AT_ONCE = 50_000
_COLUMNS = "name, label, kind, source, version, made_at, looked_at, people, said"


async def every(tx: Tx) -> list[Prediction]:
    """All of them, by name."""
    return await rows(tx, Prediction, f"SELECT {_COLUMNS} FROM prediction ORDER BY name")


async def one(tx: Tx, name: str) -> Prediction | None:
    found = await rows(
        tx, Prediction, f"SELECT {_COLUMNS} FROM prediction WHERE name = %s", (name,)
    )
    return found[0] if found else None


async def kinds(tx: Tx) -> dict[str, Kind]:
    """The kind of each, by name."""
    return {
        name: Kind(kind) for name, kind in await tuples(tx, "SELECT name, kind FROM prediction")
    }


async def lock(tx: Tx) -> None:
    """Stand in line with whoever else writes a prediction."""
    await execute(tx, "LOCK TABLE prediction IN SHARE ROW EXCLUSIVE MODE")


async def put(tx: Tx, name: str, label: str, kind: Kind, source: Source) -> None:
    """Have it, with this label; a new one has no version yet."""
    await execute(
        tx,
        "INSERT INTO prediction (name, label, kind, source) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (name) DO UPDATE SET label = excluded.label",
        (name, label, kind, source),
    )


async def publish(
    tx: Tx,
    name: str,
    values: Mapping[UUID, float],
    cuts: Sequence[float],
    now: datetime,
    said: str,
) -> int:
    """Write a version whole and have it count from this transaction on; its number."""
    version = 1 + int(await value(tx, "SELECT version FROM prediction WHERE name = %s", (name,)))
    origins = sorted(values)
    for start in range(0, len(origins), AT_ONCE):
        some = origins[start : start + AT_ONCE]
        await execute(
            tx,
            "INSERT INTO prediction_value (origin_id, name, version, value)"
            " SELECT id, %s, %s, value FROM unnest(%s::uuid[], %s::float8[]) AS v (id, value)",
            (name, version, some, [values[one] for one in some]),
        )
    await execute(
        tx,
        "UPDATE prediction SET version = %s, made_at = %s, people = %s, cuts = %s, said = %s"
        " WHERE name = %s",
        (version, now, len(values), list(cuts), said, name),
    )
    return version


async def looked(tx: Tx, names: Sequence[str], now: datetime, said: str | None = None) -> None:
    """Note that somebody tried to make them, and why nothing came of it."""
    await execute(
        tx,
        "UPDATE prediction SET looked_at = %s, said = coalesce(%s, said) WHERE name = ANY(%s)",
        (now, said, list(names)),
    )


async def unasked(tx: Tx) -> dict[str, int]:
    """The versions that not everybody was asked about yet, by name."""
    return dict(await tuples(tx, "SELECT name, version FROM prediction WHERE version <> asked"))


async def asked(tx: Tx, versions: Mapping[str, int]) -> None:
    """Everybody was asked about these versions; older values go."""
    for name, version in versions.items():
        await execute(tx, "UPDATE prediction SET asked = %s WHERE name = %s", (version, name))
        await execute(
            tx,
            "DELETE FROM prediction_value WHERE name = %s AND version < %s",
            (name, version),
        )


async def drop(tx: Tx, name: str) -> bool:
    """Whether there was one."""
    await execute(tx, "DELETE FROM prediction_value WHERE name = %s", (name,))
    return bool(await execute(tx, "DELETE FROM prediction WHERE name = %s", (name,)))


async def foretold(tx: Tx, name: str, numbers: Sequence[float]) -> list[Foretold]:
    """What the version that counts says of whoever has each of these values."""
    found = await tuples(tx, "SELECT kind, people, cuts FROM prediction WHERE name = %s", (name,))
    return [
        Foretold(Kind(kind), number, percentile(cuts, people, number))
        for kind, people, cuts in found
        for number in numbers
    ]


async def people(tx: Tx, names: Collection[str], after: UUID | None, limit: int) -> list[UUID]:
    """The roots of the next people who have or had one of these values, in the order of their
    ids."""
    found = await tuples(
        tx,
        "SELECT r.origin_id FROM v_origin r WHERE r.origin_id = r.root_id"
        " AND (%s::uuid IS NULL OR r.origin_id > %s) AND EXISTS (SELECT FROM v_origin g"
        " JOIN prediction_value p ON p.origin_id = g.origin_id AND p.name = ANY(%s)"
        " WHERE g.root_id = r.origin_id) ORDER BY r.origin_id LIMIT %s",
        (after, after, sorted(names), limit),
    )
    return [root for (root,) in found]


async def of_people(
    tx: Tx, people: Mapping[UUID, Sequence[UUID]], names: Collection[str] | None
) -> dict[UUID, dict[str, Foretold]]:
    """What the versions that count say of each person, given by any id and all her origins, oldest
    first: of several values the one of her oldest origin."""
    whose = {origin: person for person, origins in people.items() for origin in origins}
    which = "" if names is None else " WHERE name = ANY(%s)"
    kept = {
        name: (version, Kind(kind), number, cuts)
        for name, version, kind, number, cuts in await tuples(
            tx,
            f"SELECT name, version, kind, people, cuts FROM prediction{which}",
            () if names is None else (sorted(names),),
        )
    }
    found: dict[UUID, dict[str, Foretold]] = {}
    for origin, name, version, number in await tuples(
        tx,
        "SELECT origin_id, name, version, value FROM prediction_value"
        " WHERE origin_id = ANY(%s) AND name = ANY(%s) ORDER BY origin_id",
        (sorted(whose), sorted(kept)),
    ):
        now, kind, count, cuts = kept[name]
        if version == now:
            theirs = found.setdefault(whose[origin], {})
            theirs.setdefault(name, Foretold(kind, number, percentile(cuts, count, number)))
    return found


async def of_person(tx: Tx, origins: Sequence[UUID]) -> list[PredictionOfHers]:
    """What is predicted of the person with these origins, by name."""
    if not origins:
        return []
    root = origins[0]
    found = (await of_people(tx, {root: origins}, None)).get(root, {})
    return [
        PredictionOfHers(
            one.name,
            one.label,
            one.kind,
            found[one.name].value,
            found[one.name].percentile,
            one.source,
            one.made_at,
        )
        for one in await every(tx)
        if one.name in found
    ]


async def export(tx: Tx, origins: Sequence[UUID]) -> list[dict[str, Any]]:
    """What is predicted of a person, as JSON-ready values."""
    exported: list[dict[str, Any]] = msgspec.to_builtins(await of_person(tx, sorted(origins)))
    return exported


async def erase(tx: Tx, origins: Sequence[UUID]) -> None:
    await execute(tx, "DELETE FROM prediction_value WHERE origin_id = ANY(%s)", (list(origins),))


async def ordered(tx: Tx, zone: str) -> list[tuple[UUID, list[int]]]:
    """(root, days since 1970 on which she ordered) of everybody with an order that stands, by
    root."""
    return await tuples(
        tx,
        "SELECT g.root_id, array_agg(DISTINCT (o.ts AT TIME ZONE %s)::date - date '1970-01-01')"
        " FROM v_order o JOIN v_origin g ON g.origin_id = o.origin_id"
        " WHERE NOT o.cancelled AND (o.net > 0 OR o.refunded = 0)"
        " GROUP BY g.root_id ORDER BY g.root_id",
        (zone,),
    )

"""The SQL of the index of people who are alike."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np

from patron.kit.db import Tx, execute, tuples, value
from patron.segments.alike.indexing import FULL, PAIR, Index, Posting


async def active(tx: Tx, since: datetime, limit: int) -> list[UUID]:
    """The people seen since, by their roots: of more than `limit` those seen last."""
    found = await tuples(
        tx,
        "SELECT root_id FROM v_origin WHERE last_seen >= %s GROUP BY root_id"
        " ORDER BY max(last_seen) DESC, root_id LIMIT %s",
        (since, limit),
    )
    return [root for (root,) in found]


async def replace(tx: Tx, index: Index, roots: Sequence[UUID], now: datetime) -> None:
    """Have this be the index; `roots` are whose the numbers are. Who was erased since she was read
    is not in it: whoever erases waits for us, or is seen here."""
    # In this order, and readers ask for the run first: so they see one index, and nobody deadlocks.
    await execute(tx, "TRUNCATE alike_run, alike_feature, alike_person")
    cursor = tx.cursor()
    columns = "id, feature, people, mean, who, weights"
    async with cursor.copy(f"COPY alike_feature ({columns}) FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["int4", "text", "int8", "float8", "bytea", "bytea"])
        for one in index.postings():
            who, weights = one.who.astype("<u4").tobytes(), one.weights.tobytes()
            await copy.write_row((one.id, one.feature, one.people, one.mean, who, weights))
    columns = "number, origin_id, features"
    async with cursor.copy(f"COPY alike_person ({columns}) FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["int4", "uuid", "bytea"])
        for number, (root, features) in enumerate(zip(roots, index.packed(), strict=True)):
            await copy.write_row((number, root, features))
    await execute(
        tx,
        "DELETE FROM alike_person p WHERE NOT EXISTS"
        " (SELECT FROM v_origin o WHERE o.origin_id = p.origin_id)",
    )
    sql = "INSERT INTO alike_run (made_at, people) VALUES (%s, %s)"
    await execute(tx, sql, (now, index.people))


async def run(tx: Tx) -> tuple[datetime, int] | None:
    """When the index was made, and of how many people."""
    found: list[tuple[datetime, int]] = await tuples(tx, "SELECT made_at, people FROM alike_run")
    return found[0] if found else None


async def made_at(tx: Tx) -> datetime | None:
    found: datetime | None = await value(tx, "SELECT made_at FROM alike_run")
    return found


async def common(tx: Tx, features: Iterable[str]) -> dict[str, int]:
    """How many people have each of these features."""
    return dict(
        await tuples(
            tx,
            "SELECT feature, people FROM alike_feature WHERE feature = ANY(%s)",
            (sorted(features),),
        )
    )


async def postings(tx: Tx, features: Iterable[str]) -> list[Posting]:
    cursor = tx.cursor(binary=True)  # a tenth of the time that text takes
    await cursor.execute(
        "SELECT id, feature, people, mean, who, weights FROM alike_feature WHERE feature = ANY(%s)",
        (sorted(features),),
    )
    return [
        Posting(id, name, people, mean, np.frombuffer(who, "<u4"), np.frombuffer(weights, "u1"))
        for id, name, people, mean, who, weights in await cursor.fetchall()
    ]


async def means(tx: Tx) -> list[tuple[int, str, float]]:
    """(id, feature, mean) of all features."""
    return await tuples(tx, "SELECT id, feature, mean FROM alike_feature")


async def owners(tx: Tx, numbers: Sequence[int]) -> dict[int, UUID]:
    """Whose these numbers are today, by root; who was erased is nobody."""
    return dict(
        await tuples(
            tx,
            "SELECT p.number, o.root_id FROM alike_person p JOIN v_origin o"
            " ON o.origin_id = p.origin_id WHERE p.number = ANY(%s)",
            (list(numbers),),
        )
    )


async def numbers(tx: Tx, roots: Sequence[UUID]) -> list[tuple[int, bytes]]:
    """(number, features) of these people, under each of their origins that has one."""
    return await tuples(
        tx,
        "SELECT p.number, p.features FROM v_origin o JOIN alike_person p"
        " ON p.origin_id = o.origin_id WHERE o.root_id = ANY(%s) ORDER BY p.number",
        (list(roots),),
    )


async def export(tx: Tx, origins: Sequence[UUID]) -> list[dict[str, Any]]:
    """What the index holds of a person, as JSON-ready values."""
    exported: list[dict[str, Any]] = []
    if await run(tx) is None:
        return exported
    for origin, features in await tuples(
        tx,
        "SELECT origin_id, features FROM alike_person WHERE origin_id = ANY(%s) ORDER BY number",
        (list(origins),),
    ):
        pairs = np.frombuffer(features, PAIR)
        names = dict(
            await tuples(
                tx,
                "SELECT id, feature FROM alike_feature WHERE id = ANY(%s)",
                (pairs["feature"].tolist(),),
            )
        )
        weights = {
            names[id]: round(weight / FULL, 3) for id, weight in pairs.tolist() if id in names
        }
        exported.append({"origin_id": str(origin), "features": weights})
    return exported


async def erase(tx: Tx, origins: Sequence[UUID]) -> int:
    """Her numbers are nobody's from now on, and gone with the next night."""
    return await execute(tx, "DELETE FROM alike_person WHERE origin_id = ANY(%s)", (list(origins),))


_OF = {
    "segment": "SELECT m.origin_id FROM membership m JOIN segment s ON s.id = m.segment_id"
    " WHERE s.key = %(key)s AND m.left_at IS NULL",
    "list": "SELECT m.origin_id FROM list_member m JOIN static_list l ON l.id = m.list_id"
    " WHERE l.key = %(key)s",
}
_THERE = {
    "segment": "SELECT EXISTS (SELECT FROM segment WHERE key = %s)",
    "list": "SELECT EXISTS (SELECT FROM static_list WHERE key = %s)",
}
_NUMBERED = (
    "FROM alike_person p JOIN v_origin o ON o.origin_id = p.origin_id WHERE o.root_id IN"
    " (SELECT w.root_id FROM v_origin w WHERE w.origin_id IN ({}))"
)


async def is_there(tx: Tx, kind: str, key: str) -> bool:
    """Whether there is a segment, or a list, of this key."""
    return bool(await value(tx, _THERE[kind], (key,)))


async def members(tx: Tx, kind: str, key: str, limit: int) -> list[tuple[int, bytes]]:
    """(number, features) of those in a segment or on a list; of more than `limit` a sample, the
    same each time."""
    cursor = await tx.execute(
        f"SELECT p.number, p.features {_NUMBERED.format(_OF[kind])}"
        " ORDER BY hashint4(p.number) LIMIT %(limit)s",
        {"key": key, "limit": limit},
    )
    return await cursor.fetchall()


async def all_numbers(tx: Tx, kind: str, key: str) -> list[int]:
    """The numbers of all of them."""
    cursor = await tx.execute(f"SELECT p.number {_NUMBERED.format(_OF[kind])}", {"key": key})
    return [number for (number,) in await cursor.fetchall()]

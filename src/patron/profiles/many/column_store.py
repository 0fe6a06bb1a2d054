"""What is known of all people, as columns: SQL that packs a value a person into a few large rows.

A person is told by the last eight bytes of her root's id. Values that are packed where they lie
come a hundred times faster than row by row.
"""

from patron.kit.db import Tx

Group = tuple[str, bytes]
"""What was told, and the people it was told of, eight bytes each."""

_TAIL = "substr(uuid_send(o.root_id), 9)"


async def everybody(tx: Tx) -> bytes:
    """Every origin: the last eight bytes of its id, and its root's id."""
    return await _packed(
        tx,
        "SELECT string_agg(substr(uuid_send(o.id), 9) || uuid_send(o.root_id), ''::bytea)"
        " FROM origin o",
    )


async def traits(tx: Tx, name: str) -> list[Group]:
    """The values of a trait as JSON, one group each; `null` was taken away. Somebody of several
    origins may stand in several groups, or twice in one."""
    return await _groups(
        tx,
        f"SELECT (o.traits -> %(name)s -> 'v')::text AS told, {_TAIL} AS tail FROM origin o"
        " WHERE o.traits ? %(name)s",
        name=name,
    )


async def identifiers(tx: Tx, kind: str, *, values: bool) -> list[Group]:
    """Those of a kind, as they were written; all in one group unless `values` matter."""
    told = "coalesce(i.address, i.value)" if values else "''"
    return await _groups(
        tx,
        f"SELECT {told} AS told, {_TAIL} AS tail FROM identifier i"
        " JOIN origin o ON o.id = i.origin_id WHERE i.kind = %(kind)s",
        kind=kind,
    )


async def words(tx: Tx, kind: str, channel: str, purpose: str) -> list[Group]:
    """Groups of people with one address of a kind, about which the same was said in the same order:
    whoever is in one of them can be reached over the channel for the purpose as all in it. Who has
    several addresses, or was sold something, is in the group `?`."""
    return await _groups(
        tx,
        "WITH said AS (SELECT address_key, at, CASE WHEN state = 'customer' THEN '?'"
        " ELSE 'w' || state || confirmed END AS told FROM consent"
        " WHERE channel = %(channel)s AND purpose = %(purpose)s UNION ALL"
        " SELECT address_key, at, 's' || reason FROM suppression WHERE channel = %(channel)s),"
        " ordered AS (SELECT address_key, told, dense_rank() OVER"
        " (PARTITION BY address_key ORDER BY at) AS place FROM said),"
        " one AS (SELECT address_key, CASE WHEN bool_or(told = '?') THEN '?' ELSE"
        " string_agg(place || told, ',' ORDER BY place, told) END AS told"
        " FROM ordered GROUP BY address_key),"
        " held AS (SELECT o.root_id, min(i.value) AS value, count(*) AS number FROM identifier i"
        " JOIN origin o ON o.id = i.origin_id WHERE i.kind = %(kind)s GROUP BY o.root_id)"
        f" SELECT CASE WHEN o.number > 1 THEN '?' ELSE coalesce(one.told, '') END AS told,"
        f" {_TAIL} AS tail FROM held o LEFT JOIN one ON one.address_key = o.value",
        kind=kind, channel=channel, purpose=purpose,
    )  # fmt: skip


async def tagged(tx: Tx, key: str) -> list[Group]:
    """Who has a tag."""
    return await _groups(
        tx,
        f"SELECT '' AS told, {_TAIL} AS tail FROM profile_tag t JOIN origin o"
        " ON o.id = t.origin_id WHERE t.key = %(key)s",
        key=key,
    )


async def _packed(tx: Tx, sql: str) -> bytes:
    cursor = tx.cursor(binary=True)
    await cursor.execute(sql)
    found = await cursor.fetchone()
    return b"" if found is None or found[0] is None else bytes(found[0])


async def _groups(tx: Tx, sql: str, **params: str) -> list[Group]:
    cursor = tx.cursor(binary=True)
    await cursor.execute(
        f"SELECT told, string_agg(tail, ''::bytea) FROM ({sql}) AS every GROUP BY told", params
    )
    return [(told, bytes(tails)) for told, tails in await cursor.fetchall()]

"""The SQL of columns over all people: orders, memberships, lists, predictions and last words."""

from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from patron.kit.db import Tx, tuples

_SINCE_2000 = 946_684_800_000_000
"""Microseconds from 1970 to 2000, from which PostgreSQL counts."""
ORDER = np.dtype([("tail", ">u8"), ("at", ">i8"), ("net", ">i8"), ("own", ">i2")])
VALUE = np.dtype([("tail", ">u8"), ("value", ">f8")])
_TAIL = "substr(uuid_send(g.root_id), 9)"


async def orders(tx: Tx, currency: str) -> NDArray[np.void]:
    """(tail, placed at, net in minor units, whether in this currency) of the orders that stand, of
    each person by time; `at` in microseconds since 1970."""
    cursor = tx.cursor(binary=True)
    await cursor.execute(
        f"SELECT string_agg({_TAIL} || timestamptz_send(o.ts) || int8send(o.net::bigint) ||"
        " int2send((o.currency = %s)::int::smallint), ''::bytea) FROM v_order o"
        " JOIN v_origin g ON g.origin_id = o.origin_id"
        " WHERE NOT o.cancelled AND (o.net > 0 OR o.refunded = 0)",
        (currency,),
    )
    found = await cursor.fetchone()
    packed = b"" if found is None or found[0] is None else bytes(found[0])
    table = np.frombuffer(packed, ORDER).astype(ORDER.newbyteorder("="))
    table["at"] += _SINCE_2000
    return table[np.argsort(table["at"], kind="stable")]


async def inside(tx: Tx, key: str) -> list[UUID]:
    """Who is in a saved segment."""
    found = await tuples(
        tx,
        "SELECT m.origin_id FROM membership m JOIN segment s ON s.id = m.segment_id"
        " WHERE s.key = %s AND m.left_at IS NULL",
        (key,),
    )
    return [origin for (origin,) in found]


async def listed(tx: Tx, key: str) -> list[UUID]:
    """The origins that are on a list."""
    found = await tuples(
        tx,
        "SELECT m.origin_id FROM list_member m JOIN static_list l ON l.id = m.list_id"
        " WHERE l.key = %s",
        (key,),
    )
    return [origin for (origin,) in found]


async def predicted(tx: Tx, name: str) -> NDArray[np.void]:
    """(tail, value) of the version of a prediction that counts."""
    cursor = tx.cursor(binary=True)
    await cursor.execute(
        f"SELECT string_agg({_TAIL} || float8send(v.value), ''::bytea) FROM prediction p"
        " JOIN prediction_value v ON v.name = p.name AND v.version = p.version"
        " JOIN v_origin g ON g.origin_id = v.origin_id WHERE p.name = %s",
        (name,),
    )
    found = await cursor.fetchone()
    packed = b"" if found is None or found[0] is None else bytes(found[0])
    return np.frombuffer(packed, VALUE).astype(VALUE.newbyteorder("="))


async def spoken(tx: Tx, beginning: str) -> list[UUID]:
    """The origins of whom last words about subjects that begin so are kept."""
    found = await tuples(
        tx,
        "SELECT DISTINCT origin_id FROM last_word WHERE starts_with(subject, %s)",
        (beginning,),
    )
    return [origin for (origin,) in found]

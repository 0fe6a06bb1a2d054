"""Carts, the orders that close them and the pulse of the order feed: the SQL of this room."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from patron.carts.feed import LEAST, WEEKS, beats, silence
from patron.carts.replay import recall, value
from patron.carts.types import (
    Cart,
    CartItem,
    Closed,
    Draft,
    FeedHour,
    History,
    Mark,
    Ordered,
    Silence,
)
from patron.kit.db import Tx, execute, tuples
from patron.kit.db import as_json as encoded

MARKS_KEPT = timedelta(days=60)
OPEN_FOR = timedelta(days=30)
_AT_ONCE = 2_000

_history = msgspec.json.Decoder(History)
_items = msgspec.json.Decoder(list[CartItem])

_CART = (
    "id, key, origin_id, opened_at, changed_at, closed_at, closed_reason, order_id, items::text,"
    " value, currency, url"
)
_ROW = (
    "id uuid, key text, origin_id uuid, opened_at timestamptz, changed_at timestamptz,"
    " closed_at timestamptz, closed_reason text, order_id text, items jsonb, value bigint,"
    " currency text, url text, history json"
)
_COLUMNS = [column.split()[0] for column in _ROW.split(", ")]


# Reading


async def cart(tx: Tx, cart_id: UUID) -> Cart | None:
    return (await by_id(tx, [cart_id])).get(cart_id)


async def by_id(tx: Tx, cart_ids: Iterable[UUID]) -> dict[UUID, Cart]:
    """Those of these carts that are known."""
    wanted = sorted(set(cart_ids))
    found = await tuples(tx, f"SELECT {_CART} FROM cart WHERE id = ANY(%s)", (wanted,))
    return {row[0]: _cart(row) for row in found}


async def carts_of(
    tx: Tx, origins: Sequence[UUID], limit: int, before: tuple[datetime, UUID] | None = None
) -> list[Cart]:
    """Carts last touched under one of `origins`, the latest changed first; merged ones are not
    shown. `before` is the (changed_at, id) of the last cart of the page before."""
    found = await tuples(
        tx,
        f"SELECT {_CART} FROM cart WHERE origin_id = ANY(%s)"
        " AND closed_reason IS DISTINCT FROM 'merged'"
        " AND (%s::timestamptz IS NULL OR (changed_at, id) < (%s, %s))"
        " ORDER BY changed_at DESC, id DESC LIMIT %s",
        (list(origins), *((before[0], *before) if before else (None, None, None)), limit),
    )
    return [_cart(row) for row in found]


async def latest_open(tx: Tx, origins: Sequence[UUID]) -> UUID | None:
    """Of the open carts last touched under one of `origins` that hold something, the latest
    changed."""
    found = await tuples(
        tx,
        "SELECT id FROM cart WHERE origin_id = ANY(%s) AND closed_at IS NULL AND items <> '[]'"
        " ORDER BY changed_at DESC, id DESC LIMIT 1",
        (list(origins),),
    )
    return found[0][0] if found else None


async def still_open(tx: Tx, cart_ids: Sequence[UUID]) -> list[UUID]:
    """Those of `cart_ids` that are open and hold something."""
    found = await tuples(
        tx,
        "SELECT id FROM cart WHERE id = ANY(%s) AND closed_at IS NULL AND items <> '[]'",
        (list(cart_ids),),
    )
    return [cart_id for (cart_id,) in found]


async def with_open_carts(tx: Tx, origins: Sequence[UUID]) -> list[UUID]:
    """Those of `origins` that have a cart that is open and holds something."""
    found = await tuples(
        tx,
        "SELECT DISTINCT origin_id FROM cart WHERE origin_id = ANY(%s) AND closed_at IS NULL"
        " AND items <> '[]'",
        (list(origins),),
    )
    return [origin for (origin,) in found]


async def every_open(tx: Tx) -> list[UUID]:
    """The origins of all carts that are open and hold something."""
    sql = "SELECT DISTINCT origin_id FROM cart WHERE closed_at IS NULL AND items <> '[]'"
    return [origin for (origin,) in await tuples(tx, sql)]


async def ordered_since(tx: Tx, origins: Sequence[UUID], since: datetime) -> list[Ordered]:
    """Orders placed under `origins` at `since` or later by event time, oldest first.

    Only the last sixty days are known here; the event log knows all.
    """
    found = await tuples(
        tx,
        "SELECT DISTINCT origin_id, ordered_at, order_id FROM order_mark"
        " WHERE key = ANY(%s) AND ordered_at >= %s ORDER BY ordered_at, origin_id",
        ([f"origin:{origin}" for origin in origins], since),
    )
    return [Ordered(*row) for row in found]


def _cart(row: tuple[Any, ...]) -> Cart:
    named = dict(zip(Cart.__struct_fields__, row, strict=False))
    items, amount, currency, url = row[8:12]
    return Cart(**{**named, "items": _items.decode(items), "value": amount, "currency": currency,
                   "url": url})  # fmt: skip


# The walk


async def load(tx: Tx, keys: Iterable[str], since: datetime) -> list[Draft]:
    """Open carts with any of `keys`, and those that were closed no earlier than `since`."""
    found = await tuples(
        tx,
        "SELECT id, key, origin_id, opened_at, changed_at, closed_at, closed_reason, order_id,"
        " currency, url, history::text, items::text FROM cart"
        " WHERE id = ANY(ARRAY(SELECT cart_id FROM cart_key WHERE key = ANY(%s)))"
        " AND (closed_at IS NULL OR closed_at >= %s) AND closed_reason IS DISTINCT FROM 'merged'"
        " AND history IS NOT NULL",
        (list(keys), since),
    )
    drafts = []
    for row in found:
        past = _history.decode(row[10])
        draft = Draft(
            id=row[0],
            key=row[1],
            origin_id=row[2],
            opened_at=row[3],
            changed_at=row[4],
            closed_at=row[5],
            closed_reason=row[6],
            order_id=row[7],
            currency=row[8],
            url=row[9],
            past=past,
            stored=True,
            filed=set(past.names),
        )
        recall(draft, _items.decode(row[11]))
        drafts.append(draft)
    return drafts


async def marks_since(tx: Tx, since: datetime, limit: int) -> list[Mark] | None:
    """All orders at `since` or later; None when their keys are more than `limit`."""
    found = await tuples(
        tx,
        "SELECT key, ordered_at, order_id, origin_id FROM order_mark WHERE ordered_at >= %s"
        " LIMIT %s",
        (since, limit + 1),
    )
    return _marks(found) if len(found) <= limit else None


async def marks(tx: Tx, keys: Iterable[str], since: datetime) -> list[Mark]:
    """Orders with any of `keys`, at `since` or later; each mark holds the keys that were asked."""
    found = await tuples(
        tx,
        "SELECT key, ordered_at, order_id, origin_id FROM order_mark"
        " WHERE key = ANY(%s) AND ordered_at >= %s",
        (list(keys), since),
    )
    return _marks(found)


def _marks(found: Iterable[tuple[Any, ...]]) -> list[Mark]:
    keys: dict[tuple[Any, ...], set[str]] = {}
    for key, *order in found:
        keys.setdefault(tuple(order), set()).add(key)
    return [Mark(at, order, frozenset(some), origin) for (at, order, origin), some in keys.items()]


async def save(tx: Tx, drafts: Sequence[Draft], orders: Sequence[Mark], oldest: datetime) -> None:
    """Write carts that changed and orders that came; orders before `oldest` leave no mark."""
    changed = [draft for draft in drafts if draft.dirty]
    old = [_record(d) for d in changed if d.stored]
    new = [_record(d) for d in changed if not d.stored]
    filed = [(key, d.id) for d in changed for key in d.past.names if key not in d.filed]
    gone = [d.id for d in changed if d.closed_reason == Closed.MERGED]
    rows = [(key, m) for m in orders if m.at >= oldest for key in m.keys]
    async with tx.pipeline():
        if old:
            sets = ", ".join(f"{c} = r.{c}" for c in _COLUMNS[1:])
            await execute(
                tx,
                f"UPDATE cart c SET {sets} FROM json_to_recordset(%s::json) AS r({_ROW})"
                " WHERE c.id = r.id",
                (encoded(old),),
            )
        if new:
            names = ", ".join(_COLUMNS)
            await execute(
                tx,
                f"INSERT INTO cart ({names}) SELECT {names} FROM json_to_recordset(%s::json)"
                f" AS r({_ROW})",
                (encoded(new),),
            )
        if filed:
            await execute(
                tx,
                "INSERT INTO cart_key (key, cart_id) SELECT * FROM unnest(%s::text[], %s::uuid[])"
                " ON CONFLICT DO NOTHING",
                ([key for key, _ in filed], [cart_id for _, cart_id in filed]),
            )
        if gone:
            await execute(tx, "DELETE FROM cart_key WHERE cart_id = ANY(%s)", (gone,))
        if rows:
            await execute(
                tx,
                "INSERT INTO order_mark (key, ordered_at, order_id, origin_id)"
                " SELECT * FROM unnest(%s::text[], %s::timestamptz[], %s::text[], %s::uuid[])"
                " ON CONFLICT DO NOTHING",
                (
                    [key for key, _ in rows],
                    [m.at for _, m in rows],
                    [m.order_id for _, m in rows],
                    [m.origin_id for _, m in rows],
                ),
            )


def _record(draft: Draft) -> dict[str, Any]:
    return {
        "id": draft.id,
        "key": draft.key,
        "origin_id": draft.origin_id,
        "opened_at": draft.opened_at,
        "changed_at": draft.changed_at,
        "closed_at": draft.closed_at,
        "closed_reason": draft.closed_reason,
        "order_id": draft.order_id,
        "items": list(draft.items.values()),
        "value": value(draft),
        "currency": draft.currency,
        "url": draft.url,
        "history": draft.past,
    }


# The order feed


async def beat(tx: Tx, orders: Mapping[str, Sequence[datetime]]) -> None:
    """Count orders, by feed, at the times they were received."""
    found = await tuples(tx, "SELECT feed, last_order_at FROM order_feed")
    last: dict[str, datetime] = dict(found)
    hours = [
        {"feed": feed, "day": day, "hour": hour, **msgspec.structs.asdict(entry)}
        for feed, times in orders.items()
        for (day, hour), entry in beats(last.get(feed), times).items()
    ]
    async with tx.pipeline():
        await execute(
            tx,
            "INSERT INTO order_feed_hour AS h (feed, day, hour, gaps, long_gaps, orders)"
            " SELECT feed, day, hour, gaps, long_gaps, orders FROM json_to_recordset(%s::json)"
            " AS r(feed text, day date, hour smallint, gaps integer, long_gaps integer[],"
            " orders integer)"
            " ON CONFLICT (feed, day, hour) DO UPDATE SET gaps = h.gaps + excluded.gaps,"
            " long_gaps = h.long_gaps || excluded.long_gaps, orders = h.orders + excluded.orders",
            (encoded(hours),),
        )
        await execute(
            tx,
            "INSERT INTO order_feed AS f (feed, last_order_at)"
            " SELECT * FROM unnest(%s::text[], %s::timestamptz[]) ON CONFLICT (feed)"
            " DO UPDATE SET last_order_at = greatest(f.last_order_at, excluded.last_order_at)",
            (list(orders), [max(times) for times in orders.values()]),
        )


async def any_order(tx: Tx) -> bool:
    """Whether any order was ever heard of."""
    return bool(await tuples(tx, "SELECT FROM order_feed LIMIT 1"))


async def feed_silence(tx: Tx, now: datetime) -> Silence | None:
    """The silence of the order feed at `now`, or None while orders come as they normally do.

    A shop whose server tells its orders is judged by those: browsers may go on telling some of
    them, but the customers whose browsers do not would be written to after they have bought. A
    server that has told none for four weeks tells none any more, and whatever comes at all counts.
    """
    found = await tuples(tx, "SELECT feed, last_order_at FROM order_feed ORDER BY feed DESC")
    for feed, last in found:
        if now - last <= LEAST:
            continue  # no pause that short is a silence, so the last four weeks need not be read
        if feed == "trusted" and now - last > WEEKS:
            continue
        rows = await tuples(
            tx,
            "SELECT day, hour, orders, gaps, long_gaps FROM order_feed_hour"
            " WHERE feed = %s AND day >= %s",
            (feed, (last - WEEKS).date()),
        )
        hours: dict[tuple[date, int], FeedHour] = {(r[0], r[1]): FeedHour(*r[2:]) for r in rows}
        if quiet := silence(now, last, hours):
            return quiet
    return None


# Retention, erasure, export


async def expire(tx: Tx, now: datetime) -> list[UUID]:
    """Close carts nobody touched for thirty days and drop what nothing late can need any more.

    At most 2,000 carts a time; the origin of each that was closed.
    """
    closed = await tuples(
        tx,
        "UPDATE cart SET closed_at = changed_at + %s, closed_reason = 'expired' WHERE id IN"
        " (SELECT id FROM cart WHERE closed_at IS NULL AND opened_at < %s AND changed_at < %s"
        " ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING origin_id",
        (OPEN_FOR, now - OPEN_FOR, now - OPEN_FOR, _AT_ONCE),
    )
    old = now - MARKS_KEPT
    await execute(
        tx,
        "WITH done AS (UPDATE cart SET history = NULL WHERE id IN (SELECT id FROM cart"
        " WHERE closed_at < %s AND closed_at IS NOT NULL AND history IS NOT NULL LIMIT %s"
        " FOR UPDATE SKIP LOCKED) RETURNING id)"
        " DELETE FROM cart_key USING done WHERE cart_id = done.id",
        (old, _AT_ONCE),
    )
    await execute(tx, "DELETE FROM order_mark WHERE ordered_at < %s", (old,))
    await execute(
        tx,
        "DELETE FROM order_feed_hour h USING order_feed f WHERE f.feed = h.feed"
        " AND h.day < least(f.last_order_at, %s)::date - %s",
        (now, (WEEKS * 2).days),
    )
    return [origin for (origin,) in closed]


async def erase(tx: Tx, origins: Sequence[UUID]) -> int:
    """Forget all carts and orders of `origins`; the number of carts."""
    own = list(origins)
    # The rows of one order share its time, which is indexed.
    await execute(
        tx,
        "DELETE FROM order_mark WHERE origin_id = ANY(%s) AND ordered_at IN"
        " (SELECT ordered_at FROM order_mark WHERE key = ANY(%s))",
        (own, [f"origin:{origin}" for origin in own]),
    )
    gone = await tuples(
        tx,
        "DELETE FROM cart WHERE origin_id = ANY(%s) OR id IN"
        " (SELECT cart_id FROM cart_key WHERE key = ANY(%s)) RETURNING id",
        (own, [f"origin:{origin}" for origin in own]),
    )
    await execute(tx, "DELETE FROM cart_key WHERE cart_id = ANY(%s)", ([i for (i,) in gone],))
    return len(gone)


async def export(tx: Tx, origins: Sequence[UUID]) -> dict[str, Any]:
    """Everything this room knows of `origins`, for the person herself."""
    found = await tuples(
        tx,
        f"SELECT {_CART} FROM cart WHERE origin_id = ANY(%s) ORDER BY opened_at, id",
        (list(origins),),
    )
    return {"carts": [msgspec.to_builtins(_cart(row)) for row in found]}

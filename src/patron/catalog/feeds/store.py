"""Feeds and what stood in them: the SQL of this floor."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from patron.catalog.feeds.types import Feed, Report, VariantFacts
from patron.kit.db import Tx, as_json, execute, rows, tuples, value

_LOCK = 7_236_504
_FEED = (
    "id, key, address, kind, every_seconds, paused, created_at, due_at, accepts, fetches, items,"
    " etag, last_modified, digest, turns_at, failures, tried_at, taken_at, error, remedy,"
    " report::text"
)
_report = msgspec.json.Decoder(Report)


class Stood(msgspec.Struct, frozen=True):
    """An item as it stood in the feed; `seen` is the number of the last fetch that had it."""

    item: str
    product_id: str
    variant: bool
    print: bytes
    seen: int
    gone: bool


async def try_lock(connection: Tx, schema: str) -> bool:
    """Become the only one who reads a shop's feeds, until the connection ends."""
    asks = "SELECT pg_try_advisory_lock(%s, hashtext(%s))"
    return bool(await value(connection, asks, (_LOCK, schema)))


# Feeds


async def insert(tx: Tx, feed: Feed) -> bool:
    """Whether the key was free."""
    return bool(
        await execute(
            tx,
            "INSERT INTO feed (id, key, address, kind, every_seconds, created_at, due_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (key) DO NOTHING",
            (
                feed.id, feed.key, feed.address, feed.kind, feed.every_seconds, feed.created_at,
                feed.due_at,
            ),
        )
    )  # fmt: skip


async def every(tx: Tx) -> list[Feed]:
    return _feeds(await tuples(tx, f"SELECT {_FEED} FROM feed ORDER BY key"))


async def by_key(tx: Tx, key: str) -> Feed | None:
    found = _feeds(await tuples(tx, f"SELECT {_FEED} FROM feed WHERE key = %s", (key,)))
    return found[0] if found else None


async def due(tx: Tx, now: datetime) -> list[Feed]:
    """The feeds to be fetched now, the longest due first."""
    asks = f"SELECT {_FEED} FROM feed WHERE NOT paused AND due_at <= %s ORDER BY due_at, key"
    return _feeds(await tuples(tx, asks, (now,)))


def _feeds(found: Sequence[tuple[Any, ...]]) -> list[Feed]:
    feeds = []
    for row in found:
        values = dict(zip(Feed.__struct_fields__, row, strict=True))
        report = values["report"]
        feeds.append(Feed(**{**values, "report": report and _report.decode(report)}))
    return feeds


async def is_due(tx: Tx, now: datetime) -> bool:
    asks = "SELECT EXISTS (SELECT 1 FROM feed WHERE NOT paused AND due_at <= %s)"
    return bool(await value(tx, asks, (now,)))


async def set_paused(tx: Tx, key: str, paused: bool, now: datetime) -> None:
    """Pause a feed, or go on with it at once."""
    await execute(
        tx,
        "UPDATE feed SET paused = %s, due_at = CASE WHEN %s THEN due_at ELSE %s END WHERE key = %s",
        (paused, paused, now, key),
    )


async def ask_for(tx: Tx, key: str, accepts: bool, now: datetime) -> None:
    """Have a feed fetched at once, also when it is the same as before."""
    await execute(
        tx,
        "UPDATE feed SET due_at = %s, accepts = %s, etag = NULL, last_modified = NULL,"
        " digest = NULL WHERE key = %s",
        (now, accepts, key),
    )


async def delete(tx: Tx, feed_id: UUID) -> None:
    # What is gone stays noted: when another feed has it again, it is shown again.
    await execute(tx, "DELETE FROM feed_item WHERE feed_id = %s AND NOT gone", (feed_id,))
    await execute(tx, "DELETE FROM feed WHERE id = %s", (feed_id,))


async def begin(tx: Tx, feed_id: UUID, until: datetime) -> int:
    """The number of a fetch that begins; when whoever does it dies, another one is due `until`."""
    return int(
        await value(
            tx,
            "UPDATE feed SET fetches = fetches + 1, due_at = %s WHERE id = %s RETURNING fetches",
            (until, feed_id),
        )
    )


async def failed(
    tx: Tx, feed_id: UUID, what: str, remedy: str, now: datetime, due_at: datetime
) -> None:
    await execute(
        tx,
        "UPDATE feed SET error = %s, remedy = %s, failures = failures + 1, tried_at = %s,"
        " due_at = %s WHERE id = %s",
        (what, remedy, now, due_at, feed_id),
    )


async def unchanged(tx: Tx, feed_id: UUID, now: datetime, due_at: datetime) -> None:
    """It was asked for, and is as it was."""
    await execute(
        tx,
        "UPDATE feed SET error = NULL, remedy = NULL, failures = 0, tried_at = %s, due_at = %s"
        " WHERE id = %s",
        (now, due_at, feed_id),
    )


async def taken(tx: Tx, feed: Feed) -> None:
    """Write down what came of reading it."""
    await execute(
        tx,
        "UPDATE feed SET error = NULL, remedy = NULL, failures = 0,"
        " accepts = accepts AND NOT %s, items = %s,"
        " etag = %s, last_modified = %s, digest = %s, turns_at = %s, tried_at = %s, taken_at = %s,"
        " due_at = %s, report = %s WHERE id = %s",
        (
            feed.accepts, feed.items, feed.etag, feed.last_modified, feed.digest, feed.turns_at,
            feed.tried_at, feed.taken_at, feed.due_at, as_json(feed.report), feed.id,
        ),
    )  # fmt: skip


async def forget_digest(tx: Tx, feed_id: UUID) -> None:
    """What is being read now is read again, whatever it was, if this is not finished."""
    await execute(
        tx,
        "UPDATE feed SET etag = NULL, last_modified = NULL, digest = NULL WHERE id = %s",
        (feed_id,),
    )


# What stood in them


async def stood(tx: Tx, feed_id: UUID, items: Sequence[str]) -> dict[str, Stood]:
    found = await rows(
        tx,
        Stood,
        "SELECT item, product_id, variant, print, seen, gone FROM feed_item"
        " WHERE feed_id = %s AND item = ANY(%s)",
        (feed_id, list(items)),
    )
    return {one.item: one for one in found}


async def keep(tx: Tx, feed_id: UUID, items: Sequence[Stood]) -> None:
    """Write down what stands in it now."""
    if not items:
        return
    await execute(
        tx,
        "INSERT INTO feed_item (feed_id, item, product_id, variant, print, seen)"
        " SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::boolean[], %s::bytea[],"
        " %s::integer[]) ON CONFLICT (feed_id, item) DO UPDATE SET"
        " product_id = excluded.product_id, variant = excluded.variant, print = excluded.print,"
        " seen = excluded.seen, gone = false",
        (
            feed_id,
            [one.item for one in items],
            [one.product_id for one in items],
            [one.variant for one in items],
            [one.print for one in items],
            [one.seen for one in items],
        ),
    )


async def touch(tx: Tx, feed_id: UUID, items: Sequence[str], seen: int) -> None:
    """These stand in it as they did."""
    await execute(
        tx,
        "UPDATE feed_item SET seen = %s WHERE feed_id = %s AND item = ANY(%s)",
        (seen, feed_id, list(items)),
    )


async def absent(tx: Tx, feed_id: UUID, fetch: int, limit: int) -> list[Stood]:
    """Items that this fetch had not, and the one before had."""
    return await rows(
        tx,
        Stood,
        "SELECT item, product_id, variant, print, seen, gone FROM feed_item"
        " WHERE feed_id = %s AND seen < %s AND NOT gone ORDER BY item LIMIT %s",
        (feed_id, fetch, limit),
    )


async def count_absent(tx: Tx, feed_id: UUID, fetch: int) -> int:
    asks = "SELECT count(*) FROM feed_item WHERE feed_id = %s AND seen < %s AND NOT gone"
    return int(await value(tx, asks, (feed_id, fetch)))


async def set_gone(tx: Tx, feed_id: UUID, items: Sequence[str]) -> None:
    await execute(
        tx,
        "UPDATE feed_item SET gone = true WHERE feed_id = %s AND item = ANY(%s)",
        (feed_id, list(items)),
    )


async def in_no_feed(tx: Tx, product_ids: Sequence[str]) -> list[str]:
    """Those of these products of which nothing stands in any feed now."""
    found = await tuples(
        tx,
        "SELECT id FROM unnest(%s::text[]) AS asked (id) WHERE NOT EXISTS"
        " (SELECT 1 FROM feed_item WHERE product_id = id AND NOT gone) ORDER BY id",
        (list(product_ids),),
    )
    return [product_id for (product_id,) in found]


async def hidden(tx: Tx, product_ids: Sequence[str]) -> set[str]:
    """Those of these products that were hidden because all of them had gone from the feeds."""
    found = await tuples(
        tx,
        "SELECT product_id FROM feed_item WHERE product_id = ANY(%s)"
        " GROUP BY product_id HAVING bool_and(gone)",
        (list(product_ids),),
    )
    return {product_id for (product_id,) in found}


# What variants have in common


async def open_groups(tx: Tx, product_ids: Sequence[str]) -> None:
    await execute(
        tx,
        "INSERT INTO feed_group SELECT DISTINCT * FROM unnest(%s::text[]) ON CONFLICT DO NOTHING",
        (list(product_ids),),
    )


async def take_groups(tx: Tx, limit: int) -> list[str]:
    """Some of the products whose variants changed; they leave the list."""
    found = await tuples(
        tx,
        "DELETE FROM feed_group WHERE product_id IN (SELECT product_id FROM feed_group"
        " ORDER BY product_id LIMIT %s) RETURNING product_id",
        (limit,),
    )
    return [product_id for (product_id,) in found]


async def variants(tx: Tx, product_ids: Sequence[str]) -> dict[str, list[VariantFacts]]:
    """The variants of products, each product's by their ids."""
    found: dict[str, list[VariantFacts]] = {}
    for one in await rows(
        tx,
        VariantFacts,
        "SELECT product_id, id, title, price, compare_at, available, image_url, url FROM variant"
        " WHERE product_id = ANY(%s) ORDER BY product_id, id",
        (list(product_ids),),
    ):
        found.setdefault(one.product_id, []).append(one)
    return found

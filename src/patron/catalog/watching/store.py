"""The catalog as a whole, and its changes since: the SQL that only reads.

Every statement that writes a product or a variant leaves the product's id in `product_change`, with
the number of its transaction (triggers do it, so no way in can be forgotten). A reader remembers
the oldest transaction that was still open when it looked: whatever it has not seen yet has that
number or a later one, in whatever order transactions end.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from patron.catalog.types import KeyKind
from patron.kit.db import Tx, execute, row, rows, tuples, value

_PRODUCT = (
    "p.id, p.title, coalesce(p.price, v.price), p.compare_at, p.currency,"
    " coalesce(p.available, v.available), coalesce(p.stock, v.stock), p.brand, p.categories,"
    " p.image_url, p.url, p.attributes, p.margin, p.shown, p.created_at"
    " FROM product p LEFT JOIN LATERAL (SELECT min(price) AS price,"
    " bool_or(available) AS available, least(sum(stock), 2147483647)::integer AS stock"
    " FROM variant WHERE product_id = p.id) v ON true"
)
_BESIDES = f"value <> product_id AND kind <> {int(KeyKind.URL)}"


class Ware(msgspec.Struct, frozen=True):
    """A product as whoever offers it needs it; money in minor units of `currency`.

    `available` and `stock` are the product's own, or, where it says nothing, those of its variants:
    it can be bought when one of them can.
    """

    id: str
    title: str | None
    price: int | None
    compare_at: int | None
    currency: str | None
    available: bool | None
    stock: int | None
    brand: str | None
    categories: list[str]
    image_url: str | None
    url: str | None
    attributes: dict[str, object]
    margin: float | None
    shown: bool
    created_at: datetime


class Name(msgspec.Struct, frozen=True):
    """A name and the id of the product that is found by it."""

    value: str
    product: str


class Seen(msgspec.Struct, frozen=True):
    """How far a reader has seen the catalog's changes."""

    oldest: int


async def ids(tx: Tx) -> list[str]:
    """The ids of all products, in order."""
    return [id for (id,) in await tuples(tx, 'SELECT id FROM product ORDER BY id COLLATE "C"')]


async def seen(tx: Tx) -> Seen:
    """Up to where changes are seen by who reads the catalog from now on, in this transaction or a
    later one."""
    return Seen(
        int(await value(tx, "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"))
    )


async def changed(tx: Tx, since: Seen) -> tuple[list[str], Seen]:
    """Products that were made, changed or deleted since, perhaps some that were not; and how far
    this saw."""
    found = await row(
        tx,
        _Changes,
        "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint,"
        " coalesce((SELECT array_agg(DISTINCT product_id) FROM product_change"
        " WHERE tx >= %s::text::xid8), '{}')",
        (str(since.oldest),),
    )
    assert found is not None
    return found.ids, Seen(found.oldest)


class _Changes(msgspec.Struct):
    oldest: int
    ids: list[str]


async def note(tx: Tx, product_ids: Sequence[str]) -> None:
    """Have these products read anew, though no row of theirs was written: a name led to them."""
    if product_ids:
        sql = "INSERT INTO product_change (product_id) SELECT unnest(%s::text[])"
        await execute(tx, sql, (list(product_ids),))


async def wares(tx: Tx, after: str | None, limit: int) -> list[Ware]:
    """Products by id, those behind `after`."""
    return await rows(
        tx,
        Ware,
        f"SELECT {_PRODUCT} WHERE %s::text IS NULL OR p.id > %s ORDER BY p.id LIMIT %s",
        (after, after, limit),
    )


async def these(tx: Tx, product_ids: Sequence[str]) -> list[Ware]:
    """Products by their ids; those that do not exist are left out."""
    return await rows(tx, Ware, f"SELECT {_PRODUCT} WHERE p.id = ANY(%s)", (list(product_ids),))


async def names(tx: Tx, after: str, limit: int) -> list[Name]:
    """What products are called besides their ids, by name, those behind `after`; no addresses."""
    return await rows(
        tx,
        Name,
        "SELECT DISTINCT ON (value) value, product_id FROM product_key"
        f" WHERE value > %s AND {_BESIDES} ORDER BY value, rank DESC, kind LIMIT %s",
        (after, limit),
    )


async def names_of(tx: Tx, product_ids: Sequence[str]) -> list[Name]:
    """The names of these products, and whose they are now."""
    return await rows(
        tx,
        Name,
        "SELECT DISTINCT ON (value) value, product_id FROM product_key WHERE value IN"
        " (SELECT value FROM product_key WHERE product_id = ANY(%s))"
        f" AND {_BESIDES} ORDER BY value, rank DESC, kind",
        (list(product_ids),),
    )


async def sweep(tx: Tx) -> int:
    """Forget changes of more than ten minutes ago, by the clock that dated them: readers look many
    times a minute, and one that was away reads everything anew."""
    return await execute(tx, "DELETE FROM product_change WHERE at < now() - interval '10 minutes'")

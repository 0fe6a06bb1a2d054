"""Products as the API shows them: the SQL that only reads."""

from datetime import datetime
from typing import Any

from patron.catalog.types import (
    THE_SHOP,
    KeyKind,
    PricePoint,
    ProductKey,
    ProductStory,
    ProductView,
    StockPoint,
    UnresolvedId,
    VariantView,
)
from patron.kit.db import Tx, tuples
from patron.kit.money import Money

HISTORY_POINTS = 200
_PRODUCT = (
    "id, title, price, compare_at, available, stock, brand, categories, image_url, url, attributes,"
    " margin, shown, rank, changed_at, currency"
)


async def listed(tx: Tx, search: str | None, after: str | None, limit: int) -> list[ProductView]:
    """Products by id. `search` is looked for in title, brand and id, whatever the letter case: a
    scan, about 0.1 s for 100,000 products."""
    pattern = None
    if search:
        plain = search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        pattern = f"%{plain}%"
    rows = await tuples(
        tx,
        f"SELECT {_PRODUCT} FROM product WHERE (%s::text IS NULL OR id > %s)"
        " AND (%s::text IS NULL OR title ILIKE %s OR brand ILIKE %s OR id ILIKE %s)"
        " ORDER BY id LIMIT %s",
        (after, after, pattern, pattern, pattern, pattern, limit),
    )
    return [_view(row) for row in rows]


async def largest_categories(tx: Tx, limit: int) -> list[str]:
    """The uppermost categories with the most products that are shown: a scan, about 0.05 s for
    100,000 products."""
    rows = await tuples(
        tx,
        "SELECT categories[1] FROM product WHERE shown AND categories[1] IS NOT NULL"
        " GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT %s",
        (limit,),
    )
    return [name for (name,) in rows]


async def story(tx: Tx, product_id: str) -> ProductStory | None:
    """Everything known of a product, or None."""
    rows = await tuples(tx, f"SELECT {_PRODUCT} FROM product WHERE id = %s", (product_id,))
    if not rows:
        return None
    currency = rows[0][-1]
    variants = await tuples(
        tx,
        "SELECT id, title, price, compare_at, available, stock, image_url, url, attributes"
        " FROM variant WHERE product_id = %s ORDER BY id LIMIT 1000",
        (product_id,),
    )
    keys = await tuples(
        tx,
        "SELECT kind, value, variant_id FROM product_key WHERE product_id = %s"
        " ORDER BY kind, value LIMIT 1000",
        (product_id,),
    )
    prices = await tuples(
        tx,
        "SELECT at, variant_id, price, compare_at, currency, source FROM price_history"
        " WHERE product_id = %s ORDER BY at DESC LIMIT %s",
        (product_id, HISTORY_POINTS),
    )
    stocks = await tuples(
        tx,
        "SELECT at, variant_id, stock, available, source FROM stock_history"
        " WHERE product_id = %s ORDER BY at DESC LIMIT %s",
        (product_id, HISTORY_POINTS),
    )
    return ProductStory(
        product=_view(rows[0]),
        variants=[_variant(row, currency) for row in variants],
        keys=[ProductKey(KeyKind(kind).name.lower(), value, v) for kind, value, v in keys],
        prices=[
            PricePoint(r[0], r[1], _money(r[2], r[4]), _money(r[3], r[4]), r[5]) for r in prices
        ],
        stocks=[StockPoint(*row) for row in stocks],
    )


async def unresolved(
    tx: Tx, before: tuple[datetime, str, int] | None, limit: int
) -> list[UnresolvedId]:
    """Ids that events use and nobody knows, the latest seen first; `before` is (last_seen, value,
    kind) of the last of the page before."""
    rows = await tuples(
        tx,
        "SELECT value, kind, title, first_seen, last_seen, count FROM unresolved_id"
        " WHERE %s::timestamptz IS NULL OR (last_seen, value, kind) < (%s, %s, %s)"
        " ORDER BY last_seen DESC, value DESC, kind DESC LIMIT %s",
        (*((before[0], *before) if before else (None, None, None, None)), limit),
    )
    return [UnresolvedId(r[0], KeyKind(r[1]).name.lower(), *r[2:]) for r in rows]


def _view(row: tuple[Any, ...]) -> ProductView:
    currency = row[15]
    return ProductView(
        id=row[0],
        title=row[1],
        price=_money(row[2], currency),
        compare_at=_money(row[3], currency),
        available=row[4],
        stock=row[5],
        brand=row[6],
        categories=row[7],
        image_url=row[8],
        url=row[9],
        attributes=row[10],
        margin=row[11],
        shown=row[12],
        told_by_the_shop=row[13] >= THE_SHOP,
        changed_at=row[14],
    )


def _variant(row: tuple[Any, ...], currency: str | None) -> VariantView:
    return VariantView(
        id=row[0],
        title=row[1],
        price=_money(row[2], currency),
        compare_at=_money(row[3], currency),
        available=row[4],
        stock=row[5],
        image_url=row[6],
        url=row[7],
        attributes=row[8],
    )


def _money(amount: int | None, currency: str | None) -> Money | None:
    return None if amount is None or currency is None else Money(amount, currency)

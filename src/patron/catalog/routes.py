"""Products over the API."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, FromQuery, QueryParameter

from patron.catalog import store
from patron.catalog.parse import FieldError, parse
from patron.catalog.reading import store as reading
from patron.catalog.types import (
    FactSource,
    KeyKind,
    ProductIn,
    ProductStory,
    ProductView,
    UnresolvedId,
)
from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.kit.paging import Page, bounded, decode, encode
from patron.kit.problems import bad_request, not_found
from patron.shops.access import requires
from patron.shops.types import Shop

MOST_AT_ONCE = 1_000


class Upsert(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to 1,000 products, each an object with at least an `id`."""

    products: list[dict[str, Any]]


class RowError(msgspec.Struct, frozen=True):
    """`row` counts from 0; the whole row was left out."""

    row: int
    id: str | None
    errors: list[FieldError]


class Upserted(msgspec.Struct, frozen=True):
    """`prices` and `stocks` are the changes that went into the histories."""

    inserted: int
    updated: int
    unchanged: int
    prices: int
    stocks: int
    resolved: int
    refused: list[RowError]


_EXAMPLE = Example(
    summary="Two products",
    value={
        "products": [
            {
                "id": "tea-1",
                "title": "Sencha, 100 g",
                "price": "12.50",
                "compare_at": "15.00",
                "stock": 40,
                "brand": "Hollin Farm",
                "categories": ["Tea", "Green"],
                "url": "https://shop.example/p/tea-1",
                "image_url": "https://shop.example/i/tea-1.png",
                "margin": "40%",
                "sku": "SEN-100",
            },
            {"id": "cup-2", "price": {"amount": 900, "currency": "USD"}, "available": False},
        ]
    },
)


@get(
    "/api/products",
    guards=[requires("catalog:read")],
    tags=["catalog"],
    summary="Products",
)
async def list_products(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    search: Annotated[
        str | None, QueryParameter(description="Part of title, brand or id", max_length=200)
    ] = None,
    called: Annotated[
        str | None,
        QueryParameter(
            description="Any one of its names, whole: id, variant id, SKU, GTIN, feed id or URL",
            max_length=1_000,
        ),
    ] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> Page[ProductView]:
    """The products by id, a page at a time; or the one that is `called` so."""
    key = decode(cursor, 1)
    bounded(limit)
    if called is not None:
        return Page(await _called(db, shop, called), None)
    if (search and "\0" in search) or (key and (not isinstance(key[0], str) or "\0" in key[0])):
        raise bad_request("search: a text cannot hold NUL", remedy="leave it out", path="search")
    async with db.unit(shop.schema) as tx:
        found = await reading.listed(tx, search, key[0] if key else None, limit + 1)
    more = len(found) > limit
    return Page(found[:limit], encode([found[limit - 1].id]) if more else None)


@post(
    "/api/products",
    guards=[requires("catalog:write")],
    status_code=200,
    tags=["catalog"],
    summary="Upsert products",
)
async def upsert_products(
    data: Annotated[Upsert, Body(examples=[_EXAMPLE])],
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
) -> Upserted:
    """Creates products or changes the fields that are given; null empties a field. Rows with an
    error are left out and listed, the others are taken."""
    if len(data.products) > MOST_AT_ONCE:
        raise bad_request(
            f"products: {len(data.products)} are too many at once",
            remedy=f"send at most {MOST_AT_ONCE:,} a call, or import a file",
            path="products",
        )
    good: list[ProductIn] = []
    refused: list[RowError] = []
    for number, row in enumerate(data.products):
        parsed = parse(row, shop.currency)
        if parsed.product is None or parsed.errors:
            refused.append(
                RowError(number, parsed.product.id if parsed.product else None, parsed.errors)
            )
        elif _unstorable(row):
            error = FieldError("", "", "text without NUL and lone surrogates")
            refused.append(RowError(number, None, [error]))
        else:
            good.append(parsed.product)
    now = clock.now()
    report = await db.run(shop.schema, lambda tx: store.upsert(tx, good, FactSource.API, now))
    return Upserted(**msgspec.structs.asdict(report), refused=refused)


@get(
    "/api/products/unresolved",
    guards=[requires("catalog:read")],
    tags=["catalog"],
    summary="Product ids nobody knows",
)
async def list_unresolved(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> Page[UnresolvedId]:
    """Ids that events use and no product of the shop has, the latest seen first. They leave the
    list when a product arrives that has them as id, variant, SKU, GTIN, feed id or URL."""
    key = decode(cursor, 3)
    bounded(limit)
    before = None
    if key is not None:
        try:
            before = datetime.fromisoformat(str(key[0])), str(key[1]), int(KeyKind[str(key[2])])
        except (ValueError, KeyError) as error:
            raise bad_request(
                "cursor is not one of ours", remedy="pass next_cursor unchanged", path="cursor"
            ) from error
    async with db.unit(shop.schema) as tx:
        found = await reading.unresolved(tx, before, limit + 1)
    last = found[limit - 1] if len(found) > limit else None
    return Page(
        found[:limit],
        encode([last.last_seen.isoformat(), last.value, last.kind.upper()]) if last else None,
    )


@get(
    "/api/products/{product_id:str}",
    guards=[requires("catalog:read")],
    tags=["catalog"],
    summary="One product",
)
async def show_product(
    product_id: FromPath[str], db: NamedDependency[Database], shop: NamedDependency[Shop]
) -> ProductStory:
    """A product with variants, the names it is found by, and its price and stock history. Any of
    its names will do: id, variant id, SKU, GTIN, feed id. By its URL it is found as
    `/api/products?called=…`."""
    if "\0" in product_id:
        raise not_found("product", product_id)
    async with db.unit(shop.schema) as tx:
        story = await reading.story(tx, product_id)
        if story is None:
            found = await store.find(tx, [product_id])
            if product_id in found:
                story = await reading.story(tx, found[product_id].product_id)
    if story is None:
        raise not_found("product", product_id)
    return story


async def _called(db: Database, shop: Shop, name: str) -> list[ProductView]:
    if "\0" in name:
        return []
    async with db.unit(shop.schema) as tx:
        found = (await store.find(tx, [name])).get(name)
        story = None if found is None else await reading.story(tx, found.product_id)
    return [] if story is None else [story.product]


def _unstorable(row: dict[str, Any]) -> bool:
    """Whether PostgreSQL could not hold some text in `row`."""
    try:
        return b"\\u0000" in msgspec.json.encode(row)
    except (UnicodeEncodeError, msgspec.EncodeError):
        return True


routes: list[HTTPRouteHandler] = [list_products, upsert_products, list_unresolved, show_product]

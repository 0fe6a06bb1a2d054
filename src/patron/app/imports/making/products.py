"""Rows about products, as the catalog takes them."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from patron.app.cli.house import OpenHouse
from patron.app.imports.making.calls import Shape
from patron.app.imports.reading.faults import Faults
from patron.app.imports.reading.tables import Row
from patron.app.imports.reading.values import identifier
from patron.app.imports.wellknown import FIELDS
from patron.catalog import store
from patron.catalog.parse import ALIASES, parse
from patron.catalog.types import FactSource, ProductIn
from patron.catalog.types import UpsertReport as Report
from patron.kit.db import Database, Tx
from patron.shops.types import Shop

BATCH = 1_000
Done = Callable[[int, Report], None]


class Products:
    """Makes a product, or a variant of one, of each row."""

    def __init__(self, shape: Shape, faults: Faults) -> None:
        self._shape = shape
        self._faults = faults
        self._fields = [(name, shape.take(name)) for name in FIELDS["products"] if shape.has(name)]
        self._currency = shape.options.currency or shape.shop.currency

    def make(self, rows: Sequence[Row]) -> list[ProductIn]:
        """The products of these rows; what cannot be understood is left out and told."""
        made = []
        for number, cells in rows:
            found = parse(self._row(cells), self._currency)
            for error in found.errors:
                self._faults.add(
                    number, self._shape.column(error.field), error.value,
                    "cannot be understood" if error.value else error.expected,
                    f"write {error.expected}" if error.value else "add it, or leave the row out",
                )  # fmt: skip
            if found.product is not None:
                made.append(found.product)
        return made

    def _row(self, cells: Sequence[Any]) -> dict[str, Any]:
        """What a row says, under the catalog's names. Blank cells say nothing."""
        row = {name: value for name, read in self._fields if (value := read(cells)) is not None}
        for name in ("id", "group", "sku", "gtin", "feed_id"):
            if name in row:
                row[name] = identifier(row[name])
        # A row without an id of its own speaks of the product as a whole.
        if "id" not in row and "group" in row:
            row["id"] = row["group"]
        told = {ALIASES[name][0]: value for name, value in row.items()}
        for name, value in self._shape.free(cells, "attributes"):
            told.setdefault(name, value)
        return told


async def upsert_all(
    house: OpenHouse, shop: Shop, rows: Iterator[Row], maker: Products, done: Done
) -> None:
    """Bring the products of `rows` into the catalog; `done` is told of each committed batch: how
    many rows it had and what it changed."""
    async with Database(house.url, max_size=1, name="patron-import") as db:
        while part := list(islice(rows, BATCH)):
            products = maker.make(part)
            now = house.clock.now()

            async def put(tx: Tx, made: list[ProductIn] = products, at: datetime = now) -> Report:
                return await store.upsert(tx, made, FactSource.IMPORT, at)

            done(len(part), await db.run(shop.schema, put))

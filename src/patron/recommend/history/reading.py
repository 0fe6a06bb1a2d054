"""Reads a shop's past: what was looked at and put into carts from the sorted copy, what the copy
does not hold yet and all orders from the lake.

The sorted copy has no lines of orders, so these come from the events themselves; there is one for
every fifty visits, and a file whose statistics exclude the time is not opened.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.events.sorted.layout import FORGOTTEN, Folder, Manifest, Run
from patron.kit.lake import Lake
from patron.recommend.history.belonging import Segments, belonging
from patron.recommend.history.shaping import Rows, joined, remaining, shaped
from patron.recommend.popular.types import Groups
from patron.recommend.types import Interactions, Kind

SINCE = timedelta(days=730)
MOST_ROWS = 60_000_000
"""The latest views and carts that are read; each takes about 25 bytes."""
ROWS_AT_ONCE = 2_000_000
DAY = 86_400
MICROS = 1_000_000
VALUES_AT_ONCE = 20_000

Find = Callable[[Sequence[str]], Awaitable[dict[str, str]]]
"""The ids of products by any of their names, for the names that the catalog knows."""


class Names(msgspec.Struct, frozen=True):
    """What the shop calls the events that count."""

    viewed: str
    added: str
    ordered: str


class Told(msgspec.Struct, frozen=True):
    """What the database knows and the lake does not. `items` are the ids of all products, `roots`
    the root of each origin that is not its own, `gone` who was erased and may still be there,
    `countries` that of each root of whom it is known, `segments` who is in each."""

    items: list[str]
    roots: dict[bytes, bytes]
    gone: set[bytes]
    names: Names
    countries: dict[bytes, str] = {}
    segments: Segments = {}


class Past(msgspec.Struct, frozen=True):
    """A shop's past up to a position of its log. `homes` are the countries in which enough people
    live to be a group of their own, and the segments in which enough are."""

    interactions: Interactions
    items: list[str]
    position: int
    homes: Groups | None = None


async def past(lake: Lake, folder: Folder, told: Told, find: Find, now: datetime) -> Past:
    """All that counts of the last two years, as far as the lake holds it."""
    since = int((now - SINCE).timestamp())
    manifest = folder.manifest()
    if manifest is not None and "product_id" in manifest.given_up:
        manifest = None
    reader = _Reader(told, find)
    if manifest is not None:
        await reader.take_copy(folder, manifest, since)
    covered = 0 if manifest is None else manifest.position
    position = await reader.take_lake(lake, since, covered)
    seen, who = reader.interactions()
    deeds = np.bincount(seen.person, minlength=seen.people)
    groups = belonging(who, deeds, told.countries, told.segments, told.roots)
    return Past(seen, told.items, max(position, covered), groups)


class _Reader:
    """Collects rows, and numbers origins and items on the way."""

    def __init__(self, told: Told, find: Find) -> None:
        self._told = told
        self._find = find
        self._item = {id: number for number, id in enumerate(told.items)}
        self._parts: list[Rows] = []
        self._origins: list[NDArray[np.bytes_]] = []
        self._counted = 0

    async def take_copy(self, folder: Folder, manifest: Manifest, since: int) -> None:
        kinds = {self._told.names.viewed: Kind.VIEW, self._told.names.added: Kind.CART}
        runs = [run for run in manifest.runs if run.name in kinds and "product_id" in run.columns]
        if not runs:
            return
        said = [str(one[0]) if one else "" for one in folder.told(manifest, "product_id")]
        numbers = await self._items(said)
        since = _bounded(folder, runs, since)
        first = self._number(folder.known(manifest))
        for run in runs:
            for begin in range(0, run.rows, ROWS_AT_ONCE):
                some = slice(begin, min(begin + ROWS_AT_ONCE, run.rows))
                at = folder.mapped(run, "at")[some] // MICROS
                item = numbers[folder.mapped(run, "product_id")[some]]
                good = (at >= since) & (item >= 0)
                count = int(good.sum())
                self._parts.append(
                    Rows(
                        folder.mapped(run, "who")[some][good].astype(np.int64) + first,
                        item[good],
                        at[good].astype(np.int64),
                        np.full(count, kinds[run.name], np.int8),
                        np.full(count, -1, np.int32),
                    )
                )

    async def take_lake(self, lake: Lake, since: int, covered: int) -> int:
        """Orders, and what came behind the position `covered`; the lake's last position."""
        import duckdb

        files = lake.files()
        if not files:
            return covered
        names = self._told.names
        asked = {
            "files": files,
            "since": since,
            "covered": covered,
            "ordered": names.ordered,
            "others": [names.viewed, names.added],
        }
        with duckdb.connect(config={"memory_limit": "1GB", "threads": 1}) as db:
            orders = db.sql(
                _ORDERS, params=_only(asked, "files", "since", "ordered")
            ).to_arrow_table()
            await self._take(orders, lambda _: Kind.BUY)
            later = db.sql(
                _LATER, params=_only(asked, "files", "since", "covered", "others")
            ).to_arrow_table()
            await self._take(later, lambda name: Kind.VIEW if name == names.viewed else Kind.CART)
            last = db.execute(_LAST, {"files": files}).fetchone()
        return int(last[0]) if last and last[0] is not None else covered

    async def _take(self, table: "object", kind_of: Callable[[str], Kind]) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        assert isinstance(table, pa.Table)
        if table.num_rows == 0:
            return
        product = pc.dictionary_encode(table.column("product").combine_chunks())
        numbers = await self._items(product.dictionary.to_pylist())
        origin = pc.dictionary_encode(table.column("origin").combine_chunks())
        ids = [bytes.fromhex(one.replace("-", "")) for one in origin.dictionary.to_pylist()]
        first = self._number(np.array(ids, "S16"))
        name = pc.dictionary_encode(table.column("name").combine_chunks())
        kinds = np.array([kind_of(one) for one in name.dictionary.to_pylist()], np.int8)
        self._parts.append(
            Rows(
                origin.indices.to_numpy().astype(np.int64) + first,
                numbers[product.indices.to_numpy()],
                table.column("at").to_numpy().astype(np.int64),
                kinds[name.indices.to_numpy()],
                table.column("basket").to_numpy().astype(np.int32),
            )
        )

    async def _items(self, said: Sequence[str]) -> NDArray[np.int32]:
        """The numbers of products by what they were called; -1 for what is not sold here."""
        numbers = np.full(len(said), -1, np.int32)
        strange = []
        for place, name in enumerate(said):
            number = self._item.get(name)
            if number is not None:
                numbers[place] = number
            elif name:
                strange.append(place)
        for begin in range(0, len(strange), VALUES_AT_ONCE):
            some = strange[begin : begin + VALUES_AT_ONCE]
            found = await self._find([said[place] for place in some])
            for place in some:
                numbers[place] = self._item.get(found.get(said[place], ""), -1)
        return numbers

    def _number(self, ids: NDArray[np.bytes_]) -> int:
        """Give origins their numbers; the first of them."""
        first = self._counted
        self._origins.append(ids)
        self._counted += len(ids)
        return first

    def interactions(self) -> tuple[Interactions, NDArray[np.bytes_]]:
        """What counts, and the root of each person in it."""
        rows = joined(self._parts)
        self._parts = []
        root, ids = self._roots()
        return shaped(rows, root, len(self._told.items)), ids[remaining(rows, root)]

    def _roots(self) -> tuple[NDArray[np.int64], NDArray[np.bytes_]]:
        """By number of an origin a number of its person, negative for who was erased; and by that
        number the person's root."""
        if not self._origins:
            return np.empty(0, np.int64), np.empty(0, "S16")
        every = np.concatenate(self._origins)
        gone = (every == FORGOTTEN) | (every == b"")
        if self._told.gone:
            gone |= np.isin(every, np.array(list(self._told.gone), "S16"))
        if self._told.roots:
            origins = np.array(list(self._told.roots), "S16")
            roots = np.array(list(self._told.roots.values()), "S16")
            order = np.argsort(origins)
            place = np.minimum(np.searchsorted(origins[order], every), len(origins) - 1)
            moved = origins[order][place] == every
            every = np.where(moved, roots[order][place], every)
        ids, person = np.unique(every, return_inverse=True)
        return np.where(gone, -1, person).astype(np.int64), ids


def _bounded(folder: Folder, runs: Iterable[Run], since: int) -> int:
    """From when on rows are read, so that there are at most `MOST_ROWS`: whole days, the latest."""
    days: dict[int, int] = {}
    for run in runs:
        for begin in range(0, run.rows, ROWS_AT_ONCE):
            at = folder.mapped(run, "at")[begin : begin + ROWS_AT_ONCE] // (MICROS * DAY)
            found, counts = np.unique(at, return_counts=True)
            for day, count in zip(found.tolist(), counts.tolist(), strict=True):
                days[day] = days.get(day, 0) + count
    total = 0
    for day in sorted(days, reverse=True):
        total += days[day]
        if total > MOST_ROWS:
            return max(since, (day + 1) * DAY)
    return since


def _only(asked: dict[str, object], *names: str) -> dict[str, object]:
    return {name: asked[name] for name in names}


# An order that was sent twice under two message ids counts once: orders are told apart by their id.
# A line is known by whatever it calls its product.
_ORDERS = """
    WITH orders AS (
        SELECT arg_min(origin_id, position) AS origin, min(ts) AS ts,
            arg_max(json_extract(body, '$.properties.products'), position) AS products
        FROM read_parquet($files)
        WHERE name = $ordered AND epoch(ts) >= $since
        GROUP BY coalesce(json_extract_string(body, '$.properties.order_id'), message_id)
    ), lines AS (
        SELECT row_number() OVER (ORDER BY ts, origin) - 1 AS basket, origin, ts,
            unnest(CAST(products AS JSON[])) AS line
        FROM orders WHERE json_type(products) = 'ARRAY'
    )
    SELECT DISTINCT CAST(origin AS VARCHAR) AS origin, 'order' AS name,
        CAST(floor(epoch(ts)) AS BIGINT) AS at, CAST(basket AS INTEGER) AS basket,
        coalesce(json_extract_string(line, '$.product_id'), json_extract_string(line, '$.sku'),
            json_extract_string(line, '$.variant_id')) AS product
    FROM lines WHERE product IS NOT NULL
"""
_LATER = """
    SELECT CAST(origin_id AS VARCHAR) AS origin, name, CAST(floor(epoch(ts)) AS BIGINT) AS at,
        CAST(-1 AS INTEGER) AS basket,
        coalesce(json_extract_string(body, '$.properties.product_id'),
            json_extract_string(body, '$.properties.sku')) AS product
    FROM read_parquet($files)
    WHERE position > $covered AND epoch(ts) >= $since AND list_contains($others, name)
        AND product IS NOT NULL
"""
_LAST = "SELECT max(position) FROM read_parquet($files)"

"""Products and the names they are found by: the SQL of this room."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from patron.catalog.keys import candidates
from patron.catalog.merge import (
    PRODUCT_FIELDS,
    VARIANT_FIELDS,
    blank,
    claim,
    copied,
    history,
    is_settled,
    merge,
)
from patron.catalog.types import (
    THE_SHOP,
    Claim,
    FactSource,
    Item,
    KeyKind,
    Known,
    ProductIn,
    UnresolvedId,
    UpsertReport,
)
from patron.catalog.watching import store as watching
from patron.kit.db import Tx, as_json, execute, tuples

_PRODUCT = ", ".join(PRODUCT_FIELDS)
_VARIANT = ", ".join(VARIANT_FIELDS)
_FACTS = (
    "title text, price bigint, compare_at bigint, currency text, available boolean, stock integer,"
    " brand text, categories text[], image_url text, url text, attributes jsonb,"
    " margin double precision, shown boolean"
)
_VARIANT_FACTS = (
    "title text, price bigint, compare_at bigint, available boolean, stock integer,"
    " image_url text, url text, attributes jsonb"
)
HISTORY_POINTS = 200
_said = msgspec.json.Decoder(dict[str, tuple[int, float]])


# Writing


async def upsert(
    tx: Tx, products: Sequence[ProductIn], source: FactSource, at: datetime
) -> UpsertReport:
    """Take over what `source` says of `products` at the time `at`; a product that is named twice is
    told twice. Give some thousands at a time."""
    return await put(tx, [claim(product, source, at) for product in products])


async def put(tx: Tx, claims: Sequence[Claim]) -> UpsertReport:
    """Merge `claims` into the products they name, in their order."""
    report = UpsertReport()
    told: dict[str, list[Claim]] = {}
    for one in claims:
        told.setdefault(one.product_id, []).append(one)
    now = max((one.at for one in claims), default=None)
    prices: list[dict[str, Any]] = []
    stocks: list[dict[str, Any]] = []
    # What changes nothing needs no lock: looked at first, it leaves a browser's flood of known
    # facts and the nightly import of the same file without a write.
    seen = await _load(tx, sorted(told), lock=False)
    for product in seen.values():
        _merged(product, told[product.id])
    pending = sorted(p for p in told if p not in seen or seen[p].changed)
    report.unchanged = len(told) - len(pending)
    while pending and now is not None:
        known = await _load(tx, pending, lock=True)
        points = {}
        for product_id in pending:
            product = known.setdefault(product_id, blank(product_id))
            points[product_id] = _merged(product, told[product_id])
        taken = await _insert(tx, [p for p in known.values() if not p.stored], now)
        # What another transaction inserted meanwhile is merged again, with what it wrote.
        pending = [p.id for p in known.values() if not p.stored and p.id not in taken]
        done = [p for p in known.values() if p.stored or p.id in taken]
        old = [p for p in done if p.stored and p.changed]
        await _update(tx, old, now)
        await _variants(tx, [p for p in done if p.changed or not p.stored or p.variants])
        for product in done:
            prices += points[product.id][0]
            stocks += points[product.id][1]
        report.inserted += len(taken)
        report.updated += len(old)
        report.unchanged += len(done) - len(taken) - len(old)
    report.prices, report.stocks = len(prices), len(stocks)
    await _histories(tx, prices, stocks)
    report.resolved = await _file(tx, claims)
    return report


def _merged(
    product: Known, claims: Iterable[Claim]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Merge `claims` and tell which prices and stocks changed."""
    prices: list[dict[str, Any]] = []
    stocks: list[dict[str, Any]] = []
    for one in claims:
        before: dict[str | None, dict[str, Any]] = {None: copied(product)}
        before.update(
            (v, copied(product.variants[v])) for v in one.variants if v in product.variants
        )
        merge(product, one)
        for variant_id in (None, *one.variants):
            thing = product if variant_id is None else product.variants[variant_id]
            price, stock = history(before.get(variant_id, {}), thing)
            point = {
                "product_id": product.id,
                "variant_id": variant_id,
                "at": one.at,
                "source": one.source.value,
                "currency": product.facts["currency"],
                **copied(thing),
            }
            if price:
                prices.append(point)
            if stock:
                stocks.append(point)
    return prices, stocks


async def _load(tx: Tx, ids: list[str], *, lock: bool) -> dict[str, Known]:
    """Products by id with their variants; locked in the order of their ids, when asked."""
    rows = await tuples(
        tx,
        f"SELECT id, rank, said::text, {_PRODUCT} FROM product WHERE id = ANY(%s)"
        + (" ORDER BY id FOR UPDATE" if lock else ""),
        (ids,),
    )
    if not rows:
        return {}
    known = {
        row[0]: Known(
            id=row[0],
            rank=row[1],
            said=_said.decode(row[2]),
            facts=dict(zip(PRODUCT_FIELDS, row[3:], strict=True)),
            variants={},
            stored=True,
        )
        for row in rows
    }
    for row in await tuples(
        tx,
        f"SELECT product_id, id, said::text, {_VARIANT} FROM variant WHERE product_id = ANY(%s)",
        (list(known),),
    ):
        known[row[0]].variants[row[1]] = Known(
            id=row[1],
            said=_said.decode(row[2]),
            facts=dict(zip(VARIANT_FIELDS, row[3:], strict=True)),
            stored=True,
        )
    return known


async def _insert(tx: Tx, products: list[Known], now: datetime) -> set[str]:
    """Insert products; the ids of those that were really new."""
    if not products:
        return set()
    rows = [{"id": p.id, "rank": p.rank, "said": p.said, **p.facts} for p in products]
    found = await tuples(
        tx,
        f"INSERT INTO product (id, rank, said, {_PRODUCT}, created_at, changed_at)"
        f" SELECT id, rank, said, {_PRODUCT}, %s, %s FROM json_to_recordset(%s::json)"
        f" AS r(id text, rank smallint, said json, {_FACTS}) ORDER BY id"
        " ON CONFLICT (id) DO NOTHING RETURNING id",
        (now, now, as_json(rows)),
    )
    return {product_id for (product_id,) in found}


async def _update(tx: Tx, products: list[Known], now: datetime) -> None:
    if not products:
        return
    rows = [{"id": p.id, "rank": p.rank, "said": p.said, **p.facts} for p in products]
    sets = ", ".join(f"{field} = r.{field}" for field in PRODUCT_FIELDS)
    await execute(
        tx,
        f"UPDATE product p SET rank = r.rank, said = r.said, changed_at = %s, {sets}"
        f" FROM json_to_recordset(%s::json) AS r(id text, rank smallint, said json, {_FACTS})"
        " WHERE p.id = r.id",
        (now, as_json(rows)),
    )


async def _variants(tx: Tx, products: Iterable[Known]) -> None:
    rows = [
        {"product_id": product.id, "id": variant.id, "said": variant.said, **variant.facts}
        for product in products
        for variant in product.variants.values()
        if variant.changed
    ]
    if not rows:
        return
    sets = ", ".join(f"{field} = excluded.{field}" for field in VARIANT_FIELDS)
    await execute(
        tx,
        f"INSERT INTO variant (product_id, id, said, {_VARIANT})"
        f" SELECT product_id, id, said, {_VARIANT} FROM json_to_recordset(%s::json)"
        f" AS r(product_id text, id text, said json, {_VARIANT_FACTS})"
        f" ON CONFLICT (product_id, id) DO UPDATE SET said = excluded.said, {sets}",
        (as_json(rows),),
    )


async def _histories(tx: Tx, prices: list[dict[str, Any]], stocks: list[dict[str, Any]]) -> None:
    for table, rows, fields in (
        ("price_history", prices, "price bigint, compare_at bigint, currency text"),
        ("stock_history", stocks, "stock integer, available boolean"),
    ):
        if not rows:
            continue
        names = ", ".join(field.split()[0] for field in fields.split(", "))
        await execute(
            tx,
            f"INSERT INTO {table} (product_id, variant_id, at, source, {names})"
            f" SELECT product_id, variant_id, at, source, {names} FROM json_to_recordset(%s::json)"
            f" AS r(product_id text, variant_id text, at timestamptz, source text, {fields})",
            (as_json(rows),),
        )


async def _file(tx: Tx, claims: Sequence[Claim]) -> int:
    """File the names of products; what was unresolved under them is not any more.

    A name leads elsewhere only when a more trusted source says so, or the shop itself anew. What
    events had taken for a product of its own goes when the shop says whose name it is."""
    keys: dict[tuple[str, int], tuple[str, str | None, int]] = {}
    for one in claims:
        rank = one.source.rank
        for kind, value, variant in one.keys:
            before = keys.get((value, kind))
            if before is None or rank >= before[2]:
                keys[value, kind] = (one.product_id, variant, rank)
    if not keys:
        return 0
    kept = {
        (value, kind): (product_id, variant, rank)
        for value, kind, product_id, variant, rank in await tuples(
            tx,
            "SELECT value, kind, product_id, variant_id, rank FROM product_key"
            " WHERE value = ANY(%s)",
            (list({value for value, _ in keys}),),
        )
    }
    # Asked first: an insert that conflicts would lock and rewrite rows that need no change.
    fresh = sorted(
        key for key, new in keys.items() if key not in kept or _leads_elsewhere(kept[key], new)
    )
    if not fresh:
        return 0
    await execute(
        tx,
        "INSERT INTO product_key AS k (value, kind, product_id, variant_id, rank) SELECT * FROM"
        " unnest(%s::text[], %s::smallint[], %s::text[], %s::text[], %s::smallint[])"
        " ON CONFLICT (value, kind) DO UPDATE SET product_id = excluded.product_id,"
        " variant_id = excluded.variant_id, rank = excluded.rank"
        f" WHERE excluded.rank > k.rank OR (excluded.rank = k.rank AND k.rank >= {THE_SHOP})",
        (
            [value for value, _ in fresh],
            [int(kind) for _, kind in fresh],
            [keys[key][0] for key in fresh],
            [keys[key][1] for key in fresh],
            [keys[key][2] for key in fresh],
        ),
    )
    led = {value for value, _ in fresh}
    await watching.note(tx, sorted({old[0] for (value, _), old in kept.items() if value in led}))
    own = sorted({value for value, kind in fresh if keys[value, kind][2] >= THE_SHOP})
    if not own:
        return 0
    mine = {one.product_id for one in claims}
    gone = await tuples(
        tx,
        f"DELETE FROM product WHERE id = ANY(%s) AND rank < {THE_SHOP} RETURNING id",
        ([value for value in own if value not in mine],),
    )
    if gone:
        ids = [product_id for (product_id,) in gone]
        for table in ("variant", "product_key", "price_history", "stock_history"):
            await execute(tx, f"DELETE FROM {table} WHERE product_id = ANY(%s)", (ids,))
    return await execute(tx, "DELETE FROM unresolved_id WHERE value = ANY(%s)", (own,))


def _leads_elsewhere(old: tuple[str, str | None, int], new: tuple[str, str | None, int]) -> bool:
    """Whether `new` (product, variant, rank) takes a name over from `old`."""
    return new[2] > old[2] or (new[2] == old[2] >= THE_SHOP and new[:2] != old[:2])


async def note_unresolved(tx: Tx, seen: Sequence[UnresolvedId]) -> None:
    """Count ids that nobody knows; those the shop has told of meanwhile are left out."""
    kinds = {kind.name.lower(): int(kind) for kind in KeyKind}
    rows = [{**msgspec.structs.asdict(one), "kind": kinds[one.kind]} for one in seen]
    await execute(
        tx,
        "INSERT INTO unresolved_id AS u (value, kind, title, first_seen, last_seen, count)"
        " SELECT value, kind, title, first_seen, last_seen, count FROM json_to_recordset(%s::json)"
        " AS r(value text, kind smallint, title text, first_seen timestamptz,"
        " last_seen timestamptz, count bigint)"
        " WHERE NOT EXISTS (SELECT 1 FROM product_key k WHERE k.value = r.value"
        f" AND k.rank >= {THE_SHOP}) ORDER BY value, kind"
        " ON CONFLICT (value, kind) DO UPDATE SET title = coalesce(excluded.title, u.title),"
        " first_seen = least(u.first_seen, excluded.first_seen),"
        " last_seen = greatest(u.last_seen, excluded.last_seen), count = u.count + excluded.count",
        (as_json(rows),),
    )


# Finding


async def resolve(tx: Tx, values: Iterable[str]) -> dict[str, tuple[str, str | None, int]]:
    """value → (product, variant, rank of who said so), for the values that name something."""
    rows = await tuples(
        tx,
        "SELECT DISTINCT ON (value) value, product_id, variant_id, rank FROM product_key"
        " WHERE value = ANY(%s) ORDER BY value, rank DESC, kind",
        (list(values),),
    )
    return {value: (product, variant, rank) for value, product, variant, rank in rows}


async def has_catalog(tx: Tx) -> bool:
    """Whether the shop itself has told any product."""
    found = await tuples(tx, f"SELECT EXISTS (SELECT 1 FROM product WHERE rank >= {THE_SHOP})")
    return bool(found[0][0])


async def settled(tx: Tx, product_ids: Iterable[str]) -> set[str]:
    """Those of these products of which the shop itself has said all that events could tell."""
    found = await tuples(
        tx,
        f"SELECT id, said::text FROM product WHERE id = ANY(%s) AND rank >= {THE_SHOP}",
        (list(product_ids),),
    )
    return {product_id for product_id, said in found if is_settled(_said.decode(said))}


async def find(tx: Tx, ids: Sequence[str]) -> dict[str, Item]:
    """The items that `ids` name, each a product id, variant id, SKU, GTIN, feed id or URL."""
    spellings = {given: candidates(given) for given in ids}
    named = {}
    products = {}
    for value, product_id, variant_id, rank, *facts in await tuples(
        tx,
        f"SELECT DISTINCT ON (value) value, product_id, variant_id, k.rank, {_PRODUCT}"
        " FROM product_key k JOIN product p ON p.id = k.product_id"
        " WHERE value = ANY(%s) ORDER BY value, k.rank DESC, kind",
        (list({value for values in spellings.values() for value in values}),),
    ):
        named[value] = (product_id, variant_id, rank)
        products[product_id] = dict(zip(PRODUCT_FIELDS, facts, strict=True))
    wanted = {
        given: max((named[v] for v in values if v in named), key=lambda hit: hit[2])
        for given, values in spellings.items()
        if any(v in named for v in values)
    }
    pairs = [(p, v) for p, v, _ in wanted.values() if v is not None]
    variants = {}
    if pairs:
        for row in await tuples(
            tx,
            f"SELECT product_id, id, {_VARIANT} FROM variant WHERE (product_id, id) IN"
            " (SELECT * FROM unnest(%s::text[], %s::text[]))",
            ([p for p, _ in pairs], [v for _, v in pairs]),
        ):
            variants[row[0], row[1]] = dict(zip(VARIANT_FIELDS, row[2:], strict=True))
    return {
        given: item(product_id, variant, products[product_id], variants.get((product_id, variant)))
        for given, (product_id, variant, _) in wanted.items()
    }


def item(
    product_id: str, variant_id: Any, facts: dict[str, Any], own: dict[str, Any] | None
) -> Item:
    """A product's facts with its variant's own on top; the variant's title follows its title."""
    if own is None:
        return Item(product_id=product_id, **facts)
    joined = {**facts, **{f: v for f, v in own.items() if v is not None}}
    joined["attributes"] = {**facts["attributes"], **own["attributes"]}
    if own["title"] and facts["title"] and not own["title"].startswith(facts["title"]):
        joined["title"] = f"{facts['title']}, {own['title']}"
    if own["price"] is not None:
        joined["compare_at"] = own["compare_at"]
    return Item(product_id=product_id, variant_id=variant_id, **joined)

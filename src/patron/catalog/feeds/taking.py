"""A feed's items into the catalogue, a thousand at a time, each batch whole or not at all.

An item that says what it said the last time costs a look-up and is not told again: what the API or
an import said of a product since then stays, until the feed itself says something new.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import blake2b
from itertools import islice

import msgspec
from msgspec import structs

from patron.catalog import store as catalog
from patron.catalog.feeds import store
from patron.catalog.feeds.items import Made, Terms, make
from patron.catalog.feeds.rows import Broken, Row
from patron.catalog.feeds.shared import in_common
from patron.catalog.feeds.store import Stood
from patron.catalog.feeds.types import Fault, Feed, Noted, Problems, Report, note
from patron.catalog.merge import claim
from patron.catalog.types import Claim, FactSource, KeyKind
from patron.kit.db import Database, Tx
from patron.shops.types import Shop

BATCH = 1_000
ACCEPT = "if that is right: `patron feed fetch {key} --accept`; else look at how the feed is made"


class Counts(msgspec.Struct):
    """What became of items. `standing` ones are in the feed now."""

    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    left_out: int = 0
    back: int = 0
    gone: int = 0
    kept: int = 0

    @property
    def standing(self) -> int:
        return self.new + self.changed + self.unchanged

    def add(self, other: "Counts") -> None:
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Came(msgspec.Struct, frozen=True):
    """What came of reading a feed. `whole`: all of it was read, and it is believed."""

    report: Report
    whole: bool
    standing: int
    turns_at: datetime | None


class _Batch(msgspec.Struct):
    """What one batch came to; thrown away when its transaction is run again."""

    counts: Counts
    notes: list[Noted]


async def take(
    db: Database, shop: Shop, feed: Feed, fetch: int, rows: Iterable[Row], terms: Terms
) -> Came:
    """Bring the items of `rows` into the catalogue, and take out of what is shown the items that
    are in the feed no longer: unless it broke off, is empty or less than half of what it was.
    `fetch` is the number that this fetch was given."""
    async with db.unit(shop.schema) as tx:
        await store.forget_digest(tx, feed.id)
    counts, problems = Counts(), Problems()
    turns: datetime | None = None
    reading = _Reading(rows)
    while part := list(islice(reading, BATCH)):
        read = [make(row, terms) for row in part]
        for made, _ in read:
            if made is not None and made.turns_at is not None:
                turns = made.turns_at if turns is None else min(turns, made.turns_at)

        async def put(tx: Tx, read: Sequence[tuple[Made | None, list[Noted]]] = read) -> _Batch:
            return await _put(tx, feed, fetch, read, terms.now)

        batch = await db.run(shop.schema, put)
        counts.read += len(part)
        counts.add(batch.counts)
        for noted in batch.notes:
            problems.add(noted)
    alarm, remedy = _alarm(feed, counts, reading.broke)
    if alarm is None:
        counts.gone = await _let_go(db, shop, feed, fetch, terms.now)
    else:
        async with db.unit(shop.schema) as tx:
            counts.kept = await store.count_absent(tx, feed.id, fetch)
    await _settle(db, shop, terms.now)
    report = Report(
        at=terms.now,
        alarm=alarm,
        remedy=remedy,
        problems=problems.told(),
        **structs.asdict(counts),
    )
    return Came(report, alarm is None, counts.standing, turns)


class _Reading:
    """Rows up to where the feed breaks off; `broke` says how."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = iter(rows)
        self.broke: Broken | None = None

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        if self.broke is not None:
            raise StopIteration
        try:
            return next(self._rows)
        except Broken as broke:
            self.broke = broke
            raise StopIteration from None


def _alarm(feed: Feed, counts: Counts, broke: Broken | None) -> tuple[str | None, str | None]:
    """Why what is absent is not believed to be gone, and what to do."""
    accept = ACCEPT.format(key=feed.key)
    if broke is not None:
        return f"the feed broke off after {counts.read:,} items: {broke}", broke.remedy
    if counts.standing == 0:
        what = "has no items" if not counts.read else f"has no usable one among {counts.read:,}"
        return f"the feed {what}", "look at the address, and at how the feed is made"
    if counts.standing * 2 < feed.items and not feed.accepts:
        return f"the feed shrank from {feed.items:,} items to {counts.standing:,}", accept
    return None, None


async def _put(
    tx: Tx,
    feed: Feed,
    fetch: int,
    read: Sequence[tuple[Made | None, list[Noted]]],
    now: datetime,
) -> _Batch:
    """One batch in its transaction."""
    batch = _Batch(Counts(), [])
    counts = batch.counts
    made = [one for one, _ in read if one is not None]
    known = await store.stood(tx, feed.id, [one.item for one in made])
    hidden = await store.hidden(tx, [one.product.id for one in made])
    told: list[Made] = []
    changed: dict[str, Stood] = {}
    same: set[str] = set()
    left: list[Stood] = []
    counts.left_out = len(read) - len(made)
    batch.notes = [noted for _, notes in read for noted in notes]
    for one in made:
        before = known.get(one.item)
        twice = one.item in changed or one.item in same
        if twice or (before is not None and before.seen == fetch):
            counts.left_out += 1
            batch.notes.append(note(Fault.ID_TWICE, one.number, one.item, "id", one.item))
            continue
        digest = blake2b(one.text, digest_size=12).digest()
        if before is not None and not before.gone and before.print == digest:
            same.add(one.item)
            continue
        told.append(one)
        changed[one.item] = Stood(one.item, one.product.id, one.variant, digest, fetch, False)
        if before is None:
            counts.new += 1
            continue
        counts.changed += 1
        counts.back += before.gone
        if not before.gone and before.product_id != one.product.id:
            left.append(before)
    counts.unchanged = len(same)
    moved = {one.item for one in left}
    claims = [_claim(one, one.product.id in hidden, one.item in moved, now) for one in told]
    await catalog.put(tx, claims)
    await store.touch(tx, feed.id, list(same), fetch)
    await store.keep(tx, feed.id, list(changed.values()))
    await store.open_groups(tx, [one.product_id for one in changed.values() if one.variant])
    await _absent(tx, left, now)
    return batch


def _claim(made: Made, hidden: bool, moved: bool, now: datetime) -> Claim:
    # One that was a variant for a while was hidden as a product of its own.
    shows = hidden or (moved and not made.variant)
    product = structs.replace(made.product, shown=True) if shows else made.product
    told = claim(product, FactSource.FEED, now)
    if moved and made.variant:
        # Pages and orders go on calling it by the id under which it was a product of its own.
        told.keys.append((KeyKind.PRODUCT, made.item, made.item))
    return told


async def _absent(tx: Tx, items: Sequence[Stood], now: datetime) -> None:
    """What these items named can no longer be had; a product with nothing left is not shown."""
    if not items:
        return
    await store.open_groups(tx, [one.product_id for one in items if one.variant])
    nowhere = await store.in_no_feed(tx, sorted({one.product_id for one in items}))
    claims = [
        _said(one.product_id, {}, now, {one.item: {"available": False}})
        for one in items
        if one.variant
    ]
    claims += [_said(one, {"available": False, "shown": False}, now) for one in nowhere]
    await catalog.put(tx, claims)


async def _let_go(db: Database, shop: Shop, feed: Feed, fetch: int, now: datetime) -> int:
    """Take what is absent out of what is shown; how many items."""
    gone = 0

    async def some(tx: Tx) -> int:
        absent = await store.absent(tx, feed.id, fetch, BATCH)
        await store.set_gone(tx, feed.id, [one.item for one in absent])
        await _absent(tx, absent, now)
        return len(absent)

    while count := await db.run(shop.schema, some):
        gone += count
    return gone


async def _settle(db: Database, shop: Shop, now: datetime) -> None:
    """Count anew what the variants of products have in common, where any changed."""

    async def some(tx: Tx) -> int:
        groups = await store.take_groups(tx, BATCH)
        variants = await store.variants(tx, groups)
        nowhere = set(await store.in_no_feed(tx, groups))
        claims = [
            _said(product_id, in_common(found), now)
            for product_id, found in variants.items()
            if product_id not in nowhere
        ]
        await catalog.put(tx, claims)
        return len(groups)

    while await db.run(shop.schema, some):
        pass


def _said(
    product_id: str,
    facts: dict[str, object],
    now: datetime,
    variants: dict[str, dict[str, object]] | None = None,
) -> Claim:
    return Claim(
        product_id=product_id,
        facts=facts,
        variants=variants or {},
        source=FactSource.FEED,
        at=now,
    )

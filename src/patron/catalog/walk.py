"""The room's step of the walk: product facts seen on the way."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from patron.catalog import store
from patron.catalog.describe import FRESH, Shown, spoken_of
from patron.catalog.describe import describe as describe_one
from patron.catalog.observe import Memory, Seen, address, claimed, names, news
from patron.catalog.types import THE_SHOP, Claim, KeyKind, UnresolvedId
from patron.catalog.watching import store as watching
from patron.events.types import Event
from patron.kit.clock import monotonic
from patron.kit.db import Tx
from patron.kit.metrics import counter
from patron.shops.types import Shop, own_names

OBSERVED = counter("patron_catalog_observed", "Products about which an event said something new")
FLUSH_AFTER = timedelta(seconds=10)
MOST_UNRESOLVED = 20_000
TOLD_SECONDS = 300.0
"""So long the catalog surely tells what changed; who asks later begins anew."""


class _Look(msgspec.Struct, frozen=True):
    """When the catalog was asked for its changes, by the shop's clock and our own, and up to where
    it told them."""

    at: datetime
    told: float
    seen: watching.Seen


class _Attention:
    """What is remembered of one shop between batches; dropped when a batch is rolled back."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.shown = Shown()
        self.looked: _Look | None = None
        self.unresolved: dict[tuple[str, str], UnresolvedId] = {}
        self.flushed: datetime | None = None


_attention: dict[UUID, _Attention] = {}


async def observe(tx: Tx, shop: Shop, events: Sequence[Event]) -> None:
    """Take over what `events` say about products, where nobody more trusted has said it."""
    mind = _attention.setdefault(shop.id, _Attention())
    fresh = news(events, mind.memory, own_names(shop.settings.metrics))
    if fresh:
        await _learn(tx, shop, fresh, mind)
        OBSERVED.inc(len(fresh))
    now = events[-1].received_at if events else None
    due = now is not None and (mind.flushed is None or now - mind.flushed >= FLUSH_AFTER)
    if due and (mind.unresolved or mind.memory.again):
        for mark, (count, at) in mind.memory.again.items():
            kind, value = mind.memory.unknown[mark]
            _count(mind, kind, value, None, at, count)
        await store.note_unresolved(tx, list(mind.unresolved.values()))
        mind.unresolved, mind.memory.again, mind.flushed = {}, {}, now


async def describe(tx: Tx, shop: Shop, events: Sequence[Event], now: datetime) -> None:
    """Keep with each event what the catalog says of its products now."""
    speaking = spoken_of(events)
    if not speaking:
        return
    mind = _attention.setdefault(shop.id, _Attention())
    shown = mind.shown
    await _look_again(tx, mind, now)
    wanted = shown.unknown({id for _, ids in speaking for id in ids}, now)
    if wanted:
        shown.keep(wanted, await store.find(tx, wanted), now)
    for event, ids in speaking:
        if said := shown.of(event, ids):
            describe_one(event, said)


def forget(shop: Shop) -> None:
    """Drop what is remembered of a shop: its last batch was rolled back."""
    _attention.pop(shop.id, None)


async def _look_again(tx: Tx, mind: _Attention, now: datetime) -> None:
    """Forget what was read of products that changed since; asked of the catalog now and then."""
    before = mind.looked
    if before is not None and now - before.at < FRESH and now >= before.at:
        return
    told = monotonic()
    if before is None or told - before.told > TOLD_SECONDS:
        mind.shown.forget()
        mind.looked = _Look(now, told, await watching.seen(tx))
    else:
        changed, seen = await watching.changed(tx, before.seen)
        mind.shown.drop(set(changed))
        mind.looked = _Look(now, told, seen)


async def _learn(tx: Tx, shop: Shop, fresh: list[Seen], mind: _Attention) -> None:
    ours = _ours(frozenset(shop.hosts))
    called = [names(seen) for seen in fresh]
    pages = [address(seen, ours) for seen in fresh]
    asked = {value for known in called for _, value in known}
    asked |= {page for page in pages if page is not None}
    hits = await store.resolve(tx, asked)
    of_the_shop = await store.has_catalog(tx)
    settled = await store.settled(tx, {hit[0] for hit in hits.values() if hit[2] >= THE_SHOP})
    claims: list[Claim] = []
    made: dict[str, str] = {}  # names of products that this batch makes
    for seen, known, page in zip(fresh, called, pages, strict=True):
        found = [hits[value] for _, value in known if value in hits]
        best = max(found, key=lambda hit: hit[2], default=None)
        mind.memory.keep(seen.mark, seen.print)
        if best is not None and best[0] in settled and len(found) == len(known):
            own = best[1] or seen.product.get("variant_id")
            if own is None and (page is None or page in hits):
                mind.memory.unknown.pop(seen.mark, None)
                continue
        product_id = variant = None
        if best is not None:
            product_id, variant = best[0], best[1]
        elif known:
            product_id = next((made[value] for _, value in known if value in made), None)
            title = seen.product.get("name") or seen.product.get("title")
            if product_id is None and isinstance(title, str) and title.strip():
                product_id = known[0][1]
        if product_id is not None:
            claim = claimed(seen, product_id, variant, shop.currency, ours)
            claim.keys = [key for key in claim.keys if key[1] not in hits]
            claims.append(claim)
            made.update((value, product_id) for _, value in known)
        if known and (product_id is None or (of_the_shop and (best is None or best[2] < THE_SHOP))):
            kind, value = known[0]
            if len(mind.memory.unknown) >= MOST_UNRESOLVED:
                mind.memory.unknown, mind.memory.again = {}, {}
            mind.memory.unknown[seen.mark] = known[0]
            _count(mind, kind, value, seen.product.get("name"), seen.event.received_at, seen.times)
        else:
            mind.memory.unknown.pop(seen.mark, None)
    if claims:
        await store.put(tx, claims)


def _count(
    mind: _Attention, kind: KeyKind, value: str, title: Any, at: datetime, count: int
) -> None:
    """Count an id nobody knows."""
    name = kind.name.lower()
    before = mind.unresolved.get((value, name))
    if before is None and len(mind.unresolved) >= MOST_UNRESOLVED:
        return
    known = before.title if before else None
    mind.unresolved[value, name] = UnresolvedId(
        value,
        name,
        title[:300] if isinstance(title, str) else known,
        min(at, before.first_seen) if before else at,
        max(at, before.last_seen) if before else at,
        (before.count if before else 0) + count,
    )


@lru_cache(maxsize=256)
def _ours(hosts: frozenset[str]) -> Callable[[str], bool]:
    """Whether an address leads to one of the shop's verified hosts."""
    plain = {host.partition(":")[0] for host in hosts}

    def leads_home(url: str) -> bool:
        try:
            return (urlsplit(url).hostname or "") in plain
        except ValueError:
            return False

    return leads_home

"""The room's step of the walk: carts opened, changed, closed by an order."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from patron.carts import store
from patron.carts.fold import Desk, keys_of
from patron.carts.read import acts, deed, digest
from patron.carts.replay import first
from patron.carts.types import Act, CartChange, Deed, Draft, Mark
from patron.events.types import Event, Source, Trust
from patron.kit.db import Tx
from patron.kit.metrics import counter
from patron.profiles import store as profiles
from patron.profiles.types import People
from patron.shops.types import Shop

_NEVER = datetime.max.replace(tzinfo=UTC)
MARKS_AT_ONCE = 5_000
"""So many recent marks are read whole; of more, those that are asked for by key."""
CHANGES = counter("patron_cart_changes", "Carts opened, changed, emptied and closed", ["kind"])


async def follow(tx: Tx, shop: Shop, events: Sequence[Event], people: People) -> list[CartChange]:
    """Bring carts up to date with `events`, in their order; what journeys should hear."""
    known = acts(shop.settings.metrics)
    region = shop.settings.phone_region
    deeds = [
        found
        for event in events
        if (act := known.get(event.name)) is not None
        and (found := deed(event, act, shop.currency, region)) is not None
    ]
    merged = {people.roots.get(merge.winner, merge.winner) for merge in people.merged}
    if not deeds and not merged:
        return []
    desk = await _desk(tx, deeds, merged, people)
    changes: list[CartChange] = []
    for each in deeds:
        changes += desk.apply(each)
        if _is_identify(each):
            changes += desk.reconsider([_root(people, each)], each)
    if merged:
        changes += desk.reconsider(sorted(merged), deeds[-1] if deeds else _nothing(events[-1]))
    oldest = max(event.received_at for event in events) - store.MARKS_KEPT
    drafts = [*desk.merged, *desk.carts.values()]
    await store.save(tx, drafts, desk.new_marks, oldest)
    await _listen(tx, events, {name for name, act in known.items() if act is Act.ORDER})
    for change in changes:
        CHANGES.labels(change.kind.value).inc()
    return changes


def forget(shop: Shop) -> None:
    """Nothing of a shop is remembered between batches, so a rollback leaves nothing behind."""


async def _desk(tx: Tx, deeds: list[Deed], merged: set[UUID], people: People) -> Desk:
    """Everything these deeds may touch: carts by key, orders by key, and who is one person."""
    paid_from = {address for d in deeds if d.act is Act.ORDER for address in d.addresses}
    owners = set(await profiles.owners(tx, sorted(paid_from))) if paid_from else set()
    everyone = owners | merged | {_root(people, d) for d in deeds}
    origins, named = await profiles.kin(tx, sorted(everyone))
    addresses = {root: [digest(value) for _, value in found] for root, found in named.items()}
    # Carts are found by their keys; those of the whole person where an order or a new identity
    # may close them.
    whole = owners | merged
    whole |= {_root(people, d) for d in deeds if d.act is Act.ORDER or _is_identify(d)}
    keys = {f"origin:{origin}" for origin, root in origins.items() if root in whole}
    for d in deeds:
        keys.update(keys_of(d) if d.act is Act.ORDER else d.tokens)
        if d.weak is not None:
            keys.add(d.weak)
    carts = await store.load(tx, keys, min((d.at for d in deeds), default=_NEVER))
    marks = await _marks(tx, deeds, carts, origins, addresses)
    return Desk(carts, marks, {**people.roots, **origins}, addresses)


async def _marks(
    tx: Tx,
    deeds: list[Deed],
    carts: list[Draft],
    origins: dict[UUID, UUID],
    addresses: dict[UUID, list[str]],
) -> list[Mark]:
    """The orders that may close something.

    An order closed every cart of its keys when it came, so older ones matter only for what is new:
    deeds of the past, and keys that a cart did not have before.
    """
    asked = [d for d in deeds if d.act is not Act.ORDER]
    known = {f"origin:{origin}" for origin in origins}.union(*addresses.values())
    found: list[Mark] = []
    if asked:
        earliest = min(d.at for d in asked)
        recent = await store.marks_since(tx, earliest, MARKS_AT_ONCE)
        if recent is None:
            keys = known.union(*(keys_of(d) for d in asked))
            recent = await store.marks(tx, keys, earliest)
        found = recent
    if carts:
        new = known | _new_keys(asked, carts)
        found += await store.marks(tx, new, min(first(cart) for cart in carts))
    return found


def _new_keys(deeds: list[Deed], carts: list[Draft]) -> set[str]:
    """Keys that deeds bring to carts which did not have them."""
    held: dict[str, list[Draft]] = {}
    for cart in carts:
        for key in cart.keys:
            held.setdefault(key, []).append(cart)
    found: set[str] = set()
    for each in deeds:
        keys = keys_of(each)
        for key in keys:
            for cart in held.get(key, ()):
                found.update(k for k in keys if k not in cart.keys)
    return found


async def _listen(tx: Tx, events: Iterable[Event], names: set[str]) -> None:
    """Let the order feed's pulse beat. History and imports are no sign of life."""
    beats: dict[str, list[datetime]] = {}
    for event in events:
        if event.name in names and not event.backfill and event.source is not Source.IMPORT:
            beats.setdefault("any", []).append(event.received_at)
            if event.trust is Trust.SERVER:
                beats.setdefault("trusted", []).append(event.received_at)
    if beats:
        await store.beat(tx, beats)


def _is_identify(one: Deed) -> bool:
    return one.act is Act.LINK and not one.tokens


def _root(people: People, one: Deed) -> UUID:
    return people.roots.get(one.origin_id, one.origin_id)


def _nothing(event: Event) -> Deed:
    """A deed that does nothing, to say where in the log it was noticed that people are one."""
    return Deed(
        act=Act.LINK,
        at=event.ts,
        id=event.message_id,
        position=event.position,
        origin_id=event.origin_id,
        tokens=[],
        weak=None,
        others=[],
        backfill=event.backfill,
    )

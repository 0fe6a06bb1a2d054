"""The room's step of the walk: carts opened, changed, closed by an order."""

from collections import Counter
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
    if merged:
        changes += desk.reconsider(sorted(merged), deeds[-1] if deeds else _nothing(events[-1]))
    oldest = max(event.received_at for event in events) - store.MARKS_KEPT
    drafts = [*desk.merged, *desk.carts.values()]
    await store.save(tx, drafts, desk.new_marks, oldest)
    await _listen(tx, events, {name for name, act in known.items() if act is Act.ORDER})
    for kind, count in Counter(change.kind.value for change in changes).items():
        CHANGES.labels(kind).inc(count)
    return changes


def forget(shop: Shop) -> None:
    """Nothing of a shop is remembered between batches, so a rollback leaves nothing behind."""


async def _desk(tx: Tx, deeds: list[Deed], merged: set[UUID], people: People) -> Desk:
    """Everything these deeds may touch: carts by key, orders by key, and who is one person."""
    orders = [d for d in deeds if d.act is Act.ORDER]
    paid_from = {address for d in orders for address in d.addresses}
    owners = set(await profiles.owners(tx, sorted(paid_from))) if paid_from else set()
    # An order closes whatever its person has, wherever she put it in a cart.
    whole = owners | merged | {_root(people, d) for d in orders}
    origins, addresses = await _kin(tx, whole)
    keys = {f"origin:{origin}" for origin in origins}
    for d in deeds:
        keys.update(keys_of(d) if d.act is Act.ORDER else d.tokens)
        if d.weak is not None:
            keys.add(d.weak)
    carts = await store.load(tx, keys, min((d.at for d in deeds), default=_NEVER))
    asked = [d for d in deeds if d.act is not Act.ORDER]
    marks = await _recent(tx, asked)
    new, comers = _new_keys(asked, carts, people)
    comers |= {_root(people, d) for d in _late(deeds, marks)}
    more, theirs = await _kin(tx, comers - whole)
    origins |= more
    addresses |= theirs
    if carts:
        new.update(f"origin:{o}" for o, root in origins.items() if root in comers | merged)
        for root in comers | merged:
            new.update(addresses.get(root, ()))
        if new:
            marks = marks + await store.marks(tx, new, min(first(cart) for cart in carts))
    return Desk(carts, marks, {**people.roots, **origins}, addresses)


async def _kin(tx: Tx, roots: set[UUID]) -> tuple[dict[UUID, UUID], dict[UUID, list[str]]]:
    """Origins of these people, and the keys of their addresses."""
    if not roots:
        return {}, {}
    origins, named = await profiles.kin(tx, sorted(roots))
    return origins, {root: [digest(value) for _, value in some] for root, some in named.items()}


async def _recent(tx: Tx, asked: list[Deed]) -> list[Mark]:
    """Orders since the first of these deeds happened: what they may be too late for.

    An order closed every cart of its keys when it came, so older ones matter only to keys that a
    cart did not have before.
    """
    if not asked:
        return []
    earliest = min(d.at for d in asked)
    found = await store.marks_since(tx, earliest, MARKS_AT_ONCE)
    if found is None:
        keys = {key for d in asked for key in keys_of(d)}
        found = await store.marks(tx, keys, earliest)
    return found


def _late(deeds: list[Deed], marks: list[Mark]) -> list[Deed]:
    """Deeds that come when an order of their time or later is known already."""
    latest = max((mark.at for mark in marks), default=None)
    found = []
    for each in deeds:
        if each.act is Act.ORDER:
            latest = each.at if latest is None else max(latest, each.at)
        elif latest is not None and each.at <= latest:
            found.append(each)
    return found


def _new_keys(deeds: list[Deed], carts: list[Draft], people: People) -> tuple[set[str], set[UUID]]:
    """Keys that deeds bring to carts which did not have them, and the people (roots) who do."""
    held: dict[str, list[Draft]] = {}
    for cart in carts:
        for key in cart.keys:
            held.setdefault(key, []).append(cart)
    found: set[str] = set()
    roots: set[UUID] = set()
    for each in deeds:
        keys = keys_of(each)
        for cart in {id(c): c for key in keys[:3] for c in held.get(key, ())}.values():
            new = [key for key in keys if key not in cart.keys]
            if new:
                found.update(new)
                roots.add(_root(people, each))
    return found, roots


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

"""The room's step of the walk: whose event it was, what it tells, what she consented to."""

from collections.abc import Callable, Sequence
from datetime import datetime
from secrets import randbits
from uuid import UUID

import msgspec

from patron.catalog import store as catalog
from patron.events.types import PATRON, Event
from patron.kit.db import Tx
from patron.kit.ids import id_at
from patron.kit.metrics import counter
from patron.kit.signing import Signer
from patron.profiles import store
from patron.profiles.batch.state import State
from patron.profiles.batch.store import load, save
from patron.profiles.changes import store as changes
from patron.profiles.changes.store import Why
from patron.profiles.claims import Reader, Rules, aliased, rules_of
from patron.profiles.consent import uppermost
from patron.profiles.consents import confirmation_store as confirmations
from patron.profiles.reach_store import sold_in
from patron.profiles.resolve import Resolver, told_origin
from patron.profiles.sales import products, taken_back
from patron.profiles.types import ConsentState, ConsentWord, People
from patron.shops.types import Shop, ShopSettings

MERGES = counter("patron_profiles_merges", "People joined into one", ["shop"])
REFUSALS = counter("patron_profiles_refusals", "Identifiers kept apart", ["shop", "reason"])
ERASED = counter("patron_profiles_erased_events", "Late events of erased people", ["shop"])

_rules: dict[UUID, tuple[ShopSettings, Rules]] = {}


async def resolve(tx: Tx, shop: Shop, events: list[Event], now: datetime, signer: Signer) -> People:
    """Set `origin_id` of each event and bring profiles, merges and consents up to date.

    Events in `People.erased` belong to somebody who was erased after they happened; they keep no
    origin and must be dropped.
    """
    rules = _rules_of(shop)
    reader = Reader(rules)
    claims = [reader.claimed(event) for event in events]
    distinct = {id(theirs): theirs for theirs in claims}
    wanted = {(claim.kind, claim.value) for theirs in distinct.values() for claim in theirs}
    told: set[UUID] = set()
    for event in events:
        if event.previous_id is not None:
            wanted |= {(claim.kind, claim.value) for claim in aliased(event, rules)}
        if event.source is PATRON and (origin_id := told_origin(event)) is not None:
            told.add(origin_id)
    state = await load(tx, list(wanted), list(told), signer)
    resolver = Resolver(state, rules, now, ids_from(now))
    resolver.fold(events, claims)
    await save(tx, state)
    why = Why.BACKFILL if all(event.backfill for event in events) else Why.EVENT
    if state.words:
        said = await _with_categories(tx, state.words, state.sales) if state.sales else state.words
        await store.set_consents(tx, said, now)
        await changes.note_addresses(tx, [word.address_key for word in said], now, why)
        await confirmations.ask(tx, said, shop.settings, now)
    if undone := taken_back(events, shop.settings.metrics):
        await changes.note_addresses(tx, await sold_in(tx, undone), now, why)
    _count(shop, resolver)
    moved = {origin_id for merge in state.merged for origin_id in merge.moved}
    return People(
        {o.id: o.root_id for o in state.origins.values() if o.touched or o.id in moved},
        state.merged,
        resolver.erased,
        _told(state),
    )


def _told(state: State) -> frozenset[UUID]:
    """The roots of those who are new, or of whom a trait or an identifier is."""
    origins = state.origins
    told = {origin.root_id for origin in origins.values() if origin.new or origin.traits_changed}
    told |= {origins[tie.origin_id].root_id for tie in state.added}
    return frozenset(told)


async def _with_categories(
    tx: Tx, words: Sequence[ConsentWord], sales: Sequence[Event]
) -> list[ConsentWord]:
    """The words, those of sales with the categories that the catalog knows their products by."""
    found = await catalog.find(tx, sorted(products(sales)))
    known = {
        event.message_id: uppermost(found[key] for key in products([event]) if key in found)
        for event in sales
    }
    return [
        msgspec.structs.replace(
            word,
            categories=sorted({*(word.categories or ()), *known.get(word.message_id or "", ())}),
        )
        if word.state is ConsentState.CUSTOMER
        else word
        for word in words
    ]


async def people_of(tx: Tx, origin_ids: Sequence[UUID]) -> People:
    """The people of origins that were resolved earlier; nothing is written."""
    roots = await store.roots(tx, list(origin_ids))
    return People(roots, [], [], frozenset(roots.values()))


def forget(shop: Shop) -> None:
    """Drop what is remembered of a shop between batches."""
    _rules.pop(shop.id, None)


def ids_from(now: datetime) -> Callable[[], UUID]:
    """UUIDv7s of the moment `now`, each greater than the one before (RFC 9562, 6.2, method 2)."""
    last = id_at(now).int & ~(1 << 61)  # room to count without reaching the variant bits

    def new_id() -> UUID:
        nonlocal last
        last += 1 + randbits(32)
        return UUID(int=last)

    return new_id


def _rules_of(shop: Shop) -> Rules:
    kept = _rules.get(shop.id)
    if kept is None or kept[0] is not shop.settings:
        kept = _rules[shop.id] = (shop.settings, rules_of(shop.settings))
    return kept[1]


def _count(shop: Shop, resolver: Resolver) -> None:
    state = resolver.state
    if state.merged:
        MERGES.labels(shop.slug).inc(len(state.merged))
    for refused in state.refused.values():
        REFUSALS.labels(shop.slug, refused.reason.value).inc(refused.count)
    if resolver.erased:
        ERASED.labels(shop.slug).inc(len(resolver.erased))

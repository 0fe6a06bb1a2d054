"""Puts the page about one person together, out of every room."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from patron.analytics.person import coming, shopping, store
from patron.analytics.person.habits import Visit, habits
from patron.analytics.person.shopping import Words
from patron.analytics.person.types import (
    Affinities,
    Answer,
    CouponUsed,
    Deed,
    Named,
    Order,
    PersonPage,
    Session,
    Sessions,
    Told,
    Way,
    Wished,
)
from patron.carts import store as carts
from patron.carts.types import Cart
from patron.catalog import store as catalog
from patron.catalog.types import Item
from patron.events.types import Trust
from patron.kit.db import Tx
from patron.profiles import store as profiles
from patron.profiles.consent import CHANNEL_KIND, MARKETING, obstacle
from patron.profiles.consents.wish_store import of_addresses as wishes_of
from patron.profiles.known import name_of
from patron.profiles.labels import store as labels
from patron.profiles.many.told_store import told
from patron.profiles.reach_store import reached
from patron.profiles.traits import Traits, plain
from patron.profiles.types import ConsentWord, Identifier, Person
from patron.segments.computed import keeping as computed
from patron.segments.last import store as last_words
from patron.segments.last.reading import place_of_traits
from patron.segments.last.types import together
from patron.segments.liking.reading import untold
from patron.segments.lists import store as lists
from patron.segments.members import store as members
from patron.segments.predictions import store as predictions
from patron.shops.types import Shop

ANSWERED = "Question Answered"
REFUSALS = 100
NOTES = 100
ANSWERS = 200


async def page(tx: Tx, shop: Shop, root: UUID, now: datetime) -> PersonPage | None:
    """Everything known about the person of an origin; None for nobody."""
    person = await profiles.person(tx, root)
    if person is None:
        return None
    hers = person.origins
    words = shopping.words_of(shop.settings.metrics)
    ordered = await store.orders(tx, hers)
    deeds = await store.deeds(tx, hers, _names(words))
    standing = shopping.standing_deeds(deeds, words, ordered)
    every = coming.visits([Session(*visit) for visit in await store.visits(tx, hers)])
    items = await _items(tx, standing, words)
    # In a thread, so that whoever else is served by this process does not wait for a till's page.
    likes, wishes, used, said = await asyncio.to_thread(
        _worked_out, deeds, standing, words, items, now, shop
    )
    traits = await told(tx, hers)
    consents = await profiles.consents(tx, hers)
    placed = await last_words.places(tx, {person.id: hers})
    return PersonPage(
        id=person.id,
        name=name_of(plain(traits)),
        known=person.known,
        origins=hers,
        first_seen=person.first_seen,
        last_seen=person.last_seen,
        identifiers=[_named(one) for one in person.identifiers],
        merges=await profiles.merges(tx, hers),
        refused=await profiles.refusals(tx, hers, REFUSALS),
        traits=_traits(traits),
        computed=await computed.of_one(tx, shop, person.id, now),
        predictions=await predictions.of_person(tx, hers),
        place=together([place_of_traits(plain(traits)), *placed.get(person.id, [])]),
        tags=await labels.tags_of(tx, hers),
        notes=await labels.notes_of(tx, hers, NOTES),
        segments=[one for one in await members.stays(tx, hers) if one.left_at is None],
        lists=await lists.of_person(tx, hers),
        answers=said,
        consents=consents,
        ways=await _ways(tx, shop, person, consents),
        wishes=await wishes_of(tx, [one.value for one in person.identifiers]),
        sessions=await _sessions(tx, hers, every),
        habits=habits(
            [Visit(one.began_at, one.channel, one.device) for one in every],
            _times(ordered),
            ZoneInfo(shop.time_zone),
        ),
        cart=await _cart(tx, hers),
        wish_list=wishes,
        orders=shopping.orders(ordered, shop.currency),
        coupons=used,
        affinities=likes,
        messages=await store.heard(tx, hers),
        totals=person.totals,
    )


def _worked_out(
    deeds: Sequence[Deed],
    standing: Sequence[Deed],
    words: Words,
    items: Mapping[str, Item],
    now: datetime,
    shop: Shop,
) -> tuple[Affinities, list[Wished], list[CouponUsed], list[Answer]]:
    """What is made of all that she did."""
    return (
        shopping.affinities(standing, words, items, now, shop.currency),
        shopping.wish_list(standing, words),
        shopping.coupons(standing, words),
        answers(deeds),
    )


def _names(words: Words) -> list[str]:
    """The events that the page is made of."""
    wishes = {shopping.WISH_ADDED, shopping.WISH_REMOVED, shopping.WISH_CARTED}
    return sorted({*words.weights, *wishes, ANSWERED})


def _named(one: Identifier) -> Named:
    return Named(
        one.kind, one.value, one.address, _said_by(one.trust), one.verified, one.first_seen,
        one.last_seen,
    )  # fmt: skip


def _traits(traits: Traits) -> list[Told]:
    return [
        Told(name, one.v, _said_by(one.trust), one.ts)
        for name, one in sorted(traits.items())
        if one.v is not None
    ]


def _said_by(trust: int) -> str:
    return Trust(trust).name.lower()


def answers(deeds: Iterable[Deed]) -> list[Answer]:
    """The last answer to each question, the latest first; `deeds` are oldest first. An answer is
    whatever JSON the event holds; a null takes the answer back."""
    found: dict[str, Answer] = {}
    for deed in deeds:
        question = deed.properties.get("question")
        if deed.name != ANSWERED or not isinstance(question, str) or not question.strip():
            continue
        key = question.strip().casefold()
        found.pop(key, None)
        answer, form = deed.properties.get("answer"), deed.properties.get("form")
        if answer is not None:
            told_in = form if isinstance(form, str) else None
            found[key] = Answer(question.strip(), answer, told_in, deed.said_by, deed.ts)
    return list(reversed(found.values()))[:ANSWERS]


async def _ways(tx: Tx, shop: Shop, person: Person, consents: Sequence[ConsentWord]) -> list[Way]:
    """Every channel for marketing and for whatever else she said a word about."""
    purposes = sorted({MARKETING, *(word.purpose for word in consents)})
    ways = [(channel, purpose) for channel in CHANNEL_KIND for purpose in purposes]
    found = (await reached(tx, {person.id: person.identifiers}, ways, shop.settings))[person.id]
    result = []
    for channel, purpose in ways:
        reach = found[channel, purpose]
        stops = obstacle(reach, purpose)
        why = None if stops is None else stops.value
        result.append(Way(channel, purpose, stops is None, why, reach))
    return result


async def _sessions(tx: Tx, hers: Sequence[UUID], every: Sequence[Session]) -> Sessions:
    shown = coming.chosen(every)
    contexts: dict[UUID, dict[str, Any]] = {}
    if shown:
        since = min(one.began_at for one in shown)
        contexts = await store.landings(tx, hers, [one.id for one in shown], since)
    return coming.sessions(every, contexts)


def _times(ordered: Sequence[Order]) -> list[datetime]:
    return [one.at for one in ordered if one.stands]


async def _cart(tx: Tx, hers: Sequence[UUID]) -> Cart | None:
    """The open cart that holds something, the last changed."""
    cart_id = await carts.latest_open(tx, hers)
    return None if cart_id is None else await carts.cart(tx, cart_id)


async def _items(tx: Tx, deeds: Iterable[Deed], words: Words) -> Mapping[str, Item]:
    """What the catalog knows of products whose events do not tell everything."""
    told = ((deed.name, deed.ts, deed.properties) for deed in deeds)
    wanted = untold(told, words.weights)
    return await catalog.find(tx, sorted(wanted)) if wanted else {}

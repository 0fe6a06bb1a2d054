"""Finds who is like somebody, and what those like her turn to.

Her features are those of this moment. Whoever shares any of them is scored from the index of last
night, without being loaded; the best are loaded, and compared with her as they are now.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from patron.catalog import store as catalog
from patron.catalog.types import Item
from patron.events.ecommerce import lines
from patron.kit.db import Tx
from patron.segments.alike import store
from patron.segments.alike.indexing import best, scored
from patron.segments.alike.measuring import NEEDED, features, kind_of, likeness, weighed
from patron.segments.alike.types import Alike, Interest, Product, Similar, Turn
from patron.segments.alike.words import why
from patron.segments.faces import faces
from patron.segments.facts import Loaded, Subject, load
from patron.segments.ready.counting import loaded
from patron.shops.types import METRICS, Shop

NEIGHBOURS = 40
"""So many of those most like her say what she may turn to next."""
CANDIDATES = 2 * NEIGHBOURS
LEAST = 0.45
"""Who is less alike is not called so; without a common taste nobody gets so far."""
TURNS, PRODUCTS = 5, 10
AGREE = 2
"""At least so many of those like her must turn to something."""
MOST_NAMED = 400
"""Products that are looked up: those that most of them turn to."""


class Near(msgspec.Struct, frozen=True):
    """Somebody like her: what is known of her, and what each common feature adds."""

    root: UUID
    facts: Loaded
    features: dict[str, float]
    shared: dict[str, float]

    @property
    def likeness(self) -> float:
        return sum(self.shared.values())


async def similar(tx: Tx, shop: Shop, root: UUID, now: datetime, limit: int) -> Similar:
    """Up to `limit` people who are like the person of this root, and what those like her like."""
    run = await store.run(tx)
    nothing = Interest(0, [], [], [])
    if run is None:
        said = "nobody was compared yet; that is done every night"
        return Similar(root, said, None, 0, [], nothing)
    made_at, people = run
    her = await load(tx, Subject(root), NEEDED, now, shop)
    hers = await asyncio.to_thread(features, her, now)
    if not hers:
        said = "she has shown no interest in any product yet, so nobody can be called like her"
        return Similar(root, said, made_at, people, [], nothing)
    common = await store.common(tx, hers)
    near = await _near(tx, shop, her, hers, common, people, now)
    if not near:
        said = f"of {people:,} people nobody is much like her"
        return Similar(root, said, made_at, people, [], nothing)
    seen = await faces(tx, [one.root for one in near[:limit]])
    alike = [
        Alike(
            one.root,
            seen[one.root].name or seen[one.root].email,
            round(min(1.0, one.likeness), 3),
            why(one.shared, hers, one.features),
        )
        for one in near[:limit]
    ]
    turns = await _turns(tx, shop, her, near, people, now)
    return Similar(root, _said(turns), made_at, people, alike, turns)


async def _near(
    tx: Tx,
    shop: Shop,
    her: Loaded,
    hers: Mapping[str, float],
    common: Mapping[str, int],
    people: int,
    now: datetime,
) -> list[Near]:
    """Those most like her, the most alike first."""
    weights = weighed(hers, common, people)
    postings = await store.postings(tx, common)
    asked = [(weights[one.feature], one) for one in postings]
    numbers = await asyncio.to_thread(lambda: best(scored(people, asked), CANDIDATES))
    owners = await store.owners(tx, numbers.tolist())
    roots = [owners[one] for one in numbers.tolist() if one in owners]
    roots = [root for root in dict.fromkeys(roots) if root != her.person][: NEIGHBOURS + 10]
    facts = await loaded(tx, roots, NEEDED, now, shop)
    theirs = [features(one, now) for one in facts]
    known = await store.common(tx, {name for one in theirs for name in one})
    near = []
    for root, one, told in zip(roots, facts, theirs, strict=True):
        shared = likeness(weights, weighed(told, known, people))
        near.append(Near(root, one, told, shared))
    near = [one for one in near if one.likeness >= LEAST]
    return sorted(near, key=lambda one: (-one.likeness, one.root))[:NEIGHBOURS]


async def _turns(
    tx: Tx, shop: Shop, her: Loaded, near: Sequence[Near], people: int, now: datetime
) -> Interest:
    values: dict[str, list[str]] = {}
    for kind in ("category", "brand"):
        touched = her.liking.interests().get(kind)
        has = set(touched.values) if touched is not None else set()
        counts = Counter(
            feature
            for one in near
            for feature in one.features
            if kind_of(feature) == kind and feature.partition(":")[2] not in has
        )
        values[kind] = [name for name, count in counts.items() if count >= AGREE]
    named = [name for some in values.values() for name in some]
    common = await store.common(tx, named)

    def turns(kind: str) -> list[Turn]:
        found = []
        for name in values[kind]:
            count = sum(name in one.features for one in near)
            usual = max(count, common.get(name, 0)) / max(1, people)
            times = round(count / len(near) / usual, 1)
            if times > 1:  # what everybody turns to as much says nothing of those like her
                found.append(Turn(name.partition(":")[2], count, times))
        return sorted(found, key=lambda one: (-one.people, -one.times, one.value))[:TURNS]

    products = await _products(tx, shop, her, near)
    return Interest(len(near), turns("category"), turns("brand"), products)


async def _products(tx: Tx, shop: Shop, her: Loaded, near: Sequence[Near]) -> list[Product]:
    order = shop.settings.metrics.get("revenue", METRICS["revenue"])
    theirs: Counter[str] = Counter()
    ordered: Counter[str] = Counter()
    for one in near:
        theirs.update(_ids(one.facts, None))
        ordered.update(_ids(one.facts, order))
    agreed = [name for name, count in theirs.most_common(MOST_NAMED) if count >= AGREE]
    own = _ids(her, None)
    items = await catalog.find(tx, sorted({*agreed, *own})) if agreed else {}
    hers = {items[name].product_id if name in items else name for name in own}
    people: Counter[str] = Counter()
    bought: Counter[str] = Counter()
    what: dict[str, Item | None] = {}
    for name in agreed:
        item = items.get(name)
        id = name if item is None else item.product_id
        if id in hers or (item is not None and not _offered(item)):
            continue
        what[id] = item
        people[id] = max(people[id], theirs[name])
        bought[id] = max(bought[id], ordered[name])
    best = sorted(people, key=lambda id: (-people[id], -bought[id], id))[:PRODUCTS]
    titles = {id: item.title for id, item in what.items() if item is not None}
    return [Product(id, titles.get(id), people[id], bought[id]) for id in best]


def _offered(item: Item) -> bool:
    return item.shown and item.available is not False


def _ids(of: Loaded, name: str | None) -> set[str]:
    """What the products are called that somebody turned to by events of this name, or by any."""
    return {
        one.product_id or one.sku or ""
        for event, _, told in of.liking.deeds
        if name is None or event == name
        for one in lines(dict(told))
    } - {""}


def _said(turns: Interest) -> str:
    """ "Customers like her are interested in Hats, Scarves and Acme."."""
    names = [one.value for one in (*turns.categories[:2], *turns.brands[:1])]
    if not names:
        names = [one.title or one.product_id for one in turns.products[:3]]
    if not names:
        return "Customers like her turn to what she knows already."
    head = ", ".join(names[:-1])
    return f"Customers like her are interested in {f'{head} and ' if head else ''}{names[-1]}."

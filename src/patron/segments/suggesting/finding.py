"""Looks for suggestions: reads a sample of people, parts them, and writes what is found."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from uuid import UUID

import numpy as np

from patron.kit.clock import Clock
from patron.kit.db import Database, Tx
from patron.kit.money import exponent
from patron.segments import store as log
from patron.segments.forms.trait import share_point
from patron.segments.lists.naming import LONGEST_KEY, key_of
from patron.segments.population.keeping import last_night
from patron.segments.ready.counting import loaded
from patron.segments.suggesting import store
from patron.segments.suggesting.clustering import part
from patron.segments.suggesting.describing import describe, rule_for
from patron.segments.suggesting.measuring import Measured, Names, crowds, fans, measure
from patron.segments.suggesting.store import FANS_KIND, FOUND_KIND, Run
from patron.segments.suggesting.types import FEWEST_ALIKE, FEWEST_FANS, YEAR, Crowd, Suggestion
from patron.segments.types import Lookback, Needs
from patron.shops.types import Shop

MOST_PEOPLE = 30_000
"""Looked at; of a larger shop a sample, the same people each time."""
PAGE = 5_000
AT_ONCE = 250
LEAST_SHARE = 0.03


async def is_due(tx: Tx, shop: Shop, now: datetime) -> bool:
    """Once a night, and as soon as there are people enough to look at for the first time."""
    made_at = await store.made_at(tx)
    if made_at is not None:
        return made_at < last_night(shop, now)
    return len(await log.people(tx, None, FEWEST_ALIKE)) >= FEWEST_ALIKE


async def find(db: Database, shop: Shop, clock: Clock) -> Run:
    """Look through the shop's people, and have what is found be the suggestions."""
    now, names = clock.now(), Names.of(shop)
    async with db.unit(shop.schema) as tx:
        people = await log.how_many(tx)
    share = min(1.0, MOST_PEOPLE / max(1, people))
    measured, looked_at = await _measured(db, shop, names, now, share)
    suggestions = await asyncio.to_thread(found, measured, names, share)
    alike = sum(one.kind == FOUND_KIND for one in suggestions)
    run = Run(now, looked_at, people, _said(measured, alike))
    async with db.unit(shop.schema) as tx:
        await store.replace(tx, run, suggestions)
    return run


def _said(measured: Measured, alike: int) -> str:
    active = len(measured.people)
    if active < FEWEST_ALIKE:
        return (
            f"{active} people did something in the last year; to find those who are alike takes"
            f" {FEWEST_ALIKE}"
        )
    if not alike:
        return f"of {active:,} people nobody stands apart from the others: they shop much alike"
    return f"{alike} groups of people who are alike, out of {active:,}"


async def _measured(
    db: Database, shop: Shop, names: Names, now: datetime, share: float
) -> tuple[Measured, int]:
    needs = Needs(
        names=frozenset([names.order, names.view]),
        properties=True,
        log=Lookback(back=timedelta(days=YEAR)),
        orders=True,
        reduced=True,
        tests=10,
    )
    measured, looked_at = Measured(), 0
    unit = 10 ** exponent(shop.currency)
    after: UUID | None = None
    while True:
        async with db.unit(shop.schema) as tx:
            roots = await log.people(tx, after, PAGE)
        drawn = [one for one in roots if share_point("suggestions", one) < share]
        for start in range(0, len(drawn), AT_ONCE):
            async with db.unit(shop.schema) as tx:
                facts = await loaded(tx, drawn[start : start + AT_ONCE], needs, now, shop)
            await asyncio.to_thread(measure, measured, facts, names, unit, now)
        looked_at += len(drawn)
        if len(roots) < PAGE:
            return measured, looked_at
        after = roots[-1]


def found(measured: Measured, names: Names, share: float) -> list[Suggestion]:
    """What those who were looked at suggest; they are such a share of all."""
    suggestions = []
    for crowd in crowds(measured, names):
        if len(crowd) >= FEWEST_ALIKE:
            suggestions += _alike(crowd, share)
    for category, people, rule in fans(measured, names):
        if people / share >= FEWEST_FANS:
            suggestions.append(
                Suggestion(
                    _key("fans of", category),
                    FANS_KIND,
                    f"Fans of {category}",
                    f"Looked at {category} three times in 90 days, or ordered it twice in a year.",
                    rule,
                    round(people / share),
                    None,
                    None,
                    [],
                )
            )
    return _one_of_each_key(suggestions)


def _alike(crowd: Crowd, share: float) -> list[Suggestion]:
    parted = part(np.stack([column.scaled for column in crowd.columns], axis=1))
    if parted is None:
        return []
    suggestions = []
    for group in range(parted.count):
        own = parted.groups == group
        size = int(own.sum())
        if size < LEAST_SHARE * len(own):
            continue
        described, ruled = describe(crowd, own), rule_for(crowd, own)
        if not described.traits:
            continue
        people = round(size / share)
        told = "; ".join(
            f"{one.what}: {_amount(one.theirs, one.unit)}"
            f" (all {crowd.sort}: {_amount(one.all, one.unit)})"
            for one in described.traits
        )
        suggestions.append(
            Suggestion(
                _key("found", described.name),
                FOUND_KIND,
                described.name,
                f"{size / len(own):.0%} of all {crowd.sort}. On average {told}.",
                None if ruled is None else ruled.rule,
                people,
                None if ruled is None else ruled.hits,
                None if ruled is None else ruled.reach,
                described.traits,
            )
        )
    return sorted(suggestions, key=lambda one: -one.people)


def _amount(value: float, unit: str) -> str:
    """A figure with its unit, where that is no word of what it is a figure of."""
    if unit == "%":
        return f"{value:.3g}%"
    return f"{value:,.2f} {unit}" if len(unit) == 3 and unit.isupper() else f"{value:g}"


def _key(of: str, name: str) -> str:
    """A key that no other name of this kind has, whatever letters it is written in."""
    if name.isascii() and len(key := key_of(f"{of} {name}")) < LONGEST_KEY:
        return key
    told = blake2b(name.casefold().encode(), digest_size=4).hexdigest()
    return f"{key_of(f'{of} {name}')[: LONGEST_KEY - 9].rstrip('-')}-{told}"


def _one_of_each_key(suggestions: Sequence[Suggestion]) -> list[Suggestion]:
    """Groups that are told alike are told once, the largest."""
    kept: dict[str, Suggestion] = {}
    for one in suggestions:
        kept.setdefault(one.key, one)
    return list(kept.values())

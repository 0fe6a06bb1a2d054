"""Counts several rules over everybody in one pass, for as long as there is time."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from patron.kit.clock import monotonic
from patron.kit.db import Database, Tx
from patron.segments import store
from patron.segments.facts import Loaded, Subject, load_many
from patron.segments.rules.language import Rule, needs
from patron.segments.trying import AT_ONCE, EVENTS_AT_ONCE
from patron.segments.types import Needs
from patron.shops.types import Shop


class Counted(msgspec.Struct):
    """How many people each rule holds for, of those looked at; not `complete` when time ran out."""

    counts: dict[str, int]
    looked_at: int = 0
    complete: bool = False


async def count(
    db: Database,
    shop: Shop,
    rules: Mapping[str, Rule],
    now: datetime,
    seconds: float | None = None,
) -> Counted:
    """Ask `rules` of everybody, 250 people at a time, for at most about so many seconds."""
    found = Counted(dict.fromkeys(rules, 0))
    began, after = monotonic(), None
    wanted = needs(*rules.values())
    while rules and not found.complete and (seconds is None or monotonic() - began < seconds):
        async with db.unit(shop.schema) as tx:
            roots = await store.people(tx, after, AT_ONCE)
            facts = await loaded(tx, roots, wanted, now, shop)
        await asyncio.to_thread(_add, found, rules, facts, now)
        found.looked_at += len(roots)
        found.complete = len(roots) < AT_ONCE
        after = roots[-1] if roots else None
    return found


async def loaded(
    tx: Tx, roots: Sequence[UUID], wanted: Needs, now: datetime, shop: Shop
) -> list[Loaded]:
    """The facts of people; half of them at a time where they did too much to be read at once."""
    most = EVENTS_AT_ONCE if len(roots) > 1 else None
    try:
        return await load_many(tx, [Subject(one) for one in roots], wanted, now, shop, at_most=most)
    except store.Crowded:
        half = len(roots) // 2
        first = await loaded(tx, roots[:half], wanted, now, shop)
        return first + await loaded(tx, roots[half:], wanted, now, shop)


def _add(found: Counted, rules: Mapping[str, Rule], facts: Sequence[Loaded], now: datetime) -> None:
    for key, rule in rules.items():
        found.counts[key] += sum(rule.holds(her, now) for her in facts)

"""Tries a rule before anything depends on it: on one person with the reasons, or on everybody."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from heapq import nsmallest
from uuid import UUID

import msgspec

from patron.events.sorted.layout import Folder
from patron.kit.clock import monotonic
from patron.kit.db import Database, Tx
from patron.segments import store
from patron.segments.everybody import answering as everybody
from patron.segments.faces import faces
from patron.segments.facts import Loaded, Subject, load, load_many
from patron.segments.forms.trait import share_point
from patron.segments.full.counting import SHOWN, Counted
from patron.segments.rules.changes import earliest_change
from patron.segments.rules.language import Needs, Rule, needs
from patron.shops.types import Shop

AT_ONCE = 250
EVENTS_AT_ONCE = 50_000


class Explained(msgspec.Struct, frozen=True):
    """Whether a rule holds for a person, the facts that decided, and the earliest moment at which
    that can change although nothing happens; null if never."""

    profile_id: UUID
    holds: bool
    why: list[str]
    changes_at: datetime | None


class Sampled(msgspec.Struct, frozen=True):
    """`name` as she gave it, else her e-mail address, else null."""

    id: UUID
    name: str | None


class Preview(msgspec.Struct, frozen=True):
    """For how many people a rule holds now. `of` is all there are, `looked_at` those that were
    asked about; when time ran out it is less, `complete` is false and `count` a least number.
    `sample` are up to ten of them, drawn at random but the same each time. `said` is all that in a
    sentence."""

    count: int
    of: int
    looked_at: int
    complete: bool
    seconds: float
    said: str
    sample: list[Sampled]


async def explain(tx: Tx, shop: Shop, rule: Rule, root: UUID, now: datetime) -> Explained:
    """`rule` asked about the person with this root."""
    facts = await load(tx, Subject(root), needs(rule), now, shop)
    # In a thread, so that whoever else is served by this process does not wait.
    return await asyncio.to_thread(_explained, rule, root, facts, now)


def _explained(rule: Rule, root: UUID, facts: Loaded, now: datetime) -> Explained:
    answer = rule.evaluate(facts, now)
    return Explained(root, answer.value, answer.why, earliest_change(rule, facts, now))


async def preview(
    db: Database,
    shop: Shop,
    rule: Rule,
    now: datetime,
    *,
    seconds: float | None = None,
    told: Callable[[int, int], None] = lambda looked_at, of: None,
    copy: Folder | None = None,
) -> Preview:
    """`rule` asked about everybody, for at most about `seconds`: from the sorted copy and columns
    where these suffice, else 250 people at a time.

    A transaction lasts for these 250 only, so people who come or merge meanwhile may count or not.
    `told` hears how far it is.
    """
    began, wanted = monotonic(), needs(rule)
    async with db.unit(shop.schema) as tx:
        of = await store.how_many(tx)
    until = None if seconds is None else began + seconds
    found = await everybody.count(db, shop, rule, now, copy, of=of, until=until, told=told)
    if found is not None:
        return await _said(db, shop, found, max(of, found.looked_at), began)
    count, looked_at, after = 0, 0, None
    drawn: list[tuple[float, UUID]] = []
    complete = False
    while not complete and (seconds is None or monotonic() - began < seconds):
        async with db.unit(shop.schema) as tx:
            roots = await store.people(tx, after, AT_ONCE)
            chosen = await judged(tx, rule, roots, wanted, now, shop)
        count, looked_at = count + len(chosen), looked_at + len(roots)
        drawn = nsmallest(SHOWN, [*drawn, *((share_point("preview", one), one) for one in chosen)])
        complete = len(roots) < AT_ONCE
        after = roots[-1] if roots else after
        told(looked_at, max(of, looked_at))
    of = looked_at if complete else max(of, looked_at)
    sample = [root for _, root in drawn]
    return await _said(db, shop, Counted(count, looked_at, complete, sample), of, began)


async def _said(db: Database, shop: Shop, found: Counted, of: int, began: float) -> Preview:
    async with db.unit(shop.schema) as tx:
        sample = await _named(tx, found.sample)
    passed = monotonic() - began
    said = f"{found.count:,} of {of:,} people"
    if not found.complete:
        said = f"at least {found.count:,} of {of:,} people; {found.looked_at:,} were looked at"
    return Preview(found.count, of, found.looked_at, found.complete, round(passed, 3), said, sample)


async def judged(
    tx: Tx, rule: Rule, roots: Sequence[UUID], wanted: Needs, now: datetime, shop: Shop
) -> list[UUID]:
    """Those of `roots` for whom the rule holds; half of them at a time where they did too much to
    be held at once."""
    subjects = [Subject(root) for root in roots]
    most = EVENTS_AT_ONCE if len(roots) > 1 else None
    try:
        facts = await load_many(tx, subjects, wanted, now, shop, at_most=most)
    except store.Crowded:
        half = len(roots) // 2
        first = await judged(tx, rule, roots[:half], wanted, now, shop)
        return first + await judged(tx, rule, roots[half:], wanted, now, shop)
    return await asyncio.to_thread(_chosen, rule, roots, facts, now)


def _chosen(
    rule: Rule, roots: Sequence[UUID], facts: Sequence[Loaded], now: datetime
) -> list[UUID]:
    return [root for root, known in zip(roots, facts, strict=True) if rule.holds(known, now)]


async def _named(tx: Tx, roots: Sequence[UUID]) -> list[Sampled]:
    seen = await faces(tx, roots)
    return [Sampled(root, seen[root].name or seen[root].email) for root in roots]

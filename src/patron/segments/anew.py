"""Asks again because something else than she changed: the clock, a table, a prediction."""

from collections.abc import Callable, Sequence
from uuid import UUID

import msgspec

from patron.kit.clock import Clock
from patron.kit.db import Database, Tx
from patron.profiles import store as profiles
from patron.profiles.changes import store as changed
from patron.segments import store as log
from patron.segments import thresholds, trying
from patron.segments.keeping import TOLD, draw_ids
from patron.segments.members import store as members
from patron.segments.members.types import Cause, Change
from patron.segments.population import keeping as population
from patron.segments.population import store as tables
from patron.segments.predictions import nightly
from patron.segments.predictions import store as predictions
from patron.segments.rules.language import needs, parse
from patron.segments.saved import store as saved
from patron.segments.saved.types import Segment, Status
from patron.shops.types import Shop

Heard = Callable[[str, int, int], None]


class Filled(msgspec.Struct):
    """What one run did."""

    streams: int = 0
    events: int = 0
    segments: list[str] = []
    entered: int = 0
    left: int = 0


async def ask_everybody(
    db: Database,
    shop: Shop,
    segment: Segment,
    clock: Clock,
    did: Filled,
    heard: Heard,
    cause: Cause = Cause.CLOCK,
) -> None:
    """Ask a rule that records cannot answer of everybody, from the log."""
    rule = parse(segment.rule)
    wanted = needs(rule)
    first = segment.status == Status.SETTLING
    cause = Cause.DEFINITION if first else cause
    async with db.unit(shop.schema) as tx:
        total = await log.how_many(tx)
    after: UUID | None = None
    done = 0
    while True:

        async def ask(tx: Tx, after: UUID | None = after) -> tuple[list[UUID], list[Change]]:
            now = clock.now()
            roots = await log.people(tx, after, trying.AT_ONCE)
            await profiles.lock(tx, roots)
            held = set(await trying.judged(tx, rule, roots, wanted, now, shop))
            was = await members.of_people(tx, {root: [root] for root in roots}, [segment.key])
            changes = [
                Change(segment.id, root, root in held, now, cause)
                for root in roots
                if (root in held) != (root in was)
            ]
            ids = draw_ids(now)
            await members.write(tx, changes, [(ids(), one) for one in changes if cause in TOLD])
            why = changed.Why[cause.name]
            await changed.note(tx, [one.origin_id for one in changes], now, why)
            return roots, changes

        roots, changes = await db.run(shop.schema, ask)
        count(did, changes)
        done += len(roots)
        heard(f"asking everybody about {segment.key}", done, max(done, total))
        if len(roots) < trying.AT_ONCE:
            break
        after = roots[-1]
    did.segments.append(segment.key)
    async with db.unit(shop.schema) as tx:
        again = await saved.by_key(tx, segment.key)
        if again is not None and again.changed_at == segment.changed_at:
            await saved.set_status(tx, [segment.id], Status.ON)
            await saved.asked(tx, [segment.id], clock.now())
            await saved.turn_page(tx)


async def compare(db: Database, shop: Shop, clock: Clock, did: Filled, heard: Heard) -> None:
    """Make a table of where people stand if one is due, and ask the segments that ask for it."""
    async with db.unit(shop.schema) as tx:
        asking = [one for one in await saved.every(tx) if population.dependent(one)]
    await population.refresh(db, shop, clock, asking)
    async with db.unit(shop.schema) as tx:
        version = await tables.unasked(tx)
    if version is None:
        return
    asking = [one for one in asking if one.status == Status.ON]
    if any(one.live for one in asking):
        count(did, await population.ask_buyers(db, shop, clock, heard))
    for one in asking:
        if not one.live:
            await ask_everybody(db, shop, one, clock, did, heard, Cause.THRESHOLDS)
    async with db.unit(shop.schema) as tx:
        await tables.asked(tx, version)


async def foretell(db: Database, shop: Shop, clock: Clock, did: Filled, heard: Heard) -> None:
    """Make Patron's own predictions if they are due, and ask the segments that ask for those of
    which there is a new version."""
    await nightly.refresh(db, shop, clock)
    async with db.unit(shop.schema) as tx:
        versions = await predictions.unasked(tx)
        every = await saved.every(tx)
    if not versions:
        return
    asking = [
        one
        for one in every
        if one.status == Status.ON and needs(parse(one.rule)).predictions & versions.keys()
    ]
    if any(one.live for one in asking):
        changes = await thresholds.ask(
            db,
            shop,
            clock,
            lambda tx, after, limit: predictions.people(tx, versions, after, limit),
            lambda wanted: bool(wanted.predictions & versions.keys()),
            lambda done: heard("asking by the new predictions", done, done),
        )
        count(did, changes)
    for one in asking:
        if not one.live:
            await ask_everybody(db, shop, one, clock, did, heard, Cause.THRESHOLDS)
    async with db.unit(shop.schema) as tx:
        await predictions.asked(tx, versions)


def count(did: Filled, changes: Sequence[Change]) -> None:
    did.entered += sum(one.entered for one in changes)
    did.left += sum(not one.entered for one in changes)

"""Asks again because something else than she changed: the clock, a table, a prediction."""

from collections.abc import Callable, Sequence

import msgspec

from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.segments import thresholds
from patron.segments.members.types import Change
from patron.segments.population import keeping as population
from patron.segments.population import store as tables
from patron.segments.predictions import nightly
from patron.segments.predictions import store as predictions
from patron.segments.rules.language import needs, parse
from patron.segments.saved import store as saved
from patron.segments.saved.types import Status
from patron.shops.types import Shop

Heard = Callable[[str, int, int], None]


class Filled(msgspec.Struct):
    """What one run did."""

    streams: int = 0
    events: int = 0
    segments: list[str] = []
    entered: int = 0
    left: int = 0


async def compare(db: Database, shop: Shop, clock: Clock, did: Filled, heard: Heard) -> None:
    """Make a table of where people stand if one is due, and ask the segments that ask for it."""
    async with db.unit(shop.schema) as tx:
        asking = [one for one in await saved.every(tx) if population.dependent(one)]
    await population.refresh(db, shop, clock, asking)
    async with db.unit(shop.schema) as tx:
        version = await tables.unasked(tx)
    if version is None:
        return
    if any(one.status == Status.ON for one in asking):
        count(did, await population.ask_buyers(db, shop, clock, heard))
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
    wanted = [needs(parse(one.rule)).predictions for one in every if one.status == Status.ON]
    if any(some & versions.keys() for some in wanted):
        changes = await thresholds.ask(
            db,
            shop,
            clock,
            lambda tx, after, limit: predictions.people(tx, versions, after, limit),
            lambda wanted: bool(wanted.predictions & versions.keys()),
            lambda done: heard("asking by the new predictions", done, done),
        )
        count(did, changes)
    async with db.unit(shop.schema) as tx:
        await predictions.asked(tx, versions)


def count(did: Filled, changes: Sequence[Change]) -> None:
    did.entered += sum(one.entered for one in changes)
    did.left += sum(not one.entered for one in changes)

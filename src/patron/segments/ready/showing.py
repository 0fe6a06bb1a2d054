"""Ready-made segments as they are shown, and saved by one call."""

from datetime import datetime
from typing import Any

import msgspec

from patron.kit.db import Database, Tx
from patron.kit.problems import conflict, not_found
from patron.segments import saving
from patron.segments.members import store as members
from patron.segments.ready.catalogue import ReadyMade, catalogue
from patron.segments.ready.counting import count
from patron.segments.rules.language import parse
from patron.segments.saved import store as saved
from patron.segments.saved.types import Segment
from patron.segments.saving import Draft
from patron.segments.suggesting import store as suggested
from patron.shops.types import Shop

PATIENCE = 8.0
"""Seconds for which those that are not saved are counted, where somebody waits."""


class ReadyMadeView(msgspec.Struct, frozen=True):
    """`saved` names the segment that it was saved as, null if it was not. `count` people are in it,
    or would be: null when they were not counted, and a least number when not `counted_all`.
    """

    key: str
    name: str
    theme: str
    description: str
    rule: dict[str, Any]
    core: bool
    saved: str | None
    count: int | None
    counted_all: bool


async def offered(tx: Tx, shop: Shop) -> list[ReadyMade]:
    """All that this shop can have: those of the catalogue, and fans of its own categories."""
    return catalogue(shop) + await suggested.fans(tx)


async def shown(
    db: Database, shop: Shop, now: datetime, seconds: float | None
) -> list[ReadyMadeView]:
    """All of them. Those that are not saved are counted for about so many seconds: 0 for not at
    all, None for as long as it takes."""
    async with db.unit(shop.schema) as tx:
        every = await offered(tx, shop)
        there = {one.ready_made: one for one in await saved.every(tx) if one.ready_made}
        counts = await members.counts(tx)
    others = {one.key: parse(one.rule) for one in every if one.key not in there}
    counted = None if seconds == 0 else await count(db, shop, others, now, seconds)
    views = []
    for one in every:
        own = there.get(one.key)
        people, whole = None if counted is None else counted.counts.get(one.key), False
        if counted is not None:
            whole = counted.complete
        if own is not None:
            people, whole = counts.get(own.id, 0), True
        views.append(
            ReadyMadeView(
                one.key, one.name, one.theme, one.description, one.rule, one.core,
                None if own is None else own.key, people, whole,
            )
        )  # fmt: skip
    return views


async def save(tx: Tx, shop: Shop, key: str, now: datetime) -> Segment:
    """Save one of them under its key. Problem 404 when there is none of this key, 409 when a
    segment has it already."""
    for one in await offered(tx, shop):
        if one.key == key:
            if key in await saved.keys(tx):
                raise conflict(
                    f"there is a segment {key!r} already",
                    remedy="nothing is to be done, unless it is another of yours: then delete it",
                )
            return await _save(tx, shop, one, now)
    remedy = "take a key that `patron segment ready-made` lists"
    raise not_found("ready-made segment", key, remedy=remedy)


async def _save(tx: Tx, shop: Shop, one: ReadyMade, now: datetime) -> Segment:
    draft = Draft(name=one.name, description=one.description, rule=one.rule)
    return await saving.create(tx, shop, one.key, draft, now, ready_made=one.key)


async def missing(tx: Tx, shop: Shop) -> list[ReadyMade]:
    """Those of the core that are not saved."""
    there = await saved.keys(tx)
    return [one for one in catalogue(shop) if one.core and one.key not in there]


async def save_core(tx: Tx, shop: Shop, now: datetime) -> list[Segment]:
    """Save those of the core that are not there yet."""
    return [await _save(tx, shop, one, now) for one in await missing(tx, shop)]

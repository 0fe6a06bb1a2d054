"""Suggestions as they are shown, and saved by one call."""

from datetime import datetime

import msgspec

from patron.kit.db import Tx
from patron.kit.problems import conflict, not_found
from patron.segments import saving
from patron.segments.saved.types import Segment
from patron.segments.saving import Draft
from patron.segments.suggesting import store
from patron.segments.suggesting.store import FOUND_KIND
from patron.segments.suggesting.types import Suggestion
from patron.shops.types import Shop


class Suggested(msgspec.Struct, frozen=True):
    """What the last night found. `said` puts it in a sentence, also why nothing was found;
    `made_at` is null before the first night."""

    made_at: datetime | None
    looked_at: int
    people: int
    said: str
    suggestions: list[Suggestion]


async def suggested(tx: Tx) -> Suggested:
    run = await store.run(tx)
    if run is None:
        return Suggested(None, 0, 0, "nobody has looked yet; that is done every night", [])
    found = await store.every(tx, FOUND_KIND)
    return Suggested(run.made_at, run.looked_at, run.people, run.said, found)


async def save(tx: Tx, shop: Shop, key: str, now: datetime) -> Segment:
    """Save a suggestion as a segment of its key. Problem 404 when there is none of this key, 409
    when it has no rule or a segment has its key."""
    for one in await store.every(tx, FOUND_KIND):
        if one.key == key:
            if one.rule is None:
                raise conflict(
                    f"suggestion {key!r} has no rule: none describes these people well enough",
                    remedy="choose another, or save a segment with a rule of your own",
                )
            draft = Draft(name=one.name[:120], description=one.description, rule=one.rule)
            return await saving.create(tx, shop, key, draft, now)
    raise not_found("suggestion", key)

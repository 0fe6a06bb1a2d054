"""How people moved between the six groups of buyers since a date."""

from datetime import datetime, timedelta

import msgspec

from patron.kit.db import Tx
from patron.kit.problems import conflict
from patron.segments.population.types import GROUPS
from patron.segments.ready import store
from patron.segments.ready.catalogue import rfm_key
from patron.segments.saved import store as saved
from patron.segments.saved.showing import past

MONTH = timedelta(days=30)


class GroupSize(msgspec.Struct, frozen=True):
    """How many were in a group then, and are now."""

    group: str
    segment: str
    then: int
    now: int


class Move(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """So many people were in one group then and are in another now; null is none of the six: they
    had not ordered yet, or nobody was compared."""

    from_: str | None
    to: str | None
    people: int


class Movement(msgspec.Struct, frozen=True):
    """`known_since` is when the groups began to be kept: `since` is not before that. `moves` has
    the largest first, and nobody who stayed where she was."""

    since: datetime
    known_since: datetime
    groups: list[GroupSize]
    moves: list[Move]


async def movement(tx: Tx, since: datetime | None, now: datetime) -> Movement:
    """Who moved since that moment, or in the last thirty days. Problem 400 for a moment to come,
    409 when not all six groups are saved as they are ready-made."""
    since = now - MONTH if since is None else past(since, now, "since")
    keys = {group: rfm_key(group) for group in GROUPS}
    there = {one.ready_made: one for one in await saved.every(tx) if one.ready_made}
    if missing := [key for key in keys.values() if key not in there]:
        raise conflict(
            f"the groups are kept only where all six are saved; {', '.join(missing)} are not",
            remedy=f"save each: POST /api/segments/ready-made/{missing[0]}",
        )
    segments = {group: there[key] for group, key in keys.items()}
    known_since = max(one.created_at for one in segments.values())
    since = max(since, known_since)
    found = await store.moves(tx, {one.id: group for group, one in segments.items()}, since)
    sizes = [
        GroupSize(
            group,
            segments[group].key,
            sum(people for then, _, people in found if then == group),
            sum(people for _, now, people in found if now == group),
        )
        for group in GROUPS
    ]
    moved = [Move(then, now, people) for then, now, people in found if then != now]
    moved.sort(key=lambda one: (-one.people, one.from_ or "", one.to or ""))
    return Movement(since, known_since, sizes, moved)

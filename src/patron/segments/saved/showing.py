"""Saved segments as they are shown: with their counts, and in words how far they are known."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from patron.kit.db import Tx
from patron.kit.problems import bad_request
from patron.profiles import store as profiles
from patron.segments import trying
from patron.segments.faces import faces
from patron.segments.members import store as members
from patron.segments.members.types import Day, Stay
from patron.segments.rules.language import parse
from patron.segments.saved import store
from patron.segments.saved.types import Segment, Status
from patron.segments.trying import Explained
from patron.shops.types import Shop


class SegmentView(msgspec.Struct, frozen=True):
    """`count` people are in it now. `said` puts its state in words; while it is `filling` or
    `settling`, `progress` goes from 0 to 1 and `count` is not yet what it will be. `asked_at` is
    when everybody was last asked."""

    key: str
    name: str
    description: str
    rule: dict[str, Any]
    ready_made: str | None
    count: int
    status: Status
    progress: float | None
    said: str
    created_at: datetime
    changed_at: datetime
    asked_at: datetime | None


class MemberView(msgspec.Struct, frozen=True):
    """Somebody who is in a segment, or was: since when and why, until when and why."""

    id: UUID
    user_id: str | None
    email: str | None
    phone: str | None
    name: str | None
    entered_at: datetime
    cause: str
    left_at: datetime | None
    left_cause: str | None


class Why(msgspec.Struct, frozen=True):
    """Whether she is in it as it is kept, what its rule says of her this moment and why, when that
    can change by itself, and when she came and went."""

    segment: str
    inside: bool
    explained: Explained
    stays: list[Stay]


def viewed(segment: Segment, count: int) -> SegmentView:
    progress = None
    if segment.status in (Status.FILLING, Status.SETTLING):
        progress = round(min(1.0, segment.done / segment.total), 3) if segment.total else 0.0
    return SegmentView(
        segment.key,
        segment.name,
        segment.description,
        segment.rule,
        segment.ready_made,
        count,
        segment.status,
        progress,
        _said(segment, count),
        segment.created_at,
        segment.changed_at,
        segment.asked_at,
    )


def _said(segment: Segment, count: int) -> str:
    people = f"{count:,} {'person' if count == 1 else 'people'}"
    match segment.status:
        case Status.FILLING:
            return f"{people} so far; history is being read"
        case Status.SETTLING:
            return f"{people} so far; everybody is being asked"
        case Status.PAUSED:
            return f"{people} when it was paused"
    return people


async def shown(tx: Tx, segment: Segment) -> SegmentView:
    return viewed(segment, await members.count(tx, segment.id))


async def all_shown(tx: Tx) -> list[SegmentView]:
    """All segments, by key."""
    counts = await members.counts(tx)
    return [viewed(one, counts.get(one.id, 0)) for one in await store.every(tx)]


def past(moment: datetime, now: datetime, path: str) -> datetime:
    """A moment that was asked about; the end of today, anywhere, is as good as now. Problem 400
    when it has no time zone, or is to come."""
    if moment.tzinfo is None:
        raise bad_request(
            f"{path} {moment.isoformat()} has no time zone",
            remedy="add one, or Z for UTC: 2026-03-02T12:00:00Z",
            path=path,
        )
    if moment > now + timedelta(days=1):
        raise bad_request(
            f"{path} {moment.isoformat()} is to come",
            remedy="give a moment that is past",
            path=path,
        )
    return moment


async def members_shown(
    tx: Tx, segment: Segment, after: UUID | None, limit: int, on: datetime | None
) -> list[MemberView]:
    """Who is in it, or was at the moment `on`, in the order of their ids."""
    found = await members.members(tx, segment.id, after, limit, on)
    seen = await faces(tx, [one.id for one in found])
    return [
        MemberView(
            one.id,
            seen[one.id].user_id,
            seen[one.id].email,
            seen[one.id].phone,
            seen[one.id].name,
            one.entered_at,
            one.cause,
            one.left_at,
            one.left_cause,
        )
        for one in found
    ]


async def why(tx: Tx, shop: Shop, segment: Segment, root: UUID, now: datetime) -> Why:
    explained = await trying.explain(tx, shop, parse(segment.rule), root, now)
    every = await members.stays(tx, await profiles.origins(tx, root))
    stays = [one for one in every if one.segment == segment.key]
    inside = any(one.left_at is None for one in stays)
    return Why(segment.key, inside, explained, stays)


async def growth(tx: Tx, shop: Shop, segment: Segment, days: int, now: datetime) -> list[Day]:
    """The last `days` days of the shop, today among them."""
    today: date = now.astimezone(ZoneInfo(shop.time_zone)).date()
    listed = [today - timedelta(days=back) for back in range(days - 1, -1, -1)]
    return await members.growth(tx, segment.id, listed, shop.time_zone)

"""Saved segments over HTTP: made, changed, looked through, explained."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import get, patch, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromPath, FromQuery, PathParameter, QueryParameter

from patron.kit.clock import Clock
from patron.kit.cursors import identity
from patron.kit.db import Database
from patron.kit.paging import Page, bounded, decode, encode, paged
from patron.kit.problems import bad_request
from patron.profiles import store as profiles
from patron.profiles.search.whom import root_of
from patron.segments import saving
from patron.segments.lists.naming import KEY
from patron.segments.members import store as members
from patron.segments.members.types import Day, Stay
from patron.segments.refusing import LOYAL, refused
from patron.segments.rules.reading import Misread
from patron.segments.saved import showing
from patron.segments.saved.showing import MemberView, SegmentView, Why, past
from patron.segments.saving import Draft
from patron.shops.access import requires
from patron.shops.types import Shop

Key = Annotated[str, PathParameter(description="The key of a segment, such as `loyal`.")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=r"^[^\x00]*\S[^\x00]*$")]
Description = Annotated[str, msgspec.Meta(max_length=2_000, pattern=r"^[^\x00]*$")]
MOST_DAYS = 730


class NewSegment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`rule` as the documentation of conditions describes it. Without a `key` the segment gets one
    made of its name; a key never changes."""

    name: Name
    rule: dict[str, Any]
    key: Annotated[str, msgspec.Meta(pattern=KEY)] | None = None
    description: Description = ""


class ChangedSegment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is null stays as it is. With another `rule` everybody is asked anew; until then those
    stay in it who were. Who is `paused` neither enters nor leaves."""

    name: Name | None = None
    description: Description | None = None
    rule: dict[str, Any] | None = None
    paused: bool | None = None


_NEW = Example(value={"name": "Loyal readers", "key": "loyal-readers", "rule": LOYAL})


@get(
    "/api/segments",
    guards=[requires("profiles:read")],
    tags=["segments"],
    summary="The saved segments",
)
async def show_segments(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> Page[SegmentView]:
    """By key, each with the number of people in it and how far it is known."""
    async with db.unit(shop.schema) as tx:
        found = await showing.all_shown(tx)
    return paged(found, lambda one: one.key, cursor, limit)


@post(
    "/api/segments",
    guards=[requires("profiles:write")],
    tags=["segments"],
    summary="Save a segment",
)
async def save_segment(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    data: Annotated[NewSegment, BodyKwarg(examples=[_NEW])],
) -> SegmentView:
    """History is read for it and everybody is asked, which starts within a second; from then on
    each customer enters and leaves as she acts. A rule that cannot be read is refused with the path
    of what is wrong, and so are segments that ask for each other in a circle."""
    draft = Draft(name=data.name, description=data.description, rule=data.rule)
    async with db.unit(shop.schema) as tx:
        try:
            made = await saving.create(tx, shop, data.key, draft, clock.now())
        except Misread as error:
            raise refused(error) from error
        return await showing.shown(tx, made)


@get(
    "/api/segments/{key:str}",
    guards=[requires("profiles:read")],
    tags=["segments"],
    summary="One segment",
)
async def show_segment(
    db: NamedDependency[Database], shop: NamedDependency[Shop], key: Key
) -> SegmentView:
    """Its rule, how many are in it, and how far it is known."""
    async with db.unit(shop.schema) as tx:
        return await showing.shown(tx, await saving.existing(tx, key))


@patch(
    "/api/segments/{key:str}",
    guards=[requires("profiles:write")],
    tags=["segments"],
    summary="Change, pause or resume a segment",
)
async def change_segment(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    key: Key,
    data: Annotated[ChangedSegment, BodyKwarg(examples=[Example(value={"paused": True})])],
) -> SegmentView:
    """The key stays, because rules name it."""
    draft = Draft(name=data.name, description=data.description, rule=data.rule, paused=data.paused)
    async with db.unit(shop.schema) as tx:
        try:
            changed = await saving.change(tx, shop, key, draft, clock.now())
        except Misread as error:
            raise refused(error) from error
        return await showing.shown(tx, changed)


@get(
    "/api/segments/{key:str}/members",
    guards=[requires("profiles:read")],
    tags=["segments"],
    summary="Who is in a segment, or was",
)
async def show_members(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    key: Key,
    on: Annotated[datetime | None, QueryParameter(description="A moment; without it, now.")] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> Page[MemberView]:
    """Since when each is in it and why. With `on`, who was in it at that moment."""
    bounded(limit)
    if on is not None:
        past(on, clock.now(), "on")
    behind = decode(cursor, 1)
    after = None if behind is None else identity(behind[0])
    async with db.unit(shop.schema) as tx:
        segment = await saving.existing(tx, key)
        found = await showing.members_shown(tx, segment, after, limit, on)
    return Page(found, encode([str(found[-1].id)]) if len(found) == limit else None)


@get(
    "/api/segments/{key:str}/growth",
    guards=[requires("profiles:read")],
    tags=["segments"],
    summary="How a segment grew",
)
async def show_growth(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    key: Key,
    days: FromQuery[int] = 30,
) -> list[Day]:
    """For each of the last days how many were in it at its end, how many came and how many left."""
    if not 1 <= days <= MOST_DAYS:
        raise bad_request(
            f"days {days} is out of range", remedy=f"give 1 to {MOST_DAYS}", path="days"
        )
    async with db.unit(shop.schema) as tx:
        segment = await saving.existing(tx, key)
        return await showing.growth(tx, shop, segment, days, clock.now())


@get(
    "/api/segments/{key:str}/why",
    guards=[requires("profiles:read")],
    tags=["segments"],
    summary="Why somebody is in a segment, or is not",
)
async def show_why(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    key: Key,
    person: Annotated[
        str,
        QueryParameter(description="A profile id or an identifier, such as `email:…`."),
    ],
) -> Why:
    """The facts that decide, when that can change by itself, and when she came and went."""
    async with db.unit(shop.schema) as tx:
        segment = await saving.existing(tx, key)
        root = await root_of(tx, shop, person)
        return await showing.why(tx, shop, segment, root, clock.now())


@get(
    "/api/profiles/{who:str}/segments",
    guards=[requires("profiles:read")],
    tags=["segments"],
    summary="The segments a person is and was in",
)
async def show_stays(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    who: FromPath[str],
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> Page[Stay]:
    """Since when and why, until when and why; the latest first."""
    async with db.unit(shop.schema) as tx:
        found = await members.stays(tx, await profiles.origins(tx, await root_of(tx, shop, who)))
    return paged(
        found,
        lambda stay: f"{stay.entered_at.isoformat()} {stay.segment} {stay.left_at}",
        cursor,
        limit,
        falling=True,
    )


routes: list[HTTPRouteHandler] = [
    show_segments,
    save_segment,
    show_segment,
    change_segment,
    show_members,
    show_growth,
    show_why,
    show_stays,
]

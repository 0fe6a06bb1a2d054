"""Lists over HTTP: made, renamed, filled by hand, looked through, taken away as a file."""

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from litestar import delete, get, patch, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromPath, FromQuery, PathParameter
from litestar.response import Stream

from patron.kit.clock import Clock
from patron.kit.cursors import identity, word
from patron.kit.db import Database
from patron.kit.paging import Page, bounded, decode, encode, paged
from patron.kit.problems import not_found
from patron.profiles import store as profiles
from patron.profiles.search.whom import root_of
from patron.segments.lists import keeping, store
from patron.segments.lists.file import content
from patron.segments.lists.keeping import Added, ListMember, Removed
from patron.segments.lists.naming import KEY
from patron.segments.lists.types import ListOfHers, StaticList
from patron.shops.access import requires
from patron.shops.types import Shop

Key = Annotated[str, PathParameter(description="The key of a list, such as `trade-fair`.")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=r"^[^\x00]*\S[^\x00]*$")]
Description = Annotated[str, msgspec.Meta(max_length=2_000, pattern=r"^[^\x00]*$")]
Person = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class NewList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without a `key` the list gets one made of its name. A key never changes."""

    name: Name
    key: Annotated[str, msgspec.Meta(pattern=KEY)] | None = None
    description: Description = ""


class ChangedList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is null stays as it is."""

    name: Name | None = None
    description: Description | None = None


class People(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Profile ids, or identifiers: `email:…`, `user_id:…`, `phone:…`, `anonymous_id:…`."""

    people: Annotated[list[Person], msgspec.Meta(min_length=1, max_length=keeping.AT_ONCE)]


_PEOPLE = Example(value={"people": ["email:ada@customers.example", "user_id:1815"]})


@get(
    "/api/lists",
    guards=[requires("profiles:read")],
    tags=["lists"],
    summary="The lists there are",
)
async def show_lists(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> Page[StaticList]:
    """In the order of their keys, each with the number of people on it."""
    bounded(limit)
    key = decode(cursor, 1)
    async with db.unit(shop.schema) as tx:
        found = await store.every(tx, None if key is None else word(key[0]), limit)
    return Page(found, encode([found[-1].key]) if len(found) == limit else None)


@post(
    "/api/lists",
    guards=[requires("profiles:write")],
    tags=["lists"],
    summary="Make a list",
)
async def make_list(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    data: Annotated[
        NewList, BodyKwarg(examples=[Example(value={"name": "Trade fair", "key": "trade-fair"})])
    ],
) -> StaticList:
    """Empty, under a key that conditions name it by."""
    async with db.unit(shop.schema) as tx:
        return await keeping.create(tx, data.name, data.key, data.description, clock.now())


@get(
    "/api/lists/{key:str}",
    guards=[requires("profiles:read")],
    tags=["lists"],
    summary="One list",
)
async def show_list(
    db: NamedDependency[Database], shop: NamedDependency[Shop], key: Key
) -> StaticList:
    """Its name, and how many are on it."""
    async with db.unit(shop.schema) as tx:
        return await keeping.found(tx, key)


@patch(
    "/api/lists/{key:str}",
    guards=[requires("profiles:write")],
    tags=["lists"],
    summary="Rename a list",
)
async def change_list(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    key: Key,
    data: Annotated[ChangedList, BodyKwarg(examples=[Example(value={"name": "Fair of 2026"})])],
) -> StaticList:
    """Another name or description. The key stays, because rules name it."""
    async with db.unit(shop.schema) as tx:
        return await keeping.change(tx, key, data.name, data.description, clock.now())


@get(
    "/api/lists/{key:str}/members",
    guards=[requires("profiles:read")],
    tags=["lists"],
    summary="Who is on a list",
)
async def show_members(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    key: Key,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> Page[ListMember]:
    """Each person once, whoever she was when she was put on it."""
    bounded(limit)
    behind = decode(cursor, 1)
    async with db.unit(shop.schema) as tx:
        one = await keeping.found(tx, key)
        after = None if behind is None else identity(behind[0])
        rows, last = await store.members(tx, one.id, after, limit)
        return Page(await keeping.shown(tx, rows), None if last is None else encode([str(last)]))


@post(
    "/api/lists/{key:str}/members",
    guards=[requires("profiles:write")],
    tags=["lists"],
    summary="Put people on a list",
    status_code=200,
)
async def add_members(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    key: Key,
    data: Annotated[People, BodyKwarg(examples=[_PEOPLE])],
) -> Added:
    """Up to 1,000 who are known already; names that nobody has come back as `unknown`. An import
    puts people on a list whom nobody knows yet."""
    async with db.unit(shop.schema) as tx:
        return await keeping.add(tx, shop, key, data.people, "api", clock.now())


@post(
    "/api/lists/{key:str}/members/remove",
    guards=[requires("profiles:write")],
    tags=["lists"],
    summary="Take people off a list",
    status_code=200,
)
async def remove_members(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    key: Key,
    data: Annotated[People, BodyKwarg(examples=[_PEOPLE])],
) -> Removed:
    """Up to 1,000; they stay the customers they are."""
    async with db.unit(shop.schema) as tx:
        return await keeping.remove(tx, shop, key, data.people, clock.now())


@delete(
    "/api/lists/{key:str}/members/{who:str}",
    guards=[requires("profiles:write")],
    tags=["lists"],
    summary="Take one person off a list",
    status_code=200,
)
async def remove_member(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    key: Key,
    who: FromPath[str],
) -> Removed:
    """By profile id or identifier; 404 for nobody."""
    async with db.unit(shop.schema) as tx:
        gone = await keeping.remove(tx, shop, key, [who], clock.now())
    if gone.unknown:
        raise not_found("profile", who)
    return gone


@get(
    "/api/lists/{key:str}/export",
    guards=[requires("profiles:read")],
    tags=["lists"],
    summary="A list as a file",
    media_type="text/csv",
)
async def export_list(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    key: Key,
    bom: FromQuery[bool] = False,
) -> Stream:
    """CSV in UTF-8, with `bom=true` so that Excel knows it; no cell of it is a formula."""
    async with db.unit(shop.schema) as tx:
        one = await keeping.found(tx, key)

    async def parts() -> AsyncIterator[bytes]:
        async for part in content(db, shop, one.id, bom=bom):
            yield part

    name = f'attachment; filename="{key}.csv"'
    return Stream(parts(), media_type="text/csv", headers={"Content-Disposition": name})


@get(
    "/api/profiles/{who:str}/lists",
    guards=[requires("profiles:read")],
    tags=["lists"],
    summary="The lists a person is on",
)
async def show_lists_of_person(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    who: FromPath[str],
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> Page[ListOfHers]:
    """By key, with when and how she came onto each."""
    async with db.unit(shop.schema) as tx:
        root = await root_of(tx, shop, who)
        found = await store.of_person(tx, await profiles.origins(tx, root))
    return paged(found, lambda one: one.key, cursor, limit)


routes: list[HTTPRouteHandler] = [
    show_lists,
    make_list,
    show_list,
    change_list,
    show_members,
    add_members,
    remove_members,
    remove_member,
    export_list,
    show_lists_of_person,
]

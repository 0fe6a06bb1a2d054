"""Computed traits over HTTP: a shop's definitions, and what they are for a person."""

from typing import Annotated, Any

import msgspec
from litestar import delete, get, post, put
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, FromQuery

from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.kit.paging import Page, paged
from patron.profiles.search.whom import root_of
from patron.segments.computed import keeping, store
from patron.segments.computed.types import Computed, ComputedTrait, Outcome
from patron.shops.access import requires
from patron.shops.types import Shop

SPENT = {
    "event": "Order Completed",
    "compute": "sum",
    "property": "revenue",
    "within": {"days": 365},
}


class TraitIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`definition` as the documentation of profiles describes it."""

    name: str
    definition: dict[str, Any]


class TryIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`person` is a profile id or an identifier: `email:…`, `user_id:…`, `phone:…`."""

    definition: dict[str, Any]
    person: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


@get(
    "/api/computed-traits",
    guards=[requires("profiles:read")],
    tags=["segments"],
    summary="The computed traits there are",
)
async def list_traits(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> Page[ComputedTrait]:
    """By key; fifty at most."""
    async with db.unit(shop.schema) as tx:
        return paged(await store.every(tx), lambda one: one.key, cursor, limit)


@get(
    "/api/computed-traits/{key:str}",
    guards=[requires("profiles:read")],
    tags=["segments"],
    summary="A computed trait",
)
async def show_trait(
    db: NamedDependency[Database], shop: NamedDependency[Shop], key: FromPath[str]
) -> ComputedTrait:
    """Its name and definition."""
    async with db.unit(shop.schema) as tx:
        return await keeping.one(tx, key)


@put(
    "/api/computed-traits/{key:str}",
    guards=[requires("profiles:write")],
    tags=["segments"],
    summary="Define a computed trait",
)
async def put_trait(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    key: FromPath[str],
    data: Annotated[
        TraitIn,
        Body(examples=[Example(value={"name": "Spent in a year", "definition": SPENT})]),
    ],
) -> ComputedTrait:
    """New, or anew. It is there for everybody at once: nothing is stored for a person. Segments
    that ask for it are filled anew; if one could not be read any more, it is named and nothing
    changes."""
    async with db.unit(shop.schema) as tx:
        return await keeping.put(tx, shop, key, data.name, data.definition, clock.now())


@delete(
    "/api/computed-traits/{key:str}",
    guards=[requires("profiles:write")],
    tags=["segments"],
    summary="Take a computed trait away",
)
async def drop_trait(
    db: NamedDependency[Database], shop: NamedDependency[Shop], key: FromPath[str]
) -> None:
    """What it was computed from stays. One that a segment asks for is not taken away."""
    async with db.unit(shop.schema) as tx:
        await keeping.drop(tx, key)


@post(
    "/api/computed-traits/try",
    guards=[requires("profiles:read")],
    tags=["segments"],
    summary="Try a definition on one person",
    status_code=200,
)
async def try_trait(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    data: Annotated[
        TryIn, Body(examples=[Example(value={"definition": SPENT, "person": "user_id:ada"})])
    ],
) -> Outcome:
    """What it would be for her now; nothing is kept."""
    definition = keeping.read(data.definition)
    async with db.unit(shop.schema) as tx:
        root = await root_of(tx, shop, data.person)
        return await keeping.tried(tx, shop, definition, root, clock.now())


@get(
    "/api/profiles/{who:str}/computed",
    guards=[requires("profiles:read")],
    tags=["segments"],
    summary="Her computed traits",
)
async def show_computed(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    who: FromPath[str],
) -> list[Computed]:
    """All of the shop's, as they are for her now, with the number of events they stem from."""
    async with db.unit(shop.schema) as tx:
        root = await root_of(tx, shop, who)
        return await keeping.of_one(tx, shop, root, clock.now())


routes: list[HTTPRouteHandler] = [
    list_traits,
    show_trait,
    put_trait,
    drop_trait,
    try_trait,
    show_computed,
]

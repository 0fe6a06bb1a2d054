"""Who is like a person, and lists of people like some others, over HTTP."""

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromPath, QueryParameter

from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.profiles.search.whom import root_of
from patron.segments.alike.finding import NEIGHBOURS, similar
from patron.segments.alike.growing import MOST, Grown, grow, source_of
from patron.segments.alike.types import Similar
from patron.segments.lists.naming import KEY
from patron.shops.access import requires
from patron.shops.types import Shop

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=r"^[^\x00]*\S[^\x00]*$")]
Known = Annotated[str, msgspec.Meta(min_length=1, max_length=60, pattern=KEY)]


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom people shall be like: those in a segment, or on a list; one of the two. Without a `key`
    the new list gets one made of its name."""

    name: Name
    people: Annotated[int, msgspec.Meta(ge=1, le=MOST)]
    segment: Known | None = None
    list: Known | None = None
    key: Known | None = None


_EXAMPLE = {"name": "Like our best customers", "segment": "vip", "people": 500}


@get(
    "/api/profiles/{who:str}/similar",
    guards=[requires("profiles:read")],
    tags=["profiles"],
    summary="Who is like a person, and what they turn to",
)
async def show_similar(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    who: FromPath[str],
    limit: Annotated[
        int, QueryParameter(ge=1, le=NEIGHBOURS, description="How many people to name.")
    ] = 10,
) -> Similar:
    """People who like the same categories, brands and prices, stand alike as customers and come the
    same ways; why each is like her; and what those like her are interested in and she has not
    looked at. Who is compared is made anew every night."""
    async with db.unit(shop.schema) as tx:
        root = await root_of(tx, shop, who)
        return await similar(tx, shop, root, clock.now(), limit)


@post(
    "/api/lists/lookalikes",
    guards=[requires("profiles:write")],
    tags=["lists"],
    summary="Make a list of people like those in a segment or on a list",
)
async def make_lookalikes(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    data: Annotated[Wanted, BodyKwarg(examples=[Example(value=_EXAMPLE)])],
) -> Grown:
    """Those of all others who are most like them, at most so many, on a list that stays as it is.
    Something must be known of ten of them at least, as of last night."""
    source = source_of(data.segment, data.list)
    async with db.unit(shop.schema) as tx:
        return await grow(tx, data.name, data.key, source, data.people, clock.now())


routes: list[HTTPRouteHandler] = [show_similar, make_lookalikes]

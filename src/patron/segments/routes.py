"""Conditions over HTTP: tried on one person, or on everybody."""

from typing import Annotated, Any

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg

from patron.events.sorted.layout import sorted_of
from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.kit.problems import bad_request
from patron.kit.settings import Settings
from patron.profiles import store as profiles
from patron.segments import trying
from patron.segments.refusing import LOYAL, refused
from patron.segments.rules.language import Rule, Scope, parse
from patron.segments.rules.reading import Misread
from patron.segments.saving import scope
from patron.segments.trying import Explained, Preview
from patron.shops.access import requires
from patron.shops.types import Shop

PATIENCE = 8.0
"""Seconds a preview over HTTP may take; `patron segment preview` takes as long as it takes."""


class Tried(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`rule` as the documentation of conditions describes it. `person` is a profile id or an
    identifier: `email:…`, `user_id:…`, `phone:…`, `anonymous_id:…`."""

    rule: dict[str, Any]
    person: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`rule` as the documentation of conditions describes it."""

    rule: dict[str, Any]


@post(
    "/api/conditions/explain",
    guards=[requires("profiles:read")],
    tags=["segments"],
    summary="Ask a condition about one person",
    status_code=200,
)
async def explain(
    shop: NamedDependency[Shop],
    db: NamedDependency[Database],
    clock: NamedDependency[Clock],
    data: Annotated[
        Tried, BodyKwarg(examples=[Example(value={"rule": LOYAL, "person": "user_id:ada"})])
    ],
) -> Explained:
    """Whether it holds for her now, why, and when that can change although nothing happens. A rule
    that cannot be read, or a person nobody knows, is refused with the path of what is wrong."""
    async with db.unit(shop.schema) as tx:
        rule = _read(data.rule, await scope(tx))
        root = await profiles.find(tx, data.person, shop.settings.phone_region)
        if root is None:
            raise bad_request(
                f"nobody is known as {data.person!r}",
                remedy="give a profile id, or email:…, user_id:…, phone:… or anonymous_id:…",
                path="person",
            )
        return await trying.explain(tx, shop, rule, root, clock.now())


@post(
    "/api/conditions/preview",
    guards=[requires("profiles:read")],
    tags=["segments"],
    summary="Count the people a condition holds for",
    status_code=200,
)
async def preview(
    shop: NamedDependency[Shop],
    db: NamedDependency[Database],
    clock: NamedDependency[Clock],
    settings: NamedDependency[Settings],
    data: Annotated[Asked, BodyKwarg(examples=[Example(value={"rule": LOYAL})])],
) -> Preview:
    """How many they are now, and ten of them. After eight seconds the answer is what was counted so
    far: `complete` is false and `count` a least number."""
    async with db.unit(shop.schema) as tx:
        rule = _read(data.rule, await scope(tx))
    copy = sorted_of(settings.data_dir, shop.slug)
    return await trying.preview(db, shop, rule, clock.now(), seconds=PATIENCE, copy=copy)


def _read(rule: dict[str, Any], there: Scope) -> Rule:
    try:
        return parse(rule, there)
    except Misread as error:
        raise refused(error) from error


routes: list[HTTPRouteHandler] = [explain, preview]

"""Predictions over HTTP: those there are, the shop's own scores, and what is said of a person."""

from typing import Annotated

import msgspec
from litestar import delete, get, put
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, FromQuery

from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.kit.paging import Page, paged
from patron.profiles import store as profiles
from patron.profiles.search.whom import root_of
from patron.segments.predictions import keeping, store
from patron.segments.predictions.keeping import Brought, Score
from patron.segments.predictions.types import Kind, Prediction, PredictionOfHers
from patron.shops.access import requires
from patron.shops.types import Shop

MOST_AT_ONCE = 50_000


class ScoreIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`person` is a profile id or an identifier: `email:…`, `user_id:…`, `phone:…`. `value` is a
    number, or of a date its ISO 8601 text."""

    person: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    value: float | str


class ScoresIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`label` is what people read; the key if it is left out."""

    scores: Annotated[list[ScoreIn], msgspec.Meta(max_length=MOST_AT_ONCE)]
    kind: Kind = Kind.NUMBER
    label: str | None = None


@get(
    "/api/predictions",
    guards=[requires("profiles:read")],
    tags=["segments"],
    summary="The predictions there are",
)
async def list_predictions(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> Page[Prediction]:
    """By name: Patron's own, with what came of the last night, and the shop's."""
    async with db.unit(shop.schema) as tx:
        return paged(await store.every(tx), lambda one: one.name, cursor, limit)


@get(
    "/api/predictions/{key:str}",
    guards=[requires("profiles:read")],
    tags=["segments"],
    summary="A prediction",
)
async def show_prediction(
    db: NamedDependency[Database], shop: NamedDependency[Shop], key: FromPath[str]
) -> Prediction:
    """Its version, how many people have a value, and what is to be said of it."""
    async with db.unit(shop.schema) as tx:
        return await keeping.existing(tx, key)


@put(
    "/api/predictions/{key:str}",
    guards=[requires("profiles:write")],
    tags=["segments"],
    summary="Publish scores of your own",
)
async def put_scores(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    key: FromPath[str],
    data: Annotated[
        ScoresIn,
        Body(
            examples=[
                Example(
                    value={
                        "label": "Likely to return goods",
                        "kind": "number",
                        "scores": [{"person": "email:ada@customers.example", "value": 0.31}],
                    }
                )
            ]
        ),
    ],
) -> Brought:
    """The next version, whole: whoever is not among the scores has none any more. Segments that ask
    for it follow within a minute; no journey starts by it. Nobody is made who is not known; larger
    tables go through the import of a file."""
    scores = [Score(n, one.person, one.value) for n, one in enumerate(data.scores, 1)]
    async with db.unit(shop.schema) as tx:
        return await keeping.bring(tx, shop, key, data.label, data.kind, scores, clock.now())


@delete(
    "/api/predictions/{key:str}",
    guards=[requires("profiles:write")],
    tags=["segments"],
    summary="Take a prediction away",
)
async def drop_prediction(
    db: NamedDependency[Database], shop: NamedDependency[Shop], key: FromPath[str]
) -> None:
    """With all its values. One that a segment asks for, or that is Patron's own, is not taken
    away."""
    async with db.unit(shop.schema) as tx:
        await keeping.drop(tx, key)


@get(
    "/api/profiles/{who:str}/predictions",
    guards=[requires("profiles:read")],
    tags=["segments"],
    summary="What is predicted of her",
)
async def show_hers(
    db: NamedDependency[Database], shop: NamedDependency[Shop], who: FromPath[str]
) -> list[PredictionOfHers]:
    """By name, with where she stands among all who have a value."""
    async with db.unit(shop.schema) as tx:
        root = await root_of(tx, shop, who)
        return await store.of_person(tx, await profiles.origins(tx, root))


routes: list[HTTPRouteHandler] = [
    list_predictions,
    show_prediction,
    put_scores,
    drop_prediction,
    show_hers,
]

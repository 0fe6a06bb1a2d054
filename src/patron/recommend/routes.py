"""Placements over HTTP: written, tried, read off; what training found; answers for many at once."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from litestar import delete, get, post, put
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromQuery, PathParameter, QueryParameter

from patron.kit.clock import Clock
from patron.kit.db import Database, Tx
from patron.kit.paging import Page, paged
from patron.kit.periods import refuse_odd
from patron.kit.problems import Problem, bad_request, not_found
from patron.kit.settings import Settings
from patron.recommend.attribution.results import Result, results
from patron.recommend.many.batching import Batch, Batched, batched
from patron.recommend.pace import Untrained, untrained
from patron.recommend.placements import store
from patron.recommend.placements.builtin import built_in
from patron.recommend.placements.definition import Placement, schema
from patron.recommend.rules.fields import Field, fields
from patron.recommend.serving.engine import Engines
from patron.recommend.serving.placing import written
from patron.recommend.serving.trying import Trial, Tried, read, tried
from patron.recommend.shelf import shelf_of
from patron.recommend.training import reports
from patron.recommend.training.report import Report
from patron.shops.access import requires
from patron.shops.types import Shop

PlacementKey = Annotated[
    str,
    PathParameter(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$", description="The placement's key, such as `upsell`."
    ),
]
MOST = 200


class PlacementIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`definition` as the documentation of placements describes it, without its key."""

    definition: dict[str, Any]


class PlacementView(msgspec.Struct, frozen=True):
    """`own`: the shop has written it; the others are there from the start. `changed_at` is null
    until then."""

    key: str
    name: str
    purpose: str
    on: bool
    own: bool
    version: int
    definition: dict[str, Any]
    changed_at: datetime | None


class Editing(msgspec.Struct, frozen=True):
    """What an editor of placements needs: the JSON Schema and the fields of rules."""

    schema: dict[str, Any]
    fields: list[Field]


_DRAFT: dict[str, Any] = {
    "name": "Similar, but in stock and not dearer than 80",
    "count": 8,
    "chain": ["similar"],
    "fallback": ["best_sellers"],
    "filters": ["price <= 80"],
    "boosts": ["1.5 if margin > 40% else 1"],
}


@get(
    "/api/placements",
    guards=[requires("recommend:read")],
    tags=["recommend"],
    summary="List the placements",
)
async def list_placements(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> Page[PlacementView]:
    """The ready-made ones in their order, then the shop's own by key."""
    async with db.unit(shop.schema) as tx:
        found = await placements(tx)
    ready = [one.key for one in built_in()]

    def place(one: PlacementView) -> str:
        return f"{ready.index(one.key):03}" if one.key in ready else f"own {one.key}"

    return paged(found, place, cursor, limit)


@get(
    "/api/placements/{key:str}",
    guards=[requires("recommend:read")],
    tags=["recommend"],
    summary="One placement",
)
async def show_placement(
    db: NamedDependency[Database], shop: NamedDependency[Shop], key: PlacementKey
) -> PlacementView:
    """As the shop wrote it, or as it is from the start."""
    async with db.unit(shop.schema) as tx:
        return await placement(tx, key)


@put(
    "/api/placements/{key:str}",
    guards=[requires("recommend:write")],
    tags=["recommend"],
    summary="Write a placement",
)
async def put_placement(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    key: PlacementKey,
    data: Annotated[PlacementIn, BodyKwarg(examples=[Example(value={"definition": _DRAFT})])],
) -> PlacementView:
    """It counts within a second. A ready-made one of the same key is replaced until the shop's own
    is deleted. A definition that cannot be read is refused with the path of what is wrong in it, a
    rule with line and column."""
    async with db.unit(shop.schema) as tx:
        return await write(tx, key, data.definition, clock.now())


@delete(
    "/api/placements/{key:str}",
    guards=[requires("recommend:write")],
    tags=["recommend"],
    summary="Delete a placement",
    status_code=204,
)
async def delete_placement(
    db: NamedDependency[Database], shop: NamedDependency[Shop], key: PlacementKey
) -> None:
    """A ready-made placement is then again as it was from the start."""
    async with db.unit(shop.schema) as tx:
        if not await store.delete(tx, key):
            raise nothing_written(key)


@post(
    "/api/placements/try",
    guards=[requires("recommend:read")],
    tags=["recommend"],
    summary="See what a draft would answer",
    status_code=200,
)
async def try_placement(
    engines: NamedDependency[Engines],
    shop: NamedDependency[Shop],
    data: Annotated[Trial, BodyKwarg(examples=[Example(value={"definition": _DRAFT, "cart": []})])],
) -> Tried:
    """For any customer, product or cart: the answer with its reasons, and how many products each
    rule kept out. Nothing is saved and nothing counts."""
    return await tried(await engines.of(shop), data)


@get(
    "/api/placements/{key:str}/results",
    guards=[requires("analytics:read")],
    tags=["recommend"],
    summary="What a placement sold",
)
async def show_results(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    key: PlacementKey,
    since: FromQuery[datetime | None] = None,
    until: FromQuery[datetime | None] = None,
    window: Annotated[
        int, QueryParameter(ge=1, le=60, description="Days in which the proof counts orders")
    ] = 5,
) -> Result:
    """An order's line counts for the placement on whose offer of it the buyer clicked last, within
    five days before; refunds are taken back. Without a period, of the last thirty days.

    `proof` compares whom the placement answered with whom it held out: what each spent in `window`
    days after she was first answered, or would have been. Without a period, of all who ever were;
    null where the placement never had a holdout."""
    now = clock.now()
    refuse_odd(since, until, now)
    async with db.unit(shop.schema) as tx:
        await placement(tx, key)
        days = timedelta(days=window)
        return await results(tx, shop, key, now, since, until, window=days)


@get(
    "/api/recommend/schema",
    guards=[requires("recommend:read")],
    tags=["recommend"],
    summary="What a placement may say",
)
async def show_schema() -> Editing:
    """The JSON Schema of a definition, and every field a rule may ask for, with its words."""
    return Editing(schema(), fields())


@get(
    "/api/recommend/report",
    guards=[requires("recommend:read")],
    tags=["recommend"],
    summary="What the last training found out",
)
async def show_report(
    settings: NamedDependency[Settings],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
) -> Report | Untrained:
    """Which parameters were chosen, which sources do better than popularity on the shop's own last
    days and are used, and how good each placement would have been; when models were counted last,
    from how many new deeds, and how long that took. Before the first training only
    this last, and when it comes."""
    models = shelf_of(settings.data_dir, shop.slug)
    return reports.told(models) or untrained(models, clock.now(), shop.time_zone)


@post(
    "/api/recommend/train",
    guards=[requires("recommend:write")],
    tags=["recommend"],
    summary="Have the models trained now",
    status_code=202,
)
async def train(settings: NamedDependency[Settings], shop: NamedDependency[Shop]) -> None:
    """The worker begins within a few seconds, with what the lake holds; it does so every night
    anyway."""
    reports.ask_for_training(shelf_of(settings.data_dir, shop.slug))


@post(
    "/api/recommend/batch",
    guards=[requires("recommend:read")],
    tags=["recommend"],
    summary="Products for many customers at once",
    status_code=200,
)
async def answer_batch(
    engines: NamedDependency[Engines],
    shop: NamedDependency[Shop],
    data: Annotated[
        Batch,
        BodyKwarg(
            examples=[
                Example(value={"placement": "recommended_for_you", "profiles": ["email:a@b.co"]})
            ]
        ),
    ],
) -> Batched:
    """Up to 1,000 customers a call, for a mail that is sent to many; who is not known gets what a
    new visitor gets."""
    return await batched(await engines.of(shop), data)


async def placements(tx: Tx) -> list[PlacementView]:
    """All placements of a shop: the ready-made in their order, then the shop's own by key."""
    own = {kept.key: kept for kept in await store.every(tx)}
    ready = built_in()
    there = {one.key for one in ready}
    found = [_own(own[one.key]) if one.key in own else _ready(one) for one in ready]
    return [*found, *(_own(kept) for key, kept in own.items() if key not in there)]


async def placement(tx: Tx, key: str) -> PlacementView:
    """One of them; Problem 404 where there is none."""
    kept = await store.by_key(tx, key)
    if kept is not None:
        return _own(kept)
    for one in built_in():
        if one.key == key:
            return _ready(one)
    raise not_found("placement", key)


def nothing_written(key: str) -> Problem:
    """There is nothing to delete."""
    detail = f"the shop has written no placement {key}"
    if any(one.key == key for one in built_in()):
        remedy = 'a ready-made one stays; write it with "on": false to have it answer nothing'
    else:
        remedy = "see which there are: `patron recommend placements`"
    return Problem(404, "Not found", detail, remedy=remedy)


async def write(tx: Tx, key: str, definition: dict[str, Any], now: datetime) -> PlacementView:
    """Save a placement. Raises Problem 400."""
    said = definition.get("key", key)
    if said != key:
        raise bad_request(
            f"the definition says key {str(said)[:60]!r}, the address {key!r}",
            remedy="leave the key out of the definition",
            path="definition.key",
        )
    found = read({**definition, "key": key})
    if await store.by_key(tx, key) is None and await store.count(tx) >= MOST:
        raise bad_request(
            f"there are {MOST} placements of the shop's own", remedy="delete one that is not used"
        )
    await store.put(tx, key, written(found), now)
    return await placement(tx, key)


def _own(kept: store.Kept) -> PlacementView:
    said = kept.definition
    return PlacementView(
        kept.key, str(said.get("name", kept.key)), str(said.get("purpose", "")),
        bool(said.get("on", True)), True, kept.version, said, kept.changed_at,
    )  # fmt: skip


def _ready(one: Placement) -> PlacementView:
    return PlacementView(
        one.key, one.name, one.purpose, one.on, False, 0, written(one), None
    )  # fmt: skip


routes: list[HTTPRouteHandler] = [
    list_placements,
    try_placement,
    show_placement,
    put_placement,
    delete_placement,
    show_results,
    show_schema,
    show_report,
    train,
    answer_batch,
]

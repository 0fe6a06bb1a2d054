"""The journeys of a shop over HTTP: write one, switch it, and see why somebody got a message."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromPath, FromQuery, PathParameter, QueryParameter

from patron.journeys import store
from patron.journeys.builtin import abandoned_cart, offered
from patron.journeys.definition import must_be_sayable, parse
from patron.journeys.story import answer, told
from patron.journeys.switch import switch
from patron.journeys.types import Journey, Line, Run, RunState, Status
from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.kit.paging import Page, bounded, decode, encode, paged
from patron.kit.problems import Problem, bad_request, not_found
from patron.messages import store as messages
from patron.messages.types import SAYABLE
from patron.profiles import store as profiles
from patron.segments.forms.computed import with_definitions
from patron.segments.rules.reading import Misread
from patron.segments.rules.schema import schema
from patron.segments.saving import scope
from patron.shops.access import requires
from patron.shops.types import METRICS, Shop

_KEY = r"^[a-z0-9][a-z0-9_-]{0,59}$"
Key = Annotated[str, PathParameter(pattern=_KEY, description="The journey's key")]


class JourneyIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`definition` as the documentation of journeys describes it."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    definition: dict[str, Any]


class JourneyView(msgspec.Struct, frozen=True):
    """A journey with how many of its runs stand in each state."""

    key: str
    name: str
    status: Status
    version: int
    definition: dict[str, Any]
    created_at: datetime
    changed_at: datetime
    runs: dict[str, int]


class RunView(msgspec.Struct, frozen=True):
    """One person's run. `key` is its cart, or the origin whose event started it."""

    id: UUID
    profile_id: UUID
    key: str
    state: RunState
    started_at: datetime
    due_at: datetime | None
    ended_at: datetime | None
    arm: str | None
    exit_reason: str | None


class RunStory(msgspec.Struct, frozen=True):
    """`answer` is the sentence that matters now; `story` how it came to that; `messages` the ids of
    what was written for her."""

    run: RunView
    answer: str
    story: list[Line]
    messages: list[UUID]


@get(
    "/api/journeys",
    guards=[requires("journeys:read")],
    tags=["journeys"],
    summary="List the journeys",
)
async def list_journeys(
    shop: NamedDependency[Shop],
    db: NamedDependency[Database],
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> Page[JourneyView]:
    """The journeys of the shop, by key."""
    async with db.unit(shop.schema) as tx:
        page = paged(await store.journeys(tx), lambda one: one.key, cursor, limit)
        views = [_view(one, await store.counts(tx, one.id)) for one in page.items]
    return Page(views, page.next_cursor)


@get(
    "/api/journeys/{key:str}",
    guards=[requires("journeys:read")],
    tags=["journeys"],
    summary="One journey",
)
async def show_journey(
    shop: NamedDependency[Shop], db: NamedDependency[Database], key: Key
) -> JourneyView:
    """The newest version. Runs that began with an older one keep to its steps."""
    async with db.unit(shop.schema) as tx:
        found = await store.journey(tx, key)
        if found is None:
            raise not_found("journey", key)
        return _view(found, await store.counts(tx, found.id))


@put(
    "/api/journeys/{key:str}",
    guards=[requires("journeys:write")],
    tags=["journeys"],
    summary="Write a journey",
)
async def put_journey(
    shop: NamedDependency[Shop],
    db: NamedDependency[Database],
    clock: NamedDependency[Clock],
    key: Key,
    data: Annotated[
        JourneyIn,
        BodyKwarg(
            examples=[
                Example(value={"name": "Abandoned cart", "definition": abandoned_cart(METRICS)})
            ]
        ),
    ],
) -> JourneyView:
    """A new journey begins as a draft; a changed definition is a new version. Writing the same
    again changes nothing. A definition that cannot be read is refused with the path of what is
    wrong in it."""
    async with db.unit(shop.schema) as tx:
        try:
            there = await scope(tx)
            definition = with_definitions(data.definition, there.computed or {})
            must_be_sayable(parse(definition, there), SAYABLE)
        except Misread as error:
            raise _refused(error) from error
        made = await store.put(tx, key, data.name, definition, clock.now())
        return _view(made, await store.counts(tx, made.id))


@post(
    "/api/journeys/{key:str}/on",
    guards=[requires("journeys:write")],
    tags=["journeys"],
    summary="Switch a journey on",
    status_code=200,
)
async def switch_on(
    shop: NamedDependency[Shop],
    db: NamedDependency[Database],
    clock: NamedDependency[Clock],
    key: Key,
) -> JourneyView:
    """What happens from now on starts runs; what happened before does not."""
    return await _switched(shop, db, clock, key, Status.ON)


@post(
    "/api/journeys/{key:str}/off",
    guards=[requires("journeys:write")],
    tags=["journeys"],
    summary="Switch a journey off",
    status_code=200,
)
async def switch_off(
    shop: NamedDependency[Shop],
    db: NamedDependency[Database],
    clock: NamedDependency[Clock],
    key: Key,
) -> JourneyView:
    """Its runs end at once, and messages of theirs that have not left are cancelled."""
    return await _switched(shop, db, clock, key, Status.OFF)


@get(
    "/api/journeys/{key:str}/runs",
    guards=[requires("journeys:read")],
    tags=["journeys"],
    summary="List the runs of a journey",
)
async def list_runs(
    shop: NamedDependency[Shop],
    db: NamedDependency[Database],
    key: Key,
    stands: Annotated[
        RunState | None, QueryParameter(name="state", description="Only runs in this state")
    ] = None,
    profile: FromQuery[UUID | None] = None,
    run_key: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> Page[RunView]:
    """The latest started first; `profile` shows one person's, `run_key` one cart's."""
    limit, before = bounded(limit), _before(cursor)
    async with db.unit(shop.schema) as tx:
        found = await store.journey(tx, key)
        if found is None:
            raise not_found("journey", key)
        origins = None if profile is None else await profiles.origins(tx, profile)
        wanted = store.Wanted(stands, origins, run_key)
        runs = await store.runs(tx, found.id, wanted, before, limit + 1)
        page = runs[:limit]
        roots = await profiles.roots(tx, [run.origin_id for run in page])
    last = page[-1] if len(runs) > limit else None
    following = encode([last.started_at.isoformat(), str(last.id)]) if last else None
    return Page([_run(run, roots) for run in page], following)


@get(
    "/api/runs/{run_id:uuid}",
    guards=[requires("journeys:read")],
    tags=["journeys"],
    summary="Why somebody got a message, or why not",
)
async def show_run(
    shop: NamedDependency[Shop], db: NamedDependency[Database], run_id: FromPath[UUID]
) -> RunStory:
    """The run's story and that of its messages, in words."""
    async with db.unit(shop.schema) as tx:
        run = await store.run(tx, run_id)
        if run is None:
            raise not_found("run", run_id)
        roots = await profiles.roots(tx, [run.origin_id])
        ids = await store.messages_of(tx, run_id)
        found = [message for one in ids if (message := await messages.find(tx, one))]
    return RunStory(_run(run, roots), answer(run, found), told(run, found), ids)


@get(
    "/api/conditions/schema",
    guards=[requires("journeys:read")],
    tags=["segments"],
    summary="JSON Schema of conditions",
)
async def conditions_schema() -> dict[str, Any]:
    """The language that conditions of journeys are written in, as JSON Schema 2020-12."""
    return schema()


async def _switched(
    shop: Shop, db: Database, clock: Clock, key: str, status: Status
) -> JourneyView:
    now = clock.now()
    async with db.unit(shop.schema) as tx:
        await offered(tx, shop, key, now)
        found = await switch(tx, key, status, now)
        return _view(found, await store.counts(tx, found.id))


def _view(journey: Journey, runs: dict[str, int]) -> JourneyView:
    return JourneyView(
        journey.key,
        journey.name,
        journey.status,
        journey.version,
        journey.definition,
        journey.created_at,
        journey.changed_at,
        runs,
    )


def _run(run: Run, roots: dict[UUID, UUID]) -> RunView:
    return RunView(
        run.id,
        roots.get(run.origin_id, run.origin_id),
        run.key,
        run.state,
        run.started_at,
        run.due_at,
        run.ended_at,
        run.arm,
        run.exit_reason,
    )


def _refused(error: Misread) -> Problem:
    return bad_request(str(error), remedy=error.remedy, path=f"definition{error.path[1:]}")


def _before(cursor: str | None) -> tuple[datetime, UUID] | None:
    key = decode(cursor, 2)
    if key is None:
        return None
    try:
        return datetime.fromisoformat(key[0]), UUID(key[1])
    except (ValueError, TypeError, AttributeError) as error:
        raise bad_request(
            f"cursor {str(cursor)[:60]!r} is not one of ours",
            remedy="pass next_cursor of the previous page unchanged, or leave it out",
            path="cursor",
        ) from error


routes: list[HTTPRouteHandler] = [
    list_journeys,
    show_journey,
    put_journey,
    switch_on,
    switch_off,
    list_runs,
    show_run,
    conditions_schema,
]

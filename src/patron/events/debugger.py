"""The debugger: what came in, what was refused and why, and another try."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example
from litestar.params import Body, Parameter

from patron.events import store
from patron.events.inbox import Inbox, InboxDown, InboxFull
from patron.events.refused import store as refused_store
from patron.events.refused.replay import Replayed, replay
from patron.events.types import Drop, LoggedEvent
from patron.kit.db import Database
from patron.kit.paging import Page, bounded, decode, encode
from patron.kit.problems import Problem, bad_request
from patron.shops.access import requires
from patron.shops.types import Shop

Limit = Annotated[int, Parameter(ge=1, le=200, description="Entries a page, 200 at most")]
Cursor = Annotated[
    str | None, Parameter(description="`next_cursor` of the page before; leave out for the first")
]
Id = Annotated[int, msgspec.Meta(ge=1, lt=2**62)]
Reason = Annotated[Drop | None, Parameter(description="Only refusals for this reason")]


class EventView(msgspec.Struct, frozen=True):
    """An event as the log has it. `channel` is how the visit came about, `trust` how far the call
    is believed (public, verified, server), `profile` the origin it was written under."""

    position: int
    timestamp: datetime
    received_at: datetime
    type: str
    name: str
    profile: UUID
    message_id: str
    user_id: str | None
    anonymous_id: str | None
    session_id: UUID | None
    channel: str | None
    device: str | None
    trust: str
    source: str
    backfill: bool
    properties: dict[str, Any]
    traits: dict[str, Any]
    context: dict[str, Any]


class RefusalView(msgspec.Struct, frozen=True):
    """A refused event: `event` is the call as it came, or its text where it is no JSON."""

    id: int
    at: datetime
    received_at: datetime
    reason: str
    detail: str
    event: Any


class ReplayOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to run again: `ids`, or everything of a `reason`, or (with `all`) everything."""

    what: Literal["rejected", "dead-letters"] = "rejected"
    ids: (
        Annotated[list[Annotated[int, msgspec.Meta(ge=1, lt=2**62)]], msgspec.Meta(max_length=1000)]
        | None
    ) = None
    reason: Drop | None = None
    all: bool = False


def event_view(event: LoggedEvent) -> EventView:
    return EventView(
        position=event.position,
        timestamp=event.ts,
        received_at=event.received_at,
        type=event.type.value,
        name=event.name,
        profile=event.origin_id,
        message_id=event.message_id,
        user_id=event.user_id,
        anonymous_id=event.anonymous_id,
        session_id=event.session_id,
        channel=event.channel,
        device=event.device,
        trust=event.trust.name.lower(),
        source=event.source.name.lower(),
        backfill=event.backfill,
        properties=event.properties,
        traits=event.traits,
        context=event.context,
    )


def refusal_view(letter: refused_store.Letter) -> RefusalView:
    try:
        found = msgspec.json.decode(letter.payload)
        event = found["b"] if isinstance(found, dict) and "b" in found else found
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        event = letter.payload.decode("utf-8", "replace")
    return RefusalView(
        letter.id, letter.at, letter.received_at, letter.reason, letter.detail, event
    )


@get(
    "/api/events",
    guards=[requires("events:read")],
    tags=["events"],
    summary="The newest events, or those after a position",
)
async def list_events(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    cursor: Cursor = None,
    limit: Limit = 50,
    after: Annotated[
        int | None,
        Parameter(ge=0, lt=2**62, description="Only events behind this log position, oldest first"),
    ] = None,
) -> Page[EventView]:
    """The log, the newest first. With `after` it is read forward, to follow what comes in: pass
    the `position` of the last event seen."""
    bounded(limit)
    if after is not None and cursor is not None:
        raise bad_request(
            "cursor and after exclude each other", remedy="page back with cursor, follow with after"
        )
    async with db.unit(shop.schema) as tx:
        if after is not None:
            return Page([event_view(event) for event in await store.after(tx, after, limit)])
        found = await store.latest(tx, limit, _number(cursor))
    more = encode([found[-1].position]) if len(found) == limit and found[-1].position > 1 else None
    return Page([event_view(event) for event in found], more)


@get(
    "/api/events/rejected",
    guards=[requires("events:read")],
    tags=["events"],
    summary="Events that were not accepted, and why",
)
async def list_rejected(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    cursor: Cursor = None,
    limit: Limit = 50,
    reason: Reason = None,
) -> Page[RefusalView]:
    """The newest first; kept for seven days. Of robots only examples are listed."""
    return await _refusals(db, shop, "rejected", reason, cursor, limit)


@get(
    "/api/events/dead-letters",
    guards=[requires("events:read")],
    tags=["events"],
    summary="Events that made the walk fail",
)
async def list_dead_letters(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[RefusalView]:
    """The newest first; kept until they are replayed."""
    return await _refusals(db, shop, "dead-letter", None, cursor, limit)


@post(
    "/api/events/replay",
    guards=[requires("events:write")],
    tags=["events"],
    summary="Run refused events again",
    status_code=200,
)
async def replay_events(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    inbox: NamedDependency[Inbox],
    data: Annotated[ReplayOrder, Body(examples=[Example(value={"reason": "bad_time"})])],
) -> Replayed:
    """Puts them back into the inbox with their first receipt; what fails again is listed anew."""
    if data.ids is None and data.reason is None and not data.all:
        raise bad_request(
            "nothing says which events to replay", remedy='give ids, a reason, or "all": true'
        )
    kind: refused_store.Kind = "rejected" if data.what == "rejected" else "dead-letter"
    try:
        return await replay(db, shop, inbox, kind, ids=data.ids, reason=data.reason)
    except (InboxFull, InboxDown) as error:
        raise Problem(
            503, "Not available", str(error), remedy="everything is still listed; try again"
        ) from error


async def _refusals(
    db: Database,
    shop: Shop,
    kind: refused_store.Kind,
    reason: Drop | None,
    cursor: str | None,
    limit: int,
) -> Page[RefusalView]:
    bounded(limit)
    async with db.unit(shop.schema) as tx:
        found = await refused_store.listed(
            tx, kind, reason=reason, before=_number(cursor), limit=limit
        )
    more = encode([found[-1].id]) if len(found) == limit else None
    return Page([refusal_view(letter) for letter in found], more)


def _number(cursor: str | None) -> int | None:
    key = decode(cursor, 1)
    if key is None:
        return None
    if not isinstance(key[0], int) or not 0 <= key[0] < 2**62:
        raise bad_request(
            "the cursor is not one of ours", remedy="pass next_cursor unchanged", path="cursor"
        )
    return key[0]


routes: list[HTTPRouteHandler] = [list_events, list_rejected, list_dead_letters, replay_events]

"""The outbox over HTTP: what was said, what was not, and why."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromPath, FromQuery, QueryParameter

from patron.kit.clock import Clock
from patron.kit.db import Database, Tx
from patron.kit.paging import Page, bounded, decode, encode
from patron.kit.problems import bad_request, conflict, not_found
from patron.messages import outbox, store
from patron.messages.outbox import Resolution
from patron.messages.types import Arm, Line, Message, State
from patron.profiles import store as profiles
from patron.profiles.search.whom import root_of
from patron.shops.access import requires
from patron.shops.types import Shop

EXAMPLE_ID = "01936d3e-7c00-7000-8000-000000000001"


class MessageView(msgspec.Struct, frozen=True):
    """A message without its address. `words` is the last line of its story. Times in UTC."""

    id: UUID
    state: State
    journey: str
    profile_id: UUID
    channel: str
    purpose: str
    template: str
    arm: Arm
    queued_at: datetime
    due_at: datetime
    done_at: datetime | None
    attempts: int
    reason: str | None
    words: str


class MessageStory(MessageView, frozen=True):
    """A message with every decision about it, oldest first."""

    run_id: UUID
    step_visit: str
    expires_at: datetime
    subject: str | None
    rehearsal: bool
    story: list[Line]


@get(
    "/api/messages",
    guards=[requires("messages:read")],
    tags=["messages"],
    summary="Messages, newest first",
)
async def list_messages(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    standing: Annotated[
        State | None, QueryParameter(name="state", description="Only those in this state")
    ] = None,
    profile: Annotated[
        str | None, QueryParameter(description="Only this person's: a profile id, or `email:…`")
    ] = None,
    journey: Annotated[
        str | None, QueryParameter(description="Only this journey's, by key")
    ] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> Page[MessageView]:
    """Lists the outbox. `state=ambiguous` lists what waits for your decision."""
    bounded(limit)
    after = decode(cursor, 1)
    before_id = _uuid(str(after[0]), "cursor") if after else None
    async with db.unit(shop.schema) as tx:
        origins = await _origins(tx, shop, profile) if profile else None
        source = f"journey:{journey}" if journey else None
        wanted = store.Filter(standing, origins, source)
        found = await store.listed(tx, wanted, before_id, limit + 1)
    following = encode([str(found[limit - 1].id)]) if len(found) > limit else None
    return Page([view(message) for message in found[:limit]], following)


@get(
    "/api/messages/{message_id:str}",
    guards=[requires("messages:read")],
    tags=["messages"],
    summary="One message and why it was sent or not",
)
async def show_message(
    db: NamedDependency[Database], shop: NamedDependency[Shop], message_id: FromPath[str]
) -> MessageStory:
    """The message with its whole story, in words."""
    wanted = _uuid(message_id, "message_id")
    async with db.unit(shop.schema) as tx:
        message = await store.find(tx, wanted)
    if message is None:
        raise not_found("message", message_id)
    return story(message)


@post(
    "/api/messages/{message_id:str}/resolve",
    guards=[requires("messages:write")],
    status_code=200,
    tags=["messages"],
    summary="Decide about an ambiguous message",
)
async def resolve_message(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    message_id: FromPath[str],
    data: Annotated[
        Resolution,
        BodyKwarg(examples=[Example(summary="It arrived", value={"answer": "sent"})]),
    ],
) -> MessageStory:
    """`sent`: it arrived after all. `resend`: it did not, send it again."""
    wanted = _uuid(message_id, "message_id")
    async with db.unit(shop.schema) as tx:
        done = await outbox.resolve(tx, wanted, data, clock.now())
        message = await store.find(tx, wanted)
    if message is None:
        raise not_found("message", message_id)
    if not done:
        raise conflict(
            f"message {message_id} is {message.state}, not ambiguous",
            remedy="only an ambiguous message can be decided about; GET it to see its story",
        )
    return story(message)


def view(message: Message) -> MessageView:
    return MessageView(**_fields(message))


def story(message: Message) -> MessageStory:
    return MessageStory(
        **_fields(message),
        run_id=message.run_id,
        step_visit=message.step_visit,
        expires_at=message.expires_at,
        subject=message.detail.get("subject"),
        rehearsal=bool(message.detail.get("rehearsal")),
        story=message.story,
    )


def _fields(message: Message) -> dict[str, Any]:
    same = ["id", "state", "journey", "channel", "purpose", "template", "arm"]
    same += ["queued_at", "due_at", "done_at", "attempts", "reason"]
    return {
        **{name: getattr(message, name) for name in same},
        "profile_id": message.origin_id,
        "words": message.story[-1].words if message.story else "",
    }


async def _origins(tx: Tx, shop: Shop, profile: str) -> list[UUID]:
    root = await root_of(tx, shop, profile)
    return await profiles.origins(tx, root)


def _uuid(text: str, path: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise bad_request(
            f"{text[:60]!r} is not an id", remedy="give an id as the list shows it", path=path
        ) from error


routes: list[HTTPRouteHandler] = [list_messages, show_message, resolve_message]

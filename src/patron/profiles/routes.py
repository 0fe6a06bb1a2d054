"""A customer over HTTP: who she is, what she did, what she said yes or no to."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, FromQuery, PathParameter

from patron.events import store as events
from patron.events.types import LoggedEvent, Trust
from patron.kit.clock import Clock
from patron.kit.cursors import moment, whole
from patron.kit.db import Database, Tx
from patron.kit.paging import Page, bounded, decode, encode, paged
from patron.kit.problems import bad_request, not_found
from patron.profiles import store
from patron.profiles.consent import CHANNEL_KIND, MARKETING
from patron.profiles.consents import confirmation_store as confirmations
from patron.profiles.consents.addressing import key_of
from patron.profiles.search.whom import root_of
from patron.profiles.types import (
    ConsentState,
    ConsentWord,
    Identifier,
    Merge,
    Person,
    Reach,
    Refused,
    Total,
)
from patron.profiles.untold import store as untold
from patron.shops.access import requires
from patron.shops.types import Shop

REACHED = ("email", "sms")
REFUSALS = 100
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)

Who = Annotated[
    str,
    PathParameter(
        description="A profile id, or an identifier: `email:…`, `user_id:…`, `phone:…`,"
        " `anonymous_id:…`",
    ),
]
Text = Annotated[str, msgspec.Meta(max_length=2_000, pattern=r"^[^\x00]*$")]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Channel = Literal["email", "sms", "whatsapp", "viber"]


class ProfileView(msgspec.Struct, frozen=True):
    """One person. `reach` says, channel by channel, whether marketing may go to her, and where.

    Times are event times in UTC; `totals` counts each event name over all history.
    """

    id: UUID
    known: bool
    origins: list[UUID]
    identifiers: list[Identifier]
    traits: dict[str, Any]
    totals: dict[str, Total]
    first_seen: datetime
    last_seen: datetime
    reach: dict[str, Reach]
    consents: list[ConsentWord]


class MergeHistory(msgspec.Struct, frozen=True):
    """`refused` lists what was kept away from her, and why."""

    merges: list[Merge]
    refused: list[Refused]


class ConsentIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`address` may be left out when she has only one for the channel; `at` defaults to now.

    `confirmed` says that she answered from her mailbox already: nothing more is asked of her."""

    state: Literal["granted", "withdrawn"]
    channel: Channel = "email"
    purpose: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_-]{0,59}$")] = MARKETING
    address: Text | None = None
    at: Moment | None = None
    text_shown: Text | None = None
    place: Text | None = None
    confirmed: bool = False


async def _person(tx: Tx, shop: Shop, who: str) -> Person:
    if (person := await store.person(tx, await root_of(tx, shop, who))) is None:
        raise not_found("profile", who)
    return person


@get(
    "/api/profiles/{who:str}",
    guards=[requires("profiles:read")],
    tags=["profiles"],
    summary="A person",
)
async def show_profile(
    db: NamedDependency[Database], shop: NamedDependency[Shop], who: Who
) -> ProfileView:
    """Everything known about her but the timeline."""
    async with db.unit(shop.schema) as tx:
        person = await _person(tx, shop, who)
        reach = {c: await store.reach(tx, person.id, c, MARKETING, shop.settings) for c in REACHED}
        consents = await store.consents(tx, person.origins)
    known = {name: getattr(person, name) for name in person.__struct_fields__}
    return ProfileView(**known, reach=reach, consents=consents)


@get(
    "/api/profiles/{who:str}/timeline",
    guards=[requires("profiles:read")],
    tags=["profiles"],
    summary="What she did",
)
async def show_timeline(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    who: Who,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> Page[LoggedEvent]:
    """Her events of the last months, newest first; older ones are in the lake."""
    bounded(limit)
    key = decode(cursor, 2)
    before = None if key is None else (moment(key[0]), whole(key[1]))
    async with db.unit(shop.schema) as tx:
        person = await _person(tx, shop, who)
        found = await events.timeline(tx, person.origins, before=before, limit=limit)
    last = found[-1] if len(found) == limit else None
    return Page(found, None if last is None else encode([last.ts.isoformat(), last.position]))


@get(
    "/api/profiles/{who:str}/merges",
    guards=[requires("profiles:read")],
    tags=["profiles"],
    summary="How she became one person",
)
async def show_merges(
    db: NamedDependency[Database], shop: NamedDependency[Shop], who: Who
) -> MergeHistory:
    """Merges, newest first, undone ones too; and the hundred latest identifiers kept apart."""
    async with db.unit(shop.schema) as tx:
        person = await _person(tx, shop, who)
        return MergeHistory(
            await store.merges(tx, person.origins),
            await store.refusals(tx, person.origins, REFUSALS),
        )


@post(
    "/api/profiles/{who:str}/merges/{merge_id:uuid}/undo",
    guards=[requires("profiles:write")],
    tags=["profiles"],
    summary="Make two people of one again",
    status_code=200,
)
async def undo_merge(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    who: Who,
    merge_id: FromPath[UUID],
) -> Merge:
    """As if the merge had never been. Only an alias from your server joins the two again."""
    async with db.unit(shop.schema) as tx:
        await store.lock_people(tx)
        person = await _person(tx, shop, who)
        undone = None
        if any(merge.id == merge_id for merge in await store.merges(tx, person.origins)):
            undone = await store.undo(tx, merge_id, clock.now())
        if undone is None:
            raise not_found("merge", merge_id)
    return undone


@get(
    "/api/profiles/{who:str}/consents",
    guards=[requires("profiles:read")],
    tags=["profiles"],
    summary="What she said yes or no to",
)
async def list_consents(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    who: Who,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> Page[ConsentWord]:
    """Every word with its proof, newest first."""
    async with db.unit(shop.schema) as tx:
        found = await store.consents(tx, (await _person(tx, shop, who)).origins)

    def place(word: ConsentWord) -> str:
        about = (word.address_key, word.channel, word.purpose, word.state, word.source)
        return " ".join([word.at.isoformat(), *about, word.message_id or ""])

    return paged(found, place, cursor, limit, falling=True)


@post(
    "/api/profiles/{who:str}/consents",
    guards=[requires("profiles:write")],
    tags=["profiles"],
    summary="Write down a yes or a no",
)
async def add_consent(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    who: Who,
    data: Annotated[
        ConsentIn,
        Body(
            examples=[
                Example(
                    value={
                        "state": "granted",
                        "address": "ada@customers.example",
                        "text_shown": "Yes, write to me about offers.",
                        "place": "till 3, Hollin",
                    }
                )
            ]
        ),
    ],
) -> ConsentWord:
    """Kept for good, with what was shown and where. The latest word about an address counts. Where
    the shop asks for double opt-in, a yes that is not `confirmed` waits (`pending`) for her answer
    to a mail that leaves at once."""
    now = clock.now()
    if data.at is not None and not _EARLIEST <= data.at <= now:
        raise bad_request(
            f"at {data.at.isoformat()} is not between 1970 and now",
            remedy="give the moment when she said it, or leave it out",
            path="at",
        )
    async with db.unit(shop.schema) as tx:
        await store.lock(tx, (await _person(tx, shop, who)).origins)
        person = await _person(tx, shop, who)  # whoever is erased meanwhile is not written on
        said = ConsentWord(
            address_key=_her_address(person, data, shop),
            channel=data.channel,
            purpose=data.purpose,
            state=_state(data, shop),
            at=data.at or now,
            source="api",
            trust=Trust.SERVER,
            text_shown=data.text_shown,
            place=data.place,
            origin_id=person.id,
            confirmed=data.confirmed and data.state == "granted",
        )
        await store.set_consent(tx, said, now)
        await confirmations.ask(tx, [said], shop.settings, now)
        told = {"channel": said.channel, "purpose": said.purpose, "state": said.state}
        await untold.put(tx, person.id, untold.CONSENT, told, now)
    return said


def _state(data: ConsentIn, shop: Shop) -> ConsentState:
    wait = data.channel in shop.settings.double_opt_in and not data.confirmed
    return ConsentState.PENDING if wait and data.state == "granted" else ConsentState(data.state)


def _her_address(person: Person, data: ConsentIn, shop: Shop) -> str:
    kind = CHANNEL_KIND[data.channel]
    hers = [each.value for each in person.identifiers if each.kind == kind]
    given = (
        None
        if data.address is None
        else key_of(data.address, data.channel, shop.settings.phone_region)
    )
    if given is None and len(hers) == 1:
        return hers[0]
    if given is None or given not in hers:
        raise bad_request(
            f"address {data.address!r} is not a {kind} of this profile, which has {len(hers)}",
            remedy=f"name one of her own, or identify her with this {kind} first",
            path="address",
        )
    return given


routes: list[HTTPRouteHandler] = [
    show_profile,
    show_timeline,
    show_merges,
    undo_merge,
    list_consents,
    add_consent,
]

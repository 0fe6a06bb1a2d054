"""Suppressed addresses and requests about data, over HTTP."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromPath, FromQuery, QueryParameter

from patron.kit.clock import Clock
from patron.kit.cursors import identity, moment, word
from patron.kit.db import Database
from patron.kit.paging import Page, bounded, decode, encode
from patron.kit.problems import not_found
from patron.profiles.consents import by_hand
from patron.profiles.consents import request_store as requests
from patron.profiles.consents import suppression_store as stops
from patron.profiles.consents.addressing import key_of
from patron.profiles.consents.types import PrivacyRequest, RequestState
from patron.profiles.types import Suppression, SuppressionReason
from patron.shops.access import requires
from patron.shops.types import ChannelName, Shop

Text = Annotated[str, msgspec.Meta(max_length=2_000, pattern=r"^[^\x00]*$")]
Why = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=r"^[^\x00]*\S[^\x00]*$")]


class SuppressionIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An address that must get nothing more over `channel`."""

    address: Text
    channel: ChannelName = "email"
    note: Text = ""


class Lift(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which suppression is taken away, and `why`, for whoever asks later."""

    address: Text
    why: Why
    channel: ChannelName = "email"
    reason: SuppressionReason = SuppressionReason.MANUAL


class Closing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a request ended; `note` says what was done, or why not."""

    state: Literal["done", "declined"]
    note: Text = ""


@get(
    "/api/suppressions",
    guards=[requires("profiles:read")],
    tags=["consent"],
    summary="Addresses that get nothing more",
)
async def list_suppressions(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    channel: FromQuery[ChannelName | None] = None,
    reason: FromQuery[SuppressionReason | None] = None,
    address: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> Page[Suppression]:
    """Newest first; only those of a channel, a reason or an address when one is given."""
    bounded(limit)
    key = decode(cursor, 4)
    after = None if key is None else (moment(key[0]), word(key[1]), word(key[2]), word(key[3]))
    region = shop.settings.phone_region
    named = None if address is None else key_of(address, channel or "email", region)
    async with db.unit(shop.schema) as tx:
        found = await stops.listed(tx, stops.Wanted(channel, reason, named), after, limit)
    last = found[-1] if len(found) == limit else None
    return Page(
        found,
        None
        if last is None
        else encode([last.at.isoformat(), last.address_key, last.channel, last.reason]),
    )


@post(
    "/api/suppressions",
    guards=[requires("profiles:write")],
    tags=["consent"],
    summary="Never write to an address again",
)
async def add_suppression(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    data: Annotated[
        SuppressionIn,
        BodyKwarg(
            examples=[Example(value={"address": "ada@customers.example", "note": "by letter"})]
        ),
    ],
) -> Suppression:
    """By hand, whoever the address belongs to. It stays until it is lifted by hand."""
    key = key_of(data.address, data.channel, shop.settings.phone_region)
    async with db.unit(shop.schema) as tx:
        return await by_hand.suppress(tx, data.channel, key, data.note or "api", clock.now())


@post(
    "/api/suppressions/lift",
    guards=[requires("profiles:write")],
    tags=["consent"],
    summary="Lift a suppression, saying why",
    status_code=200,
)
async def lift_with_reason(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    data: Annotated[
        Lift,
        BodyKwarg(
            examples=[
                Example(
                    value={
                        "address": "ada@customers.example",
                        "reason": "hard_bounce",
                        "why": "her provider was down that day",
                    }
                )
            ]
        ),
    ],
) -> Suppression:
    """One made by hand, or a bounce. Her own word (unsubscribe, complaint) is lifted only where
    there is a newer yes of hers; otherwise the answer is 409."""
    key = key_of(data.address, data.channel, shop.settings.phone_region)
    async with db.unit(shop.schema) as tx:
        return await by_hand.lift(tx, data.channel, key, data.reason, data.why, clock.now())


@delete(
    "/api/suppressions/{channel:str}/{address:str}",
    guards=[requires("profiles:write")],
    tags=["consent"],
    summary="Lift a suppression made by hand",
)
async def lift_suppression(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    channel: FromPath[str],
    address: FromPath[str],
) -> None:
    """What the customer or her provider said (unsubscribe, complaint, bounce) stays."""
    if channel not in ("email", "sms", "whatsapp", "viber"):
        raise not_found("channel", channel)
    key = key_of(address, channel, shop.settings.phone_region)
    async with db.unit(shop.schema) as tx:
        await by_hand.lift(tx, channel, key, SuppressionReason.MANUAL, "by API", clock.now())


@get(
    "/api/privacy-requests",
    guards=[requires("profiles:read")],
    tags=["consent"],
    summary="What people ask about their data",
)
async def list_requests(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    standing: Annotated[
        RequestState | None, QueryParameter(name="state", description="Only those.")
    ] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> Page[PrivacyRequest]:
    """Newest first, or only those that are `open`, `done` or `declined`. An `export` is answered
    with what the export route gives; an `erasure` with erasing the profile, which ends the request
    too."""
    bounded(limit)
    key = decode(cursor, 1)
    async with db.unit(shop.schema) as tx:
        found = await requests.listed(
            tx, standing, None if key is None else identity(key[0]), limit
        )
    return Page(found, encode([str(found[-1].id)]) if len(found) == limit else None)


@post(
    "/api/privacy-requests/{request_id:uuid}/close",
    guards=[requires("profiles:write")],
    tags=["consent"],
    summary="End such a request",
    status_code=200,
)
async def close_request(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    request_id: FromPath[UUID],
    data: Annotated[
        Closing, BodyKwarg(examples=[Example(value={"state": "done", "note": "sent by mail"})])
    ],
) -> PrivacyRequest:
    """Say that it was done, or declined and why. Nothing is sent or erased by it."""
    async with db.unit(shop.schema) as tx:
        return await requests.ended(
            tx, request_id, RequestState(data.state), data.note, clock.now()
        )


routes: list[HTTPRouteHandler] = [
    list_suppressions,
    add_suppression,
    lift_with_reason,
    lift_suppression,
    list_requests,
    close_request,
]

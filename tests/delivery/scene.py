"""A shop with people in it, and the doors that mails lead back to."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec
from litestar import Litestar, Request, Response
from litestar.di import Provide
from litestar.types import ASGIApp

from conftest import NOON, House
from patron.delivery import routes as delivery
from patron.delivery.preferences import routes as preferences
from patron.delivery.routes import TrackingDoor
from patron.events.inbox import Inbox
from patron.events.types import Event, EventType, Source, Trust
from patron.kit.db import Database, Tx, tuples
from patron.kit.ids import id_at, new_id
from patron.kit.problems import Problem, not_found
from patron.kit.settings import Settings
from patron.messages import passing_store as passing
from patron.messages import routes as messages
from patron.messages import store
from patron.messages.links import Mint, Ticket, short
from patron.messages.outbox import enqueue
from patron.messages.types import Draft, Leaving, Line, Recipient, State
from patron.profiles import walk as profiles
from patron.shops.types import Access, KeyKind, Shop

BASE = "https://patron.example"


def said(name: str, user: str, at: datetime, **more: Any) -> Event:
    """A trusted event of `user`."""
    kind = EventType.IDENTIFY if name == "Identified" else EventType.TRACK
    return Event(
        type=kind,
        name=name,
        ts=at,
        received_at=at,
        message_id=str(new_id()),
        user_id=user,
        trust=Trust.SERVER,
        source=Source.SERVER,
        **more,
    )


async def customer(
    tx: Tx, house: House, user: str, email: str, *, consents: bool = True, shop: Shop | None = None
) -> UUID:
    """A known person with an address, who has agreed to marketing; her origin."""
    at = NOON - timedelta(days=30)
    traits = {"email": email, "first_name": user.title()}
    events = [said("Identified", user, at, traits=traits)]
    if consents:
        agreed = {"email": email, "text": "Yes, write to me"}
        events.append(said("Email Subscribed", user, at, properties=agreed))
    await profiles.resolve(tx, shop or house.acme, events, at, house.signer)
    return events[0].origin_id


async def sent_to(tx: Tx, origin: UUID, email: str, at: datetime = NOON) -> UUID:
    """A cart mail that was handed over to `email`."""
    draft = Draft(
        source="journey:abandoned_cart",
        run_id=new_id(),
        step_visit="mail/1",
        origin_id=origin,
        template="abandoned_cart",
        due_at=at,
        expires_at=at + timedelta(days=1),
    )
    message_id = await enqueue(tx, draft, at)
    assert message_id is not None
    (message,) = await store.claim(tx, at, 1, timedelta(minutes=1))
    line = Line(at, State.HANDING_OVER, "Handed over.")
    to = Recipient(email, email.lower())
    leaving = Leaving(message, to, line, at + timedelta(minutes=4), {})
    assert await passing.hand_over(tx, [leaving]) == {message_id}
    return message_id


def mint(house: House, message: UUID, origin: UUID, **more: Any) -> Mint:
    """Makes the links of `message`."""
    ticket = Ticket(
        shop=house.acme.slug,
        message=short(message),
        origin=short(origin),
        journey="abandoned_cart",
        step="mail/1",
        template="abandoned_cart",
        **more,
    )
    return Mint(house.signer, BASE, ticket)


@asynccontextmanager
async def doors(
    house: House,
    db: Database,
    access: Access | None = None,
    *,
    opens: Callable[[str], Awaitable[Shop]] | None = None,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client in front of the public links and the messages API, as `access` or a stranger;
    `opens` looks up shops instead of the house."""
    inbox = Inbox(house.url, house.clock)

    async def open_shop(slug: str) -> Shop:
        for shop in house.shops:
            if shop.slug == slug:
                return shop
        raise not_found("shop", slug)

    def answer(_: Request[Any, Any, Any], error: Problem) -> Response[Any]:
        return Response(error.document, status_code=error.document.status)

    given: dict[str, Any] = {
        "db": db,
        "clock": house.clock,
        "inbox": inbox,
        "signer": house.signer,
        "open_shop": open_shop,
        "shop": access.shop if access else None,
        "settings": Settings(public_url=BASE),
    }
    api = Litestar(
        route_handlers=[*delivery.routes, *preferences.routes, *messages.routes],
        dependencies={
            name: Provide(always(value), sync_to_thread=False) for name, value in given.items()
        },
        exception_handlers={Problem: answer},
        debug=True,
    )
    tracking = TrackingDoor(house.signer, opens or open_shop, inbox, house.clock)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if access is not None:
            scope.setdefault("state", {})["access"] = access
        door: ASGIApp | TrackingDoor = tracking if scope["path"][:3] in ("/o/", "/l/") else api
        await door(scope, receive, send)

    transport = httpx.ASGITransport(app=app)
    try:
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            yield client
    finally:
        await inbox.close()


def always(value: Any) -> Callable[[], Any]:
    return lambda: value


def key(shop: Shop, *scopes: str) -> Access:
    """A server key of `shop` with these scopes."""
    return Access(shop, id_at(NOON), KeyKind.SERVER, frozenset(scopes))


async def appended(db: Database, shop: Shop) -> list[dict[str, Any]]:
    """Every event in the shop's inbox, in the shape it was appended."""
    async with db.unit(shop.schema) as tx:
        found = await tuples(tx, "SELECT body FROM inbox ORDER BY lane, seq")
    return [
        call
        for (body,) in found
        for envelope in msgspec.json.decode(body)
        for call in envelope["b"]["batch"]
    ]

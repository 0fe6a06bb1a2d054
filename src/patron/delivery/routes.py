"""The pages behind the links of a mail. Opens and clicks are answered by `tracking`."""

from collections.abc import Awaitable, Callable
from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from patron.delivery.desk import Desk
from patron.delivery.openapi import openapi_paths
from patron.delivery.paper import REHEARSAL, notice
from patron.delivery.returning import Taken, take
from patron.delivery.tracking import TrackingDoor
from patron.delivery.unsubscribe import stop, undo
from patron.events.inbox import Inbox
from patron.kit.bodies import takes
from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.kit.problems import Problem
from patron.kit.signing import BadSignature, Signer
from patron.messages.links import UNSUBSCRIBE, Ticket, pass_of, preferences_path, read
from patron.shops.access import requires
from patron.shops.types import Shop

__all__ = ["TrackingDoor", "openapi_paths", "routes"]

OpenShop = Callable[[str], Awaitable[Shop]]
EXAMPLE = """\
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; ada@example.com
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user

--b
Content-Type: text/rfc822-headers

Message-ID: <01936d3e-7c00-7000-8000-000000000001@shop.example>

--b--
"""


@get("/u/{token:str}", media_type="text/html", tags=["delivery"], summary="Unsubscribe page")
async def ask(
    token: FromPath[str], signer: NamedDependency[Signer], open_shop: NamedDependency[OpenShop]
) -> Response[str]:
    """Asks whether to unsubscribe; following the link alone changes nothing (RFC 8058)."""
    ticket, shop = await _open(token, signer, open_shop)
    return notice(
        shop,
        f"No more e-mails from {shop.name}?",
        "One tap and we stop writing to this address. Mails about your orders still come.",
        "Unsubscribe",
        f"/u/{token}",
        link=(preferences_path(signer, pass_of(ticket)), "Or choose what you get, and how often"),
    )


@post(
    "/u/{token:str}",
    status_code=200,
    media_type="text/html",
    tags=["delivery"],
    summary="Unsubscribe with one click",
)
async def unsubscribe(
    token: FromPath[str],
    db: NamedDependency[Database],
    clock: NamedDependency[Clock],
    inbox: NamedDependency[Inbox],
    signer: NamedDependency[Signer],
    open_shop: NamedDependency[OpenShop],
) -> Response[str]:
    """Unsubscribes at once: the page's button, and RFC 8058 one-click by mail programs.

    The body is not looked at, whatever its type: the signed link says everything.
    """
    ticket, shop = await _open(token, signer, open_shop)
    if ticket.rehearsal:
        return notice(shop, "This was a rehearsal", REHEARSAL)
    await stop(Desk(db, clock, inbox, shop), ticket)
    return notice(
        shop,
        "You are unsubscribed",
        f"{shop.name} will not write to you again, except about your orders. Was it a slip of the"
        " finger?",
        "Undo, keep writing to me",
        f"/u/{token}/undo",
        quiet=True,
    )


@post(
    "/u/{token:str}/undo",
    status_code=200,
    media_type="text/html",
    tags=["delivery"],
    summary="Undo an unsubscription",
)
async def undo_unsubscribe(
    token: FromPath[str],
    db: NamedDependency[Database],
    clock: NamedDependency[Clock],
    inbox: NamedDependency[Inbox],
    signer: NamedDependency[Signer],
    open_shop: NamedDependency[OpenShop],
) -> Response[str]:
    """Gives the consent back that the page's button took."""
    ticket, shop = await _open(token, signer, open_shop)
    if ticket.rehearsal:
        return notice(shop, "This was a rehearsal", REHEARSAL)
    if not await undo(Desk(db, clock, inbox, shop), ticket):
        return notice(
            shop, "Nothing to undo", f"This address is not unsubscribed from {shop.name} here."
        )
    return notice(
        shop,
        "Welcome back",
        f"{shop.name} may write to you again. Every mail has a link to stop.",
        "Unsubscribe after all",
        f"/u/{token}",
        quiet=True,
    )


@post(
    "/api/messages/returned",
    guards=[requires("messages:write")],
    status_code=200,
    tags=["messages"],
    summary="Hand over a mail that came back",
    operation_class=takes("message/rfc822", "The report as it came, 10 MB at most", EXAMPLE),
)
async def take_returned(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
) -> Taken:
    """A delivery status notification (RFC 3464) or a complaint (RFC 5965). An address that does not
    work, or whose owner complained, gets nothing more; the same report again changes nothing."""
    return await take(db, shop, await request.body(), clock.now())


async def _open(token: str, signer: Signer, open_shop: OpenShop) -> tuple[Ticket, Shop]:
    try:
        ticket = read(signer, UNSUBSCRIBE, token)
    except BadSignature as error:
        raise Problem(
            404,
            "Not found",
            "this link is damaged, perhaps cut off by a mail program",
            remedy="open it from the mail itself",
        ) from error
    return ticket, await open_shop(ticket.shop)


routes: list[HTTPRouteHandler] = [ask, unsubscribe, undo_unsubscribe, take_returned]

"""The pages behind the links of a mail. Opens and clicks are answered by `tracking`."""

from collections.abc import Awaitable, Callable
from importlib.resources import files

import minijinja
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from patron.delivery.openapi import openapi_paths
from patron.delivery.tracking import TrackingDoor
from patron.delivery.unsubscribe import Desk, stop, undo
from patron.events.inbox import Inbox
from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.kit.problems import Problem
from patron.kit.signing import BadSignature, Signer
from patron.messages.links import UNSUBSCRIBE, Ticket, read
from patron.messages.theme import theme
from patron.shops.types import Shop

__all__ = ["TrackingDoor", "openapi_paths", "routes"]

OpenShop = Callable[[str], Awaitable[Shop]]
_PAGES = minijinja.Environment(
    templates={
        "unsubscribe.html": (files("patron.delivery") / "pages" / "unsubscribe.html").read_text(
            "utf-8"
        )
    },
    undefined_behavior="strict",
    debug=False,
)
_HEADERS = {
    "Cache-Control": "no-store, private",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    ),
}
_REHEARSAL = (
    "This mail was a rehearsal and went to the shop's owner, so this link changes nothing. In a"
    " customer's mail it takes back her consent at once."
)


@get("/u/{token:str}", media_type="text/html", tags=["delivery"], summary="Unsubscribe page")
async def ask(
    token: FromPath[str], signer: NamedDependency[Signer], open_shop: NamedDependency[OpenShop]
) -> Response[str]:
    """Asks whether to unsubscribe; following the link alone changes nothing (RFC 8058)."""
    _, shop = await _open(token, signer, open_shop)
    return _page(
        shop,
        f"No more e-mails from {shop.name}?",
        "One tap and we stop writing to this address. Mails about your orders still come.",
        "Unsubscribe",
        f"/u/{token}",
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
        return _page(shop, "This was a rehearsal", _REHEARSAL)
    await stop(Desk(db, clock, inbox, shop), ticket)
    return _page(
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
        return _page(shop, "This was a rehearsal", _REHEARSAL)
    if not await undo(Desk(db, clock, inbox, shop), ticket):
        return _page(
            shop, "Nothing to undo", f"This address is not unsubscribed from {shop.name} here."
        )
    return _page(
        shop,
        "Welcome back",
        f"{shop.name} may write to you again. Every mail has a link to stop.",
        "Unsubscribe after all",
        f"/u/{token}",
        quiet=True,
    )


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


def _page(
    shop: Shop,
    title: str,
    words: str,
    button: str | None = None,
    action: str = "",
    *,
    quiet: bool = False,
) -> Response[str]:
    page = _PAGES.render_template(
        "unsubscribe.html",
        shop=shop.name,
        title=title,
        words=words,
        button=button,
        action=action,
        quiet=quiet,
        theme=theme(shop.settings.brand_color),
    )
    return Response(page, media_type="text/html", headers=_HEADERS)


routes: list[HTTPRouteHandler] = [ask, unsubscribe, undo_unsubscribe]

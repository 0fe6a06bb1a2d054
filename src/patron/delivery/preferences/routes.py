"""A customer's own page over HTTP, and the answer to the mail that asks for her confirmation."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from patron.carts import store as carts
from patron.catalog.reading import store as catalog
from patron.delivery import confirming
from patron.delivery.desk import Desk
from patron.delivery.paper import REHEARSAL, notice, page
from patron.delivery.preferences.centre import Shown, model, ways
from patron.delivery.preferences.form import Changes, read
from patron.delivery.preferences.keep import keep
from patron.delivery.preferences.who import Her, her, mark_of
from patron.events.inbox import Inbox
from patron.kit.bodies import takes
from patron.kit.clock import Clock
from patron.kit.db import Database, Tx
from patron.kit.problems import Problem, conflict, not_found
from patron.kit.settings import Settings
from patron.kit.signing import BadSignature, Signer
from patron.messages.links import (
    CONFIRM,
    PREFERENCES,
    Asking,
    Pass,
    opened,
    preferences_path,
    short,
)
from patron.profiles import store as profiles
from patron.profiles.consents import request_store as requests
from patron.profiles.consents.labels import in_short
from patron.profiles.consents.types import RequestKind
from patron.profiles.search.whom import root_of
from patron.shops.access import requires
from patron.shops.types import Shop

OpenShop = Callable[[str], Awaitable[Shop]]
T = TypeVar("T", Pass, Asking)

INTERESTS = 16
_SAVED = "Saved. Thank you for telling us."
_AS_IT_WAS = "Nothing was changed."
_ASKED = {
    RequestKind.EXPORT: "We have noted that you want all of it. You hear from us by mail.",
    RequestKind.ERASURE: "We have noted that you want to be forgotten. You hear from us by mail.",
}
_SAID = {"saved": _SAVED, "same": _AS_IT_WAS, **{str(k): words for k, words in _ASKED.items()}}


class PreferenceLink(msgspec.Struct, frozen=True):
    """The address of her page. Whoever has it may change what she gets: give it to her alone."""

    url: str


@get(
    "/preferences/{token:str}",
    media_type="text/html",
    tags=["consent"],
    summary="A customer's own page",
)
async def show(
    token: FromPath[str],
    db: NamedDependency[Database],
    clock: NamedDependency[Clock],
    signer: NamedDependency[Signer],
    open_shop: NamedDependency[OpenShop],
    said: FromQuery[str | None] = None,
) -> Response[str]:
    """What she gets, how often, what interests her, what is held about her; works without script.
    Looking at it changes nothing."""
    given, shop = await _open(token, PREFERENCES, Pass, signer, open_shop)

    async def look(tx: Tx) -> dict[str, Any] | None:
        found = await her(tx, shop, signer, given)
        if found is None:
            return None
        offered = shop.settings.interests or await catalog.largest_categories(tx, INTERESTS)
        filled = len(await carts.carts_of(tx, found.person.origins, 100))
        asked = await requests.of(tx, [found.mailbox.value], found.person.origins)
        words = _SAID.get(said or "")
        if given.rehearsal:
            words = REHEARSAL
        shown = Shown(clock.now(), f"/preferences/{token}", offered, filled, asked, words)
        return model(shop, found, shown)

    async with db.unit(shop.schema) as tx:
        filled = await look(tx)
    return _gone(shop) if filled is None else page(shop, "preferences.html", **filled)


@post(
    "/preferences/{token:str}",
    status_code=200,
    media_type="text/html",
    tags=["consent"],
    summary="Save a customer's wishes",
    operation_class=takes(
        "application/x-www-form-urlencoded",
        "The form of the page: what it showed (`seen`, `was`) and what is chosen now (`on`,"
        " `frequency`, `interest`), or `none` for no more mails at all",
        "seen=email%2Fmarketing&was=email%2Fmarketing&none=1",
    ),
)
async def save(
    token: FromPath[str],
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    clock: NamedDependency[Clock],
    inbox: NamedDependency[Inbox],
    signer: NamedDependency[Signer],
    open_shop: NamedDependency[OpenShop],
) -> Response[Any]:
    """Keeps what differs from what the page had shown, each change with its proof."""
    given, shop = await _open(token, PREFERENCES, Pass, signer, open_shop)
    if given.rehearsal:
        return notice(shop, "This was a rehearsal", REHEARSAL)
    body = await request.body()
    desk, now = Desk(db, clock, inbox, shop), clock.now()

    async def work(tx: Tx) -> tuple[Changes, list[Any]] | None:
        found: Her | None = await her(tx, shop, signer, given)
        if found is None:
            return None
        await profiles.lock(tx, found.person.origins)
        changes = read(body, ways(found))
        return changes, await keep(tx, shop, found, changes, now)

    done = await db.run(shop.schema, work)
    if done is None:
        return _gone(shop)
    changes, told = done
    await desk.tell(told)
    return _back(token, "same" if changes.empty else "saved")


@post(
    "/preferences/{token:str}/{kind:str}",
    status_code=200,
    media_type="text/html",
    tags=["consent"],
    summary="Ask for one's data, or to be forgotten",
)
async def ask_for_data(
    token: FromPath[str],
    kind: FromPath[str],
    db: NamedDependency[Database],
    clock: NamedDependency[Clock],
    signer: NamedDependency[Signer],
    open_shop: NamedDependency[OpenShop],
) -> Response[Any]:
    """Writes the request down for the owner. Nothing is sent or erased by it: the link may have
    been forwarded, and what is erased cannot be brought back."""
    given, shop = await _open(token, PREFERENCES, Pass, signer, open_shop)
    if kind not in [str(one) for one in RequestKind]:
        raise not_found("request", kind)
    if given.rehearsal:
        return notice(shop, "This was a rehearsal", REHEARSAL)

    async def work(tx: Tx) -> bool:
        found = await her(tx, shop, signer, given)
        if found is None:
            return False
        wanted, key = RequestKind(kind), found.mailbox.value
        await requests.ask(tx, wanted, found.person.id, key, found.place, clock.now())
        return True

    return _back(token, kind) if await db.run(shop.schema, work) else _gone(shop)


@get(
    "/confirm/{token:str}",
    media_type="text/html",
    tags=["consent"],
    summary="Page that asks for a confirmation",
)
async def ask_to_confirm(
    token: FromPath[str],
    db: NamedDependency[Database],
    clock: NamedDependency[Clock],
    inbox: NamedDependency[Inbox],
    signer: NamedDependency[Signer],
    open_shop: NamedDependency[OpenShop],
) -> Response[str]:
    """Has a button: mail filters follow links, so following it alone confirms nothing."""
    asking, shop = await _open(token, CONFIRM, Asking, signer, open_shop)
    found = await confirming.asked(Desk(db, clock, inbox, shop), asking)
    if found is None or confirming.is_over(found, clock.now()):
        return _too_late(shop)
    if found.confirmed_at is not None:
        return notice(shop, "It is confirmed", f"You told us already. {shop.name} writes to you.")
    return notice(
        shop,
        "Is this what you want?",
        f"“{confirming.words(found, shop)}” – {shop.name} writes to {in_short(found.address)} when"
        " you press the button, and not before.",
        "Yes, write to me",
        f"/confirm/{token}",
    )


@post(
    "/confirm/{token:str}",
    status_code=200,
    media_type="text/html",
    tags=["consent"],
    summary="Confirm a subscription",
)
async def confirm(
    token: FromPath[str],
    db: NamedDependency[Database],
    clock: NamedDependency[Clock],
    inbox: NamedDependency[Inbox],
    signer: NamedDependency[Signer],
    open_shop: NamedDependency[OpenShop],
) -> Response[str]:
    """Keeps the confirmed yes with its proof."""
    asking, shop = await _open(token, CONFIRM, Asking, signer, open_shop)
    if asking.rehearsal:
        return notice(shop, "This was a rehearsal", REHEARSAL)
    desk = Desk(db, clock, inbox, shop)
    found = await confirming.answer(desk, asking) or await confirming.asked(desk, asking)
    if found is None or confirming.is_over(found, clock.now()):
        return _too_late(shop)
    words = f"{shop.name} will write to you. Every letter has a link to stop."
    return notice(shop, "Thank you, it is confirmed", words)


@post(
    "/api/profiles/{who:str}/preference-link",
    guards=[requires("profiles:write")],
    tags=["consent"],
    summary="The address of a customer's own page",
    status_code=200,
)
async def make_link(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    signer: NamedDependency[Signer],
    settings: NamedDependency[Settings],
    who: FromPath[str],
) -> PreferenceLink:
    """For the shop's account page. A yes that she gives there is not proven by a mail: where the
    shop asks for double opt-in it waits for her answer to one."""
    async with db.unit(shop.schema) as tx:
        return await link_of(tx, shop, signer, settings.public_url, who)


async def link_of(tx: Tx, shop: Shop, signer: Signer, base: str, who: str) -> PreferenceLink:
    """Her page's address. Problem 404 for nobody, 409 for somebody without an address."""
    root = await root_of(tx, shop, who)
    mark = await mark_of(tx, shop, signer, root)
    if mark is None:
        raise conflict(
            f"profile {who} has neither an e-mail address nor a phone number",
            remedy="identify her with one first",
        )
    given = Pass(shop.slug, short(root), None, mark)
    return PreferenceLink(f"{base.rstrip('/')}{preferences_path(signer, given)}")


async def _open(
    token: str, purpose: str, kind: type[T], signer: Signer, open_shop: OpenShop
) -> tuple[T, Shop]:
    try:
        given = opened(signer, purpose, token, kind)
    except BadSignature as error:
        raise Problem(
            404,
            "Not found",
            "this link is damaged, perhaps cut off by a mail program",
            remedy="open it from the mail itself",
        ) from error
    return given, await open_shop(given.shop)


def _back(token: str, said: str) -> Redirect:
    """To the page as it stands now, so that going back or reloading says nothing twice."""
    return Redirect(f"/preferences/{token}?said={said}", status_code=303)


def _gone(shop: Shop) -> Response[str]:
    return notice(
        shop,
        "Nothing is kept here",
        f"{shop.name} keeps nothing under this link any more, so there is nothing to choose.",
    )


def _too_late(shop: Shop) -> Response[str]:
    return notice(
        shop,
        "This link works no more",
        f"It was not pressed in time, so {shop.name} does not write to you. To hear from us all the"
        " same, sign up in the shop once more.",
    )


routes: list[HTTPRouteHandler] = [show, save, ask_for_data, ask_to_confirm, confirm, make_link]

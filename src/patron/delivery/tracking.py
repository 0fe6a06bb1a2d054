"""Opens and clicks: bare ASGI, because these links are asked in bursts after every sending.

The door trusts nothing but the signature: a click goes where the signed link says and nowhere else.
Each link counts at most once a minute per message, however often it is asked.
"""

import base64
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import psycopg

from patron.delivery.machines import headers_of, is_machine
from patron.delivery.telling import append, clicked
from patron.events.inbox import Inbox, InboxDown, InboxFull
from patron.kit.clock import Clock, monotonic
from patron.kit.log import logger
from patron.kit.metrics import counter
from patron.kit.problems import Problem
from patron.kit.signing import BadSignature, Signer
from patron.messages.links import CLICK, OPEN, Ticket, as_location, read
from patron.shops.types import Shop

log = logger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

HITS = counter("patron_tracking_hits_total", "Opens and clicks asked for", ["kind", "by"])
PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
SHOP_SECONDS = 30.0
REMEMBERED = 20_000
_NO_STORE = (b"cache-control", b"no-store, private")
_DAMAGED = b"""<!doctype html><html lang="en"><meta charset="utf-8">\
<meta name="viewport" content="width=device-width, initial-scale=1">\
<meta name="color-scheme" content="light dark"><title>This link does not work</title>\
<body style="font:17px/1.5 system-ui,sans-serif;max-width:32em;margin:15vh auto;padding:0 20px">\
<h1 style="font-size:1.4em">This link does not work</h1>\
<p>It is damaged, perhaps cut off by a mail program. Try it from the mail itself.</p>"""


class TrackingDoor:
    """Answers GET and HEAD of `/o/{token}.gif` and `/l/{token}`."""

    def __init__(
        self,
        signer: Signer,
        open_shop: Callable[[str], Awaitable[Shop]],
        inbox: Inbox,
        clock: Clock,
    ) -> None:
        self._inbox = inbox
        self._signer = signer
        self._clock = clock
        self._open_shop = open_shop
        self._shops: dict[str, tuple[float, Shop]] = {}
        self._seen: OrderedDict[str, None] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], str(scope["path"])
        if method not in ("GET", "HEAD"):
            await _answer(send, 405, [(b"allow", b"GET, HEAD")], b"")
            return
        purpose = OPEN if path.startswith("/o/") else CLICK
        token = path[3:].removesuffix(".gif") if purpose is OPEN else path[3:]
        try:
            ticket = read(self._signer, purpose, token)
        except BadSignature:
            kind = (b"content-type", b"text/html; charset=utf-8")
            await _answer(send, 404, [kind, _NO_STORE], b"" if method == "HEAD" else _DAMAGED)
            return
        if method == "GET":
            await self._count(ticket, purpose, headers_of(scope["headers"]))
        if purpose is OPEN:
            kind = (b"content-type", b"image/gif")
            await _answer(send, 200, [kind, _NO_STORE], b"" if method == "HEAD" else PIXEL)
            return
        location = as_location(ticket.url or "/").encode()
        hidden = (b"referrer-policy", b"no-referrer-when-downgrade")
        await _answer(send, 302, [(b"location", location), _NO_STORE, hidden], b"")

    async def _count(self, ticket: Ticket, purpose: str, headers: dict[str, str]) -> None:
        """Append the event. The customer goes on even when that fails."""
        now = self._clock.now()
        machine = is_machine(headers)
        HITS.labels(purpose, "machine" if machine else "person").inc()
        minute = int(now.timestamp()) // 60
        by = "machine" if machine else "person"
        suffix = f"{purpose}-{ticket.link or 'pixel'}-{by}-{minute}"
        if self._known(f"{ticket.message}-{suffix}"):
            return
        try:
            if purpose is OPEN:
                event = clicked(ticket, "Email Opened", suffix, now, {"machine_open": machine})
            else:
                more = {
                    "link_id": ticket.link,
                    # The cart's own link is a key to the cart and has no place in the log.
                    "link_url": None if ticket.link == "cart" else ticket.url,
                    "machine_click": machine,
                }
                event = clicked(ticket, "Email Link Clicked", suffix, now, more)
            await append(self._inbox, await self._shop(ticket.shop), [event])
        except (InboxFull, InboxDown, Problem, psycopg.Error, OSError) as error:
            self._seen.pop(f"{ticket.message}-{suffix}", None)
            log.warning("open or click not counted", extra={"reason": str(error)})

    def _known(self, key: str) -> bool:
        if key in self._seen:
            return True
        self._seen[key] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return False

    async def _shop(self, slug: str) -> Shop:
        known = self._shops.get(slug)
        if known is None or known[0] < monotonic():
            known = (monotonic() + SHOP_SECONDS, await self._open_shop(slug))
            self._shops[slug] = known
        return known[1]


async def _answer(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})

"""The one place of the web process where entries of the audit log begin: around every route."""

from typing import Any

import msgspec
from litestar import Request
from litestar.enums import ScopeType
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from patron.app.audit.notes import Note
from patron.app.audit.trail import Trail
from patron.app.audit.what import actor_of, asked, is_change, recorded, template_of
from patron.events.door.callers import Origins
from patron.kit.clock import Clock
from patron.kit.ids import id_at
from patron.kit.problems import Problem
from patron.shops.audit.types import Entry, Outcome
from patron.shops.types import Access

PEEKED = 64 * 1024
COUNTED = 8 * 1024 * 1024
LINES = (b"text/csv", b"application/x-ndjson", b"application/jsonl")


class _Items(msgspec.Struct):
    items: list[msgspec.Raw] | None = None


_items = msgspec.json.Decoder(_Items).decode
_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


class WriteDown:
    """Writes reads of personal data and changes to the audit log.

    It stands around the memory of answers: who gets an answer again has read it again.
    """

    def __init__(self, app: ASGIApp, trail: Trail, clock: Clock, origins: Origins) -> None:
        self.app = app
        self._trail = trail
        self._clock = clock
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        access: Access | None = None
        handler = scope.get("route_handler")
        if scope["type"] == ScopeType.HTTP and isinstance(handler, HTTPRouteHandler):
            access = scope["state"].get("access")
        if access is None or not isinstance(handler, HTTPRouteHandler):
            await self.app(scope, receive, send)
            return
        method, template = str(dict(scope)["method"]), template_of(handler, scope)
        if not recorded(method, template):
            await self.app(scope, receive, send)
            return
        if self._trail.full:
            raise Problem(
                503,
                "Not available",
                "the audit log cannot be written just now; nothing was done",
                remedy="ask again in a moment; `patron doctor` says what is wrong if it stays",
            )
        body, again = (b"", receive) if method == "GET" else await _peeked(receive)
        note = self._note(scope, access, handler, f"{method} {template}", body)
        if note.entry.change:
            await self._trail.begin(note)
        answer = _Answer(send)
        try:
            await self.app(scope, again, answer)
        finally:
            self._over(note, answer)

    def _note(
        self, scope: Scope, access: Access, handler: HTTPRouteHandler, action: str, body: bytes
    ) -> Note:
        request: Request[Any, Any, Any] = Request(scope)
        query = {
            name: found[0] if len(found) == 1 else found
            for name, found in request.query_params.dict().items()
        }
        detail, term, thing, subject = asked(handler, query, scope["path_params"], body)
        peer = scope["client"][0] if scope["client"] else None
        forwarded = request.headers.get("x-forwarded-for", "").encode("latin-1", "replace")
        now = self._clock.now()
        entry = Entry(
            id=id_at(now),
            at=now,
            actor=actor_of(access, self._origins.address(peer, forwarded)),
            action=action,
            change=is_change(handler, action.partition(" ")[0]),
            subject=subject,
            outcome=Outcome.BEGUN,
            detail=detail,
        )
        return Note(access.shop, entry, term, thing)

    def _over(self, note: Note, answer: "_Answer") -> None:
        """What came of it; a read that failed gave nothing away."""
        if answer.status < 400:
            outcome = Outcome.DONE
        else:
            outcome = Outcome.REFUSED if answer.status < 500 else Outcome.FAILED
        note.entry = msgspec.structs.replace(note.entry, outcome=outcome, count=answer.count())
        if note.entry.change:
            self._trail.end(note)
        elif outcome is not Outcome.FAILED:
            self._trail.read(note)


class _Answer:
    """Sends an answer on and sees how many entries are in it."""

    def __init__(self, send: Send) -> None:
        self.status = 500
        self._send = send
        self._type = b""
        self._parts: list[bytes] = []
        self._size = self._lines = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._type = dict(message["headers"]).get(b"content-type", b"").partition(b";")[0]
        elif message["type"] == "http.response.body":
            part = message.get("body", b"")
            self._size += len(part)
            if self._type in LINES:
                self._lines += part.count(b"\n")
            elif self._type == b"application/json" and self._size <= COUNTED:
                self._parts.append(part)
        await self._send(message)

    def count(self) -> int | None:
        """How many entries a list, a page or an export has; None for anything else."""
        if self.status >= 400:
            return None
        if self._type in LINES:
            return max(self._lines - (self._type == LINES[0]), 0)
        body = b"".join(self._parts) if self._size <= COUNTED else b""
        try:
            if body[:1] == b"[":
                return len(_list(body))
            items = _items(body).items if body[:1] == b"{" else None
        except msgspec.DecodeError:
            return None
        return None if items is None else len(items)


async def _peeked(receive: Receive) -> tuple[bytes, Receive]:
    """The body, if it is not long, and how to receive it once more."""
    kept: list[Any] = []
    size = 0
    while size <= PEEKED:
        message: Any = await receive()
        kept.append(message)
        size += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            break
    body = b"".join(message.get("body", b"") for message in kept) if size <= PEEKED else b""

    async def again() -> Any:
        return kept.pop(0) if kept else await receive()

    return body, again

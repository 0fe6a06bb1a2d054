"""`Idempotency-Key`: a write that is sent again gets the first answer again."""

import hashlib
from datetime import timedelta
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.kit.migrate import HOUSE
from patron.shops import store
from patron.shops.types import Access

WRITES = {"POST", "PUT", "PATCH", "DELETE"}
KEPT = timedelta(hours=24)
LONGEST_KEY = 200
LARGEST_BODY = 10_000_000
DEAD = timedelta(minutes=5)
"""So long after its begin a write without an answer counts as died: the answer comes in seconds."""


class RememberAnswers:
    """Keeps the answers of writes that carried an `Idempotency-Key` for 24 hours.

    The key belongs to the caller's key, the method and the path. The same key with another body is
    refused with 422; while the first is still being worked on, the second gets 409. What did not
    arrive whole was never asked. An answer that says `Cache-Control: no-store` holds a secret: its
    body is not kept, and who asks again is told so with 409.
    """

    def __init__(self, app: ASGIApp, db: Database, clock: Clock) -> None:
        self.app = app
        self._db = db
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        access: Access | None = None
        if scope["type"] == ScopeType.HTTP and scope["method"] in WRITES:
            access = scope["state"].get("access")
        if access is None:
            await self.app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"idempotency-key", b"").decode("latin-1")
        if not given:
            await self.app(scope, receive, send)
            return
        if len(given) > LONGEST_KEY:
            await _problem(send, 400, "Idempotency-Key is too long", "give at most 200 characters")
            return
        body = await _read(receive)
        if body is None:
            return  # the caller hung up half-way and will ask again
        if len(body) > LARGEST_BODY:
            await _problem(send, 413, "the request is too large", "send at most 10 MB at once")
            return
        method = dict(scope)["method"]
        name = f"{access.key_id}\n{method}\n{scope['path']}\n{given}"
        key = hashlib.sha256(name.encode()).digest()
        asked = hashlib.sha256(body)
        if scope["query_string"]:
            asked.update(b"\n?" + scope["query_string"])
        await self._answer(key, asked.digest(), body, (scope, send))

    async def _answer(
        self, key: bytes, digest: bytes, body: bytes, call: tuple[Scope, Send]
    ) -> None:
        scope, send = call
        now = self._clock.now()
        async with self._db.unit(HOUSE) as tx:
            before = await store.begin_answer(tx, key, digest, now, now - KEPT, now - DEAD)
        if before is None:
            await self._work(key, body, scope, send)
        elif before.digest != digest:
            await _problem(
                send,
                422,
                "this Idempotency-Key was used with another body",
                "make a new key for a new request",
            )
        elif before.status is None:
            await _problem(
                send, 409, "the first request is still being worked on", "try again soon"
            )
        elif before.body is None:
            await _problem(
                send,
                409,
                f"this was done at {before.began_at.isoformat()}; the secret in its answer was"
                " shown once and is not kept",
                "revoke what was made and make another, with a new Idempotency-Key",
            )
        else:
            await _send(send, before.status, before.content_type, before.body)

    async def _work(self, key: bytes, body: bytes, scope: Scope, send: Send) -> None:
        status = 500
        content_type = ""
        secret = False
        parts: list[bytes] = []
        # The end of an answer waits until it is kept: who has it may ask again at once.
        held: list[Message] = []

        async def watch(message: Message) -> None:
            nonlocal status, content_type, secret
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = dict(message["headers"])
                content_type = headers.get(b"content-type", b"").decode("latin-1")
                secret = b"no-store" in headers.get(b"cache-control", b"")
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))
            held.append(message)
            if message["type"] == "http.response.body" and message.get("more_body"):
                await _all(send, held)

        try:
            await self.app(scope, _replay(body), watch)
        finally:
            try:
                async with self._db.unit(HOUSE) as tx:
                    if status >= 500:
                        await store.forget_answer(tx, key)
                    else:
                        kept = None if secret else b"".join(parts)
                        await store.keep_answer(tx, key, status, content_type, kept)
            finally:
                await _all(send, held)


async def _all(send: Send, held: list[Message]) -> None:
    for message in held:
        await send(message)
    held.clear()


async def _read(receive: Receive) -> bytes | None:
    """The body, no more of it than shows that it is too large; None when it broke off."""
    body = bytearray()
    while len(body) <= LARGEST_BODY:
        message: Any = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return bytes(body)


def _replay(body: bytes) -> Receive:
    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _problem(send: Send, status: int, detail: str, remedy: str) -> None:
    text = (
        f'{{"type":"about:blank","title":"Idempotency-Key","status":{status},'
        f'"detail":"{detail}","path":"Idempotency-Key","remedy":"{remedy}"}}'
    )
    await _send(send, status, "application/problem+json", text.encode())


async def _send(send: Send, status: int, content_type: str, body: bytes) -> None:
    headers = [(b"content-type", content_type.encode("latin-1"))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})

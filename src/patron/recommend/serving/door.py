"""`POST /v1/recommend`: the hot door of recommendations, as a bare ASGI application."""

import asyncio
import hashlib
import hmac
from difflib import get_close_matches
from typing import Any

import msgspec
import psycopg
from psycopg_pool import PoolTimeout

from patron.events.door import answers
from patron.events.door.callers import key_in, unknown_key
from patron.events.door.calls import too_large
from patron.kit.clock import monotonic
from patron.kit.log import logger
from patron.kit.metrics import counter, histogram
from patron.kit.problems import Problem, bad_request, forbidden, unforeseen
from patron.recommend.serving.asking import Question, WiredAnswer
from patron.recommend.serving.engine import Engine, Engines
from patron.recommend.serving.visitors import Asked
from patron.shops.access import Keys
from patron.shops.types import Access, KeyKind, Scope

log = logger(__name__)

PATH = "/v1/recommend"
LARGEST_BODY = 32 << 10
PATIENCE = 8.0
"""Seconds in which a shop's models and catalog are opened; who comes earlier is asked to wait."""

CALLS = counter("patron_recommend_calls_total", "Calls for recommendations", ["status"])
SECONDS = histogram("patron_recommend_seconds", "From a call's arrival to its answer")

_POST = b"POST, OPTIONS"
_read = msgspec.json.Decoder(Question).decode
_written = msgspec.json.Encoder().encode
_HEADERS = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    answers.ANY_ORIGIN,
]


class Door:
    """Answers what pages and servers ask; belongs to one event loop."""

    def __init__(self, keys: Keys, engines: Engines) -> None:
        self._keys = keys
        self._engines = engines
        self._good = CALLS.labels("200")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            if scope["method"] == "POST":
                started = monotonic()
                body = _written(await self._answered(scope, receive))
                length = (b"content-length", b"%d" % len(body))
                await answers.answer(send, 200, [*_HEADERS, length], body)
                self._good.inc()
                SECONDS.observe(monotonic() - started)
            elif scope["method"] == "OPTIONS":
                await answers.answer_preflight(send, _POST)
            else:
                problem = Problem(
                    405, "Method not allowed", f"{scope['method']} is not answered here",
                    remedy="POST a question; see /api/docs",
                )  # fmt: skip
                await answers.answer_problem(send, problem, allow=_POST)
        except _Gone:
            CALLS.labels("gone").inc()
        except Exception as error:
            problem, retry_after = _problem(error)
            CALLS.labels(str(problem.document.status)).inc()
            await answers.answer_problem(send, problem, retry_after=retry_after)

    async def _answered(self, scope: Any, receive: Any) -> WiredAnswer:
        body = await _body(receive)
        try:
            question = _read(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            await self._access(scope["headers"], _key_of(body))  # a stranger hears nothing else
            raise unreadable(error) from error
        access = await self._access(scope["headers"], question.write_key)
        asked = whom(question, access)
        engine = self._engines.remembered(access.shop) or await self._opened(access)
        return await engine.ask(question, asked)

    async def _opened(self, access: Access) -> Engine:
        async with asyncio.timeout(PATIENCE):
            return await self._engines.of(access.shop)

    async def _access(self, headers: Any, write_key: str | None) -> Access:
        key = write_key
        for name, value in headers:
            if name == b"authorization":
                key = key_in(value) or write_key
        if not key:
            raise unknown_key()
        fresh, access = self._keys.remembered(key)
        if not fresh:
            access = await self._keys.find(key)
        if access is None:
            raise unknown_key()
        if access.kind is KeyKind.SERVER and not access.allows(Scope.RECOMMEND_READ):
            raise forbidden(
                "this server key may not ask for recommendations",
                remedy="make one that may: `patron key create NAME --scope recommend:read`",
            )
        return access


def whom(question: Question, access: Access) -> Asked:
    """For whom a question is answered, and whether all may be used that is known of her.

    With a write key that is so only when the shop's server has signed who she is (`userHash`);
    otherwise the id of a customer says nothing, and what her browser did in this visit is all.
    """
    if access.kind is KeyKind.SERVER:
        return Asked(question.anonymous_id, question.user_id, question.profile, trusted=True)
    if question.profile is not None:
        raise forbidden(
            "with a write key nobody is asked for by profile",
            remedy="leave out `profile`, or ask from your server with a server key",
        )
    if question.user_id and question.user_hash:
        secret = access.shop.identity_secret
        digest = hmac.new(secret, question.user_id.encode(), hashlib.sha256).hexdigest()
        if secret and hmac.compare_digest(question.user_hash.lower().encode(), digest.encode()):
            return Asked(question.anonymous_id, question.user_id, trusted=True)
    return Asked(question.anonymous_id)


def unreadable(error: Exception) -> Problem:
    """What is wrong with a question."""
    what, _, path = str(error).partition(" - at ")
    if isinstance(error, RecursionError):
        what, path = "the JSON is nested too deeply", ""
    remedy = 'send JSON such as {"placements": ["recommended_for_you"], "anonymousId": "…"}'
    if "unknown field `" in what:
        said = what.split("`")[1]
        near = get_close_matches(said, Question.__struct_encode_fields__, 1)
        path, remedy = path or said, f"did you mean {near[0]}?" if near else f"leave out {said}"
    return bad_request(what, path=path.strip("`") or None, remedy=remedy)


class _Keyed(msgspec.Struct, rename="camel"):
    write_key: str | None = None


def _key_of(body: bytes) -> str | None:
    """The write key in a question that is not understood otherwise."""
    try:
        return msgspec.json.decode(body, type=_Keyed).write_key
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


class _Gone(Exception):
    """The caller hung up."""


async def _body(receive: Any) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > LARGEST_BODY:
            raise too_large(
                "the question", size, LARGEST_BODY,
                remedy="send what she looked at last and has in the cart, and fewer `exclude`",
            )  # fmt: skip
        if not message.get("more_body"):
            return b"".join(parts) if len(parts) > 1 else parts[0]


def _problem(error: Exception) -> tuple[Problem, int | None]:
    """What to answer to `error`, and after how many seconds to come back if that would help."""
    if isinstance(error, Problem):
        return error, None
    if isinstance(error, psycopg.Error | PoolTimeout | TimeoutError | OSError):
        log.warning("no recommendations", extra={"reason": repr(error)})
        detail = "the shop's catalog and models are being opened, or the database is away"
        return Problem(503, "Not available", detail, remedy="ask again"), 2
    log.error("recommending failed", exc_info=error)
    return unforeseen(), None

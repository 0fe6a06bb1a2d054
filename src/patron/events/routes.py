"""The hot door: the Segment HTTP Tracking API, as a bare ASGI application."""

import re
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from patron.events.door import answers, browser, calls
from patron.events.door.callers import Caller, Callers, KeyRing, Origins, as_json, unknown_key
from patron.events.door.openapi import openapi_paths
from patron.events.inbox import Inbox, InboxDown, InboxFull
from patron.kit.clock import Clock, monotonic
from patron.kit.log import logger
from patron.kit.metrics import durations, tallies
from patron.kit.problems import Problem, unforeseen
from patron.shops.types import KeyKind

__all__ = ["Door", "DoorSettings", "openapi_paths"]

log = logger(__name__)

CALLS = tallies("patron_door_calls_total", "Calls of the tracking API", ["call", "status"])
CALL_SECONDS = durations("patron_door_call_seconds", "From a call's arrival to its answer")

_SETTINGS = re.compile(r"/v1/projects/([A-Za-z0-9_-]{1,100})/settings")
_SCRIPT = re.compile(r"/analytics\.js/v1/([A-Za-z0-9_-]{1,100})/analytics(?:\.min)?\.js")
_BUNDLE = re.compile(r"/analytics-next/bundles/([^/]+)")
PAGES = (_SETTINGS, _SCRIPT, _BUNDLE)
"""What browsers fetch, besides the calls of `calls.PATHS`."""
_GET = b"GET, HEAD, OPTIONS"
_POST = b"POST, OPTIONS"
_AGENTS = 2_000
_AGENT_CHARS = 1_000
_UNAVAILABLE_SECONDS = 2


class DoorSettings(msgspec.Struct, frozen=True):
    """How the door is reached.

    `public_url`: where browsers find Patron (default: as they came) · `trusted_proxies`: networks
    whose X-Forwarded headers are believed · `browser_library`: the folder `dist/umd` of the library
    that browsers load.
    """

    public_url: str | None = None
    trusted_proxies: list[str] = []
    browser_library: Path | None = None
    wait_seconds: float = 10.0


class ClientGone(Exception):
    """The caller hung up before its body was whole; there is nobody to answer."""


class Door:
    """Takes calls of the tracking API and answers 200 when they are on disk."""

    def __init__(
        self, keys: KeyRing, inbox: Inbox, clock: Clock, settings: DoorSettings | None = None
    ) -> None:
        self._settings = settings or DoorSettings()
        self._callers = Callers(keys, self._settings.wait_seconds)
        self._inbox = inbox
        self._clock = clock
        self._origins = Origins(self._settings.trusted_proxies)
        self._library = browser.Library(self._settings.browser_library)
        self._agents: dict[bytes, bytes] = {}
        self._taken = {kind: CALLS.labels(kind, "200") for kind in (*calls.TYPES, calls.BATCH)}

    @staticmethod
    def answers(path: str) -> bool:
        """Whether this door is the one for `path`."""
        return path in calls.PATHS or any(known.fullmatch(path) for known in PAGES)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        kind = calls.PATHS.get(scope["path"])
        try:
            if kind is None:
                await self._page(scope, send)
            elif scope["method"] == "POST":
                started = monotonic()
                await self._take(kind, scope, receive)
                await send(answers.SUCCESS_START)
                await send(answers.SUCCESS_BODY)
                self._taken[kind].count += 1
                CALL_SECONDS.observe(monotonic() - started)
            elif scope["method"] == "OPTIONS":
                await answers.answer_preflight(send, _POST)
            else:
                await answers.answer_problem(send, _not_allowed(scope["method"]), allow=_POST)
        except ClientGone:
            CALLS.labels(kind or "page", "gone").count += 1
        except Exception as error:
            problem, retry_after = _problem(error, scope["path"])
            CALLS.labels(kind or "page", str(problem.document.status)).count += 1
            await answers.answer_problem(send, problem, retry_after=retry_after)

    async def _take(self, kind: str, scope: Any, receive: Any) -> None:
        headers = dict(scope["headers"])
        limit = calls.BATCH_BYTES if kind is calls.BATCH else calls.EVENT_BYTES
        body = await _body(receive, headers.get(b"content-length"), limit)
        encoding = headers.get(b"content-encoding")
        if encoding is not None or body[:1] == b"\x1f":
            declared = encoding.decode("latin-1").strip().lower() if encoding else None
            body = calls.unzipped(body, declared, limit)
        call = calls.read_batch(body) if kind is calls.BATCH else calls.read_single(kind, body)
        caller = await self._caller(headers.get(b"authorization"), call.write_key)
        if call.count == 0:
            return
        # Said by a browser that fetches ahead of time; the walk drops what nobody has seen.
        purpose = headers.get(b"sec-purpose") or headers.get(b"purpose")
        envelope = b"".join(
            (
                b'{"r":%d' % int(self._clock.now().timestamp() * 1000),
                caller.stamp,
                b"" if purpose is None else b',"p":' + as_json(purpose.decode("latin-1")[:100]),
                b',"f":true,"ip":' if call.backfill else b',"f":false,"ip":',
                as_json(self._address(scope, headers)),
                b',"ua":',
                self._agent(headers.get(b"user-agent", b"")),
                b',"b":',
                call.body,
                b"}",
            )
        )
        await self._inbox.append_raw(caller.shop, envelope, call.count, reserved=caller.trusted)

    async def _caller(self, authorization: bytes | None, write_key: str | None) -> Caller:
        """Who is calling: the header's key if there is one, else the body's."""
        key = self._callers.header_key(authorization) if authorization else None
        key = key or write_key
        if not key:
            raise unknown_key()
        return self._callers.known(key) or await self._callers.find(key)

    def _address(self, scope: Any, headers: dict[bytes, bytes]) -> str | None:
        client = scope.get("client")
        return self._origins.address(client[0] if client else None, headers.get(b"x-forwarded-for"))

    def _agent(self, header: bytes) -> bytes:
        """The User-Agent as JSON; browsers repeat theirs, so the text is kept."""
        found = self._agents.get(header)
        if found is None:
            if len(self._agents) >= _AGENTS:
                self._agents.clear()
            text = header.decode("utf-8", "replace")[:_AGENT_CHARS]
            found = self._agents[header] = as_json(text or None)
        return found

    async def _page(self, scope: Any, send: Any) -> None:
        path: str = scope["path"]
        if scope["method"] == "OPTIONS":
            await answers.answer_preflight(send, _GET)
        elif scope["method"] not in ("GET", "HEAD"):
            await answers.answer_problem(send, _not_allowed(scope["method"]), allow=_GET)
        elif found := _SETTINGS.fullmatch(path):
            await self._public(found[1])
            url = self._base_url(scope)
            await answers.answer_json(send, browser.settings_of(found[1], url), seconds=60)
        elif found := _SCRIPT.fullmatch(path):
            await self._public(found[1])
            await _answer_script(scope, send, self._library.script(found[1]), seconds=300)
        elif found := _BUNDLE.fullmatch(path):
            await _answer_script(scope, send, self._library.bundle(found[1]), seconds=86_400)
        else:
            raise Problem(404, "Not found", f"there is nothing at {path}", remedy="see /api/docs")

    async def _public(self, key: str) -> None:
        """Pages exist for public keys only, so that a server key never stands in an address."""
        try:
            caller = self._callers.known(key) or await self._callers.find(key)
        except Problem:
            caller = None
        if caller is None or caller.access.kind is not KeyKind.PUBLIC:
            raise Problem(
                404,
                "Not found",
                "no shop has this write key",
                remedy="`patron key list` shows the write keys",
            )

    def _base_url(self, scope: Any) -> str:
        if self._settings.public_url:
            return self._settings.public_url.rstrip("/")
        headers = dict(scope["headers"])
        scheme, host = scope.get("scheme", "http"), headers.get(b"host", b"").decode("latin-1")
        client = scope.get("client")
        if client and self._origins.trusts(client[0]):
            scheme = headers.get(b"x-forwarded-proto", scheme.encode()).decode("latin-1")
            host = headers.get(b"x-forwarded-host", host.encode()).decode("latin-1")
        url = browser.base_url(scheme, host)
        if url is None:
            raise Problem(
                400, "Bad request", f"{host!r} is no host name", remedy="send a Host header"
            )
        return url


async def _body(receive: Any, declared: bytes | None, limit: int) -> bytes:
    """The request's body, `limit` bytes at most. Raises Problem 413 and ClientGone."""
    if declared is not None and declared.isdigit() and int(declared[:20]) > limit:
        raise calls.too_large("the body", int(declared[:20]), limit)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body
    parts, size = [body], len(body)
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise calls.too_large("the body", size, limit)
    return b"".join(parts)


async def _answer_script(scope: Any, send: Any, script: browser.Script, *, seconds: int) -> None:
    headers = [
        (b"content-type", b"text/javascript; charset=utf-8"),
        (b"cache-control", b"public, max-age=%d" % seconds),
        (b"vary", b"accept-encoding"),
        answers.ANY_ORIGIN,
    ]
    body = script.plain
    if b"gzip" in dict(scope["headers"]).get(b"accept-encoding", b""):
        headers.append((b"content-encoding", b"gzip"))
        body = script.packed
    await answers.answer(send, 200, headers, body)


def _problem(error: Exception, path: str) -> tuple[Problem, int | None]:
    """What to answer to `error`, and after how many seconds to come back if that would help."""
    if isinstance(error, Problem):
        return error, None
    if isinstance(error, InboxFull):
        remedy = f"send it again after {error.retry_after} seconds, as SDKs do by themselves"
        return Problem(429, "Too much at once", str(error), remedy=remedy), error.retry_after
    if isinstance(error, InboxDown | TimeoutError | psycopg.Error | OSError):
        log.warning("call not taken", extra={"path": path, "reason": repr(error)})
        detail = "the database cannot be reached just now; nothing of this call was acknowledged"
        problem = Problem(503, "Not available", detail, remedy="send it again")
        return problem, getattr(error, "retry_after", _UNAVAILABLE_SECONDS)
    log.error("call failed", exc_info=error, extra={"path": path})
    return unforeseen(), None


def _not_allowed(method: str) -> Problem:
    return Problem(
        405, "Method not allowed", f"{method} is not answered here", remedy="see /api/docs"
    )

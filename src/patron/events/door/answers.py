"""What the door answers: one good answer, prepared, and problem documents for the rest."""

from typing import Any, Protocol

import msgspec

from patron.kit.problems import Problem

Headers = list[tuple[bytes, bytes]]

ANY_ORIGIN: tuple[bytes, bytes] = (b"access-control-allow-origin", b"*")
_JSON = (b"content-type", b"application/json")
_PROBLEM = (b"content-type", b"application/problem+json")
# A page's script sees these two only when they are named.
_EXPOSE = (b"access-control-expose-headers", b"retry-after, x-ratelimit-reset")

_SUCCESS = b'{"success":true}'
SUCCESS_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [_JSON, (b"content-length", b"%d" % len(_SUCCESS)), ANY_ORIGIN],
}
SUCCESS_BODY = {"type": "http.response.body", "body": _SUCCESS, "more_body": False}


class Send(Protocol):
    """ASGI's `send`."""

    async def __call__(self, message: Any, /) -> None: ...


async def answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def answer_json(send: Send, value: Any, *, seconds: int) -> None:
    """`value` as JSON that a browser may keep for `seconds`."""
    body = msgspec.json.encode(value)
    await answer(
        send,
        200,
        [_JSON, ANY_ORIGIN, (b"cache-control", b"public, max-age=%d" % seconds)],
        body,
    )


async def answer_problem(
    send: Send, problem: Problem, *, retry_after: int | None = None, allow: bytes | None = None
) -> None:
    """`retry_after` in seconds goes into both headers that clients look at.

    Segment's clients read `code` and `message` from an error's body and take it for a lost
    connection, to be tried again ten times, when they are not there.
    """
    document = problem.document
    told = {
        **msgspec.to_builtins(document),
        "code": document.title.lower().replace(" ", "_"),
        "message": document.detail,
    }
    headers = [_PROBLEM, ANY_ORIGIN]
    if retry_after is not None:
        seconds = b"%d" % retry_after
        headers += [_EXPOSE, (b"retry-after", seconds), (b"x-ratelimit-reset", seconds)]
    if allow is not None:
        headers.append((b"allow", allow))
    if document.status == 401:
        # Not Basic, though it is taken: browsers would ask the visitors of the shop for a password.
        headers.append((b"www-authenticate", b'Bearer realm="write key"'))
    await answer(send, document.status, headers, msgspec.json.encode(told))


async def answer_preflight(send: Send, methods: bytes) -> None:
    """Let any page call: what comes with a write key is believed no more than the key allows."""
    headers = [
        ANY_ORIGIN,
        (b"access-control-allow-methods", methods),
        # Any header besides: tracing tools add theirs to what a page sends. "*" never means the
        # first of these.
        (b"access-control-allow-headers", b"authorization, content-type, content-encoding, *"),
        (b"access-control-max-age", b"86400"),
    ]
    await answer(send, 204, headers, b"")

"""Every way a request may fail, as a problem document (RFC 9457) with its remedy."""

import re
from http import HTTPStatus
from typing import Any

import psycopg
from litestar import Request, Response
from litestar.exceptions import HTTPException
from psycopg_pool import PoolTimeout

from patron.app.answering import again, meant, plainly
from patron.events.inbox import InboxDown, InboxFull
from patron.kit.log import logger
from patron.kit.problems import Problem, ProblemDocument, bad_request, unforeseen

log = logger(__name__)
PROBLEM = "application/problem+json"
OUT_OF_ROOM = (
    psycopg.errors.InsufficientResources,
    psycopg.errors.DiskFull,
    psycopg.errors.OutOfMemory,
    psycopg.errors.TooManyConnections,
)

REMEDIES = {
    400: "correct what `detail` names; the API's document says what each field takes",
    404: "check the address; /api/docs lists every route",
    405: "use a method that `Allow` names; /api/docs lists every route",
    413: "send less at once",
    415: "send it as it is, without Content-Encoding",
}
_LACKING = re.compile(r"Missing required (\w+) parameter '([^']+)'")
_NAMED = re.compile(r"(?:unknown|missing required) field `([^`]+)`")


def answer_problem(
    request: Request[Any, Any, Any], error: Problem
) -> Response[ProblemDocument] | Response[str]:
    if plainly.at_a_browser(request):
        return plainly.page(error.document, request.scope["path"])
    status = error.document.status
    headers = {"WWW-Authenticate": 'Bearer realm="Patron"'} if status == 401 else None
    return Response(error.document, status_code=status, media_type=PROBLEM, headers=headers)


def answer_http(
    request: Request[Any, Any, Any], error: HTTPException
) -> Response[ProblemDocument] | Response[str]:
    """What the framework refuses by itself."""
    scope: Any = request.scope
    extra = error.extra if isinstance(error.extra, list) else []
    wrong = [one for one in extra if isinstance(one, dict)]
    status, asked, detail = error.status_code, scope["path"], error.detail
    remedy = next(filter(None, (meant.remedy(request, one) for one in wrong)), None)
    place = None
    if "route_handler" not in scope and status in (404, 405):
        detail = f"{request.method} {asked} is no route of Patron's"
    elif wrong:
        for one in wrong:
            one["key"] = meant.name_of(request, str(one.get("key")))
        detail, place = "; ".join(_told(one) for one in wrong), _place(wrong[0])
    elif status == 400 and (lacking := _LACKING.match(detail)):
        place = lacking[2]
        detail = f"the {lacking[1]} parameter {place} is missing"
        remedy = meant.remedy(request, {"key": place})
    elif status == 400 and (encoded := request.headers.get("content-encoding")):
        status, detail = 415, f"the body is encoded as {encoded!r}"
    elif status == 400:
        detail = f"the request cannot be read: {detail}"
    document = ProblemDocument(
        type="about:blank",
        title=HTTPStatus(status).phrase.capitalize(),
        status=status,
        detail=detail,
        path=place,
        remedy=remedy or REMEDIES.get(status),
        errors=extra or None,
    )
    if plainly.at_a_browser(request):
        return plainly.page(document, asked)
    return Response(document, status_code=status, media_type=PROBLEM, headers=error.headers)


def _told(wrong: dict[str, Any]) -> str:
    if _whole(wrong) and wrong.get("message") == "'data'":  # the framework's word for no body
        return "the body is missing: this route takes a JSON object"
    holder = "the body" if _whole(wrong) else wrong.get("key")
    return f"{holder}: {wrong.get('message')}"


def _place(wrong: dict[str, Any]) -> str | None:
    """Where in the request it is, down to a field that is unknown or missing; None for the body as
    a whole."""
    holder = None if _whole(wrong) else wrong.get("key")
    named = _NAMED.search(str(wrong.get("message")))
    return ".".join(part for part in (holder, named and named[1]) if part) or None


def _whole(wrong: dict[str, Any]) -> bool:
    return wrong.get("source") == "body" and wrong.get("key") == "data"


def answer_unreadable(
    _: Request[Any, Any, Any], error: UnicodeDecodeError | RecursionError
) -> Response[ProblemDocument]:
    """What no decoder gets through, although it need not be wrong anywhere in particular."""
    if isinstance(error, UnicodeDecodeError):
        wrong = f"the request is not UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}"
        problem = bad_request(wrong, remedy="send JSON in UTF-8")
    else:
        problem = bad_request("the JSON is nested too deeply", remedy="nest less than 50 levels")
    return Response(problem.document, status_code=400, media_type=PROBLEM)


def answer_unkeepable(
    request: Request[Any, Any, Any], error: psycopg.DataError
) -> Response[ProblemDocument]:
    """A value that passed every check of ours but that PostgreSQL has no way to keep: a NUL in a
    text, a number beyond its column."""
    said = str(error).splitlines()[0]
    log.warning("a value cannot be kept", extra={"path": request.scope["path"], "reason": said})
    problem = bad_request(
        f"a value of the request cannot be kept: {said}",
        remedy="leave out NULs, and numbers and times beyond any that a shop has",
    )
    return Response(problem.document, status_code=400, media_type=PROBLEM)


def answer_unavailable(
    request: Request[Any, Any, Any], error: Exception
) -> Response[ProblemDocument]:
    """The database is away, or the inbox is: nothing was done that cannot be asked for again."""
    path, said = request.scope["path"], str(error).splitlines()
    log.warning("request not served", extra={"path": path, "reason": said[0] if said else ""})
    problem = Problem(
        503,
        "Not available",
        "the database cannot be reached just now; nothing was done",
        remedy="ask again in a moment; `patron doctor` says what is wrong if it stays",
    )
    after = str(getattr(error, "retry_after", 2))
    return Response(
        problem.document, status_code=503, media_type=PROBLEM, headers={"Retry-After": after}
    )


def answer_contended(
    request: Request[Any, Any, Any], error: psycopg.Error
) -> Response[ProblemDocument]:
    """Somebody else changed the same at that moment; `again.TryAgain` has tried more than once when
    the caller gets to see this."""
    said = again.refused()
    path, reason = request.scope["path"], str(error).splitlines()
    log.info("request met another", extra={"path": path, "reason": reason[0] if reason else ""})
    problem = Problem(
        503,
        "Busy",
        "something else was changing the same all the while; "
        + ("a part of it was done" if said.kept else "nothing was done"),
        remedy="look at what there is, then ask for the rest again"
        if said.kept
        else "ask again in a moment",
    )
    return Response(
        problem.document, status_code=503, media_type=PROBLEM, headers={"Retry-After": "1"}
    )


def answer_out_of_room(
    request: Request[Any, Any, Any], error: psycopg.Error
) -> Response[ProblemDocument]:
    """The database answers, and says that a disk, its memory or its connections are used up."""
    said = str(error).splitlines()[0]
    log.error("the database is out of room", extra={"path": request.scope["path"], "reason": said})
    problem = Problem(
        503,
        "Not available",
        f"the database has no room for this: {said}",
        remedy="`patron doctor` says what is used up; nothing was done",
    )
    return Response(
        problem.document, status_code=503, media_type=PROBLEM, headers={"Retry-After": "30"}
    )


def answer_unforeseen(
    request: Request[Any, Any, Any], error: Exception
) -> Response[ProblemDocument]:
    log.error("request failed", exc_info=error, extra={"path": request.scope["path"]})
    return Response(unforeseen().document, status_code=500, media_type=PROBLEM)


HANDLERS: dict[type[Exception] | int, Any] = {
    Problem: answer_problem,
    HTTPException: answer_http,
    UnicodeDecodeError: answer_unreadable,
    RecursionError: answer_unreadable,
    psycopg.DataError: answer_unkeepable,
    psycopg.OperationalError: answer_unavailable,
    **dict.fromkeys(again.CONTENDED, answer_contended),
    **dict.fromkeys(OUT_OF_ROOM, answer_out_of_room),
    PoolTimeout: answer_unavailable,
    InboxDown: answer_unavailable,
    InboxFull: answer_unavailable,
    Exception: answer_unforeseen,
}

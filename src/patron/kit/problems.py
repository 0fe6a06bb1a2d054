"""Errors a caller meets, as RFC 9457 problem documents."""

from typing import Any

import msgspec


class ProblemDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """`application/problem+json`: `path` points into the request, `remedy` says what to do."""

    type: str
    title: str
    status: int
    detail: str
    path: str | None = None
    remedy: str | None = None
    errors: list[dict[str, Any]] | None = None


class Problem(Exception):
    """Raised anywhere below a route; becomes a problem document."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        remedy: str,
        path: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.document = ProblemDocument(
            type=f"/problems/{title.lower().replace(' ', '-')}",
            title=title,
            status=status,
            detail=detail,
            path=path,
            remedy=remedy,
        )


def not_found(thing: str, value: object, *, remedy: str | None = None) -> Problem:
    return Problem(
        404,
        "Not found",
        f"{thing} {value!s} does not exist in this shop",
        remedy=remedy or "check how it is written, and that it is this shop's",
    )


def bad_request(detail: str, *, remedy: str, path: str | None = None) -> Problem:
    return Problem(400, "Bad request", detail, remedy=remedy, path=path)


def unforeseen() -> Problem:
    """A mistake of ours."""
    return Problem(
        500,
        "Internal error",
        "something went wrong on our side; it has been logged",
        remedy="try again; if it stays, look into the log of `patron serve`",
    )


def forbidden(detail: str, *, remedy: str) -> Problem:
    return Problem(403, "Forbidden", detail, remedy=remedy)


def conflict(detail: str, *, remedy: str) -> Problem:
    return Problem(409, "Conflict", detail, remedy=remedy)

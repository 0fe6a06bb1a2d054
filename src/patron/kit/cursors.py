"""The parts of a cursor that came back from outside: checked before SQL sees them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from patron.kit.problems import Problem, bad_request

_LONGEST = 2**63 - 1


def moment(given: Any) -> datetime:
    """A time inside a cursor; Problem 400."""
    try:
        found = datetime.fromisoformat(given)
    except (TypeError, ValueError):
        found = None
    if found is None or found.tzinfo is None:
        raise damaged()
    return found


def identity(given: Any) -> UUID:
    """An id inside a cursor; Problem 400."""
    try:
        return UUID(given)
    except (TypeError, ValueError, AttributeError):
        raise damaged() from None


def whole(given: Any) -> int:
    if not isinstance(given, int) or not 0 <= given <= _LONGEST:
        raise damaged()
    return given


def word(given: Any) -> str:
    if not isinstance(given, str) or "\0" in given:
        raise damaged()
    return given


def damaged() -> Problem:
    """Problem 400 about a cursor."""
    return bad_request(
        "the cursor is not one of ours",
        remedy="pass next_cursor of the previous page unchanged, or leave it out",
        path="cursor",
    )

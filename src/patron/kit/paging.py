"""Lists page by an opaque cursor: the sort key of the last row, encoded."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from patron.kit.cursors import damaged, word
from patron.kit.problems import bad_request

T = TypeVar("T")
MAX_LIMIT = 200


class Page(msgspec.Struct, Generic[T], frozen=True):
    """`next_cursor` is null on the last page."""

    items: list[T]
    next_cursor: str | None = None


def encode(key: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(list(key))).decode().rstrip("=")


def decode(cursor: str | None, width: int) -> list[Any] | None:
    """The key inside `cursor` (`width` values), None without one; Problem 400 if damaged."""
    if not cursor:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        key = msgspec.json.decode(base64.urlsafe_b64decode(padded.encode()))
    except (binascii.Error, UnicodeEncodeError, msgspec.DecodeError, ValueError):
        key = None
    if not isinstance(key, list) or len(key) != width:
        raise damaged()
    return key


def bounded(limit: int) -> int:
    """`limit` itself, when it is 1 to 200; Problem 400 otherwise."""
    if not 1 <= limit <= MAX_LIMIT:
        raise bad_request(
            f"limit {limit} is out of range", remedy=f"give 1 to {MAX_LIMIT}", path="limit"
        )
    return limit


def paged(
    whole: Sequence[T],
    key: Callable[[T], str],
    cursor: str | None,
    limit: int,
    *,
    falling: bool = False,
) -> Page[T]:
    """A page of a list that is short enough to be read whole, in the order of `key` (or against it,
    `falling`), which tells one item from all others. Problem 400 for a damaged `cursor`."""
    bounded(limit)
    ordered = sorted(whole, key=key, reverse=falling)
    if (said := decode(cursor, 1)) is not None:
        after = word(said[0])
        ordered = [x for x in ordered if (key(x) < after if falling else key(x) > after)]
    found = ordered[:limit]
    return Page(found, encode([key(found[-1])]) if len(ordered) > limit else None)

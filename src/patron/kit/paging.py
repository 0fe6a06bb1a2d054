"""Lists page by an opaque cursor: the sort key of the last row, encoded."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import msgspec

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
        raise bad_request(
            f"cursor {cursor[:60]!r} is not one of ours",
            remedy="pass next_cursor of the previous page unchanged, or leave it out",
            path="cursor",
        )
    return key


def bounded(limit: int) -> int:
    """`limit` itself, when it is 1 to 200; Problem 400 otherwise."""
    if not 1 <= limit <= MAX_LIMIT:
        raise bad_request(
            f"limit {limit} is out of range", remedy=f"give 1 to {MAX_LIMIT}", path="limit"
        )
    return limit

"""Single values of a call, read as real clients write them."""

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOTHING = timedelta(0)
_LONGEST_TIME = 60
_UNIX = re.compile(r"\d{9,13}(\.\d{1,9})?", re.ASCII)
_MILLISECONDS_FROM = 10**11  # larger numbers cannot be seconds: that would be the year 5138


def at_ms(milliseconds: int) -> datetime:
    """The moment of a Unix time in milliseconds."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def moment(value: Any) -> datetime | None:
    """A time as clients send it: ISO 8601 (UTC when it names no zone), or Unix seconds or
    milliseconds, as text too. None for anything else."""
    try:
        if isinstance(value, str):
            try:
                read = datetime.fromisoformat(value)
            except ValueError:
                plain = _plain(value)
                return None if plain == value else moment(plain)
            zone = read.tzinfo
            if zone is UTC:
                return read
            return read.replace(tzinfo=UTC) if zone is None else read.astimezone(UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if abs(value) >= _MILLISECONDS_FROM else value
            return _EPOCH + timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        return None
    return None


def _plain(text: str) -> str | float:
    """A time in capitals (RFC 3339 leaves that open), without blanks and a spelt-out UTC; digits as
    the number they are."""
    if _UNIX.fullmatch(text):
        return float(text)
    return text.strip().upper().removesuffix(" UTC") if len(text) < _LONGEST_TIME else text


# The calls of a batch share their receipt and their sentAt.
shared_at_ms = lru_cache(256)(at_ms)
shared_moment = lru_cache(256)(moment)


def corrected(received: datetime, original: datetime, sent: datetime | None) -> datetime:
    """The client's time corrected by how wrong its clock was when it sent.

    receivedAt − (sentAt − originalTimestamp), as the Segment spec has it. A call that was sent
    before it happened has a clock that moved in between; it counts as having happened on receipt.
    """
    if sent is None:
        return original
    return received - max(sent - original, _NOTHING)


def identifier(value: Any) -> str | None:
    """An id as text: numbers as their digits; None for blanks and what is no id."""
    if value.__class__ is str:
        stripped: str = value.strip()
        return stripped or None
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value) if isinstance(value, int) else None


def shown(value: Any) -> str:
    """A value as an error message quotes it: short, and on one line."""
    if value is None:
        return "missing"
    quoted = repr(value)
    return quoted if len(quoted) <= 60 else f"{quoted[:57]}…"


def holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any("\x00" in key for key in value) or any(map(holds_nul, value.values()))
    if isinstance(value, list | tuple):
        return any(map(holds_nul, value))
    return False


def widest(value: Any) -> int:
    """The most keys any one object inside `value` has."""
    own = len(value) if isinstance(value, dict) else 0
    return max(own, max(map(widest, _inside(value)), default=0))


def depth(value: Any) -> int:
    """Levels of objects and lists; 0 for a plain value."""
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(depth, _inside(value)), default=0)


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()

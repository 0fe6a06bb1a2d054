"""Rows in PostgreSQL's binary COPY format, built in one buffer.

Format: postgresql.org/docs/current/sql-copy.html, "Binary Format": a field is its length (int32,
-1 for NULL) and its bytes in network order; times are microseconds since 2000.
"""

import struct
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from patron.events.types import Event, EventType

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
DAY = struct.Struct(">ii")
_LENGTH = struct.Struct(">i")
KEY_LENGTH = _LENGTH.pack(24)
_NULL = b"\xff\xff\xff\xff"
_UUID = b"\x00\x00\x00\x10"
_FIRST_DAY = date(2000, 1, 1)
_FIRST_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

EVENT_COLUMNS = (
    "position, ts, received_at, type, trust, source, flags, origin_id, session_id,"
    " name, channel, device, message_id, user_id, anonymous_id, body"
)
# The number of fields, then position, ts, received_at, type, trust, source, flags, origin_id.
_FIXED = struct.Struct(">hiqiqiqihihihihi16s")
_TYPES = {kind: number for number, kind in enumerate(EventType)}
_KEPT_WORDS = 4_096


def day_number(day: date) -> int:
    return (day - _FIRST_DAY).days


def event_rows(events: Sequence[Event]) -> bytes:
    """`events` as rows of EVENT_COLUMNS, without HEADER and TRAILER."""
    parts: list[bytes] = []
    length = _LENGTH.pack
    received_at, received = _FIRST_MOMENT, 0
    for event in events:
        body, session = event.body, event.session_id
        if event.received_at is not received_at:  # the calls of a batch share it
            received_at = event.received_at
            received = (received_at - _FIRST_MOMENT) // _MICROSECOND
        # An id's `bytes` cost three times what its number does.
        parts += (
            _FIXED.pack(
                16, 8, event.position, 8, (event.ts - _FIRST_MOMENT) // _MICROSECOND, 8, received,
                2, _TYPES[event.type], 2, event.trust, 2, event.source, 2, event.backfill,
                16, event.origin_id.int.to_bytes(16),
            ),
            _NULL if session is None else _UUID + session.int.to_bytes(16),
            _said(event.name, event.channel, event.device),
            _text(event.message_id),
            _NULL if event.user_id is None else _text(event.user_id),
            _NULL if event.anonymous_id is None else _text(event.anonymous_id),
            length(len(body)),
            body,
        )  # fmt: skip
    return b"".join(parts)


def _text(text: str | None) -> bytes:
    if text is None:
        return _NULL
    raw = text.encode()
    return _LENGTH.pack(len(raw)) + raw


@lru_cache(_KEPT_WORDS)
def _said(*words: str | None) -> bytes:
    """Texts behind each other that come together again and again: name, channel and device."""
    return b"".join(map(_text, words))

"""Rows in PostgreSQL's binary COPY format, built in one buffer.

Format: postgresql.org/docs/current/sql-copy.html, "Binary Format": a field is its length (int32,
-1 for NULL) and its bytes in network order; times are microseconds since 2000.
"""

import struct
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

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
_words: dict[str | None, bytes] = {None: _NULL}


def day_number(day: date) -> int:
    return (day - _FIRST_DAY).days


def event_rows(events: Sequence[Event]) -> bytes:
    """`events` as rows of EVENT_COLUMNS, without HEADER and TRAILER."""
    parts: list[bytes] = []
    add = parts.append
    for event in events:
        ts = (event.ts - _FIRST_MOMENT) // _MICROSECOND
        received = (event.received_at - _FIRST_MOMENT) // _MICROSECOND
        add(
            _FIXED.pack(
                16, 8, event.position, 8, ts, 8, received, 2, _TYPES[event.type],
                2, event.trust, 2, event.source, 2, event.backfill, 16, event.origin_id.bytes,
            )
        )  # fmt: skip
        add(_NULL if event.session_id is None else _UUID + event.session_id.bytes)
        add(_word(event.name))
        add(_word(event.channel))
        add(_word(event.device))
        add(_text(event.message_id))
        add(_text(event.user_id))
        add(_text(event.anonymous_id))
        add(_LENGTH.pack(len(event.body)))
        add(event.body)
    return b"".join(parts)


def _text(text: str | None) -> bytes:
    if text is None:
        return _NULL
    raw = text.encode()
    return _LENGTH.pack(len(raw)) + raw


def _word(word: str | None) -> bytes:
    """Like `_text` for words that repeat: names, channels, devices."""
    packed = _words.get(word)
    if packed is None:
        if len(_words) >= _KEPT_WORDS:
            _words.clear()
            _words[None] = _NULL
        packed = _words[word] = _text(word)
    return packed

"""Sessions: a visit ends after 30 minutes of silence, and, if the shop wants it, where a new
campaign brings her back.

A visitor's memory is two sessions, the current one and the one before, so that events which arrive
late still find their visit. An event is folded into it alone, in the order of arrival; how arrivals
are cut into batches therefore changes nothing.
"""

import hashlib
import struct
from uuid import UUID

import msgspec

SILENCE_MS = 30 * 60 * 1000

# session id, first and last event (Unix ms), hash of the campaign, length of the channel's name
_SESSION = struct.Struct(">16sqqIB")
_DIRECT = "direct"


class Session(msgspec.Struct, gc=False):
    """One visit; times in Unix milliseconds."""

    id: bytes
    first: int
    last: int
    campaign: int  # hash of the campaign that brought her; 0 without one
    channel: str | None = None
    uuid: UUID | None = None  # `id`, made once for all events of a batch

    def identity(self) -> UUID:
        if self.uuid is None:
            self.uuid = UUID(bytes=self.id)
        return self.uuid


class Visitor(msgspec.Struct, gc=False):
    """What is remembered of one browser, the newest session first."""

    key: bytes
    sessions: list[Session] = []

    @property
    def last(self) -> int:
        return max((session.last for session in self.sessions), default=0)


def visitor_key(name: str) -> bytes:
    """The key of a browser ("a:…") or a customer ("u:…"): a hash, so the table names nobody."""
    return hashlib.blake2b(name.encode(), digest_size=16).digest()


def visit(visitor: Visitor, at: int, campaign: str, channel: str | None, *, split: bool) -> Session:
    """The session of an event of `visitor` at `at` (Unix ms), which it prolongs or begins.

    `campaign` is what told the campaign ("" without one); `split` begins a session where it
    changes. A session keeps the channel it began with, unless that was direct or not known.
    """
    mark = _hash(campaign) if campaign else 0
    for found in visitor.sessions:
        # The campaign's own parameters are on the landing page only; their absence says nothing.
        if found.first - SILENCE_MS <= at <= found.last + SILENCE_MS and not (
            split and mark and mark != found.campaign
        ):
            break
    else:
        found = Session(_session_id(visitor.key, at, mark), at, at, mark, channel)
        newest_first = sorted([found, *visitor.sessions], key=lambda s: s.last, reverse=True)
        # The one just begun is kept even when two younger ones are known: its next event may
        # follow at once.
        visitor.sessions = (
            newest_first[:2] if found in newest_first[:2] else [newest_first[0], found]
        )
        return found
    if at < found.first:
        found.first = at
    elif at > found.last:
        found.last = at
    if mark and not found.campaign:
        found.campaign = mark
    if channel is not None and found.channel in (None, _DIRECT):
        found.channel = channel
    return found


def pack(visitor: Visitor) -> bytes:
    parts = []
    for session in visitor.sessions:
        name = (session.channel or "").encode()
        parts.append(
            _SESSION.pack(session.id, session.first, session.last, session.campaign, len(name))
        )
        parts.append(name)
    return b"".join(parts)


def unpack(key: bytes, state: bytes) -> Visitor:
    """The inverse of `pack`; raises struct.error for bytes that it did not write."""
    sessions, at = [], 0
    while at < len(state):
        identity, first, last, campaign, length = _SESSION.unpack_from(state, at)
        at += _SESSION.size
        name = state[at : at + length].decode()
        at += length
        sessions.append(Session(identity, first, last, campaign, name or None))
    return Visitor(key, sessions)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest()) or 1


def _session_id(key: bytes, at: int, mark: int) -> bytes:
    """A UUIDv7 (RFC 9562) of the first event's time whose random part is a hash, so that a batch
    that is walked again gives the same sessions the same ids."""
    noise = hashlib.blake2b(key + struct.pack(">qI", at, mark), digest_size=10).digest()
    raw = bytearray(max(at, 0).to_bytes(6) + noise)
    raw[6] = 0x70 | (raw[6] & 0x0F)
    raw[8] = 0x80 | (raw[8] & 0x3F)
    return bytes(raw)

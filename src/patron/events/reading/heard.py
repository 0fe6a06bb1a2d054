"""What the inbox holds, read: rows of envelopes become single calls, and never an exception.

A row is a JSON array of envelopes with bodies as they were received. The usual row is decoded in
one go. When that fails the row is taken apart, envelope by envelope and call by call, so that one
caller's nonsense is refused alone.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from patron.events.types import Drop

Identifier = str | int | float | None


class Call(msgspec.Struct, rename="camel", gc=False):
    """One call of the Tracking API, as loosely typed as real clients are."""

    type: str | None = None
    event: str | None = None
    name: str | None = None
    category: str | None = None
    message_id: Identifier = None
    user_id: Identifier = None
    anonymous_id: Identifier = None
    previous_id: Identifier = None
    group_id: Identifier = None
    timestamp: Any = None
    original_timestamp: Any = None
    sent_at: Any = None
    properties: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    backfill: Any = None


class Body(Call, rename="camel", gc=False):
    """A received body: one call, or a batch of them with what they share."""

    batch: list[Call] | None = None


class Stamp(msgspec.Struct, gc=False):
    """What the door wrote on an envelope; `r` is the receipt in Unix milliseconds."""

    r: int
    t: int = 0  # Trust
    s: int = 0  # Source
    f: bool = False  # backfill
    k: str | None = None  # id of the key
    ip: str | None = None
    ua: str | None = None
    y: str | None = None  # type of a call that came through a path of its own
    p: str | None = None  # Purpose or Sec-Purpose header
    x: str | None = None  # replay: names the refusal it replays


class Envelope(Stamp, gc=False, kw_only=True):
    b: Body


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """Why a call is not accepted; `detail` tells a shopkeeper what, with which value, and what to
    do about it."""

    reason: Drop
    detail: str


class Heard(msgspec.Struct, gc=False):
    """One call and where it came from. `place` is (row, envelope, call) and finds its raw text
    again; call is -1 where the body was a single call."""

    call: Call
    stamp: Stamp
    place: tuple[int, int, int]
    row: str = ""  # the row's name, unique in the shop
    sent_at: Any = None
    shared_context: dict[str, Any] | None = None
    suspect: bool = False  # its row holds an escaped NUL somewhere
    refusal: Refusal | None = None


_row = msgspec.json.Decoder(list[Envelope])
_raws = msgspec.json.Decoder(list[msgspec.Raw])
_envelope = msgspec.json.Decoder(Envelope)
_call = msgspec.json.Decoder(Call)
_shared = msgspec.json.Decoder(Body)
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
NO_STAMP = Stamp(r=0)


def hear(rows: Sequence[bytes], names: Sequence[str], first: int = 0) -> list[Heard]:
    """The calls of `rows`, in order. What cannot be read is there too, with its `refusal`.

    `first` is the number of the first row in the batch.
    """
    heard: list[Heard] = []
    for number, (row, name) in enumerate(zip(rows, names, strict=True), first):
        before = len(heard)
        _hear_row(row, number, heard)
        for one in heard[before:]:
            one.row = name
    return heard


def _hear_row(row: bytes, number: int, heard: list[Heard]) -> None:
    suspect = b"\\u0000" in row
    try:
        envelopes = _row.decode(row)
    except _BROKEN:
        _hear_with_care(row, number, suspect, heard)
        return
    for at, envelope in enumerate(envelopes):
        _open(envelope, envelope.b, (number, at), suspect, heard)


def payloads(rows: Sequence[bytes], some: Sequence[Heard]) -> list[bytes]:
    """For each of `some` its envelope with its call alone in it, as it could be appended again."""
    envelopes: dict[int, list[bytes]] = {}
    opened: dict[tuple[int, int], tuple[dict[str, bytes], dict[str, bytes], list[bytes]]] = {}
    found = []
    for one in some:
        number, at, item = one.place
        if number not in envelopes:
            envelopes[number] = _pieces(rows[number])
        if at >= len(envelopes[number]):
            found.append(rows[number])
            continue
        if item < 0:
            found.append(envelopes[number][at])
            continue
        if (number, at) not in opened:
            outer = members(envelopes[number][at])
            body = members(outer.get("b", b"{}"))
            opened[number, at] = outer, body, _pieces(body.pop("batch", b"[]"))
        outer, body, calls = opened[number, at]
        alone = _object({**body, "batch": b"[" + calls[item] + b"]"})
        found.append(_object({**outer, "b": alone}))
    return found


def replayed(payload: bytes, name: str) -> bytes | None:
    """A payload as an envelope to append again under `name`, which sets it apart from its first
    try; None when it is no JSON object, which no fix can change."""
    try:
        if not isinstance(msgspec.json.decode(payload), dict):
            return None
    except _BROKEN:
        return None
    return _object({**members(payload), "x": msgspec.json.encode(name)})


def _open(
    stamp: Stamp, body: Body, place: tuple[int, int], suspect: bool, heard: list[Heard]
) -> None:
    row, at = place
    if body.batch is None:
        heard.append(Heard(body, stamp, (row, at, -1), suspect=suspect))
        return
    for item, call in enumerate(body.batch):
        heard.append(Heard(call, stamp, (row, at, item), "", body.sent_at, body.context, suspect))


def _hear_with_care(row: bytes, number: int, suspect: bool, heard: list[Heard]) -> None:
    pieces = elements(row) or [row]
    for at, text in enumerate(pieces):
        try:
            envelope = _envelope.decode(text)
        except _BROKEN as error:
            _take_apart(text, (number, at), suspect, refused(error, text), heard)
        else:
            _open(envelope, envelope.b, (number, at), suspect, heard)


def _take_apart(
    text: bytes, place: tuple[int, int], suspect: bool, why: Refusal, heard: list[Heard]
) -> None:
    """The calls of an envelope that cannot be read whole."""
    outer = members(text)
    raw_body = outer.pop("b", b"")
    try:
        stamp = msgspec.json.decode(_object(outer), type=Stamp)
    except _BROKEN:
        heard.append(Heard(Call(), NO_STAMP, (*place, -1), refusal=why))
        return
    body = members(raw_body)
    if not body.get("batch", b"null").startswith((b"[", b"null")):
        heard.append(Heard(Call(), stamp, (*place, -1), refusal=why))
        return
    if not body.get("batch", b"").startswith(b"["):
        heard.append(_judged(raw_body, stamp, (*place, -1), suspect))
        return
    calls = elements(body.pop("batch"))
    try:
        shared = _shared.decode(_object(body))
    except _BROKEN as error:
        heard.append(Heard(Call(), stamp, (*place, -1), refusal=refused(error, raw_body)))
        return
    for item, raw in enumerate(calls):
        one = _judged(raw, stamp, (*place, item), suspect)
        one.sent_at, one.shared_context = shared.sent_at, shared.context
        heard.append(one)


def _judged(raw: bytes, stamp: Stamp, place: tuple[int, int, int], suspect: bool) -> Heard:
    try:
        return Heard(_call.decode(raw), stamp, place, suspect=suspect)
    except _BROKEN as error:
        return Heard(Call(), stamp, place, refusal=refused(error, raw))


def refused(error: BaseException, raw: bytes) -> Refusal:
    """The refusal that an error of decoding `raw` stands for."""
    if isinstance(error, RecursionError):
        return Refusal(Drop.TOO_DEEP, "the event is nested too deeply to be read; flatten it")
    if isinstance(error, UnicodeDecodeError):
        return Refusal(Drop.BAD_TEXT, "the event holds bytes that are not UTF-8; send UTF-8")
    if isinstance(error, msgspec.ValidationError):
        return Refusal(
            Drop.MALFORMED, f"{error}; send the type that the Tracking API documents there"
        )
    # Half of a surrogate pair is reported like a text that ends too early or a wrong escape.
    if _SURROGATE.search(raw):
        return Refusal(
            Drop.BAD_TEXT,
            "a text of the event holds half a character (a lone surrogate such as \\ud83d);"
            " cut texts at whole characters",
        )
    return Refusal(Drop.MALFORMED, f"{error}; send one valid JSON object")


def _pieces(array: bytes) -> list[bytes]:
    try:
        return [bytes(raw) for raw in _raws.decode(array)]
    except _BROKEN:
        return elements(array)


# Strings whole, brackets and commas one by one; what lies between them is skipped.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]|,', re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_KEY = re.compile(rb'\s*("(?:[^"\\]|\\.)*")\s*:', re.DOTALL)


def elements(text: bytes) -> list[bytes]:
    """The elements of a JSON array (or the members of an object) as text.

    Only looks at strings and brackets, so it works on what no decoder accepts, however deep.
    """
    pieces: list[bytes] = []
    depth = 0
    start = end = 0
    for token in _TOKEN.finditer(text):
        mark = text[token.start()]
        if mark in b"[{":
            depth += 1
            if depth == 1:
                start = token.end()
        elif mark in b"]}":
            depth -= 1
            if depth == 0:
                end = token.start()
                break
        elif mark == 44 and depth == 1:  # a comma
            pieces.append(text[start : token.start()].strip())
            start = token.end()
    last = text[start:end].strip()
    return [*pieces, last] if last else pieces


def members(text: bytes) -> dict[str, bytes]:
    """The members of a JSON object, values as text; the last of equal keys, as decoders do."""
    found: dict[str, bytes] = {}
    for member in elements(text):
        if key := _KEY.match(member):
            name = key[1][1:-1].decode("utf-8", "replace")
            found[name] = member[key.end() :].strip()
    return found


def _object(parts: dict[str, bytes]) -> bytes:
    pairs = (msgspec.json.encode(name) + b":" + value for name, value in parts.items())
    return b"{" + b",".join(pairs) + b"}"

"""What a call to the tracking API carries, read without decoding what is inside its events.

The door only makes sure that a body is whole, valid JSON within its bounds, so that it can be
stored as it came; what an event means is for the walk to find out.
"""

import re
import zlib

import msgspec

from patron.kit.problems import Problem, bad_request

EVENT_BYTES = 32 << 10
BATCH_BYTES = 500 << 10
BATCH_EVENTS = 2500

TYPES = ("track", "identify", "page", "screen", "group", "alias")
BATCH = "batch"

PATHS: dict[str, str] = {
    **{f"/v1/{kind}": kind for kind in TYPES},
    **{f"/v1/{kind[0]}": kind for kind in TYPES},
    "/v1/batch": BATCH,
    "/v1/b": BATCH,
    "/v1/import": BATCH,
}
"""Every path of the tracking API and what is posted there."""


class Call(msgspec.Struct, frozen=True):
    """`body` is valid JSON: one event with its `type`, or an object with `batch`."""

    body: bytes
    count: int
    write_key: str | None
    backfill: bool


class _Single(msgspec.Struct, rename="camel"):
    write_key: str | None = None
    type: str | None = None
    backfill: bool | None = None


class _Inside(msgspec.Struct):
    """An event of a batch: it must be an object; what is in it is skipped, not decoded."""


class _Batch(msgspec.Struct, rename="camel"):
    batch: list[_Inside]
    write_key: str | None = None
    backfill: bool | None = None


_read_single = msgspec.json.Decoder(_Single).decode
_read_batch = msgspec.json.Decoder(_Batch).decode
_read_raw = msgspec.json.Decoder(msgspec.Raw).decode

# What the door lets in must not be too deep for a reader with a higher stack, so a body is read
# once more with this many levels around it; a single event only if its brackets could be deep.
_FLAT = 100
_OPEN, _CLOSE = b"[" * 300, b"]" * 300

_UNSTORABLE = re.compile(rb"\\(?:u0000|u[dD][89a-fA-F][0-9a-fA-F]{2})")
_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"  # half of one
    rb"|\\u0000"
    rb"|\\."
)
_HALF_PAIR = 6
_NUL = rb"\u0000"
_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"


def read_single(kind: str, body: bytes) -> Call:
    """A call of one event, 32 KB at most. Raises Problem 400 or 413."""
    if len(body) > EVENT_BYTES:
        raise too_large("the event", len(body), EVENT_BYTES)
    body = _utf8(body)
    if b"\\" in body:
        _refuse_unstorable(body)
    try:
        call = _read_single(body)
        if body.count(b"{") + body.count(b"[") > _FLAT:
            _read_raw(b"".join((_OPEN, body, _CLOSE)))
    except (msgspec.DecodeError, RecursionError) as error:
        raise _malformed(error) from error
    if call.type != kind:
        body = _with_type(body, kind)
    return Call(body, 1, call.write_key, call.backfill is True)


def read_batch(body: bytes) -> Call:
    """A call of many events, 500 KB at most. Raises Problem 400 or 413.

    More than 2,500 events, or one of more than 32 KB, are no reason to refuse the rest: the walk
    takes what is right and lists the surplus as rejected.
    """
    if len(body) > BATCH_BYTES:
        raise too_large("the batch", len(body), BATCH_BYTES)
    body = _utf8(body)
    try:
        try:
            call = _read_batch(body)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            if b"\\" not in body:
                raise
            # Half a surrogate pair cannot be stored. It travels on as a NUL, so that the walk lists
            # the event that has it and the others are not lost with it.
            body = _ESCAPES.sub(_half_to_nul, body)
            call = _read_batch(body)
        _read_raw(b"".join((_OPEN, body, _CLOSE)))
    except (msgspec.DecodeError, RecursionError) as error:
        raise _malformed(error) from error
    return Call(body, len(call.batch), call.write_key, call.backfill is True)


def unzipped(body: bytes, declared: str | None, limit: int) -> bytes:
    """`body` decompressed if it is gzip, to `limit` bytes at most. Raises Problem 400, 413 or 415.

    `declared` is the Content-Encoding; the magic number counts more, because proxies unpack bodies
    and keep the header, and clients send packed files without one.
    """
    if body[:2] != _GZIP:
        if declared in (None, "", "identity", "gzip", "x-gzip"):
            return body
        raise Problem(
            415,
            "Unsupported encoding",
            f"the body is encoded as {declared!r}",
            remedy="send it as it is, or with Content-Encoding: gzip",
        )
    parts: list[bytes] = []
    size = 0
    while body:
        stream = zlib.decompressobj(wbits=31)
        try:
            parts.append(stream.decompress(body, limit + 1 - size))
        except zlib.error as error:
            raise bad_request(
                f"the body is not whole gzip: {error}", remedy="compress it again and resend it"
            ) from error
        size += len(parts[-1])
        if size > limit:
            raise too_large("the unpacked body", size, limit)
        if not stream.eof:
            raise bad_request("the gzip body ends early", remedy="send the whole body")
        body = stream.unused_data
    return b"".join(parts)


def too_large(
    what: str,
    size: int,
    limit: int,
    remedy: str = "send fewer or smaller events a call (32 KB an event, 500 KB a batch)",
) -> Problem:
    return Problem(
        413,
        "Too large",
        f"{what} has {size} bytes or more; {limit} are allowed",
        remedy=remedy,
    )


def _utf8(body: bytes) -> bytes:
    """`body` without a byte order mark; Problem 400 when it is not UTF-8."""
    if body.isascii():
        return body
    if body.startswith(_BOM):
        body = body[3:]
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise bad_request(
            f"the body is not UTF-8: byte {error.start} is 0x{body[error.start]:02x}",
            remedy="send JSON in UTF-8",
        ) from error
    return body


def _refuse_unstorable(body: bytes) -> None:
    if not _UNSTORABLE.search(body):
        return
    for found in _ESCAPES.finditer(body):
        if found.end() - found.start() == _HALF_PAIR:
            raise bad_request(
                f"the escape {found.group().decode()} at byte {found.start()} is no character that"
                " can be stored",
                remedy="leave out NULs and halves of surrogate pairs",
            )


def _half_to_nul(found: re.Match[bytes]) -> bytes:
    return _NUL if found.end() - found.start() == _HALF_PAIR else found.group()


def _with_type(body: bytes, kind: str) -> bytes:
    """`body` with `type` as its last member, which is the one readers believe: the path says what a
    call is, whatever the body says."""
    head = body.rstrip()[:-1].rstrip()
    return b'%s%s"type":"%s"}' % (head, b"" if head.endswith(b"{") else b",", kind.encode())


def _malformed(error: Exception) -> Problem:
    if isinstance(error, RecursionError):
        return bad_request("the JSON is nested too deeply", remedy="nest less than 50 levels")
    text = str(error)
    if isinstance(error, msgspec.ValidationError):
        what, _, path = text.partition(" - at ")
        return bad_request(what, path=path.strip("`") or None, remedy="send the type it expects")
    return bad_request(f"the body is not valid JSON: {text}", remedy="send one JSON object")

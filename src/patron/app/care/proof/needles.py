"""How an erased person's names may be spelled in bytes, and whether a piece of bytes holds one."""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote
from uuid import UUID

import msgspec

SHORTEST = 8
"""Shorter names, and numbers shorter than `SHORTEST_NUMBER`, are in half of all files by chance."""
SHORTEST_NUMBER = 9
_ID_KEYS = ("userId", "user_id", "anonymousId", "anonymous_id", "previousId")


class Sought(msgspec.Struct, frozen=True):
    """An erased person's names, for as long as it takes to look for them: (kind, value) pairs as
    they were kept and as they were typed, and the ids of her origins."""

    names: list[tuple[str, str]]
    origins: list[UUID]


class Needles:
    """The spellings of a person's names.

    Looked for are each text as it is, in UTF-16 (both byte orders), Base64 (at each of the three
    alignments, both alphabets), hexadecimal, percent-encoded and escaped as JSON does it, its
    SHA-256 in hexadecimal and raw; each id as text, without hyphens and as its 16 bytes. Letters
    count alike whether large or small.
    """

    def __init__(self, sought: Sought) -> None:
        found: dict[bytes, str] = {}
        self.short: list[str] = []
        """Kinds of names that are too short to be looked for by themselves."""
        for kind, value in sought.names:
            if is_short(value):
                self.short.append(kind)
                spelled = _as_an_id(kind, value)
            else:
                spelled = _text(value)
            for one in spelled:
                found.setdefault(one.lower(), kind)
        for origin in sought.origins:
            for one in _uuid(origin):
                found.setdefault(one.lower(), "profile id")
        self._found = found
        self.longest = max(map(len, found), default=1)

    def __len__(self) -> int:
        return len(self._found)

    def within(self, piece: bytes) -> set[str]:
        """Kinds of names that `piece` holds."""
        small = piece.lower()
        return {kind for needle, kind in self._found.items() if needle in small}


def is_short(value: str) -> bool:
    return len(value) < (SHORTEST_NUMBER if value.strip("+").isdigit() else SHORTEST)


def _text(value: str) -> Iterator[bytes]:
    for text in {value, value.lower(), value.lstrip("+")}:
        escaped = json.dumps(text)[1:-1]
        for one in (text, escaped, escaped.replace("@", "\\u0040"), quote(text, safe="")):
            raw = one.encode("utf-8", "surrogatepass")
            yield raw
            yield raw.hex().encode()
        yield text.encode("utf-16-le", "surrogatepass")
        yield text.encode("utf-16-be", "surrogatepass")
        yield from _base64(text.encode("utf-8", "surrogatepass"))
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
        yield digest.digest()
        yield digest.hexdigest().encode()


def _base64(raw: bytes) -> Iterator[bytes]:
    """What is common to every Base64 text that holds `raw`, at each place in a group of three."""
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + raw).rstrip(b"=")
        first = -(-before * 8 // 6)
        last = (before + len(raw)) * 8 // 6
        inner = whole[first:last]
        if len(inner) >= SHORTEST:
            yield inner
            yield inner.replace(b"+", b"-").replace(b"/", b"_")


def _as_an_id(kind: str, value: str) -> Iterable[bytes]:
    """A short name where callers put ids, for by itself it is in half of all prices and times."""
    yield f"{kind}:{value}".encode()
    for key in _ID_KEYS:
        for gap in ("", " "):
            yield f'"{key}":{gap}"{value}"'.encode()
            yield f'\\"{key}\\":{gap}\\"{value}\\"'.encode()


def _uuid(one: UUID) -> Iterable[bytes]:
    return (str(one).encode(), one.hex.encode(), one.bytes, one.bytes_le, *_base64(one.bytes))

"""Which characters a file is written in, and how damaged text is mended.

One pass over the file (`survey`) learns its digest, its lines and its encoding; it costs about a
second for each gigabyte.
"""

import codecs
import gzip
import hashlib
import io
import itertools
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, cast

import ftfy
import msgspec
from charset_normalizer import from_bytes

from patron.app.imports.reading.alphabets import judge

CHUNK = 1 << 20
DAMAGED_SAMPLE = 64 << 10
REMEMBERED = 16_384

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What shop systems and spreadsheets really write; the exotic rest only leads short samples astray.
_CANDIDATES = [
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257", "iso8859_2", "iso8859_5",
    "iso8859_15", "koi8_r", "cp850", "cp852", "mac_roman", "cp932", "gb18030", "big5", "cp949",
]  # fmt: skip
_numbers = itertools.count()

Tick = Callable[[int], None]
"""Told how many bytes of the file have been read."""


class Survey(msgspec.Struct, frozen=True):
    """What one pass over a file's bytes has shown. `size` is on disk, `lines` after unpacking."""

    digest: str
    size: int
    lines: int
    encoding: str
    mixed: bool  # UTF-8 with single bytes of Windows-1252 in between
    head: bytes  # the first bytes, unpacked


class Mended:
    """What was repaired in the text of a file, counted, with a few examples."""

    def __init__(self) -> None:
        self.bytes = 0  # that were no UTF-8 and were read as Windows-1252
        self.texts = 0  # that had been decoded wrongly before they were written
        self.ids = 0  # numbers written as 13085.0
        self.examples: list[tuple[str, str]] = []

    def text(self, given: str) -> str:
        """`given` without mojibake: "Ã¼" → "ü"."""
        fixed = _fixed(given)
        if fixed != given:
            self.texts += 1
            if len(self.examples) < 3:
                self.examples.append((given[:60], fixed[:60]))
        return fixed


_fixed = lru_cache(REMEMBERED)(ftfy.fix_encoding)


def open_bytes(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked if it is packed with gzip."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return cast(IO[bytes], gzip.open(path)) if packed else path.open("rb")


def survey(path: Path, tick: Tick = lambda _: None) -> Survey:
    """Read the whole file once. `gzip` files are unpacked on the way.

    Raises OSError, and EOFError for a gzip file that was cut off.
    """
    digest = hashlib.blake2b(digest_size=20)
    head = b""
    lines = done = 0
    utf8 = _Utf8()
    with open_bytes(path) as file:
        raw = _underneath(file)
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            if not head:
                head = chunk
            lines += chunk.count(b"\n")
            utf8.look(chunk)
            now = raw.tell()
            tick(now - done)
            done = now
    utf8.end()
    encoding, mixed = _judge(head, utf8)
    return Survey(digest.hexdigest(), path.stat().st_size, lines, encoding, mixed, head)


def _underneath(file: IO[bytes]) -> Any:
    """The file on disk below an unpacking one: its position tells the progress."""
    packed = getattr(file, "fileobj", None)
    return packed if packed is not None else file


class _Utf8:
    """Whether all bytes are UTF-8, and lines around those that are not."""

    def __init__(self) -> None:
        self.well_formed = 0  # characters of several bytes
        self.broken = 0  # lines
        self.lost = 0  # bytes of theirs that are part of no character
        self.sample = bytearray()
        self._left = b""

    def look(self, chunk: bytes) -> None:
        if not self._left and chunk.isascii():
            return
        chunk = self._left + chunk
        self._left = b""
        try:
            text = chunk.decode()
        except UnicodeDecodeError as error:
            if error.end == len(chunk) and error.reason == "unexpected end of data":
                self._left = chunk[error.start :]
                chunk = chunk[: error.start]
                text = chunk.decode()
            else:
                self._look_closer(chunk)
                return
        self.well_formed += len(chunk) - len(text)

    def end(self) -> None:
        self.broken += bool(self._left)

    def _look_closer(self, chunk: bytes) -> None:
        for line in chunk.split(b"\n"):
            if line.isascii():
                continue
            try:
                self.well_formed += len(line) - len(line.decode())
                damaged = False
            except UnicodeDecodeError:
                self.broken += 1
                damaged = True
                whole = line.decode("utf-8", "ignore")
                self.well_formed += sum(ord(c) > 127 for c in whole)
                self.lost += len(line) - len(whole.encode())
            if damaged and len(self.sample) < DAMAGED_SAMPLE:
                self.sample += line + b"\n"


def _judge(head: bytes, utf8: _Utf8) -> tuple[str, bool]:
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name, utf8.broken > 0 and name == "utf-8-sig"
    if b"\x00" in head[:4096]:
        even, odd = head[:4096:2].count(0), head[1:4096:2].count(0)
        if max(even, odd) > len(head[:4096]) // 8:
            return ("utf-16-le" if odd > even else "utf-16-be"), False
    if not utf8.broken:
        return "utf-8", False
    if utf8.well_formed > utf8.lost // 4:
        return "utf-8", True
    return _single_bytes(bytes(utf8.sample)), False


def _single_bytes(sample: bytes) -> str:
    """The encoding of lines that are no UTF-8: by the letters of languages where these say it, else
    as charset-normalizer judges, which knows those of several bytes a character."""
    found = judge(sample)
    if found is None and (best := from_bytes(sample, cp_isolation=_CANDIDATES).best()):
        found = best.encoding
    return found or "cp1252"


def open_text(path: Path, encoding: str, mended: Mended, *, lenient: bool) -> IO[str]:
    """The file as text, line ends as they are. `lenient`: single bytes that are not in `encoding`
    are read as Windows-1252 and counted; otherwise they become U+FFFD and are counted."""
    name = f"patron-mend-{next(_numbers)}"

    def mend(error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeDecodeError):
            raise error
        damaged = error.object[error.start : error.end]
        mended.bytes += len(damaged)
        found = damaged.decode("cp1252", "replace") if lenient else "\ufffd"
        return found, error.end

    codecs.register_error(name, mend)
    file = open_bytes(path)
    try:
        buffered = io.BufferedReader(cast(io.RawIOBase, file), CHUNK)
        return io.TextIOWrapper(buffered, encoding=encoding, errors=name, newline="")
    except LookupError:
        file.close()
        raise

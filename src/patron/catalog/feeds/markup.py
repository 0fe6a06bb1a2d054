"""Feeds in XML: RSS 2.0 and Atom, with or without Google's namespace, item by item.

The elements are those of Google's product data specification
(support.google.com/merchants/answer/7052112), RSS 2.0 (rssboard.org/rss-specification) and Atom
(RFC 4287). A document type definition is refused, so that there are no entities to expand or to
fetch; depth, length of texts and number of fields have bounds, so has what one token may hold.
"""

from collections.abc import Iterator
from typing import IO
from xml.parsers import expat

from patron.catalog.feeds.rows import (
    LONGEST_FIELD,
    MOST_CHARACTERS,
    MOST_FIELDS,
    Broken,
    Row,
    named,
    plain,
)

GOOGLE = ("http://base.google.com/ns/1.0", "http://base.google.com/cns/1.0")
CHUNK = 1 << 16
MOST_SILENT = 128  # chunks in which nothing begins or ends: one token of eight megabytes
DEEPEST = 100
_ROOTS = frozenset({"rss", "feed", "rdf"})
_ITEMS = frozenset({"item", "entry"})
_PICTURES = frozenset({"enclosure", "media:content", "media:thumbnail"})
_FOREIGN = {"dc:creator": "author", "dc:date": "pubdate", "content:encoded": "content"}
"""Names of other namespaces that say something; all others are passed over."""

_NOT_IT = "give the address of the feed itself: RSS 2.0 or Atom, as Google Merchant Center takes it"
_ILL_FORMED = "have the shop's system write the feed again; texts need &amp; for &"


def read_markup(file: IO[str]) -> Iterator[Row]:
    """The items of a feed, one after the other. Raises Broken."""
    parser = expat.ParserCreate()
    document = _Document(parser)
    read = 0
    while True:
        chunk = file.read(CHUNK)
        read += len(chunk)
        document.silent += 1
        try:
            parser.Parse(plain(chunk), not chunk)
        except Broken:
            yield from document.taken()
            raise
        except expat.ExpatError as error:
            yield from document.taken()
            raise Broken(
                f"it is no XML from line {error.lineno} on: {expat.ErrorString(error.code)}",
                _ILL_FORMED,
            ) from error
        yield from document.taken()
        if not chunk:
            return
        if read > MOST_CHARACTERS:
            raise Broken("it is longer than 4 GB", "split it into several feeds")
        if document.silent > MOST_SILENT:
            raise Broken("one of its tags or comments is longer than 8 MB", _ILL_FORMED)


class _Document:
    """Follows the parser and collects items."""

    def __init__(self, parser: expat.XMLParserType) -> None:
        self.silent = 0
        self._parser = parser
        self._ready: list[Row] = []
        self._count = self._depth = self._within = 0
        self._google = {"g", "c"}
        self._fields: dict[str, list[str]] | None = None
        self._own: set[str] = set()  # fields that Google's namespace gave
        self._many = 0
        self._name: str | None = None
        self._trusted = False
        self._text: list[str] = []
        self._length = 0
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.CommentHandler = self._heard
        parser.StartDoctypeDeclHandler = self._doctype
        parser.buffer_text = True

    def taken(self) -> list[Row]:
        """The items that are whole since it was asked last."""
        ready, self._ready = self._ready, []
        return ready

    def _heard(self, *_: object) -> None:
        self.silent = 0

    def _doctype(self, name: str, *_: object) -> None:
        if name.lower() == "html":
            raise Broken("it is a web page", _NOT_IT)
        raise Broken(
            "it has a document type definition (<!DOCTYPE …>), which is not read",
            "have the shop's system write the feed without it; RSS 2.0 and Atom need none",
        )

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self.silent = 0
        self._depth += 1
        for name, value in attributes.items():
            if name.startswith("xmlns:") and value in GOOGLE:
                self._google.add(name[6:])
        local = tag.rpartition(":")[2].lower()
        if self._depth == 1 and local not in _ROOTS:
            what = "a web page" if local == "html" else f"no feed: it begins with <{tag[:40]}>"
            raise Broken(f"it is {what}", _NOT_IT)
        if self._depth > DEEPEST:
            raise Broken(f"it is nested more than {DEEPEST} levels deep", _ILL_FORMED)
        if self._fields is None:
            if local in _ITEMS:
                self._fields, self._own = {}, set()
                self._within, self._many = self._depth, 0
        elif self._depth == self._within + 1:
            self._open(tag, attributes)

    def _open(self, tag: str, attributes: dict[str, str]) -> None:
        prefix, colon, local = tag.rpartition(":")
        self._trusted = bool(colon) and prefix in self._google
        low = tag.lower()
        if low in _PICTURES:
            kind = attributes.get("type", attributes.get("medium", "image"))
            if "url" in attributes and kind.startswith("image"):
                self._keep("enclosure", attributes["url"])
            self._name = None
        elif not colon or self._trusted:
            self._name = named(local)
            if self._name == "link" and "href" in attributes:
                if attributes.get("rel", "alternate") == "alternate":
                    self._keep("link", attributes["href"])
                self._name = None
            elif self._name == "category" and "term" in attributes:
                self._keep("category", attributes["term"])
                self._name = None
        else:
            self._name = _FOREIGN.get(low)
        self._text, self._length = [], 0

    def _characters(self, text: str) -> None:
        self.silent = 0
        if self._name is None or self._length >= LONGEST_FIELD:
            return
        # What is nested deeper (shipping, tax) has a meaning of its own that nothing asks for.
        if self._depth == self._within + 1:
            self._text.append(text)
            self._length += len(text)

    def _end(self, _: str) -> None:
        self.silent = 0
        if self._fields is not None:
            if self._depth == self._within + 1:
                if self._name is not None:
                    self._keep(self._name, "".join(self._text))
                self._name = None
            elif self._depth == self._within:
                self._count += 1
                self._ready.append(Row(self._count, self._fields))
                self._fields = None
        self._depth -= 1

    def _keep(self, name: str, value: str) -> None:
        value = value.strip()[:LONGEST_FIELD]
        if self._fields is None or not value or self._many >= MOST_FIELDS:
            return
        self._many += 1
        if self._trusted and name not in self._own:
            self._own.add(name)
            self._fields[name] = [value]
        elif self._trusted or name not in self._own:
            self._fields.setdefault(name, []).append(value)

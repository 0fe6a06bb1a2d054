"""What somebody who types into the search may mean: ranges of the things people go by.

A text is looked up as it is typed, in small and in capital letters, as an address, as a number, as
an order's number and as a name. Everything but an order's number, a tag and a browser's name is
found by its beginning.
"""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from uuid import UUID

import msgspec

from patron.profiles.address import normalise_email, normalise_phone
from patron.profiles.claims import DEVICE_KINDS

LONGEST = 100
LAST = "\U0010ffff"
_KIND = re.compile(r"([a-z][a-z0-9_.]{0,63}):\s*(.+)", re.DOTALL)
_NUMBER = re.compile(r"\+?[\d\s()./-]{3,}")


class Where(StrEnum):
    """Where a range lies."""

    IDENTIFIER = "identifier"
    DEVICE = "device"
    NAME = "name"
    FAMILY = "family"
    ORDER = "order"
    TAG = "tag"
    ID = "id"


class Range(msgspec.Struct, frozen=True):
    """From `low` on; what begins so, or only that itself when it is `whole`. `kind` narrows
    identifiers; `first` is how the whole name must begin where the family name lies in it."""

    where: Where
    low: str
    whole: bool = False
    kind: str | None = None
    first: str | None = None

    @property
    def high(self) -> str:
        """Everything that begins with `low` is below it."""
        return self.low + LAST

    def holds(self, key: str, kind: str | None = None) -> bool:
        if self.kind is not None and kind != self.kind:
            return False
        return key == self.low if self.whole else key.startswith(self.low)


def ranges(term: str, folded: str | None, region: str) -> list[Range]:
    """Where to look for `term`; `folded` is it as names are compared."""
    term = term.strip()
    if named := _KIND.fullmatch(term):
        kind, rest = named[1], named[2].strip()
        if kind == "name":
            return list(_names(None if folded is None else folded.partition(":")[2].strip()))
        if kind == "order":
            return list(_orders(rest))
        if kind == "tag":
            return [Range(Where.TAG, " ".join(rest.casefold().split()), whole=True)]
        if kind in DEVICE_KINDS:
            return [Range(Where.DEVICE, rest, whole=True, kind=kind)]
        return [Range(Where.IDENTIFIER, one, kind=kind) for one in _spellings(rest, region)]
    found = [Range(Where.IDENTIFIER, one) for one in _spellings(term, region)]
    found.append(Range(Where.DEVICE, term, whole=True))
    found += _orders(term)
    found += _names(folded)
    if (person := _id(term)) is not None:
        found.append(Range(Where.ID, person, whole=True))
    return found


def _spellings(term: str, region: str) -> list[str]:
    """The beginnings of identifiers as they are kept; none of them begins another."""
    given = [term, term.lower(), term.upper()]
    if "@" in term and (email := normalise_email(term)) is not None:
        given.append(email[1])
    if _NUMBER.fullmatch(term):
        given.append(normalise_phone(term, region) or "")
        if term.startswith("+"):
            given.append("+" + re.sub(r"\D", "", term))
    return least(one for one in given if one)


def least(given: Iterator[str] | Sequence[str]) -> list[str]:
    """Without those that begin with another of them."""
    kept: list[str] = []
    for one in sorted(set(given)):
        if not kept or not one.startswith(kept[-1]):
            kept.append(one)
    return kept


def _orders(term: str) -> Iterator[Range]:
    bare = term.removeprefix("#").strip()
    for one in sorted({term, bare, bare.upper(), bare.lower()} - {""}):
        yield Range(Where.ORDER, one, whole=True)


def _names(folded: str | None) -> Iterator[Range]:
    """A beginning of the whole name, or of the family name; or family name first, then the rest."""
    if not folded:
        return
    yield Range(Where.NAME, folded)
    yield Range(Where.FAMILY, folded)
    family, _, first = folded.replace(",", " ").partition(" ")
    if first.strip():
        yield Range(Where.FAMILY, family, whole=True, first=first.strip())


def _id(term: str) -> str | None:
    try:
        return str(UUID(term))
    except ValueError:
        return None

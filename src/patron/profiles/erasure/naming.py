"""Whether a text that was kept as it came names an erased person: read, not searched.

An address or a phone number counts wherever it stands and however it is spelled, as long as it is
not part of a longer one. Any other name counts as a whole text only, or as a number where callers
put ids, because 42 is in half of all prices and times.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote

from patron.events.reading.values import identifier
from patron.profiles.address import normalise_email, normalise_phone

EMAIL, PHONE = "email", "phone"
_ID_KEYS = frozenset(
    {
        "userid", "anonymousid", "previousid", "customerid", "profileid",
        "externalids.id", "traits.id", "user.id", "customer.id",
    }
)  # fmt: skip
"""Where callers put ids of people; `id` alone is a product's as often."""
_TOLD_BY = 6  # last digits of a phone number, in every spelling of it
_PAIR = re.compile(r'"(\w+)"\s*:\s*(-?\d+(?:\.\d+)?)')
_BEFORE, _AFTER = r'(["\s:\[]|\\[tnr])', r'(\.0+)?(["\s,}\]\\]|$)'
_APART = r"(?:\\+u[0-9a-f]{4}|\\[0-3][0-7]{2}|[^0-9]){0,12}"  # digits, however they are spaced


class Names:
    """What an erased person was called, as (kind, value); `region` reads phones without a country
    code."""

    def __init__(self, identifiers: Iterable[tuple[str, str]], region: str) -> None:
        known = list(identifiers)
        self._region = region
        self._emails = {value for kind, value in known if kind == EMAIL}
        self._phones = {value for kind, value in known if kind == PHONE}
        self._others = {v.strip().lower() for kind, v in known if kind not in (EMAIL, PHONE)}
        spelled = [rf"(?<![\w.%+-]){re.escape(one)}(?![\w-]|\.\w)" for one in self._emails]
        spelled += [rf"(?<!\d){re.escape(one.lstrip('+'))}(?!\d)" for one in self._phones]
        self._within = re.compile("|".join(spelled)) if spelled else None
        # One by one, and beginning with letters where they can: so they are searched fastest.
        mails = [f"{_loose(each.partition('@')[0])}(@|%40|u0040)" for each in self._emails]
        others = [f"{_loose(each)}{_AFTER}" for each in self._others]
        self._ends = {each[-_TOLD_BY:] for each in self._phones}
        phones = [_APART.join(end) for end in self._ends]
        self._perhaps = [re.compile(each, re.DOTALL) for each in (*mails, *phones, *others)]
        self._patterns = sorted((*mails, *phones, *(f"{_BEFORE}{each}" for each in others)))

    @property
    def pattern(self) -> str:
        """A PostgreSQL pattern that finds at least the texts which name her, and a few others, in
        the small letters of `encode(text, 'escape')`; to be read afterwards."""
        return "|".join(self._patterns) or "$.^"

    def within(self, text: bytes) -> bool:
        """Whether `text`, JSON or what somebody took for it, names her."""
        told = text.decode("utf-8", "replace")
        if not self._may(told.lower()):
            return False
        try:
            pairs = _pairs(json.loads(told, object_pairs_hook=tuple, strict=False))
            return any(self._told(key, value) for key, value in pairs)
        except (ValueError, RecursionError):
            # Broken off, or no JSON at all: read what can be read of it.
            return any(self._told(key, value) for key, value in _pieces(told))

    def _may(self, small: str) -> bool:
        return any(pattern.search(small) for pattern in self._perhaps)

    def _told(self, key: str, value: Any) -> bool:
        if isinstance(value, str):
            return self._text(value)
        number = identifier(value)  # None for true and null
        if number is None:
            return False
        if number in self._others:
            return key.lower().replace("_", "").replace("-", "") in _ID_KEYS
        return bool(self._phones) and self._phone(number)

    def _text(self, text: str) -> bool:
        small = text.strip().lower()
        if small in self._others:
            return True
        for spelled in {small, unquote(small)}:
            if self._within is not None and self._within.search(spelled):
                return True
            if "@" in spelled and (found := normalise_email(spelled)) and found[1] in self._emails:
                return True
            if self._phones and self._phone(spelled):
                return True
        return False

    def _phone(self, text: str) -> bool:
        digits = re.sub(r"\D", "", text)
        return (
            digits[-_TOLD_BY:] in self._ends and normalise_phone(text, self._region) in self._phones
        )


def _pairs(root: Any) -> Iterator[tuple[str, Any]]:
    """Every plain value of JSON with the key it stands under (`traits.id` for an id), and every
    key. Objects are tuples of pairs, so that a key that comes twice hides nothing."""
    left = [("", root)]
    while left:
        key, value = left.pop()
        if isinstance(value, tuple):
            left += [(f"{key}.id" if name == "id" else name, one) for name, one in value]
            left += [("", name) for name, _ in value]
        elif isinstance(value, list):
            left += [(key, one) for one in value]
        else:
            yield key, value


def _pieces(text: str) -> Iterator[tuple[str, Any]]:
    """Texts and numbers of something that is no JSON, and all of it as one text."""
    yield "", text
    # Where a text begins and where it ends nobody knows any more: each quote may do either.
    for found in text.split('"'):
        try:
            yield "", json.loads(f'"{found}"', strict=False)
        except ValueError:
            yield "", found
    for key, number in _PAIR.findall(text):
        yield key, float(number) if "." in number else int(number[:300])


def _loose(word: str) -> str:
    """A pattern for `word`; what a writer may escape stands for anything of some length."""
    return "".join(c if c.isascii() and c.isalnum() else ".{1,16}" for c in word)

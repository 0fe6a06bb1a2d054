"""Which topics a text is about: those whose words occur in it. No more is understood than that.

A text "not expensive" is about the price as much as "expensive" is. What is found follows from the
text and the shop's lists alone, so it is the same each time.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from patron.events.types import Event, Source
from patron.profiles.topics.words import BY_LANGUAGE

REVIEWS, CONTACTS = "review_topics", "contact_topics"
GATHERED = frozenset({REVIEWS, CONTACTS})
"""Traits that grow: a later text adds its topics to those of earlier ones."""

TEXTS: Mapping[str, tuple[str, Sequence[str]]] = {
    "Product Reviewed": (REVIEWS, ("review_title", "review_body")),
    "Support Ticket Created": (CONTACTS, ("subject", "description", "message")),
    "Live Chat Message Sent": (CONTACTS, ("message_body",)),
}
"""By event the trait that its topics go to, and the properties with her own words. The first is of
Segment's ecommerce spec, the last of its live chat spec, where what the shop writes is "received".
"""

LONGEST = 10_000
MOST = 50
_WORD = re.compile(r"\w+")


class Finder:
    """The topics of one shop, made ready."""

    def __init__(self, topics: Mapping[str, Sequence[str]]) -> None:
        self._topics = {
            name: _pattern([p for one in phrases if (p := _phrase(one))])
            for name, phrases in sorted(topics.items())[:MOST]
        }

    def topics(self, text: str) -> list[str]:
        """The names of the topics that `text` is about, by name; its beginning decides."""
        plain = " " + " ".join(_words(text[:LONGEST])) + " "
        return [name for name, pattern in self._topics.items() if pattern and pattern.search(plain)]

    def traits(self, event: Event) -> dict[str, Any]:
        """What her own words in an event say that she cares for, as a trait; mostly nothing."""
        told = TEXTS.get(event.name)
        if told is None or event.source is Source.PATRON:
            return {}
        trait, fields = told
        texts = [event.properties.get(field) for field in fields]
        found = self.topics(" . ".join(text for text in texts if isinstance(text, str)))
        return {trait: found} if found else {}


def finder_of(topics: Mapping[str, Sequence[str]], locale: str) -> Finder:
    """With the shop's own topics, or where it has none with those of its language, if there are."""
    return Finder(topics or BY_LANGUAGE.get(locale.partition("-")[0].lower(), {}))


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _phrase(given: str) -> str:
    """A pattern for one phrase between spaces."""
    words = _words(given)
    tail = r"\w*" if given.rstrip().endswith("*") else ""
    return " ".join(re.escape(word) for word in words) + tail if words else ""


def _pattern(phrases: Sequence[str]) -> re.Pattern[str] | None:
    return re.compile(" (?:" + "|".join(phrases) + ") ") if phrases else None

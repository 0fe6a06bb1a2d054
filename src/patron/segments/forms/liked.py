"""Conditions about what she likes: a category, a brand or a price band, by how much or before how
many others."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from patron.segments.liking.affinity import HALF_LIFE, Fading, Interest
from patron.segments.liking.reading import KINDS
from patron.segments.rules import words
from patron.segments.rules.dates import TICK
from patron.segments.rules.operators import AMOUNTS, folded
from patron.segments.rules.reading import (
    Misread,
    a_text,
    a_whole,
    an_amount,
    an_object,
    one_of,
)
from patron.segments.types import Answer, Facts, Needs, Scope

SHARE, SCORE, TOP = "share", "score", "top"
QUESTIONS = (SHARE, SCORE, TOP)
MOST_TOP = 100
MOST_SCORE = 1_000_000
_DIGITS = 6
_FADED = 64
"""After so many half-lives nothing is left of any score."""


class Liked(msgspec.Struct, frozen=True):
    """`asked` is a share of her interest in percent, a score, or how far up it stands (`op` is
    `at_most` then). Nothing she never touched has a place, and its share and score are 0."""

    kind: str
    wanted: str
    asked: str
    op: str
    value: Any
    recurs: bool = False

    def holds(self, facts: Facts, now: datetime) -> bool:
        return self._judged(self._found(facts, now))

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        found = self._found(facts, now)
        held = self._judged(found)
        what = f"{self.kind.replace('_', ' ')} “{self.wanted}”"
        if self.asked == TOP:
            said = f"showed no interest in the {what}"
            if found is not None:
                said = f"the {what} is number {found:g} of what she likes"
            wish = f"the first {self.value}"
            return Answer(held, [said if held else f"{said}, but asked was: {wish}"])
        said = f"the {self.asked} of the {what} in what she likes is {found:.4g}"
        said += "%" if self.asked == SHARE else ""
        wish = words.compared(self.op, self.value)
        return Answer(held, [said if held else f"{said}, but asked was: {wish}"])

    def edges(self, facts: Facts, now: datetime) -> Iterator[datetime]:
        """When a score has faded to what it is compared with; shares and places stay."""
        if self.asked != SCORE:
            return
        best = self._best(self._interest(facts))
        if best is None:
            return
        for limit in self.value if isinstance(self.value, list) else [self.value]:
            for op in ("at_least", "greater_than"):
                yield from _fades(best, op, limit, now)

    def needs(self) -> Needs:
        return Needs(liking=True)

    def weight(self) -> int:
        return 1

    def _interest(self, facts: Facts) -> Interest:
        return facts.liking.interests()[self.kind]

    def _found(self, facts: Facts, now: datetime) -> float | None:
        interest = self._interest(facts)
        if self.asked == TOP:
            return self._place(interest)
        best = self._best(interest)
        if best is None or interest.whole is None:
            return 0.0
        if self.asked == SCORE:
            return _score(best, now)
        return _share(best, interest.whole)

    def _place(self, interest: Interest) -> int | None:
        """From 1 on; of equals, by name."""
        whole = interest.whole
        if whole is None:
            return None
        order = sorted((-_share(one, whole), value) for value, one in interest.values.items())
        places = [place for place, (_, value) in enumerate(order, 1) if self._meant(value)]
        return min(places, default=None)

    def _best(self, interest: Interest) -> Fading | None:
        """The strongest of those that are meant. All fade alike, so it stays the strongest."""
        meant = [one for value, one in interest.values.items() if self._meant(value)]
        if not meant or interest.whole is None:
            return None
        at = interest.whole.at
        return max(meant, key=lambda one: one.then(at))

    def _meant(self, value: str) -> bool:
        """A category is called by its path or its last part, a price band with or without its
        currency."""
        found, wanted = folded(value), folded(self.wanted)
        if self.kind == "category":
            return wanted in (found, found.rpartition(" > ")[2])
        if self.kind == "price_band":
            return wanted.replace("-", "–") in (found, found.rpartition(" ")[0])
        return wanted == found

    def _judged(self, found: float | None) -> bool:
        return found is not None and bool(AMOUNTS[self.op](found, self.value))


def _share(one: Fading, whole: Fading) -> float:
    """In percent; compared at the time of the last deed, so that waiting changes nothing at all."""
    return round(100 * one.then(whole.at) / whole.score, _DIGITS)


def _score(one: Fading, now: datetime) -> float:
    return round(one.then(now), _DIGITS)


def _fades(one: Fading, op: str, limit: float, now: datetime) -> Iterator[datetime]:
    """The first moment after `now` at which a score that passes does not pass any more."""
    low, high = 0, _FADED * HALF_LIFE // TICK
    passes = AMOUNTS[op]
    try:
        if not passes(_score(one, now), limit) or passes(_score(one, now + high * TICK), limit):
            return
    except OverflowError:  # beyond the end of time
        return
    while high - low > 1:
        middle = (low + high) // 2
        if passes(_score(one, now + middle * TICK), limit):
            low = middle
        else:
            high = middle
    yield now + high * TICK


def read_affinity(data: Mapping[str, Any], path: str, scope: Scope) -> Liked:
    an_object(data, path, ["affinity", "for", *QUESTIONS])
    kind = one_of(data["affinity"], f"{path}.affinity", KINDS, "kind of affinity")
    wanted = a_text(data.get("for"), f"{path}.for")
    given = [name for name in QUESTIONS if name in data]
    if len(given) != 1:
        raise Misread(path, data, QUESTIONS, "must ask exactly one of these")
    asked = given[0]
    at = f"{path}.{asked}"
    if asked == TOP:
        return Liked(kind, wanted, asked, "at_most", a_whole(data[TOP], at, 1, MOST_TOP))
    op, value = an_amount(an_object(data[asked], at, ["op", "value"]), at)
    most = 100 if asked == SHARE else MOST_SCORE
    for one in value if isinstance(value, list) else [value]:
        if not 0 <= one <= most:
            allowed = [f"a number from 0 to {most:,}"]
            raise Misread(f"{at}.value", data[asked]["value"], allowed, "nothing can compare so")
    return Liked(kind, wanted, asked, op, value)

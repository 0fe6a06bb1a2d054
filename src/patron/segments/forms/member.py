"""Conditions about belonging to something that is kept by name."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from patron.profiles.labels.spelling import key_of
from patron.segments.rules.reading import Misread, a_text, an_object, yes_or_no
from patron.segments.types import Answer, Facts, Needs, Scope


class Listed(msgspec.Struct, frozen=True):
    """Whether she is on a static list. A list that was deleted has nobody on it."""

    key: str
    wanted: bool
    recurs: bool = False

    def holds(self, facts: Facts, now: datetime) -> bool:
        return (self.key in facts.lists) == self.wanted

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        said = "is" if self.key in facts.lists else "is not"
        return Answer(self.holds(facts, now), [f"{said} on the list “{self.key}”"])

    def edges(self, facts: Facts, now: datetime) -> Iterator[datetime]:
        yield from ()

    def needs(self) -> Needs:
        return Needs(lists=frozenset([self.key]))

    def weight(self) -> int:
        return 1


class InSegment(msgspec.Struct, frozen=True):
    """Whether she is in a saved segment, as it stands. Nobody is in one that was deleted."""

    key: str
    wanted: bool
    recurs: bool = False

    def holds(self, facts: Facts, now: datetime) -> bool:
        return (self.key in facts.segments) == self.wanted

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        said = "is" if self.key in facts.segments else "is not"
        return Answer(self.holds(facts, now), [f"{said} in the segment “{self.key}”"])

    def edges(self, facts: Facts, now: datetime) -> Iterator[datetime]:
        yield from ()

    def needs(self) -> Needs:
        return Needs(segments=frozenset([self.key]))

    def weight(self) -> int:
        return 1


class Tagged(msgspec.Struct, frozen=True):
    """Whether somebody at the shop has put a tag on her, however it is spelt in letter case."""

    tag: str
    wanted: bool
    recurs: bool = False

    def holds(self, facts: Facts, now: datetime) -> bool:
        return self._has(facts) == self.wanted

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        said = "has" if self._has(facts) else "does not have"
        return Answer(self.holds(facts, now), [f"{said} the tag “{self.tag}”"])

    def edges(self, facts: Facts, now: datetime) -> Iterator[datetime]:
        yield from ()

    def needs(self) -> Needs:
        return Needs(tags=True)

    def weight(self) -> int:
        return 1

    def _has(self, facts: Facts) -> bool:
        return key_of(self.tag) in map(key_of, facts.tags)


def read_tagged(data: Mapping[str, Any], path: str, scope: Scope) -> Tagged:
    an_object(data, path, ["tag", "is"])
    return Tagged(a_text(data["tag"], f"{path}.tag"), yes_or_no(data.get("is", True), f"{path}.is"))


def read_segment(data: Mapping[str, Any], path: str, scope: Scope) -> InSegment:
    an_object(data, path, ["segment", "is"])
    key = a_text(data["segment"], f"{path}.segment")
    if scope.segments is not None and key not in scope.segments:
        known = sorted(scope.segments)
        raise Misread(f"{path}.segment", key, known, "there is no segment of this key")
    return InSegment(key, yes_or_no(data.get("is", True), f"{path}.is"))


def read_listed(data: Mapping[str, Any], path: str, scope: Scope) -> Listed:
    an_object(data, path, ["list", "is"])
    key = a_text(data["list"], f"{path}.list")
    if scope.lists is not None and key not in scope.lists:
        raise Misread(f"{path}.list", key, sorted(scope.lists), "there is no list of this key")
    return Listed(key, yes_or_no(data.get("is", True), f"{path}.is"))

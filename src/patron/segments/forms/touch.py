"""Conditions about the ways she came: marketing channels and devices."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from patron.events.visit.channel import Channel
from patron.segments.forms.window import BEGINNINGS, Window, read_window
from patron.segments.rules.reading import Misread, a_list, an_object, one_of
from patron.segments.types import Answer, Facts, Lookback, Needs, Scope, Touch

VALUES: dict[str, tuple[str, ...]] = {
    "channel": tuple(str(channel) for channel in Channel),
    "device": ("desktop", "mobile", "tablet", "tv", "console", "watch"),
}
WHICH = ("first", "last", "any")


class Touched(msgspec.Struct, frozen=True):
    """Whether her first, her last or any touch (in the window) was by one of `values`."""

    kind: str
    values: frozenset[str]
    which: str
    window: Window
    recurs: bool = False

    def holds(self, facts: Facts, now: datetime) -> bool:
        return any(touch.value in self.values for touch in self._asked(facts, now))

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        asked = self._asked(facts, now)
        value = any(touch.value in self.values for touch in asked)
        found = sorted({touch.value.replace("_", " ") for touch in asked})
        name = self.kind if self.which == "any" else f"{self.which} {self.kind}"
        said = f"{name}{self.window.words(facts)} is {', '.join(found) or 'not known'}"
        wanted = ", ".join(sorted(one.replace("_", " ") for one in self.values))
        return Answer(value, [said if value else f"{said}, but asked was: {wanted}"])

    def edges(self, facts: Facts, now: datetime) -> Iterator[datetime]:
        return self.window.edges(touch.last for touch in facts.touches(self.kind))

    def needs(self) -> Needs:
        look = self.window.lookback() if self.which == "any" else Lookback(ever=True)
        return Needs(kinds=frozenset([self.kind]), touch=look)

    def weight(self) -> int:
        return 1

    def _asked(self, facts: Facts, now: datetime) -> Collection[Touch]:
        touches = facts.touches(self.kind)
        if not touches:
            return []
        if self.which == "first":
            return [min(touches, key=lambda touch: (touch.first, touch.value))]
        if self.which == "last":
            return [max(touches, key=lambda touch: (touch.last, touch.value))]
        bounds = self.window.bounds(facts, now)
        return [touch for touch in touches if self.window.lets(touch.last, bounds)]


def read_channel(data: Mapping[str, Any], path: str, scope: Scope) -> Touched:
    return _read("channel", data, path, scope)


def read_device(data: Mapping[str, Any], path: str, scope: Scope) -> Touched:
    return _read("device", data, path, scope)


def _read(kind: str, data: Mapping[str, Any], path: str, scope: Scope) -> Touched:
    an_object(data, path, [kind, "touch", *BEGINNINGS])
    listed = [data[kind]] if isinstance(data[kind], str) else data[kind]
    values = VALUES[kind]
    found = frozenset(
        one_of(one, f"{path}.{kind}[{index}]" if listed is data[kind] else f"{path}.{kind}",
               values, kind)
        for index, one in enumerate(a_list(listed, f"{path}.{kind}", 1, len(values)))
    )  # fmt: skip
    which = one_of(data.get("touch", "any"), f"{path}.touch", WHICH, "touch")
    windows = [name for name in BEGINNINGS if name in data]
    if which != "any" and windows:
        at = f"{path}.{windows[0]}"
        raise Misread(at, data[windows[0]], [], f"the {which} touch of all takes no window")
    return Touched(kind, found, which, read_window(data, path, scope))

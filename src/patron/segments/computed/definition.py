"""What a computed trait is computed from: read out of JSON, and evaluated over facts. Pure.

    {"event": "Order Completed", "compute": "sum", "property": "revenue",
     "where": [{"property": "currency", "op": "equals", "value": "USD"}], "within": {"days": 365}}

Events, filters and windows are those of conditions, so that a trait counts exactly what a condition
with the same words counts.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from sys import maxsize
from typing import Any

import msgspec

from patron.segments.computed.types import Outcome
from patron.segments.forms.event import MICRO, Deeds, Measure, Where, deeds_of
from patron.segments.forms.window import WINDOWS, Window, read_window
from patron.segments.rules.operators import alike, at_path
from patron.segments.rules.reading import (
    MOST_COUNTED,
    Misread,
    a_text,
    an_object,
    one_of,
    read_names,
    read_where,
)
from patron.segments.types import Facts, Needs, Scope

MEASURES = ("sum", "avg", "min", "max")
KINDS = ("count", *MEASURES, "most_frequent", "first", "last", "unique")
TIMED = ("first", "last")
MOST_UNIQUE = 100


class Definition(msgspec.Struct, frozen=True):
    """`path` leads to the property; without one, `first` and `last` are the time itself."""

    names: frozenset[str]
    kind: str
    path: str | None
    where: Where
    window: Window

    def needs(self) -> Needs:
        return Needs(
            names=self.names,
            properties=bool(self.where) or self.path is not None,
            log=self.window.lookback(),
            tests=1 + len(self.where),
        )

    def outcome(self, facts: Facts, now: datetime) -> Outcome:
        """What it is for the person of `facts`."""
        # As a condition keeps the first time of all for good.
        first = self.kind == "first" and self.window.within is None
        most = maxsize if first else MOST_COUNTED
        deeds = deeds_of(self.names, self.where, self.window, facts, now, most)
        last = deeds[-1][0] if deeds else None
        return Outcome(self._value(deeds), len(deeds), last)

    def _value(self, deeds: Deeds) -> Any:
        if self.kind == "count":
            return len(deeds)
        if self.path is None:
            return _moment(deeds, self.kind)
        if self.kind in MEASURES:
            return _number(Measure(self.kind, self.path, "at_least", 0).found(deeds))
        values = [one for _, told in deeds for one in at_path(self.path, told)]
        match self.kind:
            case "first" | "last":
                return _edge(deeds, self.path, self.kind)
            case "most_frequent":
                return most_frequent(values)
        return unique(values)


def _number(millionths: int | None) -> float | None:
    """Whole where it is whole: 149, not 149.0."""
    if millionths is None:
        return None
    return millionths // MICRO if millionths % MICRO == 0 else millionths / MICRO


def _moment(deeds: Deeds, kind: str) -> str | None:
    if not deeds:
        return None
    return deeds[0 if kind == "first" else -1][0].astimezone(UTC).isoformat()


def _edge(deeds: Deeds, path: str, kind: str) -> Any:
    """The first or last value; of an event that names several, the first or last of them."""
    for _, told in deeds if kind == "first" else reversed(deeds):
        if values := [one for one in at_path(path, told) if alike(one) is not None]:
            return values[0 if kind == "first" else -1]
    return None


def most_frequent(values: Sequence[Any]) -> Any:
    """The commonest of `values`, oldest first, as it was written last; of equals, the one that came
    last. Values are the same where the operator `equals` says so; objects are none."""
    counts: dict[Any, int] = {}
    latest: dict[Any, int] = {}
    for place, value in enumerate(values):
        if (key := alike(value)) is not None:
            counts[key] = counts.get(key, 0) + 1
            latest[key] = place
    if not counts:
        return None
    return values[latest[max(counts, key=lambda key: (counts[key], latest[key]))]]


def unique(values: Sequence[Any]) -> list[Any]:
    """Each of `values` once, in the order in which they came, as first written; a hundred at
    most."""
    found: dict[Any, Any] = {}
    for value in values:
        if (key := alike(value)) is not None and len(found) < MOST_UNIQUE:
            found.setdefault(key, value)
    return list(found.values())


def parse(data: Any, at: str = "$") -> Definition:
    """A definition out of JSON. Raises Misread with the path of what is wrong."""
    fields: Mapping[str, Any] = an_object(
        data, at, ["event", "compute", "property", "where", *WINDOWS]
    )
    if "event" not in fields:
        raise Misread(
            f"{at}.event", None, ["the name of an event, or a list of names"], "is missing"
        )
    kind = one_of(fields.get("compute"), f"{at}.compute", KINDS, "way to compute a trait")
    path = None
    if "property" in fields:
        if kind == "count":
            raise Misread(f"{at}.property", fields["property"], [], "a count takes no property")
        path = a_text(fields["property"], f"{at}.property")
    elif kind not in ("count", *TIMED):
        raise Misread(f"{at}.property", None, ["the name of a property"], f"{kind} needs one")
    return Definition(
        read_names(fields["event"], f"{at}.event"),
        kind,
        path,
        read_where(fields.get("where", []), f"{at}.where"),
        read_window(fields, at, Scope()),
    )

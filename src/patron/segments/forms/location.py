"""Conditions about where she is: by her traits, her orders and her visits, in this order."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from math import asin, cos, radians, sin, sqrt
from typing import Any

import msgspec

from patron.segments.last.countries import EU, NAMES, country_code
from patron.segments.last.reading import TRAITS, place_of_traits
from patron.segments.last.types import Place, together
from patron.segments.rules import words
from patron.segments.rules.operators import AMOUNTS, OPERATORS, Comparison, Kind, as_number
from patron.segments.rules.reading import (
    Misread,
    an_amount,
    an_object,
    one_of,
    read_test,
    yes_or_no,
)
from patron.segments.types import Answer, Facts, Needs, Scope

OF_COUNTRY = ("equals", "not_equals", "in", "not_in", "exists", "missing")
OF_TEXT = (
    *OF_COUNTRY,
    *(op for op, one in OPERATORS.items() if one.kind in (Kind.TEXT, Kind.PATTERN)),
)
TEXTS = ("country", "region", "city", "postal_code")
UNION, DISTANCE = "eu", "distance"
FIELDS = (*TEXTS, UNION, DISTANCE)
FURTHEST = 20_016
"""Kilometres; half way round the earth."""
_RADIUS = 6371.0088
"""Kilometres: the mean radius of the earth (IUGG)."""


def place(facts: Facts) -> Place:
    """Where she is by all that is known of it."""
    return together([place_of_traits(facts.traits), *facts.placed])


class _Place(msgspec.Struct, frozen=True):
    """What waiting does not change."""

    @property
    def recurs(self) -> bool:
        return False

    def edges(self, facts: Facts, now: datetime) -> Iterator[datetime]:
        yield from ()

    def needs(self) -> Needs:
        return Needs(traits=TRAITS, places=True)

    def weight(self) -> int:
        return 1


class Located(_Place, frozen=True):
    """A part of her place passes a test; countries compare by their two letters."""

    field: str
    test: Comparison

    def holds(self, facts: Facts, now: datetime) -> bool:
        return self.test.holds(self._values(facts), now, facts.zone)

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        values = self._values(facts)
        held = self.test.holds(values, now, facts.zone)
        return Answer(held, [words.tested(self.field, self.test, values, held, facts.zone)])

    def _values(self, facts: Facts) -> list[Any]:
        found = getattr(place(facts), self.field)
        return [] if found is None else [found]


class InUnion(_Place, frozen=True):
    """Whether her country is in the European Union; of nobody knows where neither holds."""

    wanted: bool

    def holds(self, facts: Facts, now: datetime) -> bool:
        country = place(facts).country
        return country is not None and (country in EU) == self.wanted

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        country = place(facts).country
        if country is None:
            return Answer(False, ["country is not known"])
        said = f"is in {NAMES[country]}, which is {'' if country in EU else 'not '}in the EU"
        return Answer((country in EU) == self.wanted, [said])


class Near(_Place, frozen=True):
    """How far she is from a point, in kilometres."""

    latitude: float
    longitude: float
    op: str
    value: Any

    def holds(self, facts: Facts, now: datetime) -> bool:
        found = self._found(facts)
        return found is not None and bool(AMOUNTS[self.op](found, self.value))

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        found, wanted = self._found(facts), words.compared(self.op, self.value)
        if found is None:
            return Answer(False, ["coordinates are not known"])
        value = self.holds(facts, now)
        said = f"is {found:,.1f} km from {self.latitude:g}, {self.longitude:g}"
        return Answer(value, [said if value else f"{said}, but asked was: {wanted} km"])

    def _found(self, facts: Facts) -> float | None:
        at = place(facts)
        if at.latitude is None or at.longitude is None:
            return None
        return round(kilometres((at.latitude, at.longitude), (self.latitude, self.longitude)), 3)


def kilometres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """The way between two points (latitude, longitude in degrees) along the surface of a sphere, by
    the haversine formula (R. W. Sinnott, Virtues of the Haversine, Sky and Telescope 68(2), 1984);
    within 0.6% of the way on the real earth."""
    north, east, north2, east2 = map(radians, (*one, *other))
    h = sin((north2 - north) / 2) ** 2 + cos(north) * cos(north2) * sin((east2 - east) / 2) ** 2
    return 2 * _RADIUS * asin(min(1.0, sqrt(h)))


def read_location(data: Mapping[str, Any], path: str, scope: Scope) -> Located | InUnion | Near:
    field = one_of(data["location"], f"{path}.location", FIELDS, "part of a location")
    if field == UNION:
        an_object(data, path, ["location", "is"])
        return InUnion(yes_or_no(data.get("is", True), f"{path}.is"))
    if field == DISTANCE:
        return _read_distance(data, path)
    an_object(data, path, ["location", "op", "value"])
    if field != "country":
        return Located(field, read_test(data, path, OF_TEXT))
    test = read_test(data, path, OF_COUNTRY)
    if isinstance(test.value, list):
        codes = [_country(one, f"{path}.value[{n}]") for n, one in enumerate(test.value)]
        return Located(field, Comparison(test.op, codes))
    if OPERATORS[test.op].kind is Kind.NOTHING:
        return Located(field, test)
    return Located(field, Comparison(test.op, _country(test.value, f"{path}.value")))


def _country(value: Any, path: str) -> str:
    code = country_code(value) if isinstance(value, str) else None
    if code is None:
        allowed = ["two letters such as DE (ISO 3166-1)", "the English name of a country"]
        raise Misread(path, value, allowed, "is no country")
    return code


def _read_distance(data: Mapping[str, Any], path: str) -> Near:
    an_object(data, path, ["location", "from", "op", "value"])
    at = an_object(data.get("from"), f"{path}.from", ["latitude", "longitude"])
    point = [
        _degrees(at.get(name), f"{path}.from.{name}", most)
        for name, most in (("latitude", 90), ("longitude", 180))
    ]
    op, value = an_amount(data, path)
    for one in value if isinstance(value, list) else [value]:
        if not 0 <= one <= FURTHEST:
            allowed = [f"kilometres from 0 to {FURTHEST:,}"]
            raise Misread(f"{path}.value", data["value"], allowed, "nobody is so far away")
    return Near(point[0], point[1], op, value)


def _degrees(value: Any, path: str, most: int) -> float:
    number = None if isinstance(value, str) else as_number(value)
    if number is None or abs(number) > most:
        raise Misread(path, value, [f"degrees from -{most} to {most}"], "is nowhere on earth")
    return float(number)

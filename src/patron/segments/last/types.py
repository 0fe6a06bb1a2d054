"""What is known of where somebody is, and of the variants she was shown."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """`country` in two letters (ISO 3166-1); latitude and longitude in degrees, both or neither."""

    country: str | None = None
    region: str | None = None
    city: str | None = None
    postal_code: str | None = None
    latitude: float | None = None
    longitude: float | None = None

    @property
    def known(self) -> bool:
        return self != NOWHERE


NOWHERE = Place()


def together(places: Iterable[Place]) -> Place:
    """One place out of several, the most credible first. A later one completes the earlier, unless
    it contradicts them: another country, or another city."""
    found: dict[str, Any] = {}
    for place in places:
        told = {name: value for name in place.__struct_fields__ if (value := getattr(place, name))
                is not None}  # fmt: skip
        if any(_differ(found.get(name), told.get(name)) for name in ("country", "city")):
            continue
        if "latitude" in found:
            told.pop("latitude", None), told.pop("longitude", None)
        found = told | found
    return Place(**found)


def _differ(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one.casefold() != other.casefold()


class Shown(msgspec.Struct, frozen=True, omit_defaults=True):
    """A variant she was shown: experiment and variant by what tells them from others (the id, or
    where there is none the name), and by name."""

    experiment: str
    variant: str
    experiment_name: str | None = None
    variant_name: str | None = None


class LastShown(msgspec.Struct, frozen=True):
    """The last word about an experiment under one of her origins."""

    at: datetime
    shown: Shown

"""Reads out of events where somebody is and which variant she was shown. Pure.

    context.location      {"country": "DE", "city": "Berlin", "latitude": 52.5, "longitude": 13.4}
    an order's shipping_address, or the traits of a person and their `address`
    Experiment Viewed     experiment_id, experiment_name, variation_id, variation_name
    $exposure             flag_key or experiment_key, variant
    Journey Entered       journey, arm; Patron's own word alone counts

Sources: segment.com/docs/connections/spec/common (context.location), …/spec/identify (address),
segment.com/docs/connections/spec/ab-testing (Experiment Viewed), amplitude.com/docs (exposures).
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from patron.events.types import Event, Source
from patron.segments.last.countries import country_code
from patron.segments.last.types import Place, Shown
from patron.segments.rules.operators import as_number

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode
LONGEST = 200
ENTERED = "Journey Entered"
OURS = "journey:"
"""What the experiment of a journey's holdout is called begins so; nobody else's does."""
ORDER, VISIT = "place:order", "place:visit"
EXPERIMENT = "experiment:"
_VIEWED = "Experiment Viewed"
_EXPOSED = "$exposure"
OF_VARIANTS = frozenset([_VIEWED, _EXPOSED, ENTERED])
"""The events that say which variant she was shown."""

_COUNTRY = ("country_code", "countryCode", "country")
_REGION = ("region", "state", "province")
_CITY = ("city", "town")
_POSTAL = ("postal_code", "postalCode", "zip", "zip_code", "postcode")
_LATITUDE = ("latitude", "lat")
_LONGITUDE = ("longitude", "lng", "lon")


def words(event: Event, order: str) -> list[tuple[str, Place | Shown]]:
    """What an event says, each with its subject; `order` is what the shop calls an order."""
    found: list[tuple[str, Place | Shown]] = []
    where = event.context.get("location")
    if where.__class__ is dict and (place := _visited(_encode(where))).known:
        found.append((VISIT, place))
    if event.name == order:
        address = event.properties.get("shipping_address")
        if isinstance(address, dict) and (place := place_of(address)).known:
            found.append((ORDER, place))
    elif event.name in OF_VARIANTS:
        shown = shown_by(event)
        if shown is not None:
            found.append((EXPERIMENT + shown.experiment.casefold(), shown))
    return found


# A visit says the same with each of its events, and to read it costs ten times as much.
@lru_cache(8_192)
def _visited(location: bytes) -> Place:
    return place_of(_decode(location))


def place_of(told: Mapping[str, Any], *more: Mapping[str, Any]) -> Place:
    """A place out of an address; what it does not say, out of `more`. A country that nobody knows,
    and degrees that are nowhere on earth, are none."""
    all_of = (told, *more)
    country = next(
        (code for text in _texts(all_of, _COUNTRY) if (code := country_code(text))), None
    )
    at = _point(told)
    return Place(
        country,
        next(_texts(all_of, _REGION), None),
        next(_texts(all_of, _CITY), None),
        next(_texts(all_of, _POSTAL), None),
        *(at or (None, None)),
    )


def place_of_traits(traits: Mapping[str, Any]) -> Place:
    """Where her traits say that she lives: `address`, and beside it `country`, `city` and so on."""
    address = traits.get("address")
    return place_of(address, traits) if isinstance(address, dict) else place_of({}, traits)


TRAITS = frozenset(("address", *_COUNTRY, *_REGION, *_CITY, *_POSTAL))
"""The traits that say where somebody lives."""


def shown_by(event: Event) -> Shown | None:
    told = event.properties
    if event.name == ENTERED:
        if event.source is not Source.PATRON:
            return None
        key, arm = _text(told.get("journey")), _text(told.get("arm"))
        return Shown(OURS + key, arm) if key and arm else None
    if event.name == _EXPOSED:
        id, name = _first(told, "experiment_key", "flag_key"), None
        variant, variant_name = _first(told, "variant"), None
    else:
        id, name = _first(told, "experiment_id", "experimentId"), _name(told, "experiment")
        variant, variant_name = (
            _first(told, "variation_id", "variationId"),
            _name(told, "variation"),
        )
    experiment, variant = id or name, variant or variant_name
    if experiment is None or variant is None or experiment.casefold().startswith(OURS):
        return None
    return Shown(experiment, variant, name, variant_name)


def _name(told: Mapping[str, Any], of: str) -> str | None:
    return _first(told, f"{of}_name", f"{of}Name")


def _first(told: Mapping[str, Any], *keys: str) -> str | None:
    return next((text for key in keys if (text := _text(told.get(key)))), None)


def _texts(some: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> Any:
    return (text for told in some for key in keys if (text := _text(told.get(key))))


def _text(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > LONGEST:
        return None
    return value.strip() or None


def _point(told: Mapping[str, Any]) -> tuple[float, float] | None:
    latitude = next((n for key in _LATITUDE if (n := as_number(told.get(key))) is not None), None)
    longitude = next((n for key in _LONGITUDE if (n := as_number(told.get(key))) is not None), None)
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        return None
    return float(latitude), float(longitude)

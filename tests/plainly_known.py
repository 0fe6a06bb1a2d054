"""The plain reading of what is kept of somebody and worked out: places, variants, likes, forecasts.

As in `reference.py`, nothing here knows the program's own reading.
"""

import math
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from known import NOW, Known
from plainly import compare, passes, plain

COUNTRIES = {"germany": "DE", "de": "DE", "deu": "DE", "france": "FR", "fr": "FR", "re": "RE",
             "us": "US", "usa": "US", "united kingdom": "GB", "uk": "GB", "gb": "GB"}  # fmt: skip


def where(her: Known) -> dict[str, Any]:
    """Where she lives, else where an order went, else where she was: as long as they agree."""
    home = her.traits.get("address")
    home = {**her.traits, **home} if isinstance(home, dict) else her.traits
    found: dict[str, Any] = {}
    lives = {key: home[key] for key in ("region", "city", "postal_code") if key in home}
    if str(home.get("country", "")).lower() in COUNTRIES:
        lives["country"] = COUNTRIES[home["country"].lower()]
    address = her.traits.get("address")
    if isinstance(address, dict) and "latitude" in address:
        lives |= {"latitude": address["latitude"], "longitude": address["longitude"]}
    there = [{key: getattr(place, key) for key in place.__struct_fields__} for place in her.placed]
    for place in (lives, *there):
        known = {key: value for key, value in place.items() if value is not None}
        agrees = [
            key not in found or key not in known or plain(found[key]) == plain(known[key])
            for key in ("country", "city")
        ]
        if all(agrees):
            if "latitude" in found:
                known = {key: known[key] for key in known if not key.endswith("tude")}
            found = {**known, **found}
    return found


def location(rule: dict[str, Any], her: Known, now: datetime) -> bool:
    here = where(her)
    field = rule["location"]
    if field == "eu":
        if "country" not in here:
            return False
        return (here["country"] in ("DE", "FR", "RE")) is rule.get("is", True)
    if field == "distance":
        return "latitude" in here and compare(distance(here, rule["from"]), rule)
    if field == "country" and "value" in rule:
        given = rule["value"]
        told = [COUNTRIES[x.lower()] for x in given] if isinstance(given, list) else None
        rule = {**rule, "value": told or COUNTRIES[given.lower()]}
    return passes(rule, [here[field]] if field in here else [], now, her.zone)


def distance(here: dict[str, Any], there: dict[str, Any]) -> float:
    """By the angle between two unit vectors."""

    def vector(at: dict[str, Any]) -> list[float]:
        north, east = math.radians(at["latitude"]), math.radians(at["longitude"])
        return [math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)]

    apart = math.dist(vector(here), vector(there))
    return round(2 * 6371.0088 * math.asin(min(1, apart / 2)), 3)


def arm_of(her: Known, wanted: str) -> Any:
    """The last variant, (id, name); "mixed" where her origins say different things."""
    last = []
    for words in her.shown:
        theirs = [
            (one.at, one.shown) for one in words
            if plain(wanted) in map(plain, (one.shown.experiment, one.shown.experiment_name or ""))
        ]  # fmt: skip
        if theirs:
            last.append(max(theirs, key=lambda one: one[0])[1])
    if len({plain(one.variant) for one in last}) > 1:
        return "mixed"
    return (plain(last[0].variant), plain(last[0].variant_name or "")) if last else None


def experiment(rule: dict[str, Any], her: Known, now: datetime) -> bool:
    arm = arm_of(her, rule["experiment"])
    wanted = rule.get("variant")
    if arm is None or wanted is None:
        return (arm is not None) is rule.get("is", True)
    names = [plain(one) for one in ([wanted] if isinstance(wanted, str) else wanted)]
    found = [arm] if arm == "mixed" else [one for one in arm if one]
    return any(one in names for one in found) is rule.get("is", True)


def held_out(rule: dict[str, Any], her: Known, now: datetime) -> bool:
    arm = arm_of(her, "journey:" + rule["held_out"])
    return (isinstance(arm, tuple) and arm[0] == "holdout") is rule.get("is", True)


def affinity(rule: dict[str, Any], her: Known, now: datetime) -> bool:
    worth: dict[str, Fraction] = {}
    whole = Fraction(0)
    faded = Fraction(0)
    wanted = plain(rule["for"])
    if rule["affinity"] == "price_band":
        wanted = wanted.replace("-", "–")
    for ago, name, told in her.goods:
        days = (now - (NOW - timedelta(minutes=ago))) / timedelta(days=1)
        weight = {"Product Viewed": 1, "Product Added": 3, "Order Completed": 9}[name]
        left = Fraction(weight * 2 ** (-days / 30))
        value = told.get("price" if rule["affinity"] == "price_band" else rule["affinity"])
        if value is None:
            continue
        if rule["affinity"] == "price_band":
            value = {15: "10–20 USD", 30: "20–50 USD"}[value]
        path = str(value).split(" > ") if rule["affinity"] == "category" else [str(value)]
        whole += left
        for depth in range(len(path)):
            name = " > ".join(path[: depth + 1])
            worth[name] = worth.get(name, Fraction(0)) + left
            called = {plain(name), plain(path[depth])}
            if rule["affinity"] == "price_band":
                called = {plain(name), plain(name[:-4])}
            if wanted in called:
                faded = max(faded, worth[name])
    if "top" in rule:
        order = sorted(worth, key=lambda name: (-round(float(worth[name] / whole), 8), name))
        return any(
            wanted in (plain(name), plain(name.split(" > ")[-1]), plain(name[:-4]))
            for name in order[: rule["top"]]
        )
    if "share" in rule:
        return compare(round(float(100 * faded / whole), 6) if whole else 0, rule["share"])
    return compare(round(float(faded), 6), rule["score"])


def predicted(rule: dict[str, Any], her: Known, now: datetime) -> bool:
    """`p`, `q` and `r` are numbers, `d` and `e` are dates; microseconds since 1970."""
    found = her.predicted.get(rule["predicted"])
    if "among_all" in rule:
        place = None if found is None else found.percentile
        return place is not None and compare(place, rule["among_all"])
    value: Any = None if found is None else found.number
    if found is not None and found.kind == "date":
        value = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=value)).isoformat()
    return passes(rule, [] if value is None else [value], now, her.zone)

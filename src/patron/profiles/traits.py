"""Traits: which of two written values stands, and how much is kept.

The rule is a maximum over a total order, so neither batches nor arrival order change the outcome:
higher trust wins; then the later event time, or the earlier one for traits of the first contact;
then the greater JSON text. Topics of what somebody wrote are gathered instead, which knows no order
either.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from patron.profiles.topics.finding import GATHERED
from patron.profiles.types import TraitValue

MAX_TRAITS = 250
MAX_NAME = 100
MAX_VALUE_BYTES = 4_096

Traits = dict[str, TraitValue]

SAME = {
    "firstName": "first_name",
    "lastName": "last_name",
    "createdAt": "created_at",
    "companyName": "company",
}
"""Segment's reserved traits come in camel and snake case; they are kept in snake case."""

NOT_KEPT = frozenset({"id", "email", "phone", "userHash", "user_hash", "anonymousId", "userId"})
"""Identity keeps these itself; a second copy would outlive a correction."""

_encode = msgspec.json.Encoder(order="deterministic").encode


def is_first(name: str) -> bool:
    """Whether a trait tells of the first contact (`first_utm_source`, `initial_referrer`)."""
    return (name.startswith("first_") and name != "first_name") or name.startswith("initial_")


def stands(name: str, one: TraitValue, other: TraitValue) -> TraitValue:
    """Which of two values of trait `name` is kept; of those that are gathered, both."""
    if name in GATHERED and isinstance(one.v, list) and isinstance(other.v, list):
        every = sorted({topic for topic in (*one.v, *other.v) if isinstance(topic, str)})
        return TraitValue(every, max(one.ts, other.ts), max(one.trust, other.trust))
    if one.trust != other.trust:
        return one if one.trust > other.trust else other
    if one.ts != other.ts:
        return one if (one.ts < other.ts) == is_first(name) else other
    return one if _encode(one.v) >= _encode(other.v) else other


def written(traits: Traits, new: Mapping[str, Any], at: datetime, trust: int) -> bool:
    """Write `new` into `traits` in place; whether anything changed.

    Values keep their JSON type; null takes the trait away. What is over the limits is left out:
    250 traits, 100 characters a name, 4 KB a value.
    """
    changed = False
    for given, value in new.items():
        name = SAME.get(given, given)
        if name in NOT_KEPT or len(name) > MAX_NAME or not name:
            continue
        before = traits.get(name)
        if before is None and len(traits) >= MAX_TRAITS:
            continue
        if not _small(value):
            continue
        after = TraitValue(value, at, trust)
        if before is not None:
            after = stands(name, after, before)
            if after == before:
                continue
        traits[name] = after
        changed = True
    return changed


def joined(origins: Iterable[Traits]) -> Traits:
    """The traits of a person from those of her origins."""
    result: Traits = {}
    for traits in origins:
        for name, value in traits.items():
            before = result.get(name)
            result[name] = value if before is None else stands(name, value, before)
    return result


def plain(traits: Traits) -> dict[str, Any]:
    """Values alone, without those that were taken away."""
    return {name: trait.v for name, trait in sorted(traits.items()) if trait.v is not None}


def _small(value: Any) -> bool:
    if value is None or isinstance(value, bool | int | float):
        return True
    if isinstance(value, str) and len(value) <= MAX_VALUE_BYTES // 4:
        return True
    return len(_encode(value)) <= MAX_VALUE_BYTES

"""What people are compared by: what they like, how they stand as customers, what brings them. Pure.

Somebody is a set of features, each with a weight from 0 to 1. Of each kind (categories, brands …)
the weights make a vector of length 1, in which what few people share counts for more, by the
inverse document frequency of K. Spärck Jones (A statistical interpretation of term specificity,
1972). Kinds matter in fixed parts; what is not known of somebody counts for nothing. The likeness
of two people is the cosine of all that, 0 to 1; where all kinds are known of both it is

    likeness(a, b) = Σ over kinds of  part(kind) · cos(a's vector of it, b's vector of it)
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import log, sqrt

from patron.segments.liking.affinity import ranked
from patron.segments.liking.reading import KINDS
from patron.segments.types import Facts, Lookback, Needs

PARTS = {"category": 0.45, "brand": 0.2, "price_band": 0.1, "standing": 0.15, "channel": 0.1}
"""How much each kind matters; together 1."""
MOST = {"category": 8, "brand": 5, "price_band": 3}
"""Of what she likes the first so many of each kind."""
RECENT = timedelta(days=180)
"""Channels of so long count; what she likes fades by itself."""
TESTS = 500
"""As if a rule asked so much of each event: of one origin a thousand events are looked at."""
BUYER, VISITOR = "buyer", "visitor"

NEEDED = Needs(
    liking=True,
    orders=True,
    population=True,
    kinds=frozenset(["channel"]),
    touch=Lookback(back=RECENT),
    tests=TESTS,
)

Features = Mapping[str, float]
"""By feature ("category:Shoes > Boots") a weight."""


def features(her: Facts, now: datetime) -> dict[str, float]:
    """What she is compared by; nothing of somebody who showed no interest in any product."""
    found: dict[str, float] = {}
    interests = her.liking.interests()
    for kind in KINDS:
        for one in ranked(interests[kind], now, MOST[kind]) if kind in interests else ():
            if one.share > 0:
                found[f"{kind}:{one.value}"] = sqrt(one.share)
    if not found:
        return {}
    group = None if her.population is None else her.population.group(her.orders)
    found[f"standing:{group or (BUYER if her.orders else VISITOR)}"] = 1.0
    for touch in her.touches("channel"):
        found[f"channel:{touch.value}"] = 1.0
    return found


def kind_of(feature: str) -> str:
    return feature.partition(":")[0]


COMMON = 0.1
"""So much it says to have what everybody has."""


def rarity(people: int, of: int) -> float:
    """How much it says to have what `people` of so many have."""
    return max(COMMON, log((1 + of) / (1 + people)))


def weighed(hers: Features, common: Mapping[str, int], of: int) -> dict[str, float]:
    """Her weights as they are compared; `common` is how many `of` all have each feature. What
    nobody has is as rare as what one has."""
    rare = {
        feature: weight * rarity(common.get(feature, 1), of) for feature, weight in hers.items()
    }
    lengths: dict[str, float] = {}
    for feature, weight in rare.items():
        kind = kind_of(feature)
        lengths[kind] = lengths.get(kind, 0.0) + weight * weight
    whole = sum(PARTS[kind] for kind in lengths)
    return {
        feature: weight * sqrt(PARTS[kind_of(feature)] / (whole * lengths[kind_of(feature)]))
        for feature, weight in rare.items()
    }


def likeness(one: Features, other: Features) -> dict[str, float]:
    """What each feature that both have adds to how alike they are."""
    return {feature: one[feature] * other[feature] for feature in one.keys() & other.keys()}

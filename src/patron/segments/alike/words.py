"""Why people are alike, in words a shop owner understands. Pure."""

from collections.abc import Mapping

from patron.segments.alike.measuring import BUYER, VISITOR
from patron.segments.rules.words import GROUPS

MOST = 4
_LIKES = {"category": "{}", "brand": "the brand {}", "price_band": "prices of {}"}
_STANDINGS = {
    BUYER: "both have ordered",
    VISITOR: "neither has ordered yet",
    **{group: f"both are among {those}" for group, those in GROUPS.items()},
}


def why(
    shared: Mapping[str, float], hers: Mapping[str, float], theirs: Mapping[str, float]
) -> list[str]:
    """The features that weigh most, the heaviest first; of a category and the one above it only one
    is named. `hers` and `theirs` are roots of shares."""
    found: list[str] = []
    told: list[str] = []
    for feature, weight in sorted(shared.items(), key=lambda one: (-one[1], one[0])):
        kind, _, value = feature.partition(":")
        if weight <= 0 or len(found) == MOST:
            break
        if kind == "standing":
            found.append(_STANDINGS[value])
        elif kind == "channel":
            found.append(f"both came by {value.replace('_', ' ')}")
        elif not any(
            one.startswith(f"{value} > ") or value.startswith(f"{one} > ") for one in told
        ):
            told += [value] if kind == "category" else []
            own, other = hers[feature] ** 2, theirs[feature] ** 2
            shares = f"{own:.0%} of her interest, {other:.0%} of the other's"
            found.append(f"both like {_LIKES[kind].format(value)} ({shares})")
    return found

"""Groups of people whose popularity is counted by itself: countries and segments."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from patron.recommend.history.homes import FEWEST, homes
from patron.recommend.popular.areas import SEGMENT
from patron.recommend.popular.types import Groups

MOST_MEMBERSHIPS = 500_000
"""Of segments, the smallest first: what is read of them is kept in memory, 16 bytes each."""
DEEDS, DEEDS_SHARE = 5_000_000, 4
"""So many deeds of segments' members are counted besides, and as many more as are a fourth of
everybody's: who is in twenty segments is counted twenty times."""

Segments = Mapping[str, Sequence[bytes]]
"""The roots or origins in each segment."""


def belonging(
    who: NDArray[np.bytes_],
    deeds: NDArray[np.int64],
    countries: Mapping[bytes, str],
    segments: Segments,
    roots: Mapping[bytes, bytes],
) -> Groups | None:
    """The groups of the people whose roots `who` are, each with so many `deeds`: countries, then
    segments, the smallest first. None where no group is large enough."""
    places = homes(who, countries)
    member, group = [], []
    names: list[str] = []
    if places is not None:
        member, group, names = [places.member], [places.group], list(places.names)
    for key, people in _smallest_first(who, deeds, segments, roots):
        member.append(people)
        group.append(np.full(len(people), len(names), np.int32))
        names.append(SEGMENT + key)
    return Groups(np.concatenate(member), np.concatenate(group), names) if names else None


def _smallest_first(
    who: NDArray[np.bytes_],
    deeds: NDArray[np.int64],
    segments: Segments,
    roots: Mapping[bytes, bytes],
) -> list[tuple[str, NDArray[np.int32]]]:
    found = []
    for key, origins in segments.items() if len(who) else ():
        theirs = np.unique(np.array([roots.get(one, one) for one in origins], "S16"))
        place = np.minimum(np.searchsorted(who, theirs), len(who) - 1)
        people = place[who[place] == theirs].astype(np.int32)
        if len(people) >= FEWEST:
            found.append((key, people))
    left = DEEDS + int(deeds.sum()) // DEEDS_SHARE
    kept = []
    for key, people in sorted(found, key=lambda one: (len(one[1]), one[0])):
        left -= int(deeds[people].sum())
        if left < 0:
            break
        kept.append((key, people))
    return kept

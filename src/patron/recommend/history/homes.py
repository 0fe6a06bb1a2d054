"""Where people live, as groups whose popularity is counted by itself."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from patron.recommend.popular.types import Groups

FEWEST = 30
"""People of a country; the list of fewer would tell what single ones bought."""
MOST = 100
"""Countries: whoever writes a trait may write anything into it."""


def homes(who: NDArray[np.bytes_], countries: Mapping[bytes, str]) -> Groups | None:
    """The groups of the people whose roots `who` are, by the countries of roots; the largest, and
    None where no country is large enough."""
    if not len(who) or not countries:
        return None
    number = {name: code for code, name in enumerate(sorted(set(countries.values())))}
    roots = np.array(list(countries), "S16")
    codes = np.array([number[name] for name in countries.values()], np.int32)
    order = np.argsort(roots)
    place = np.minimum(np.searchsorted(roots[order], who), len(roots) - 1)
    member = np.flatnonzero(roots[order][place] == who)
    group = codes[order][place[member]]
    people = np.bincount(group, minlength=len(number))
    large = np.argsort(-people, kind="stable")[:MOST]
    large = np.sort(large[people[large] >= FEWEST])
    if not len(large):
        return None
    anew = np.full(len(number), -1, np.int32)
    anew[large] = np.arange(len(large))
    kept = anew[group] >= 0
    names = list(number)
    return Groups(
        member[kept].astype(np.int32), anew[group[kept]], [names[code] for code in large.tolist()]
    )

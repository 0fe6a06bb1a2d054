"""Counts that fade: an act counts half after one half-life, a quarter after two.

    c(now) = sum over acts of weight(act) 2^(-(now - then) / half-life)

(exponential decay: Cohen and Strauss 2003, doi:10.1145/773153.773175). A person counts once a day
(UTC) for a product, with the strongest thing she did: a program that looks at one product a million
times is one visitor.
"""

import numpy as np
from numpy.typing import NDArray

from patron.recommend.popular.types import Counts, Groups, Params
from patron.recommend.sorting import summed
from patron.recommend.types import Interactions

DAY_S = 86_400


def count(
    history: Interactions, params: Params, now_s: int, groups: Groups | None = None
) -> Counts:
    """Counts of everybody, and of each group of people."""
    item, person, day, weight = _days(history, params)
    age = np.maximum(now_s - (day * DAY_S + DAY_S // 2), 0) / DAY_S
    long = weight * 0.5 ** (age / params.half_life_days)
    short = weight * 0.5 ** (age / params.short_days)
    key = item
    if groups is not None and groups.names:
        entry, own = _memberships(person, groups, history.people)
        key = np.concatenate([key, own * history.items + item[entry]])
        long, short = (np.concatenate([values, values[entry]]) for values in (long, short))
    found, (long, short) = summed(key, long, short)
    return Counts(found, long, short, history.items)


def _days(history: Interactions, params: Params) -> tuple[NDArray[np.int64], ...]:
    """Item, person, day and weight of what counts: of a person's day with a product one row."""
    day = history.at // DAY_S
    early = int(day.min()) if len(day) else 0
    days = int(day.max()) - early + 1 if len(day) else 1
    # One number a row, the kind last: sorted, the strongest act of a day is the last of its run.
    key = (history.person.astype(np.int64) * history.items + history.item) * days + day - early
    key = np.sort(key * 4 + history.kind)
    same, kind = key >> 2, key & 3
    last = np.ones(len(key), bool)
    last[:-1] = same[1:] != same[:-1]
    rest, day = np.divmod(same[last], days)
    person, item = np.divmod(rest, max(history.items, 1))
    weight = np.array([params.view, params.cart, params.buy])[kind[last]]
    return item, person, day + early, weight


def _memberships(
    person: NDArray[np.int64], groups: Groups, people: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which rows count for which group (numbered from 1): a row once for each of its person's."""
    order = np.argsort(groups.member, kind="stable")
    sizes = np.bincount(groups.member, minlength=people)
    begin = np.cumsum(sizes) - sizes
    times = sizes[person]
    entry = np.repeat(np.arange(len(person)), times)
    place = np.arange(len(entry)) - np.repeat(np.cumsum(times) - times, times)
    return entry, groups.group[order][begin[person][entry] + place].astype(np.int64) + 1

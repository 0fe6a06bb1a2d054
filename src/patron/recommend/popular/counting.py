"""Counts that fade: an act counts half after one half-life, a quarter after two.

    c(now) = sum over acts of weight(act) 2^(-(now - then) / half-life)

so that c(later) = c(now) 2^(-(later - now) / half-life) + what came since: counters are carried on
from day to day without reading the past again (Cohen and Strauss 2003,
doi:10.1145/773153.773175). A person counts once a day for a product, with the strongest thing she
did: a program that looks at one product a million times is one visitor.
"""

import numpy as np
from numpy.typing import NDArray

from patron.recommend.popular.types import Counters, Groups, Of, Params
from patron.recommend.types import Interactions

DAY_S = 86_400


def count(
    history: Interactions, params: Params, now_s: int, groups: Groups | None = None
) -> Counters:
    """Counts of everybody, and of each group of people where `groups` are of people."""
    if groups is not None and groups.of is not Of.PEOPLE:
        raise ValueError("only groups of people are counted; groups of products are chosen from")
    rows = 1 + (groups.groups if groups else 0)
    empty = Counters(
        now_s, np.zeros(0, np.int64), np.zeros(0), np.zeros(0),
        np.full(history.items, -1, np.int64), history.items, rows,
    )  # fmt: skip
    return carried(empty, history, params, now_s, groups)


def carried(
    counters: Counters,
    history: Interactions,
    params: Params,
    now_s: int,
    groups: Groups | None = None,
) -> Counters:
    """The same counters at `now_s`, with the acts of whole days (UTC) that were not in them yet.

    Products may have been added since (with higher numbers); a group keeps its number. Raises
    ValueError when `now_s` lies before what is carried on.
    """
    if now_s < counters.at:
        raise ValueError(f"counters of second {counters.at} cannot be taken back to {now_s}")
    item, person, day, weight = _days(history, params)
    age = np.maximum(now_s - (day * DAY_S + DAY_S // 2), 0) / DAY_S
    long = weight * 0.5 ** (age / params.half_life_days)
    short = weight * 0.5 ** (age / params.short_days)
    key = item
    if groups is not None and groups.groups:
        entry, own = _memberships(person, groups, history.people)
        key = np.concatenate([key, own * history.items + item[entry]])
        long, short = (np.concatenate([values, values[entry]]) for values in (long, short))
    since = (now_s - counters.at) / DAY_S
    before, at = np.divmod(counters.key, max(counters.items, 1))
    key = np.concatenate([before * history.items + at, key])
    long = np.concatenate([counters.long * 0.5 ** (since / params.half_life_days), long])
    short = np.concatenate([counters.short * 0.5 ** (since / params.short_days), short])
    found, slot = np.unique(key, return_inverse=True)
    return Counters(
        now_s,
        found,
        np.bincount(slot, weights=long, minlength=len(found)).astype(np.float64),
        np.bincount(slot, weights=short, minlength=len(found)).astype(np.float64),
        _first(counters, history),
        history.items,
        max(counters.groups, 1 + (groups.groups if groups else 0)),
    )


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


def _first(counters: Counters, history: Interactions) -> NDArray[np.int64]:
    first = np.full(history.items, -1, np.int64)
    first[: counters.items] = counters.first
    late = np.iinfo(np.int64).max
    found = np.where(first < 0, late, first)
    np.minimum.at(found, history.item, history.at)
    return np.where(found == late, -1, found)

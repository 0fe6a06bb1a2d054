"""From faded counts to what is popular and what is rising, overall and in each group.

With S and L the counts at the short and the long half-life h and H, e = L h/H is what S would be
if nothing had changed. The trend of a product is (S + s) / (r e + s): a gamma-Poisson shrinkage
towards 1, with s counts of its own and r the same ratio of the whole shop, so that a season that
lifts everything is nobody's trend.

A small group of people leans on everybody: its score is its own count plus `everybody` counts
spread as everybody's are.
"""

import numpy as np
from numpy.typing import NDArray

from patron.recommend.pairs import counting as pairs
from patron.recommend.popular import counting
from patron.recommend.popular.types import Counters, Groups, Index, Of, Params
from patron.recommend.types import Interactions


def fit(history: Interactions, params: Params, now_s: int, groups: Groups | None = None) -> Index:
    """Popularity at `now_s`, overall and in each of `groups`."""
    people = groups if groups is not None and groups.of is Of.PEOPLE else None
    return index(counting.count(history, params, now_s, people), params, groups)


def index(counters: Counters, params: Params, groups: Groups | None = None) -> Index:
    """The lists, from counts as they stand; groups of products are told here, not counted."""
    long, short = _dense(counters, counters.long), _dense(counters, counters.short)
    trend = _trend(long, short, params)
    group, item, score, rising = _everybody(long, trend)
    if groups is not None:
        more = _of_items if groups.of is Of.ITEMS else _of_people
        columns = more(counters, params, groups, long, trend)
        group, item, score, rising = (
            np.concatenate(pair) for pair in zip((group, item, score, rising), columns, strict=True)
        )
    rows = 1 + (groups.groups if groups else 0)
    popular = _lists(group, item, score, score > 0, rows, params.kept)
    upward = _lists(group, item, rising, rising > 1, rows, params.kept)
    return Index(
        counters.at, long.astype(np.float32), trend.astype(np.float32), counters.first,
        *popular, *upward,
    )  # fmt: skip


Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]
Columns = tuple[Whole, Whole, Numbers, Numbers]


def _trend(long: Numbers, short: Numbers, params: Params) -> Numbers:
    as_always = long * params.short_days / params.half_life_days
    whole = as_always.sum()
    season = short.sum() / whole if whole > 0 else 1.0
    return (short + params.shrinkage) / (season * as_always + params.shrinkage)


def _everybody(long: Numbers, trend: Numbers) -> Columns:
    item = np.flatnonzero(long > 0)
    return np.zeros(len(item), np.int64), item, long[item], trend[item]


def _of_items(
    counters: Counters, params: Params, groups: Groups, long: Numbers, trend: Numbers
) -> Columns:
    known = (groups.member >= 0) & (groups.member < counters.items)
    item = groups.member[known].astype(np.int64)
    return groups.group[known].astype(np.int64) + 1, item, long[item], trend[item]


def _of_people(
    counters: Counters, params: Params, groups: Groups, long: Numbers, trend: Numbers
) -> Columns:
    """Each group's own products, and the best of everybody."""
    own = counters.key >= counters.items
    best = np.lexsort((np.arange(len(long)), -long))[: params.kept]
    best = best[long[best] > 0]
    wanted = np.arange(1, groups.groups + 1)[:, None] * counters.items + np.sort(best)
    key = pairs.distinct(np.concatenate([counters.key[own], wanted.ravel()]))
    place = np.searchsorted(key, counters.key[own])
    mine, lately = np.zeros(len(key)), np.zeros(len(key))
    mine[place], lately[place] = counters.long[own], counters.short[own]
    group, item = np.divmod(key, counters.items)
    score = mine + params.everybody * long[item] / (long.sum() or 1.0)
    rising = np.ones(len(key))
    for one in range(1, groups.groups + 1):
        rows = slice(*np.searchsorted(group, [one, one + 1]))
        rising[rows] = _trend(mine[rows], lately[rows], params)
    return group, item, score, rising


def _lists(
    group: Whole, item: Whole, score: Numbers, worth: NDArray[np.bool_], rows: int, kept: int
) -> tuple[Whole, NDArray[np.int32], NDArray[np.float32]]:
    group, item, score = group[worth], item[worth], score[worth]
    order = np.lexsort((item, group))
    group, item, score = group[order], item[order], score[order]
    best = pairs.best(group.astype(np.int32), score, kept, compiled=False)
    return (
        pairs.starts(group[best].astype(np.int32), rows),
        item[best].astype(np.int32),
        score[best].astype(np.float32),
    )


def _dense(counters: Counters, values: Numbers) -> Numbers:
    """The column of everybody, one number a product."""
    dense = np.zeros(counters.items)
    mine = counters.key < counters.items
    dense[counters.key[mine]] = values[mine]
    return dense

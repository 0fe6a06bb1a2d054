"""From faded counts to what is popular and what is rising, overall and in each group.

With S and L the counts at the short and the long half-life h and H, e = L h/H is what S would be if
nothing had changed. The trend of a product is (S + s) / (r e + s): a gamma-Poisson shrinkage
(DuMouchel 1999, doi:10.1080/00031305.1999.10474456) towards 1, with s counts of its own and r the
same ratio of the whole shop, so that a season that lifts everything is nobody's trend.

A small group of people leans on everybody: its score is its own count plus `everybody` counts
spread as everybody's are.
"""

import numpy as np
from numpy.typing import NDArray

from patron.recommend.pairs import counting as pairs
from patron.recommend.popular import counting
from patron.recommend.popular.types import Counts, Groups, Index, Params
from patron.recommend.types import Interactions


def fit(history: Interactions, params: Params, now_s: int, groups: Groups | None = None) -> Index:
    """Popularity at `now_s`, overall and in each of `groups` of people."""
    counts = counting.count(history, params, now_s, groups)
    long, short = _dense(counts, counts.long), _dense(counts, counts.short)
    trend = _trend(long, short, params)
    group, item, score, rising = _everybody(long, trend)
    names = [] if groups is None else list(groups.names)
    if names:
        columns = _of_people(counts, params, len(names), long)
        group, item, score, rising = (
            np.concatenate(pair) for pair in zip((group, item, score, rising), columns, strict=True)
        )
    popular = _lists(group, item, score, score > 0, 1 + len(names), params.kept)
    upward = _lists(group, item, rising, rising > 1, 1 + len(names), params.kept)
    return Index(now_s, long.astype(np.float32), trend.astype(np.float32), *popular, *upward, names)


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


def _of_people(counts: Counts, params: Params, groups: int, long: Numbers) -> Columns:
    """Each group's own products, and the best of everybody."""
    own = counts.key >= counts.items
    best = np.lexsort((np.arange(len(long)), -long))[: params.kept]
    best = best[long[best] > 0]
    wanted = np.arange(1, groups + 1)[:, None] * counts.items + np.sort(best)
    key = pairs.distinct(np.concatenate([counts.key[own], wanted.ravel()]))
    place = np.searchsorted(key, counts.key[own])
    mine, lately = np.zeros(len(key)), np.zeros(len(key))
    mine[place], lately[place] = counts.long[own], counts.short[own]
    group, item = np.divmod(key, counts.items)
    score = mine + params.everybody * long[item] / (long.sum() or 1.0)
    rising = np.ones(len(key))
    for one in range(1, groups + 1):
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


def _dense(counts: Counts, values: Numbers) -> Numbers:
    """The column of everybody, one number a product."""
    dense = np.zeros(counts.items)
    mine = counts.key < counts.items
    dense[counts.key[mine]] = values[mine]
    return dense

"""A person's own order of categories (or of any groups of products: brands, lists).

    score(c) = (own(c) + prior · share(c)) / (sum of own + prior)

own(c) are her acts with products of c, faded and weighed as everybody's are; share(c) is the part
that c has of everybody's. Whoever is new gets everybody's order; the more somebody did, the more
the order is her own (a Dirichlet prior of `prior` acts: Zhai and Lafferty 2004,
doi:10.1145/984321.984322).
"""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend.popular.types import Groups, Index, Params
from patron.recommend.types import Kind, Scored

DAY_S = 86_400


class Categories(msgspec.Struct, frozen=True):
    """Product i belongs to the groups `group[start[i]:start[i+1]]`; `share` is what part of
    everybody's acts each group has, and sums to 1 where anything happened."""

    start: NDArray[np.int64]
    group: NDArray[np.int32]
    share: NDArray[np.float64]
    half_life_days: float
    weights: NDArray[np.float64]  # of view, cart, buy
    prior: float


def fit(index: Index, groups: Groups, params: Params, *, prior: float = 3.0) -> Categories:
    """From popularity and the groups that products are in. `prior` is how many acts of her own
    weigh as much as everybody's order."""
    items = len(index.popularity)
    known = (groups.member >= 0) & (groups.member < items)
    member, group = groups.member[known], groups.group[known]
    order = np.argsort(member, kind="stable")
    total = np.bincount(group, weights=index.popularity[member], minlength=len(groups.names))
    return Categories(
        np.concatenate([[0], np.cumsum(np.bincount(member, minlength=items))]).astype(np.int64),
        group[order].astype(np.int32),
        total / (total.sum() or 1.0),
        params.half_life_days,
        np.array([params.view, params.cart, params.buy]),
        prior,
    )


def order(
    categories: Categories,
    items: NDArray[np.int32],
    kinds: NDArray[np.int8],
    times_s: NDArray[np.int64],
    now_s: float,
    n: int,
    *,
    longed_first: bool = False,
) -> Scored:
    """The first `n` categories (their numbers stand where products do) for what somebody did.

    With `longed_first`, what she views often but never bought comes before everything else: at
    least twice, and more often than a product of hers is usually looked at.
    """
    size = len(categories.share)
    known = (items >= 0) & (items < len(categories.start) - 1)
    items, kinds, times_s = items[known], kinds[known], times_s[known]
    act, group = _groups_of(categories, items)
    age = np.maximum(now_s - times_s, 0) / DAY_S
    weight = categories.weights[kinds] * 0.5 ** (age / categories.half_life_days)
    own = np.bincount(group, weights=weight[act], minlength=size)
    strength = float(categories.weights.max())
    prior = categories.prior * strength
    score = (own + prior * categories.share) / (own.sum() + prior)
    first = np.zeros(size, bool)
    if longed_first:
        views = np.bincount(group[kinds[act] == Kind.VIEW], minlength=size)
        bought = np.bincount(group[kinds[act] == Kind.BUY], minlength=size) > 0
        seen = views > 0
        usual = views[seen].mean() if seen.any() else 0.0
        first = (views >= 2) & (views >= usual) & ~bought
    # Those that come first keep their order among themselves.
    score = np.where(first, 1.0 + score, score)
    best = np.lexsort((np.arange(size), -score))
    best = best[score[best] > 0][:n]
    return Scored(best.astype(np.int32), score[best].astype(np.float32))


def _groups_of(categories: Categories, items: NDArray[np.int32]) -> tuple[Any, Any]:
    """Act and group of every membership of the products somebody had to do with."""
    begin, end = categories.start[items], categories.start[items + 1]
    times = end - begin
    act = np.repeat(np.arange(len(items)), times)
    place = np.arange(len(act)) - np.repeat(np.cumsum(times) - times, times)
    return act, categories.group[begin[act] + place]

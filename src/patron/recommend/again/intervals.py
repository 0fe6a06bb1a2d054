"""How regularly products are bought again: shares and intervals, shrunk to category and all."""

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from patron.recommend.again.model import DAY
from patron.recommend.again.purchases import Purchases
from patron.recommend.sorting import first_of_runs, order

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHORTEST = 0.25
"""Days: what is bought twice within six hours was forgotten, not used up."""
TYPICAL_GAP, TYPICAL_SPREAD = float(np.log(30.0)), 1.0
"""Log days of a shop in which nothing was bought twice yet."""


class Pairs(msgspec.Struct, frozen=True):
    """A row a person and a product she bought, sorted by both."""

    person: "NDArray[np.int32]"
    item: "NDArray[np.int32]"
    times: "NDArray[np.int64]"
    first: "NDArray[np.int64]"  # second
    last: "NDArray[np.int64]"
    gaps: "NDArray[np.float64]"  # sum of log days between two purchases; there are times - 1


class Habits(msgspec.Struct, frozen=True):
    """The part of the `Index` of the same names."""

    bought_again: "NDArray[np.bool_]"
    repeat: "NDArray[np.float32]"
    gap: "NDArray[np.float32]"
    spread: "NDArray[np.float32]"
    pause: float  # mean log days between two baskets of one person


def pairs(lines: Purchases) -> Pairs:
    """Everybody's purchases of each product, summed up."""
    items = max(1, lines.items)
    key = lines.person.astype(np.int64) * items + lines.item
    by_key = order(key)  # of one pair the older stays before
    key, at = key[by_key], lines.at[by_key]
    first = np.flatnonzero(first_of_runs(key))
    times = np.diff(np.append(first, len(key)))
    gap = np.zeros(len(key))
    gap[1:] = log_days(np.diff(at)) if len(key) else 0.0
    gap[first] = 0.0
    gaps = np.add.reduceat(gap, first) if len(first) else gap
    key = key[first]
    person, item = np.divmod(key, items)
    return Pairs(
        person.astype(np.int32), item.astype(np.int32), times,
        at[first], at[first + times - 1], gaps,
    )  # fmt: skip


def log_days(seconds: "NDArray[np.int64]") -> "NDArray[np.float64]":
    """Natural logarithm of days, of at least `SHORTEST`."""
    days: NDArray[np.float64] = np.log(np.maximum(seconds / DAY, SHORTEST))
    return days


def habits(lines: Purchases, prior: float, categories: "NDArray[np.int32] | None" = None) -> Habits:
    """What of each product is known, weighed against `prior` buyers like those of its category
    (`categories[i]`, -1: none) and these against as many like all."""
    found = pairs(lines)
    group = np.zeros(lines.items, np.int64) if categories is None else categories + np.int64(1)
    groups = int(group.max()) + 1 if len(group) else 1
    buyers = np.bincount(found.item, minlength=lines.items)
    again = np.bincount(found.item[found.times > 1], minlength=lines.items)
    repeat = _shrunk(again, buyers, group, groups, prior, 0.0)
    spans = np.bincount(found.item, weights=found.times - 1, minlength=lines.items)
    total = np.bincount(found.item, weights=found.gaps, minlength=lines.items)
    gap = _shrunk(total, spans, group, groups, prior, TYPICAL_GAP)
    own = np.where(found.times > 1, found.gaps / np.maximum(1, found.times - 1), 0.0)
    off = (own - gap[found.item]) ** 2 * (found.times - 1)
    spread = _shrunk(
        np.bincount(found.item, weights=off, minlength=lines.items),
        spans, group, groups, prior, TYPICAL_SPREAD**2,
    )  # fmt: skip
    return Habits(
        again > 0, repeat.astype(np.float32), gap.astype(np.float32),
        np.sqrt(np.maximum(spread, 0.05)).astype(np.float32), _pause(lines),
    )  # fmt: skip


def _shrunk(
    total: "NDArray[np.float64] | NDArray[np.int64]",
    count: "NDArray[np.float64] | NDArray[np.int64]",
    group: "NDArray[np.int64]",
    groups: int,
    prior: float,
    usual: float,
) -> "NDArray[np.float64]":
    """total / count of each product, drawn to its group's, which is drawn to everybody's; `usual`
    where nothing was counted at all."""
    everybody = float(total.sum() / count.sum()) if count.sum() > 0 else usual
    of_group = np.bincount(group, weights=total, minlength=groups) + prior * everybody
    of_group = of_group / (np.bincount(group, weights=count, minlength=groups) + prior)
    shrunk: NDArray[np.float64] = (total + prior * of_group[group]) / (count + prior)
    return shrunk


def _pause(lines: Purchases) -> float:
    """Mean log days between two baskets of the same person."""
    new = np.flatnonzero(np.append(True, lines.basket[1:] != lines.basket[:-1])[: len(lines)])
    who, at = lines.person[new], lines.at[new]
    one = who[1:] == who[:-1]
    return float(log_days(np.diff(at)[one]).mean()) if one.any() else TYPICAL_GAP

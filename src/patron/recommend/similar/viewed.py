"""Likeness by visitors: the cosine of the visits that saw two products, shrunk and faded.

    seen(i, j) = sum of w(v) over visits with both / (sqrt(c(i) c(j)) + shrinkage)

with w(v) = 2^(-age / half-life) and c(i) the sum of w over visits with i (item-based collaborative
filtering: Linden, Smith and York 2003, doi:10.1109/MIC.2003.1167344; shrinkage: Bell and Koren
2007, doi:10.1109/ICDM.2007.90).
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend.pairs import counting
from patron.recommend.pairs.types import Sets
from patron.recommend.similar.types import Params
from patron.recommend.sorting import first_of_runs, order
from patron.recommend.types import Interactions, Kind

DAY_S = 86_400
LAST = 50
"""Products of a person that stand for visits in a shop that is told of none."""


class Seen(msgspec.Struct, frozen=True):
    """Pairs sorted by `one`, and how many faded visits each product had."""

    one: NDArray[np.int32]
    other: NDArray[np.int32]
    likeness: NDArray[np.float64]
    support: NDArray[np.int32]
    visits: NDArray[np.float64]


def visits(history: Interactions, params: Params) -> Sets:
    """What was looked at in one visit. A shop that is told of no views has people in their place,
    each with what she last bought or put in a cart."""
    looked = (history.kind == Kind.VIEW) & (history.session >= 0)
    if looked.any():
        rows = history.where(looked)
        number, newest = rows.session, _newest(rows.session, rows.at)
    else:
        rows = _latest(history, min(LAST, params.longest))
        number, newest = rows.person, _newest(rows.person, rows.at)
    if len(rows) == 0:
        return counting.sets(number, rows.item, history.items, params.longest)
    age = (int(rows.at.max()) - newest) / DAY_S
    weight = 0.5 ** (age / params.half_life_days)
    return counting.sets(number, rows.item, history.items, params.longest, weight)


def seen(
    held: Sets, params: Params, parent: NDArray[np.int32], *, compiled: bool | None = None
) -> Seen:
    """The likest `kept` of each product; variants of one product are not like each other."""
    alone = counting.totals(held)[0]
    found = counting.likest(
        held, np.sqrt(alone), params.kept,
        shrinkage=params.shrinkage, parent=parent, compiled=compiled,
    )  # fmt: skip
    return Seen(found.one, found.other, found.likeness, found.support, alone)


def _newest(number: NDArray[np.int32], at: NDArray[np.int64]) -> NDArray[np.int64]:
    newest = np.zeros(int(number.max()) + 1 if len(number) else 0, np.int64)
    np.maximum.at(newest, number, at)
    return newest


def _latest(history: Interactions, longest: int) -> Interactions:
    """The last `longest` different products of each person."""
    key = history.person.astype(np.int64) * history.items + history.item
    # Rows stand in time order: the last of each product is the first from behind.
    behind = key[::-1]
    by_key = order(behind)
    last = len(key) - 1 - by_key[first_of_runs(behind[by_key])]
    last.sort()
    person = history.person[last]
    behind = np.searchsorted(person, person, side="right") - np.arange(len(person))
    keep = np.zeros(len(key), bool)
    keep[last[behind <= longest]] = True
    return history.where(keep)

"""Shapes of popularity: what can be chosen, what is counted, what is asked."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray


class Params(msgspec.Struct, frozen=True):
    """What is chosen on a shop's own last days."""

    half_life_days: float = 14.0  # after which an act counts half
    short_days: float = 2.0  # the same for what is rising
    view: float = 0.1  # what a person's day with a product counts, by the strongest act
    cart: float = 0.4
    buy: float = 1.0
    shrinkage: float = 3.0  # of trends: counts as expected that are added, so that two are no trend
    everybody: float = 20.0  # of groups of people: how many counts of everybody a group begins with
    kept: int = 400  # products of a group


class Groups(msgspec.Struct, frozen=True):
    """Groups called `names`: `member[k]` – a person of a country, a product of a category – belongs
    to group number `group[k]`. A member may be in several or in none."""

    member: NDArray[np.int32]
    group: NDArray[np.int32]
    names: Sequence[str]


class Counts(msgspec.Struct, frozen=True):
    """Faded counts: `key` is group × items + item, in rising order; group 0 is everybody, what was
    handed in as group g is g + 1."""

    key: NDArray[np.int64]
    long: NDArray[np.float64]
    short: NDArray[np.float64]
    items: int


class Index(msgspec.Struct, frozen=True):
    """The best of each group: rows `start[g]` to `start[g + 1]` of `item` and `score` are the most
    popular, best first, those of `rising…` the trends. Row 0 is everybody, row g + 1 the group of
    people called `names[g]`.

    `popularity` (faded counts of buys or what equals them) and `trend` (1: as always) are of all
    products, for whatever is ranked among a few.
    """

    at: int
    popularity: NDArray[np.float32]
    trend: NDArray[np.float32]
    start: NDArray[np.int64]
    item: NDArray[np.int32]
    score: NDArray[np.float32]
    rising_start: NDArray[np.int64]
    rising_item: NDArray[np.int32]
    rising_score: NDArray[np.float32]
    names: list[str]

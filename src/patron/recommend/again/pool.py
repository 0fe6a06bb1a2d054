"""The people a customer can be compared with: what each buys, and who buys each product."""

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from patron.recommend.again.model import Params
from patron.recommend.again.purchases import Purchases, vectors
from patron.recommend.pairs.counting import best
from patron.recommend.sorting import order, place_in_run

if TYPE_CHECKING:
    from numpy.typing import NDArray

TOP = 200


class Pool(msgspec.Struct, frozen=True):
    """The part of the `Index` of the same names."""

    popularity: "NDArray[np.float32]"
    top: "NDArray[np.int32]"
    rarity: "NDArray[np.float32]"
    start: "NDArray[np.int64]"
    item: "NDArray[np.int32]"
    value: "NDArray[np.float32]"
    by_start: "NDArray[np.int64]"
    by_row: "NDArray[np.int32]"
    by_value: "NDArray[np.float32]"


def pool(lines: Purchases, params: Params) -> Pool:
    """Of the `params.pool` people who bought last the `params.each` weightiest products."""
    baskets = int(lines.basket.max()) + 1 if len(lines) else 0
    held = np.bincount(lines.item, minlength=lines.items)
    popularity = (held / max(1, baskets)).astype(np.float32)
    top = np.argsort(-popularity, kind="stable")[:TOP]
    people = vectors(lines, params.fade, params.length)
    buyers = np.bincount(people.item, minlength=lines.items)
    rarity = np.log((len(people.person) + 1) / (buyers + 1)) ** params.rarity
    last = np.zeros(lines.people, np.int64)
    last[lines.person] = lines.at  # sorted by time: the last one stays
    newest = np.argsort(-last[people.person], kind="stable")[: params.pool]
    rank = np.full(len(people.person), -1, np.int64)
    rank[newest] = np.arange(len(newest))
    row = np.repeat(rank, np.diff(people.start))
    stay = np.flatnonzero(row >= 0)
    who = np.repeat(np.arange(len(people.person), dtype=np.int32), np.diff(people.start))
    stay = stay[best(who[stay], people.value[stay], params.each)]
    stay = stay[order(row[stay] * np.int64(max(1, lines.items)) + people.item[stay])]
    row, item, value = row[stay], people.item[stay], people.value[stay]
    rows = min(len(people.person), params.pool)
    alike = value * rarity[item]
    square = np.bincount(row, weights=alike * alike, minlength=rows)
    alike = alike / np.sqrt(np.maximum(square, 1e-30))[row]
    by = order(item)
    by = by[place_in_run(item[by]) < params.postings]
    return Pool(
        popularity, top.astype(np.int32), rarity.astype(np.float32),
        _starts(row, rows), item, value.astype(np.float32),
        _starts(item[by], lines.items), row[by].astype(np.int32), alike[by].astype(np.float32),
    )  # fmt: skip


def _starts(
    sorted_keys: "NDArray[np.int32] | NDArray[np.int64]", count: int
) -> "NDArray[np.int64]":
    """Where the run of each key from 0 to `count` - 1 begins, and where the last ends."""
    return np.searchsorted(sorted_keys, np.arange(count + 1)).astype(np.int64)

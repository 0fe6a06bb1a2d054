"""The counting loop in numpy, and the choice between it and the compiled one."""

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from patron.recommend.compiling import possible
from patron.recommend.sequence.model import Params
from patron.recommend.sequence.packing import MOST_ITEMS, packed

if TYPE_CHECKING:
    from numpy.typing import NDArray

PAIRS_AT_ONCE = 4_000_000
ITEMS_AT_ONCE = 50_000


class Rows(NamedTuple):
    """The past of everybody, and where in it each product occurs."""

    person: "NDArray[np.int32]"
    step: "NDArray[np.int32]"
    item: "NDArray[np.int32]"
    kind: "NDArray[np.int8]"
    own: "NDArray[np.float64]"  # what an act of its person counts
    kinds: "NDArray[np.float64]"  # times this, by its kind
    places: "NDArray[np.int32]"
    start: "NDArray[np.int64]"  # product i occurs at places[start[i]:start[i+1]]
    factor_from: "NDArray[np.float64]"
    factor_to: "NDArray[np.float64]"


Nearest = tuple["NDArray[np.int64]", "NDArray[np.int32]", "NDArray[np.float32]"]


@cache
def kernels() -> Any:
    """The compiled loops; raises ModuleNotFoundError without numba."""
    return import_module("patron.recommend.sequence.compiled")


def nearest(rows: Rows, params: Params, *, compiled: bool | None = None) -> Nearest:
    """Start, item and score of every product's neighbours, best first."""
    items = len(rows.start) - 1
    if items < MOST_ITEMS and (possible() if compiled is None else compiled):
        forth, back = falling(params)
        acts = packed(rows.person, rows.step, rows.item, rows.kind)
        table = acts, rows.own, rows.places, rows.start, rows.factor_from, rows.factor_to
        parts = []
        for first in range(0, items, ITEMS_AT_ONCE):
            last = min(items, first + ITEMS_AT_ONCE)
            near, score, found = kernels().nearest(
                table, first, last, forth, back, rows.kinds, params.kept
            )
            filled = np.arange(params.kept)[None, :] < found[:, None]
            parts.append((found, near[filled], score[filled]))
    else:
        bounds = _blocks(rows.start, 2 * params.window)
        parts = [_block(rows, params, *bound) for bound in bounds]
    lengths = [part[0] for part in parts] or [np.zeros(0, np.int64)]
    columns = [part[1] for part in parts] or [np.zeros(0, np.int32)]
    scores = [part[2] for part in parts] or [np.zeros(0, np.float32)]
    start = np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64)
    return start, np.concatenate(columns), np.concatenate(scores)


def falling(params: Params) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """What a pair so many steps apart counts, forth and back; of one order, as if a step apart:
    there is no before and after."""
    apart = np.maximum(1, np.arange(params.window + 1)).astype(np.float64)
    forth: NDArray[np.float64] = apart**-params.near
    back = forth * params.backward
    back[0] = forth[0]
    return forth, back


def _blocks(start: "NDArray[np.int64]", each: int) -> list[tuple[int, int]]:
    """Runs of products that together make about `PAIRS_AT_ONCE` pairs; one product at the least."""
    items, bounds, first = len(start) - 1, [], 0
    while first < items:
        limit = start[first] + PAIRS_AT_ONCE // each
        last = max(first + 1, int(np.searchsorted(start, limit, side="right")) - 1)
        bounds.append((first, min(last, items)))
        first = bounds[-1][1]
    return bounds


def _block(rows: Rows, params: Params, first: int, last: int) -> Nearest:
    """Lengths, items and scores of the neighbours of products `first` to `last` - 1."""
    places = rows.places[rows.start[first] : rows.start[last]].astype(np.int64)
    # The nearest first, as the compiled loop adds them up.
    way = np.concatenate([-np.arange(1, params.window + 1), np.arange(1, params.window + 1)])
    other = places[:, None] + way[None, :]
    inside = (other >= 0) & (other < len(rows.item))
    other = np.where(inside, other, 0)
    here = places[:, None]
    inside &= (rows.person[other] == rows.person[here]) & (rows.item[other] != rows.item[here])
    other = np.where(inside, other, here)
    forth, back = falling(params)
    apart = np.abs(rows.step[other] - rows.step[here])
    counts = rows.kinds[rows.kind] * rows.own
    weight = counts[here] * counts[other]
    weight = weight * np.where(way[None, :] < 0, back[apart], forth[apart])
    inside &= weight > 0.0
    row = np.repeat(rows.item[places], 2 * params.window)[inside.ravel()]
    column = rows.item[other[inside]]
    keys, slot = np.unique(row.astype(np.int64) * len(rows.factor_to) + column, return_inverse=True)
    counted = np.bincount(slot, weights=weight[inside], minlength=len(keys))
    row, column = keys // len(rows.factor_to), keys % len(rows.factor_to)
    score = (counted * rows.factor_from[row] * rows.factor_to[column]).astype(np.float32)
    order = np.lexsort((column, -score, row))
    row = row[order]
    kept = np.arange(len(row)) - np.searchsorted(row, row) < params.kept
    row, order = row[kept], order[kept]
    lengths = np.bincount(row - first, minlength=last - first)
    return lengths, column[order].astype(np.int32), score[order]

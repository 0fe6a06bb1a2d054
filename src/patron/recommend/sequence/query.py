"""What to offer a person, from what she had, oldest first."""

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from patron.recommend.compiling import possible
from patron.recommend.sequence.counting import kernels
from patron.recommend.sequence.model import Index
from patron.recommend.types import Scored

if TYPE_CHECKING:
    from numpy.typing import NDArray

NONE = np.zeros(0, np.int32)


def for_person(
    index: Index,
    items: "NDArray[np.int32]",
    n: int,
    exclude: "NDArray[np.int32]" = NONE,
    kinds: "NDArray[np.int8] | None" = None,
    compiled: bool | None = None,
) -> Scored:
    """Up to `n` products; fewer, or none, when nothing she had has neighbours.

    `items` are the products of her acts, oldest first (numbers the index does not know are passed
    over), `kinds` what the acts were. What is to be left out – all she has, say – is in `exclude`.
    """
    ages = np.arange(len(items) - 1, -1, -1)
    weight = _weights(index, ages, items, kinds)
    if possible() if compiled is None else compiled:
        table = (_read_only(index.start), _read_only(index.item), _read_only(index.score))
        return Scored(*_one().ask_one(table, items, weight, exclude, n))
    asked = np.flatnonzero(weight > 0.0)
    runs = [slice(int(index.start[i]), int(index.start[i + 1])) for i in items[asked].tolist()]
    if not runs:
        return Scored(NONE, np.zeros(0, np.float32))
    found = np.concatenate([index.item[run] for run in runs])
    score = np.concatenate(
        [index.score[run] * w for run, w in zip(runs, weight[asked], strict=True)]
    )
    found, slot = np.unique(found, return_inverse=True)
    total = np.bincount(slot, weights=score, minlength=len(found)).astype(np.float32)
    if len(exclude):
        stay = ~np.isin(found, exclude)
        found, total = found[stay], total[stay]
    best = np.argsort(-total, kind="stable")[:n]
    return Scored(found[best].astype(np.int32), total[best])


@cache
def _one() -> Any:
    """The compiled loop."""
    return import_module("patron.recommend.sequence.compiled_query")


def for_many(
    index: Index,
    starts: "NDArray[np.int64]",
    items: "NDArray[np.int32]",
    n: int,
    *,
    exclude_had: bool = True,
    kinds: "NDArray[np.int8] | None" = None,
    compiled: bool | None = None,
) -> "tuple[NDArray[np.int32], NDArray[np.float32]]":
    """For person q, who had `items[starts[q]:starts[q+1]]`, oldest first: a row of `n` products and
    a row of scores, filled up with -1 and 0. With `exclude_had` nothing she had is offered."""
    questions = len(starts) - 1
    if not (possible() if compiled is None else compiled):
        best = np.full((questions, n), -1, np.int32)
        scores = np.zeros((questions, n), np.float32)
        for q in range(questions):
            its = slice(int(starts[q]), int(starts[q + 1]))
            of = None if kinds is None else kinds[its]
            row = for_person(index, items[its], n, items[its] if exclude_had else NONE, of)
            best[q, : len(row)], scores[q, : len(row)] = row.items, row.scores
        return best, scores
    ages = np.repeat(starts[1:], np.diff(starts)) - 1 - np.arange(starts[0], starts[-1])
    weight = np.zeros(len(items))
    asked = slice(int(starts[0]), int(starts[-1]))
    of = None if kinds is None else kinds[asked]
    weight[asked] = _weights(index, ages, items[asked], of)
    table = tuple(np.asarray(column) for column in (index.start, index.item, index.score))
    rows: tuple[NDArray[np.int32], NDArray[np.float32]]
    rows = kernels().ask_many(table, starts, items, weight, exclude_had, n)
    return rows


def _weights(
    index: Index,
    ages: "NDArray[np.int64]",
    items: "NDArray[np.int32]",
    kinds: "NDArray[np.int8] | None",
) -> "NDArray[np.float64]":
    """What each act of the past counts; 0 if it is too far back or its product is unknown."""
    weight: NDArray[np.float64] = index.decay ** np.minimum(ages, index.had).astype(np.float64)
    if kinds is not None:
        weight = weight * np.array([index.view, index.cart, index.buy])[kinds]
    return np.where((ages < index.had) & (items >= 0) & (items < index.items), weight, 0.0)


def _read_only(array: "NDArray[Any]") -> "NDArray[Any]":
    """As a mapped file is: the one form the loop is compiled for."""
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view

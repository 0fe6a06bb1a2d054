"""Counting the neighbours of every product, in memory that is bounded a product."""

from typing import TYPE_CHECKING

import numpy as np

from patron.recommend.sequence import counting
from patron.recommend.sequence.model import Index, Params
from patron.recommend.sorting import order
from patron.recommend.types import Interactions, Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray


def fit(history: Interactions, params: Params, *, compiled: bool | None = None) -> Index:
    """Count neighbours; `compiled` asks for the one or the other kernel (None: whichever is there).

    Both give the same numbers. Time grows with rows × window, memory with rows and with
    items × `kept`.
    """
    weights = kind_weights(history, params)
    lines = _newest_acts(_collapsed(history), params.acts)
    weight = weights[lines.kind].astype(np.float64)
    acts = np.bincount(lines.person, minlength=history.people).astype(np.float64)
    own = np.maximum(acts, 1) ** (-params.length / 2)
    popularity = np.bincount(lines.item, weights=weight, minlength=history.items) + params.shift
    places, start, scale = _newest(lines, history.items, params.newest)
    factor = np.asarray(popularity**-params.to_power, np.float64)
    rows = counting.Rows(
        lines.person, _steps(lines), lines.item, lines.kind, own[lines.person], weights, places,
        start, scale * popularity**-params.from_power, factor,
    )  # fmt: skip
    near = counting.nearest(rows, params, compiled=compiled)
    return Index(
        *near, history.items, params.decay, params.had, *(float(weight) for weight in weights)
    )


def kind_weights(history: Interactions, params: Params) -> "NDArray[np.float64]":
    """What each `Kind` counts; the strongest that this history has counts one."""
    weights = np.array([params.view, params.cart, 1.0])
    present = np.bincount(history.kind, minlength=len(Kind)) > 0
    return weights / weights[present].max() if present.any() else weights


def _collapsed(history: Interactions) -> Interactions:
    """A product looked at, put in the cart and bought in a row is one row, with the last act."""
    if len(history) == 0:
        return history
    last = np.ones(len(history), bool)
    last[:-1] = (history.person[1:] != history.person[:-1]) | (
        history.item[1:] != history.item[:-1]
    )
    return history.where(last)


def _newest_acts(lines: Interactions, most: int) -> Interactions:
    """Of each person the last `most` rows."""
    end = np.cumsum(np.bincount(lines.person, minlength=lines.people))
    ages = end[lines.person] - np.arange(len(lines))
    return lines if (ages <= most).all() else lines.where(ages <= most)


def _steps(lines: Interactions) -> "NDArray[np.int32]":
    """Number of the moment of each row: the lines of an order are one moment."""
    if len(lines) == 0:
        return np.zeros(0, np.int32)
    new = np.ones(len(lines), bool)
    new[1:] = (
        (lines.basket[1:] != lines.basket[:-1])
        | (lines.basket[1:] < 0)
        | (lines.person[1:] != lines.person[:-1])
    )
    return np.cumsum(new, dtype=np.int32)


def _newest(
    lines: Interactions, items: int, newest: int
) -> "tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.float64]]":
    """Where each product occurs: row numbers, where a product's begin, and by how much they must be
    multiplied when only the newest were taken."""
    places = order(lines.item).astype(np.int32)
    counts = np.bincount(lines.item, minlength=items).astype(np.int64)
    start = np.concatenate([[0], np.cumsum(counts)])
    many = np.flatnonzero(counts > newest)
    if len(many):
        keep = np.ones(len(places), bool)
        for item in many:
            its = slice(start[item], start[item + 1])
            oldest = np.argsort(lines.at[places[its]], kind="stable")[: counts[item] - newest]
            keep[start[item] + oldest] = False
        places = places[keep]
        start = np.concatenate([[0], np.cumsum(np.minimum(counts, newest))])
    return places, start, counts / np.maximum(1, np.minimum(counts, newest))

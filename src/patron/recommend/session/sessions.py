"""Visits out of a history: in the order of their end, cut to what is worth remembering."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend.session.index import LONGEST
from patron.recommend.types import Interactions, Kind

PER_PERSON = 500
"""Newest visits of one person that are remembered: a robot is one voice, not the market."""

AT_ONCE = 1_000_000
"""Visits that are copied at a time, so that the copying needs little memory besides the copy."""


class Visits(msgspec.Struct, frozen=True):
    """Visits of two steps and more, numbered by their end; `start` has one number more."""

    start: "NDArray[np.int64]"
    items: "NDArray[np.int32]"
    ended: "NDArray[np.int64]"  # second of the last step

    def __len__(self) -> int:
        return len(self.ended)


def visits(history: Interactions) -> Visits:
    """The visits of a history. A visit is a run of rows of one session number; rows without one
    (-1) are none. Putting the product that one looks at into the cart, or buying it, is no new
    step. Of a visit the last 50 steps are kept, of a person the newest 500 visits.
    """
    history = steps(history)
    item, at, person = history.item, history.at, history.person
    first, length = _runs(history.session)
    first = first + np.maximum(length - LONGEST, 0)
    length = np.minimum(length, LONGEST)
    ended = at[first + length - 1] if len(first) else np.zeros(0, np.int64)
    keep = (length > 1) & _newest_of_each(person[first])
    first, length, ended = first[keep], length[keep], ended[keep]
    order = np.argsort(ended, kind="stable")
    first, length, ended = first[order], length[order], ended[order]
    start = np.concatenate([[0], np.cumsum(length, dtype=np.int64)])
    return Visits(start, _gathered(item, first, start), ended)


def steps(history: Interactions) -> Interactions:
    """The rows that are a step of a visit; the history itself, not a copy, if all are."""
    gone: NDArray[np.bool_] | None = None
    if len(history) and history.session.min() < 0:
        gone = history.session < 0
    if history.kind.any():
        same = history.kind != Kind.VIEW
        same[:1] = False
        same[1:] &= history.item[1:] == history.item[:-1]
        same[1:] &= history.session[1:] == history.session[:-1]
        gone = same if gone is None else gone | same
    return history if gone is None else history.where(~gone)


def _runs(session: "NDArray[np.int32]") -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
    """First row and length of each run of one number."""
    if not len(session):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    first = np.concatenate([[0], np.flatnonzero(session[1:] != session[:-1]) + 1])
    return first, np.diff(first, append=len(session))


def _newest_of_each(person: "NDArray[np.int32]") -> "NDArray[np.bool_]":
    """Which visits are among the newest 500 of their person; a person's stand together, by time."""
    if not len(person):
        return np.zeros(0, np.bool_)
    last = np.append(np.flatnonzero(person[1:] != person[:-1]), len(person) - 1)
    later = np.repeat(last, np.diff(last, prepend=-1)) - np.arange(len(person))
    return later < PER_PERSON


def _gathered(
    item: "NDArray[np.int32]", first: "NDArray[np.int64]", start: "NDArray[np.int64]"
) -> "NDArray[np.int32]":
    """The products of the visits that begin at rows `first`, one visit after the other."""
    items = np.empty(start[-1], np.int32)
    for low in range(0, len(first), AT_ONCE):
        high = min(low + AT_ONCE, len(first))
        shift = np.repeat(first[low:high] - start[low:high], np.diff(start[low : high + 1]))
        items[start[low] : start[high]] = item[shift + np.arange(start[low], start[high])]
    return items

"""Which purchases count as made together: an order, or what a person orders within some hours."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from patron.recommend.types import Interactions, Kind

HOUR_S = 3_600


Lines = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]


def numbers(history: Interactions, hours: int = 0) -> Lines:
    """Number of the order, product and second of each line that was bought.

    A purchase without an order is an order of its own moment. With `hours`, a person's order opens
    a window; those that begin within it belong to it, the next one opens another, so no window is
    longer than asked however often somebody orders.
    """
    lines = history.where(history.kind == Kind.BUY)
    if len(lines) == 0:
        return np.zeros(0, np.int64), lines.item, lines.at
    order = _orders(lines)
    if hours == 0:
        return order, lines.item, lines.at
    count = int(order.max()) + 1
    began = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(began, order, lines.at)
    person = np.zeros(count, np.int64)
    person[order] = lines.person
    return _windows(person, began, hours * HOUR_S)[order], lines.item, lines.at


def faded(
    number: NDArray[np.int64], at: NDArray[np.int64], half_life_s: float
) -> NDArray[np.float64]:
    """What each order counts against the newest: half after one half-life; without one, one."""
    weight = np.ones(int(number.max()) + 1 if len(number) else 0)
    if half_life_s > 0 and len(number):
        weight[number] = 0.5 ** ((int(at.max()) - at) / half_life_s)
    return weight


def _orders(lines: Interactions) -> NDArray[np.int64]:
    """Numbers from 0: by order, else by person and moment."""
    numbered = lines.basket >= 0
    order = lines.basket.astype(np.int64)
    if not numbered.all():
        alone = ~numbered
        moment = np.stack([lines.person[alone].astype(np.int64), lines.at[alone]], axis=1)
        _, number = np.unique(moment, axis=0, return_inverse=True)
        order[alone] = number.reshape(-1) + order.max() + 1
    there = np.zeros(int(order.max()) + 1, np.bool_)
    there[order] = True
    return (np.cumsum(there) - 1)[order].astype(np.int64)


def _windows(person: NDArray[np.int64], began: NDArray[np.int64], seconds: int) -> Any:
    """The number of the window that each order falls into."""
    by_time = np.lexsort((began, person))
    # One rising column of person and time, so that the end of all windows is found at once.
    early = int(began.min())
    span = int(began.max()) - early + seconds + 1
    key = person[by_time] * span + (began[by_time] - early)
    following = np.searchsorted(key, key + seconds, side="right")
    opens = np.zeros(len(key) + 1, bool)
    front = np.flatnonzero(np.diff(person[by_time], prepend=-1) != 0)
    while len(front):
        opens[front] = True
        front = np.unique(following[front])
        front = front[~opens[front] & (front < len(key))]
    number = np.empty(len(key), np.int64)
    number[by_time] = np.cumsum(opens[:-1]) - 1
    return number

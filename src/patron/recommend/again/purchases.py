"""Baskets of people as columns, each product of a basket once."""

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from patron.recommend.sorting import first_of_runs, order, summed
from patron.recommend.types import Interactions, Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Purchases(msgspec.Struct, frozen=True):
    """A line a product of a basket, sorted by person, basket, product."""

    person: "NDArray[np.int32]"
    item: "NDArray[np.int32]"
    at: "NDArray[np.int64]"  # second
    basket: "NDArray[np.int32]"  # running number over all people
    back: "NDArray[np.int32]"  # how many baskets this person had after it
    people: int
    items: int

    def __len__(self) -> int:
        return len(self.person)


def purchases(history: Interactions) -> Purchases:
    """What was bought. Lines without an order's number are a basket if bought in one second."""
    rows = history.kind == Kind.BUY
    return of_columns(
        history.person[rows], history.item[rows], history.at[rows], history.basket[rows],
        history.people, history.items,
    )  # fmt: skip


def of_columns(
    person: "NDArray[np.int32]",
    item: "NDArray[np.int32]",
    at: "NDArray[np.int64]",
    orders: "NDArray[np.int32]",
    people: int,
    items: int,
) -> Purchases:
    """The same of columns sorted by person, then time; `orders` is -1 where there is no number."""
    if len(person) == 0:
        none = np.zeros(0, np.int32)
        return Purchases(none, none, np.zeros(0, np.int64), none, none, people, items)
    new = np.ones(len(person), bool)
    new[1:] = (
        (person[1:] != person[:-1])
        | (orders[1:] != orders[:-1])
        | ((orders[1:] < 0) & (at[1:] != at[:-1]))
    )
    basket = np.cumsum(new, dtype=np.int64) - 1
    key = _each_once(basket * items + item)
    first = np.flatnonzero(new)
    last_of = np.searchsorted(person[first], np.arange(people), side="right") - 1
    basket = basket[key]
    back = last_of[person[key]] - basket
    return Purchases(
        person[key], item[key], at[first][basket], basket.astype(np.int32), back.astype(np.int32),
        people, items,
    )  # fmt: skip


def _each_once(key: "NDArray[np.int64]") -> "NDArray[np.int64]":
    """Where the different keys stand first, in their rising order."""
    if (key[1:] > key[:-1]).all():
        return np.arange(len(key))
    by_key = order(key)
    return by_key[first_of_runs(key[by_key])]


def before(lines: Purchases, second: int) -> Purchases:
    """What was bought before a moment."""
    return only(lines, lines.at < second)


def only(lines: Purchases, rows: "NDArray[np.bool_]") -> Purchases:
    """Some of the lines; how many baskets came after is counted anew."""
    return of_columns(
        lines.person[rows], lines.item[rows], lines.at[rows], lines.basket[rows],
        lines.people, lines.items,
    )  # fmt: skip


class Vectors(msgspec.Struct, frozen=True):
    """What people buy: row r, person `person[r]`, holds `item[start[r]:start[r+1]]`, ascending."""

    person: "NDArray[np.int32]"
    start: "NDArray[np.int64]"
    item: "NDArray[np.int32]"
    value: "NDArray[np.float64]"


def vectors(lines: Purchases, fade: float, length: float) -> Vectors:
    """The sum of fade^(baskets since) of each product, divided by the vector's own length to the
    power of `length`."""
    items = max(1, lines.items)
    faded = fade ** np.arange(int(lines.back.max(initial=0)) + 1, dtype=np.float64)
    key, (value,) = summed(lines.person.astype(np.int64) * items + lines.item, faded[lines.back])
    person, item = (column.astype(np.int32) for column in np.divmod(key, items))
    first = np.flatnonzero(first_of_runs(person))
    who = person[first]
    start = np.append(first, len(key)).astype(np.int64)
    square = np.add.reduceat(value * value, first) if len(first) else np.zeros(0)
    unit = value / np.repeat(square ** (length / 2), np.diff(start))
    return Vectors(who, start, item, unit)

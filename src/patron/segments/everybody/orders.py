"""Conditions about orders and about where somebody stands, for all people at once."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from patron.kit.db import Tx
from patron.kit.money import exponent
from patron.segments.everybody import store
from patron.segments.everybody.kinds import Asked, Bounds
from patron.segments.forms.orders import Orders
from patron.segments.forms.standing import Grouped, Ranked, Scored
from patron.segments.live.columns import Bools, Longs
from patron.segments.population.types import FEWEST, SCORES, Population, Scores
from patron.segments.rules.dates import micros
from patron.segments.types import Leaf

_DAY = 86_400_000_000
_REDUCED = "reduced_percent"


class Ordered:
    """The orders of all people: `who` did, when, for how much, and whether in the shop's own
    currency; of each person by time."""

    def __init__(self, table: NDArray[np.void], asked: Asked) -> None:
        numbers = asked.people.numbers(table["tail"].astype(np.uint64))
        table, self.who = table[numbers >= 0], numbers[numbers >= 0]
        self.at: Longs = table["at"]
        self.net: Longs = table["net"]
        self.own: Bools = table["own"] == 1
        self.count = asked.people.count

    def number(self, which: Bools) -> Longs:
        return np.bincount(self.who[which], minlength=self.count)

    def sums(self, which: Bools) -> Longs:
        found = np.zeros(self.count, np.int64)
        np.add.at(found, self.who[which], self.net[which])
        return found

    def last(self, which: Bools) -> Longs:
        """When she ordered last; of whom no order counts, the least there is."""
        found = np.full(self.count, np.iinfo(np.int64).min)
        np.maximum.at(found, self.who[which], self.at[which])
        return found

    def first(self, which: Bools) -> Longs:
        found = np.full(self.count, np.iinfo(np.int64).max)
        np.minimum.at(found, self.who[which], self.at[which])
        return found


async def answered(tx: Tx, leaf: Leaf, asked: Asked) -> Bounds | None:
    """The answer of everybody; None for any other kind, and for what orders do not tell."""
    if not isinstance(leaf, Orders | Scored | Grouped | Ranked):
        return None
    if isinstance(leaf, Orders) and leaf.figure == _REDUCED:
        return None
    table = asked.population
    if not isinstance(leaf, Orders) and table and table.currency != asked.shop.currency:
        return None  # the shop has another currency since last night
    if asked.orders is None:
        asked.orders = await store.orders(tx, asked.shop.currency)
    ordered = Ordered(asked.orders, asked)
    if isinstance(leaf, Orders):
        held = _figured(leaf, ordered, asked)
    else:
        held = _stood(leaf, ordered, asked)
    return held, held


def _figured(leaf: Orders, ordered: Ordered, asked: Asked) -> Bools:
    begin, end = leaf.window.bounds(asked.nobody(), asked.now)
    which = np.ones(len(ordered.at), np.bool_)
    if begin is not None:
        at = micros(begin)
        which &= ordered.at >= at if leaf.window.inclusive else ordered.at > at
    if end is not None:
        which &= ordered.at < micros(end)
    number = ordered.number(which)
    unit = 10 ** exponent(asked.shop.currency)
    match leaf.figure:
        case "number":
            return _judged(leaf, number, lambda one: Fraction(one))
        case "value":
            return _judged(leaf, ordered.sums(which & ordered.own), lambda one: Fraction(one, unit))
        case "average":
            sums, own = ordered.sums(which & ordered.own), ordered.number(which & ordered.own)
            pairs, place = np.unique(np.stack((sums, own)), axis=1, return_inverse=True)
            held = [
                leaf.judged(Fraction(worth, unit * times) if times else None)
                for worth, times in pairs.T.tolist()
            ]
            return np.array(held, np.bool_)[place.ravel()]
    edge = ordered.first(which) if leaf.figure == "days_since_first" else ordered.last(which)
    days = np.where(number > 0, (micros(asked.now) - np.where(number > 0, edge, 0)) // _DAY, 0)
    return np.asarray(_judged(leaf, days, lambda one: Fraction(one)) & (number > 0))


def _judged(leaf: Orders, found: Longs, told: Callable[[int], Fraction]) -> Bools:
    """Each different figure is judged once, as exactly as one person's."""
    values, place = np.unique(found, return_inverse=True)
    held = np.fromiter((leaf.judged(told(one)) for one in values.tolist()), np.bool_, len(values))
    return held[place]


def _stood(leaf: Scored | Grouped | Ranked, ordered: Ordered, asked: Asked) -> Bools:
    table = asked.population
    nothing = asked.all(False)
    if table is None:
        return nothing
    if isinstance(leaf, Ranked):
        return _ranked(leaf, ordered, table, asked)
    if table.scored < FEWEST:
        return nothing
    which = ordered.at >= micros(table.since)
    figures = (
        ordered.last(which),
        ordered.number(which),
        ordered.sums(which & ordered.own),
    )
    scores = {
        name: 1 + np.searchsorted(table.cuts[name].points[19:80:20], found)
        for name, found in zip(SCORES, figures, strict=True)
    }
    counted = ordered.number(which) > 0
    if isinstance(leaf, Scored):
        return np.asarray(counted & leaf.judged(scores[leaf.figure]))
    recency, frequency, money = (scores[name] for name in SCORES)
    code = np.where(counted, 100 * recency + 10 * frequency + money, 0)
    values, place = np.unique(code, return_inverse=True)
    groups = [
        Scores(one // 100, one // 10 % 10, one % 10).group if one else "inactive"
        for one in values.tolist()
    ]
    held = np.array([group in leaf.groups for group in groups], np.bool_)[place]
    return np.asarray(held & (ordered.number(np.ones(len(ordered.at), np.bool_)) > 0))


def _ranked(leaf: Ranked, ordered: Ordered, table: Population, asked: Asked) -> Bools:
    cuts = table.cuts[leaf.figure]
    every = np.ones(len(ordered.at), np.bool_)
    own = ordered.own
    number, theirs = ordered.number(every), ordered.number(own)
    there = (number if leaf.figure == "number" else theirs) > 0
    if cuts.compared < FEWEST:
        return asked.all(False)
    found = {"number": number, "value": ordered.sums(own)}.get(leaf.figure)
    if found is None:
        found = ordered.sums(own) // np.maximum(theirs, 1)
    return np.asarray(there & leaf.judged(np.searchsorted(cuts.points, found)))

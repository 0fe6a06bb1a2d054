"""What completes a product, chosen on a shop's own last orders: what was bought with it is held
against what could have been – looked at in the same visit and left, or, in a shop that is told of
no views, any product that is sold."""

from collections.abc import Iterator
from itertools import product

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend.choosing import Chosen, choose
from patron.recommend.held import evenly, hold_back, newest_rows
from patron.recommend.pairs import counting
from patron.recommend.pairs.types import Sets
from patron.recommend.together import orders
from patron.recommend.together.fit import LARGEST_ORDER, LONGEST_VISIT, fit
from patron.recommend.together.query import rate
from patron.recommend.together.types import Index, Params
from patron.recommend.types import Interactions, Kind

HELD_BACK = 0.2
QUESTIONS = 4_000
ROWS = 2_000_000
MOST = 20
"""Visits to a product whose other products are its rivals; in their place, products sold."""


class Contrast(msgspec.Struct, frozen=True):
    """Of question q: `with_it[q]` were bought in one order with `item[q]`, `instead[q]` were not.

    No product stands on both sides, and neither side is empty.
    """

    item: list[int]
    with_it: list[NDArray[np.int32]]
    instead: list[NDArray[np.int32]]

    def __len__(self) -> int:
        return len(self.item)


def candidates(history: Interactions, start: Params) -> Iterator[Params]:
    """`start` first, then its parameters of complements, one round after the other."""
    yield start
    viewed = bool((history.kind == Kind.VIEW).any())
    for staples, half_life in product((0.0, 0.5, 1.0), (0.0, 365.0, 180.0, 90.0)):
        for prior in (5.0, 50.0):
            yield msgspec.structs.replace(
                start, staples=staples, half_life_days=half_life, prior=prior
            )
    for staples, half_life in product((0.0, 1.0), (0.0, 180.0)):
        for views, alike in product((0.0, 2.0) if viewed else (start.views,), (0.0, 1.0)):
            yield msgspec.structs.replace(
                start, staples=staples, half_life_days=half_life, views=views, alike=alike
            )


def contrasts(history: Interactions, moment: int, most: int = QUESTIONS) -> Contrast:
    """Of each order of several products after `moment` one product, in turns."""
    number, item, at = orders.numbers(history)
    # No order is left out here, so that sets are numbered as orders are.
    held = counting.sets(number, item, history.items, history.items)
    late = np.zeros(len(held), bool)
    late[number] = at > moment
    size = np.diff(held.start)
    asked = np.flatnonzero((size > 1) & (size <= LARGEST_ORDER) & late)
    rivals = _rivals(history, moment)
    found = Contrast([], [], [])
    for turn, one in enumerate(asked[evenly(len(asked), most)].tolist()):
        basket = held.item[held.start[one] : held.start[one + 1]]
        given = int(basket[turn % len(basket)])
        instead = rivals.of(given)
        instead = instead[~np.isin(instead, basket)]
        if len(instead):
            found.item.append(given)
            found.with_it.append(basket[basket != given])
            found.instead.append(instead)
    return found


def quality(index: Index, asked: Contrast) -> float:
    """The mean over questions of the share of pairs in which what was bought with the product is
    rated above what was not (AUC; equal counts half)."""
    total = 0.0
    for item, with_it, instead in zip(asked.item, asked.with_it, asked.instead, strict=True):
        rated = rate(index, item, np.concatenate([with_it, instead]))
        above = rated[: len(with_it), None] - rated[None, len(with_it) :]
        total += float(((above > 0) + 0.5 * (above == 0)).mean())
    return total / len(asked) if len(asked) else 0.0


def chosen(history: Interactions, seconds: float, start: Params | None = None) -> Chosen[Params]:
    """The parameters of complements that tell best the two apart, in about `seconds`; those of
    companions stay as in `start`. A shop without such orders keeps what it starts with."""
    first = start or Params()
    recent = newest_rows(history, ROWS)
    held = hold_back(recent, HELD_BACK)
    asked = contrasts(recent, held.moment)
    proposals = candidates(held.before, first) if len(asked) else iter([first])
    return choose(proposals, lambda params: quality(fit(held.before, params), asked), seconds)


class _Rivals(msgspec.Struct, frozen=True):
    """What could have been bought with a product: seen in visits with it, else anything sold."""

    visits: Sets | None
    saw: NDArray[np.int64]  # numbers of `visits`, by product
    begin: NDArray[np.int64]
    sold: NDArray[np.int32]
    chance: np.random.Generator

    def of(self, item: int) -> NDArray[np.int32]:
        """Different products, lower numbers first."""
        if self.visits is None:
            return np.unique(self.chance.choice(self.sold, MOST))
        with_it = self.saw[self.begin[item] : self.begin[item + 1]][:MOST]
        start = self.visits.start
        seen = [self.visits.item[start[one] : start[one + 1]] for one in with_it.tolist()]
        return np.unique(np.concatenate([np.zeros(0, np.int32), *seen]))


def _rivals(history: Interactions, moment: int) -> _Rivals:
    sold = np.unique(history.item[history.kind == Kind.BUY])
    late = (history.at > moment) & (history.kind == Kind.VIEW) & (history.session >= 0)
    looked = history.where(late)
    none, chance = np.zeros(0, np.int64), np.random.default_rng(0)
    if len(looked) == 0:
        return _Rivals(None, none, none, sold, chance)
    visits = counting.sets(looked.session, looked.item, history.items, LONGEST_VISIT)
    owner = np.repeat(np.arange(len(visits)), np.diff(visits.start))
    by_item = np.argsort(visits.item, kind="stable")
    begin = counting.starts(visits.item, history.items)
    return _Rivals(visits, owner[by_item], begin, sold, chance)

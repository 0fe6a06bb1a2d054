"""Questions about the days held back, as a page or a mail would have asked them.

Each knows what had happened until then, and what came next. A visit's question wants the next
product; an order's one the other products of the order; a person's everything she cared for in the
days held back, or what her next order held, or, of what she had bought before, what she bought
again.
"""

from collections.abc import Callable, Iterator
from enum import StrEnum
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend.popular.areas import of_members
from patron.recommend.popular.types import Groups
from patron.recommend.rules.types import NONE, Context, Plain
from patron.recommend.serving.strategies import NO_ITEMS, Items, Moment
from patron.recommend.serving.visitors import Seen
from patron.recommend.types import Interactions, Kind

MOST = 1_500
"""Questions of a kind; chance moves a hit rate by about one in a hundred then."""
VISIT = 30 * 60
LONGEST = 50
LARGEST_ORDER = 100


class About(StrEnum):
    """What a question is about."""

    VISIT = "visit"
    PRODUCT = "product"
    CART = "cart"
    PERSON = "person"
    AGAIN = "again"
    ORDER = "order"


class Posed(msgspec.Struct, frozen=True, eq=False):
    """A moment of the past, the products that came next, those that would not have been offered,
    and the number of whose moment it is."""

    moment: Moment
    wanted: Items
    avoid: Items = NO_ITEMS
    person: int = NONE


class Past:
    """The rows of each person before the days held back."""

    def __init__(self, before: Interactions, homes: Groups | None) -> None:
        self.rows = before
        self._start = np.searchsorted(before.person, np.arange(before.people + 1))
        self._homes: dict[int, dict[str, Plain]] = {}
        if homes is not None:
            self._homes = of_members(homes)

    def of(self, person: int) -> slice:
        return slice(int(self._start[person]), int(self._start[person + 1]))

    def customer(self, person: int) -> dict[str, Plain]:
        """What rules would know of her: her country and segments, where enough people are."""
        return self._homes.get(person, {})


def asked(
    about: About,
    before: Interactions,
    after: Interactions,
    most: int = MOST,
    homes: Groups | None = None,
) -> list[Posed]:
    """At most `most` questions, spread evenly over the days held back; the same for the same
    history. `homes` are the countries and segments of people, as far as they are
    groups of their own."""
    ask: Callable[[Past, Interactions, int], Iterator[Posed]] = {
        About.VISIT: _visits,
        About.PRODUCT: _products,
        About.CART: _carts,
        About.PERSON: _people,
        About.AGAIN: _again,
        About.ORDER: _next_orders,
    }[about]
    return list(ask(Past(before, homes), after, most))


def _visits(past: Past, after: Interactions, most: int) -> Iterator[Posed]:
    """Of visits with at least two products: all but the last are known. The one that is looked at
    just then would not be offered; as a step is another product, it is never what comes next."""
    for rows in _spread(_runs(after.session), most):
        items, at = after.item[rows], after.at[rows]
        changed = np.append(True, items[1:] != items[:-1])
        items, at = items[changed][-LONGEST:], at[changed][-LONGEST:]
        if len(items) > 1:
            person = int(after.person[rows.start])
            moment = _moment(past, person, int(at[-1]), items[:-1], at[:-1])
            yield Posed(moment, items[-1:], items[-2:-1], person)


def _products(past: Past, after: Interactions, most: int) -> Iterator[Posed]:
    """One product of an order is known, the first; the others are wanted."""
    for person, at, items in _orders(after, most):
        moment = _moment(past, person, at, items[:1], np.array([at]), product=int(items[0]))
        yield Posed(moment, items[1:], items[:1], person)


def _carts(past: Past, after: Interactions, most: int) -> Iterator[Posed]:
    """All products of an order but the last are in the cart."""
    for person, at, items in _orders(after, most):
        cart = items[:-1]
        moment = _moment(past, person, at, NO_ITEMS, np.empty(0), cart=cart)
        yield Posed(moment, items[-1:], cart, person)


def _orders(after: Interactions, most: int) -> Iterator[tuple[int, int, Items]]:
    bought = after.where(after.basket >= 0)
    order = np.argsort(bought.basket, kind="stable")
    for rows in _spread(_runs(bought.basket[order]), most):
        lines = order[rows]
        items = bought.item[lines]
        _, first = np.unique(items, return_index=True)
        items = items[np.sort(first)]
        if 1 < len(items) <= LARGEST_ORDER:
            yield int(bought.person[lines[0]]), int(bought.at[lines[0]]), items


def _people(past: Past, after: Interactions, most: int) -> Iterator[Posed]:
    """Whoever was there before; wanted is what is new to her."""
    for rows in _spread(_runs(after.person), most):
        person = int(after.person[rows.start])
        had = past.rows.item[past.of(person)]
        wanted = np.setdiff1d(after.item[rows], had)
        if len(had) and len(wanted):
            moment = _moment(past, person, int(after.at[rows.start]) - 1)
            yield Posed(moment, wanted, np.unique(had), person)


def _again(past: Past, after: Interactions, most: int) -> Iterator[Posed]:
    """Whoever had bought something before and bought any of it again."""
    bought = after.where(after.kind == Kind.BUY)
    for rows in _spread(_runs(bought.person), most):
        person = int(bought.person[rows.start])
        its = past.of(person)
        had = past.rows.item[its][past.rows.kind[its] == Kind.BUY]
        wanted = np.intersect1d(bought.item[rows], had)
        if len(wanted):
            moment = _moment(past, person, int(bought.at[rows.start]) - 1)
            yield Posed(moment, wanted, person=person)


def _next_orders(past: Past, after: Interactions, most: int) -> Iterator[Posed]:
    """Whoever had bought something before; wanted is all that her next order holds."""
    bought = after.where(after.kind == Kind.BUY)
    for rows in _spread(_runs(bought.person), most):
        person, at = int(bought.person[rows.start]), int(bought.at[rows.start])
        one = (bought.basket[rows] == bought.basket[rows.start]) & (
            (bought.basket[rows] >= 0) | (bought.at[rows] == at)
        )
        if (past.rows.kind[past.of(person)] == Kind.BUY).any():
            moment = _moment(past, person, at - 1)
            yield Posed(moment, np.unique(bought.item[rows][one]), person=person)


def _moment(
    past: Past,
    person: int,
    now: int,
    visit: Items = NO_ITEMS,
    at: NDArray[np.float64] | NDArray[np.int64] = np.empty(0),  # noqa: B008 - never written
    *,
    product: int = NONE,
    cart: Items = NO_ITEMS,
) -> Moment:
    rows, its = past.rows, past.of(person)
    kind = rows.kind[its]
    views, buys = kind == Kind.VIEW, kind == Kind.BUY
    items, when = rows.item[its], rows.at[its]
    viewed, view_at = items[views][-LONGEST:], when[views][-LONGEST:].astype(np.float64)
    if len(visit):
        viewed, view_at = np.append(viewed, visit), np.append(view_at, at)
    _, last = np.unique(viewed[::-1], return_index=True)
    seen = Seen(
        generation=0,
        views=viewed,
        view_at=view_at,
        viewed=viewed[len(viewed) - 1 - np.sort(last)[::-1]],
        cart=cart,
        bought=items[buys],
        bought_at=when[buys],
        baskets=rows.basket[its][buys],
        ignored=NO_ITEMS,
        ignored_times=NO_ITEMS,
    )
    context = Context(
        now=float(now), n=0, product=product, cart=cart, viewed=visit,
        customer=past.customer(person),
    )  # fmt: skip
    return Moment(context, seen, visit, now - np.asarray(at, np.float64))


def _runs(column: NDArray[np.int32]) -> list[slice]:
    """Stretches of the same value."""
    if not len(column):
        return []
    edges = np.flatnonzero(column[1:] != column[:-1]) + 1
    bounds = [0, *edges.tolist(), len(column)]
    return [slice(a, b) for a, b in pairwise(bounds)]


def _spread(runs: list[slice], most: int) -> list[slice]:
    """At most `most` of them, evenly."""
    return runs if len(runs) <= most else [runs[k * len(runs) // most] for k in range(most)]

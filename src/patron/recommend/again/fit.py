"""Counting habits, neighbours and chances from a history."""

from typing import TYPE_CHECKING

from patron.recommend.again.intervals import Habits, habits
from patron.recommend.again.learning import Learned, learn
from patron.recommend.again.model import Index, Params
from patron.recommend.again.pool import Pool, pool
from patron.recommend.again.purchases import purchases
from patron.recommend.types import Interactions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def fit(
    history: Interactions, params: Params, *, categories: "NDArray[np.int32] | None" = None
) -> Index:
    """What the purchases of a history say; views and carts are passed over.

    `categories[i]` is the category of product i, -1 for none: with it, a product that few have
    bought is expected to be bought again as its category is. Memory grows with the purchases, and
    with items; the neighbours kept are bounded by `params.pool` × `params.each`.
    """
    lines = purchases(history)
    known = habits(lines, params.prior, categories)
    return assembled(known, learn(lines, params, categories), pool(lines, params), params)


def assembled(known: Habits, learned: Learned, people: Pool, params: Params) -> Index:
    """An index of its parts."""
    return Index(
        items=len(known.repeat),
        bought_again=known.bought_again,
        repeat=known.repeat,
        gap=known.gap,
        spread=known.spread,
        pause=known.pause,
        weights=learned.weights,
        low=learned.low,
        high=learned.high,
        said=learned.said,
        held=learned.held,
        horizon_days=params.horizon_days,
        popularity=people.popularity,
        top=people.top,
        rarity=people.rarity,
        start=people.start,
        item=people.item,
        value=people.value,
        by_start=people.by_start,
        by_row=people.by_row,
        by_value=people.by_value,
        fade=params.fade,
        own=params.own,
        neighbours=params.neighbours,
        length=params.length,
        popular=params.popular,
    )

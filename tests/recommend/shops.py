"""Small shops with known answers."""

from typing import Any

import numpy as np

from patron.recommend.types import Interactions, Kind

DAY = 86_400
NOW = 1_772_452_800  # 2 March 2026, 12:00 UTC

Act = tuple[int, int, int, Kind]
"""Person, product, second, what was done."""


def history(
    acts: list[Act], *, items: int, people: int | None = None, orders: list[int] | None = None
) -> Interactions:
    """Acts as a training sees them: sorted; an order is a person's moment, unless told; a visit is
    a person's day."""
    columns = np.array([tuple(map(int, act)) for act in acts], np.int64).reshape(-1, 4)
    person, item, at, kind = columns.T
    basket = np.full(len(person), -1, np.int64)
    bought = kind == Kind.BUY
    if orders is not None:
        basket[:] = orders
    elif bought.any():
        basket[bought] = numbered(person[bought], at[bought])
    return columns_of(person, item, at, kind, basket, items, people)


def columns_of(
    person: Any, item: Any, at: Any, kind: Any, basket: Any, items: int, people: int | None = None
) -> Interactions:
    by_person = np.lexsort((at, person))
    session = numbered(person, at // DAY) if len(person) else person
    return Interactions(
        person[by_person].astype(np.int32),
        item[by_person].astype(np.int32),
        at[by_person].astype(np.int64),
        kind[by_person].astype(np.int8),
        basket[by_person].astype(np.int32),
        session[by_person].astype(np.int32),
        people if people is not None else (int(person.max()) + 1 if len(person) else 0),
        items,
    )


def numbered(*columns: Any) -> Any:
    """Numbers from 0 of what differs in any column."""
    return np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)[1].reshape(-1)


def nothing(items: int = 3) -> Interactions:
    """A shop with a catalogue and no visitor yet."""
    return history([], items=items)

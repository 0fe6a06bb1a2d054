"""How fast popularity fades, chosen on a shop's own last days: the one list of best-sellers is held
against what each person bought in a day."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from patron.recommend.choosing import Chosen, choose
from patron.recommend.held import SetQuestions, evenly, hold_back, newest_rows
from patron.recommend.measure import gains
from patron.recommend.popular.fit import fit
from patron.recommend.popular.query import top
from patron.recommend.popular.types import Index, Params
from patron.recommend.types import Interactions

HELD_BACK = 0.05
QUESTIONS = 4_000
ROWS = 5_000_000
K = 20
DAY_S = 86_400
NONE = np.zeros(0, np.int32)


def candidates(history: Interactions) -> Iterator[Params]:
    """The default first, then shorter and longer memories, then views and carts that count less or
    more, where there are other acts beside them."""
    weights = [(0.1, 0.4), (0.02, 0.2), (0.3, 0.6)]
    mixed = len(history) > 0 and history.kind.min() != history.kind.max()
    for view, cart in weights if mixed else weights[:1]:
        for half_life in (14.0, 7.0, 30.0, 3.0, 90.0, 1.5, 365.0):
            yield Params(half_life_days=half_life, short_days=half_life / 7, view=view, cart=cart)


def asked(after: Interactions, most: int = QUESTIONS) -> SetQuestions:
    """What people did in a day, the strongest kind of act there is: buys, else carts, else views.
    Nothing is given: everybody gets the same list."""
    strongest = after.kind.max() if len(after) else 0
    rows = after.where(after.kind == strongest)
    key = rows.person.astype(np.int64) * (1 << 32) + rows.at // DAY_S
    edges = np.flatnonzero(np.diff(key, prepend=-1, append=-1)) if len(key) else NONE
    days = max(len(edges) - 1, 0)
    wanted = [
        np.unique(rows.item[edges[one] : edges[one + 1]]) for one in evenly(days, most).tolist()
    ]
    return SetQuestions([NONE] * len(wanted), wanted)


def answers(index: Index, questions: SetQuestions, k: int) -> NDArray[np.int32]:
    """The same row of `k` products for every question, filled up with -1."""
    row = np.full(k, -1, np.int32)
    found = top(index, k).items
    row[: len(found)] = found
    return np.tile(row, (len(questions), 1))


def chosen(history: Interactions, seconds: float) -> Chosen[Params]:
    """The parameters whose list of twenty finds most of what was bought on the held-back days
    (NDCG), in about `seconds`. A shop without any keeps the default."""
    held = hold_back(newest_rows(history, ROWS), HELD_BACK)
    questions = asked(held.after)

    def score(params: Params) -> float:
        if not len(questions):
            return 0.0
        lists = answers(fit(held.before, params, held.moment), questions, K)
        return float(gains(lists, questions.wanted).mean())

    return choose(candidates(held.before) if len(questions) else iter([Params()]), score, seconds)

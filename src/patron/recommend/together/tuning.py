"""How companions are weighed, chosen on a shop's own last orders: one of the order is given, the
others are wanted."""

from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend.choosing import Chosen, choose
from patron.recommend.held import SetQuestions, evenly, hold_back, newest_rows
from patron.recommend.measure import gains
from patron.recommend.pairs import counting
from patron.recommend.together import completing, orders
from patron.recommend.together.fit import LARGEST_ORDER, fit
from patron.recommend.together.query import companions
from patron.recommend.together.types import Index, Params, Weighing
from patron.recommend.types import Interactions, Kind

HELD_BACK = 0.1
QUESTIONS = 2_000
ROWS = 2_000_000
K = 10
FOR_COMPLEMENTS = 0.3
"""Part of the time."""
POWERS = (1.0, 0.25, 0.0, 0.5, 0.75)
"""The default first, then what is least like it: where a shop's orders are staples the one finds
half of what the other does, and a first, short search has to tell these two apart."""
LEAST = 2


def candidates(history: Interactions) -> Iterator[Params]:
    """The default first, then its opposite; windows of a day only where somebody orders again
    within one."""
    once, again = orders.numbers(history)[0], orders.numbers(history, 24)[0]
    windows = [0]
    if len(once) and len(np.unique(again)) < len(np.unique(once)):
        windows.append(24)
    for hours in windows:
        for least in (3, 2):
            plain = Params(hours=hours, least=least)
            for power in POWERS:
                yield msgspec.structs.replace(plain, power=power)
            yield msgspec.structs.replace(plain, weighing=Weighing.LIKELIHOOD)
            for shrinkage in (2.0, 5.0, 20.0):
                for power in (1.0, 0.5):
                    yield msgspec.structs.replace(
                        plain, weighing=Weighing.SHRUNK, shrinkage=shrinkage, power=power
                    )


def asked(after: Interactions, most: int = QUESTIONS) -> SetQuestions:
    """Of each held-back order of several products one product, in turns, and the others."""
    number, item, _ = orders.numbers(after)
    held = counting.sets(number, item, after.items, LARGEST_ORDER)
    several = np.flatnonzero(np.diff(held.start) > 1)
    given, wanted = [], []
    for turn, one in enumerate(several[evenly(len(several), most)].tolist()):
        basket = held.item[held.start[one] : held.start[one + 1]]
        place = turn % len(basket)
        given.append(basket[place : place + 1])
        wanted.append(np.delete(basket, place))
    return SetQuestions(given, wanted)


def answers(index: Index, questions: SetQuestions, k: int) -> NDArray[np.int32]:
    """A row of `k` products a question, filled up with -1."""
    lists = np.full((len(questions), k), -1, np.int32)
    for row, given in enumerate(questions.given):
        found = companions(index, given, k).items
        lists[row, : len(found)] = found
    return lists


def chosen(history: Interactions, seconds: float) -> Chosen[Params]:
    """The parameters whose lists of ten find most of the held-back orders (NDCG), and of those the
    ones that tell complements best, in about `seconds`. What was tried is told of the former. A
    shop without such orders keeps the default."""
    held = hold_back(newest_rows(history.where(history.kind == Kind.BUY), ROWS), HELD_BACK)
    questions = asked(held.after)

    def score(params: Params) -> float:
        if not len(questions):
            return 0.0
        lists = answers(fit(held.before, params), questions, K)
        return float(gains(lists, questions.wanted).mean())

    proposals = candidates(held.before) if len(questions) else iter([Params()])
    found = choose(proposals, score, seconds * (1 - FOR_COMPLEMENTS), least=LEAST)
    completed = completing.chosen(history, seconds * FOR_COMPLEMENTS, found.params)
    return msgspec.structs.replace(
        found, params=completed.params, exhausted=found.exhausted and completed.exhausted
    )

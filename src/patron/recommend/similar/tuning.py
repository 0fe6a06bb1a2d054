"""How visits and descriptions are blended, chosen on a shop's own last visits: one product that was
looked at is given, those looked at after it are wanted."""

from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend.choosing import Chosen, choose
from patron.recommend.held import SetQuestions, evenly, hold_back, newest_rows
from patron.recommend.measure import gains
from patron.recommend.similar.fit import blend, compared
from patron.recommend.similar.query import like
from patron.recommend.similar.types import Described, Index, Params, undescribed
from patron.recommend.types import Interactions, Kind

HELD_BACK = 0.1
QUESTIONS = 2_000
ROWS = 2_000_000
K = 20
LONGEST = 50
"""Steps of a visit that are wanted at most: a robot takes a million."""


def candidates(history: Interactions) -> Iterator[Params]:
    """The default first, then one thing after the other; a shop that is told of no views has
    nothing to choose by."""
    plain = Params()
    yield plain
    if not (history.kind == Kind.VIEW).any():
        return
    for half_life in (20.0, 180.0, 720.0):
        yield msgspec.structs.replace(plain, half_life_days=half_life)
    for shrinkage in (0.0, 2.0, 20.0):
        yield msgspec.structs.replace(plain, shrinkage=shrinkage)
    for trust in (2.0, 30.0):
        for cold in (0.1, 0.4, 0.8):
            yield msgspec.structs.replace(plain, trust=trust, cold=cold)
    for half_life in (20.0, 180.0, 720.0):
        for shrinkage in (1.0, 20.0):
            yield msgspec.structs.replace(
                plain, half_life_days=half_life, shrinkage=shrinkage, trust=2.0, cold=0.2
            )


def asked(after: Interactions, most: int = QUESTIONS) -> SetQuestions:
    """Of each held-back visit the first product, and the different ones looked at after it."""
    looked = after.where((after.kind == Kind.VIEW) & (after.session >= 0))
    begin = np.flatnonzero(np.diff(looked.session, prepend=-1, append=-1))
    several = np.flatnonzero(np.diff(begin) > 1)
    given, wanted = [], []
    for one in several[evenly(len(several), most)].tolist():
        visit = looked.item[begin[one] : min(begin[one + 1], begin[one] + LONGEST)]
        later = np.unique(visit[visit != visit[0]])
        if len(later):
            given.append(visit[:1])
            wanted.append(later)
    return SetQuestions(given, wanted)


def answers(index: Index, questions: SetQuestions, k: int) -> NDArray[np.int32]:
    """A row of `k` products a question, filled up with -1."""
    lists = np.full((len(questions), k), -1, np.int32)
    for row, given in enumerate(questions.given):
        found = like(index, int(given[0]), k).items
        lists[row, : len(found)] = found
    return lists


def chosen(
    history: Interactions, seconds: float, described: Described | None = None
) -> Chosen[Params]:
    """The parameters whose lists of twenty find most of the held-back visits (NDCG), in about
    `seconds`. A shop that is told of no views keeps the default."""
    held = hold_back(newest_rows(history, ROWS), HELD_BACK)
    questions = asked(held.after)
    ready = None
    if len(questions):
        ready = compared(described if described is not None else undescribed(history.items))

    def score(params: Params) -> float:
        if ready is None:
            return 0.0
        lists = answers(blend(held.before, params, ready), questions, K)
        return float(gains(lists, questions.wanted).mean())

    return choose(candidates(held.before) if ready else iter([Params()]), score, seconds)

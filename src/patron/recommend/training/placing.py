"""Each placement on the days held back: asked as its page would have asked, without today's stock
and without the rules about one customer, which would have been other ones then."""

from collections.abc import Iterable, Sequence

import numpy as np

from patron.recommend.measure import measure
from patron.recommend.placements.definition import Placement, Shows
from patron.recommend.rules.types import Strategy
from patron.recommend.serving.answering import chained
from patron.recommend.serving.strategies import Strategies
from patron.recommend.training.asking import About, Posed
from patron.recommend.training.judging import as_it_was, bar, listed
from patron.recommend.training.report import PlacementReport
from patron.recommend.training.train import Training

ABOUT: dict[Strategy, About] = {
    Strategy.TOGETHER: About.PRODUCT,
    Strategy.BUNDLE: About.PRODUCT,
    Strategy.CART: About.CART,
    Strategy.FILLER: About.CART,
    Strategy.AGAIN: About.AGAIN,
    Strategy.SESSION: About.VISIT,
    Strategy.ALSO_VIEWED: About.VISIT,
    Strategy.SIMILAR: About.VISIT,
    Strategy.UPSELL: About.VISIT,
    Strategy.BECAUSE_YOU_VIEWED: About.VISIT,
    Strategy.RECENTLY_VIEWED: About.VISIT,
}
"""What a placement is asked about, by its first strategy; all others about persons."""


def placed(training: Training, placements: Iterable[Placement]) -> list[PlacementReport]:
    """The report of each placement that offers products and of which something can be asked."""
    found = []
    for placement in placements:
        about = ABOUT.get(placement.chain[0], About.PERSON)
        questions = training.questions(about)
        if placement.on and placement.shows is Shows.PRODUCTS and questions:
            found.append(_judged(training, placement, questions))
    return found


def _judged(
    training: Training, placement: Placement, questions: Sequence[Posed]
) -> PlacementReport:
    models, goods = training.before, training.wares.goods
    then = as_it_was(goods, models)
    chain = [strategy for strategy, _ in chained(placement)]
    rows = listed(Strategies(models, then), chain, questions)
    popularity = np.rint(models.popularity * 1_000).astype(np.int64)
    if not len(popularity):
        popularity = np.zeros(max(len(goods), 1), np.int64)
    own = measure(rows, [question.wanted for question in questions], popularity)
    may = np.flatnonzero(goods.shown)
    shown = np.intersect1d(rows, may)
    return PlacementReport(
        placement.key, own, len(shown) / max(len(may), 1), bar(models, goods, questions)
    )

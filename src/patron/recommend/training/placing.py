"""Each placement on the days held back: asked as its page would have asked, without today's stock
and without the rules about one customer, which would have been other ones then."""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from patron.kit.log import logger
from patron.recommend.blend.types import Blends, Decision
from patron.recommend.measure import measure
from patron.recommend.placements.definition import Placement, Shows
from patron.recommend.rules.types import Strategy
from patron.recommend.serving.answering import chained
from patron.recommend.serving.strategies import Strategies
from patron.recommend.training import blending
from patron.recommend.training.asking import About, Posed
from patron.recommend.training.judging import as_it_was, bar, counted, listed
from patron.recommend.training.report import BlendReport, PlacementReport
from patron.recommend.training.train import Training

log = logger(__name__)

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


def placed(
    training: Training, placements: Iterable[Placement]
) -> tuple[list[PlacementReport], list[Decision]]:
    """The report of each placement that offers products and of which something can be asked; and
    in which of them strategies share a link."""
    found, decisions = [], []
    for placement in placements:
        about = ABOUT.get(placement.chain[0], About.PERSON)
        questions = training.questions(about)
        if placement.on and placement.shows is Shows.PRODUCTS and questions:
            blend, decision = _blended(training, placement, about)
            found.append(_judged(training, placement, questions, blend))
            decisions += [] if decision is None else [decision]
    return found, decisions


def blends(decisions: Sequence[Decision]) -> Blends:
    """The decisions as they stand on the shelf."""
    whole, real = np.empty(0, np.int32), np.empty(0)
    return Blends([*map(msgspec.to_builtins, decisions)], whole, whole, real, whole, whole, real)


def _blended(
    training: Training, placement: Placement, about: About
) -> tuple[BlendReport | None, Decision | None]:
    if not placement.blend:
        return None, None
    models, goods = training.before, training.wares.goods
    strategies = Strategies(models, as_it_was(goods, models))
    questions = training.questions(about, blending.QUESTIONS)
    told, decision = blending.judged(placement, strategies, questions, counted(models, goods))
    log.info("blend judged", extra={"placement": placement.key, "used": told.used, "why": told.why})
    return told, decision


def _judged(
    training: Training,
    placement: Placement,
    questions: Sequence[Posed],
    blend: BlendReport | None,
) -> PlacementReport:
    models, goods = training.before, training.wares.goods
    then = as_it_was(goods, models)
    chain = [strategy for strategy, _ in chained(placement)]
    rows = listed(Strategies(models, then), chain, questions)
    own = measure(rows, [question.wanted for question in questions], counted(models, goods))
    may = np.flatnonzero(goods.shown)
    shown = np.intersect1d(rows, may)
    return PlacementReport(
        placement.key,
        own,
        len(shown) / max(len(may), 1),
        bar(models, goods, questions),
        blend,
    )

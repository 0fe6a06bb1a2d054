"""Each placement on the days held back: asked as its page would have asked, without today's stock
and without the rules about one customer, which would have been other ones then."""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from patron.kit.log import logger
from patron.recommend.blend.learning import joined
from patron.recommend.blend.types import Blends, Way
from patron.recommend.measure import measure
from patron.recommend.placements.definition import Area, Placement, Shows
from patron.recommend.rules.types import NONE, Strategy
from patron.recommend.serving.answering import chained
from patron.recommend.serving.strategies import Strategies
from patron.recommend.training import blending
from patron.recommend.training.asking import About, Posed
from patron.recommend.training.blending import Ruling
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
    Strategy.NEXT_ORDER: About.ORDER,
    Strategy.SESSION: About.VISIT,
    Strategy.ALSO_VIEWED: About.VISIT,
    Strategy.SIMILAR: About.VISIT,
    Strategy.UPSELL: About.VISIT,
    Strategy.BECAUSE_YOU_VIEWED: About.VISIT,
    Strategy.RECENTLY_VIEWED: About.VISIT,
}
"""What a placement is asked about, by its first strategy; all others about persons."""


def about_of(placement: Placement) -> About:
    """What it is asked about. What is popular in a category is asked on a product's page."""
    usual = About.VISIT if placement.popular_in is Area.CATEGORY else About.PERSON
    return ABOUT.get(placement.chain[0], usual)


def as_there(placement: Placement, questions: Sequence[Posed]) -> Sequence[Posed]:
    """The questions as a page asks them with this placement: whose best-sellers it means, and which
    product is looked at."""
    if placement.popular_in is Area.SHOP:
        return questions
    return [_in_area(placement.popular_in, question) for question in questions]


def _in_area(area: Area, question: Posed) -> Posed:
    moment = question.moment
    context = moment.context
    if area is Area.CATEGORY and context.product == NONE and len(moment.visit):
        context = msgspec.structs.replace(context, product=int(moment.visit[-1]))
    there = msgspec.structs.replace(moment, area=area, context=context)
    return msgspec.structs.replace(question, moment=there)


def placed(
    training: Training, placements: Iterable[Placement]
) -> tuple[list[PlacementReport], list[Ruling]]:
    """The report of each placement that offers products and of which something can be asked; and
    what was decided about those in which strategies may share a link."""
    found, rulings = [], []
    for placement in placements:
        about = about_of(placement)
        questions = training.questions(about)
        if placement.on and placement.shows is Shows.PRODUCTS and questions:
            ruling = _blended(training, placement, about) if placement.blend else None
            rulings += [] if ruling is None else [ruling]
            told = None if ruling is None else ruling.report
            found.append(_judged(training, placement, questions, told))
    return found, rulings


def blends(rulings: Iterable[Ruling]) -> Blends | None:
    """What was decided, as it stands on the shelf; None where nothing is blended."""
    decisions, forests, trees = [], [], 0
    for ruling in rulings:
        decision = ruling.decision
        if decision is None:
            continue
        if ruling.forest is not None and decision.way is Way.TREES:
            last = trees + len(ruling.forest.root)
            decision = msgspec.structs.replace(decision, first=trees, last=last)
            forests.append(ruling.forest)
            trees = last
        decisions.append(msgspec.to_builtins(decision))
    columns = msgspec.structs.asdict(joined(forests))
    return Blends(decisions, **columns) if decisions else None


def _blended(training: Training, placement: Placement, about: About) -> Ruling:
    models, goods = training.before, training.wares.goods
    strategies = Strategies(models, as_it_was(goods, models))
    first = training.first_questions(about, blending.ENOUGH, blending.QUESTIONS)
    questions = as_there(placement, first)
    ruling = blending.judged(placement, strategies, questions, counted(models, goods))
    told = ruling.report
    log.info("blend judged", extra={"placement": placement.key, "way": told.way, "why": told.why})
    return ruling


def _judged(
    training: Training,
    placement: Placement,
    questions: Sequence[Posed],
    blend: BlendReport | None,
) -> PlacementReport:
    models, goods = training.before, training.wares.goods
    then = as_it_was(goods, models)
    chain = [strategy for strategy, _ in chained(placement)]
    rows = listed(Strategies(models, then), chain, as_there(placement, questions))
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

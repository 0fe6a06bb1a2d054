"""How long each strategy takes for one answer, on a real year of orders: one thread, no HTTP.

The orders are those of completejourney, a data set that its README calls simulated-based; it tells
of no views, so visits are orders here. Questions are those by which the nightly training judges.
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import cycle, islice

import msgspec
import numpy as np

from all_indexes import orders, steps
from patron.catalog.watching.store import Ware
from patron.recommend.held import hold_back
from patron.recommend.rules.types import Goods, Strategy
from patron.recommend.serving.goods import columns
from patron.recommend.serving.opened import Models
from patron.recommend.serving.strategies import Moment, Strategies
from patron.recommend.similar.types import Described
from patron.recommend.training.asking import About, asked

QUESTIONS, MOST, N = 2_000, 500, 100
HELD_BACK = 0.05
TO_FREE_SHIPPING = {"cart_value": 2_000, "free_shipping_from": 3_500}
AT_ONCE = frozenset([About.PERSON, About.CART])
"""What is asked at one moment, as a server is: everybody's lists are put in order now and then."""
ASKED: Mapping[Strategy, About] = {
    Strategy.TOGETHER: About.PRODUCT,
    Strategy.CART: About.CART,
    Strategy.BUNDLE: About.PRODUCT,
    Strategy.ALSO_VIEWED: About.PRODUCT,
    Strategy.SIMILAR: About.PRODUCT,
    Strategy.BECAUSE_YOU_VIEWED: About.VISIT,
    Strategy.SESSION: About.VISIT,
    Strategy.FOR_YOU: About.PERSON,
    Strategy.AGAIN: About.AGAIN,
    Strategy.NEXT_ORDER: About.ORDER,
    Strategy.TRENDING: About.PERSON,
    Strategy.BEST_SELLERS: About.PERSON,
    Strategy.NEW: About.PERSON,
    Strategy.ON_SALE: About.PERSON,
    Strategy.STAR: About.PERSON,
    Strategy.RECENTLY_VIEWED: About.VISIT,
    Strategy.FILLER: About.CART,
    Strategy.UPSELL: About.PRODUCT,
}


class Took(msgspec.Struct):
    """Seconds of one answer at p50, p90 and p99, and the share of questions that had one."""

    seconds: list[float]
    answered: float


def every() -> dict[str, Took]:
    """Each strategy by its name."""
    past, described = orders()
    held = hold_back(past, HELD_BACK)
    built = {name: build() for name, build in steps(held.before, described).items()}
    items = [f"p{number}" for number in range(past.items)]
    models = Models(items=items, companions=built.pop("together"), **built)
    answering = Strategies(models, _goods(described, items, held.moment))
    posed = {
        about: [
            _at(one.moment, now=float(held.moment)) if about in AT_ONCE else one.moment
            for one in asked(about, held.before, held.after, MOST)
        ]
        for about in set(ASKED.values())
    }
    return {name: _timed(answering, name, posed[about]) for name, about in ASKED.items()}


def _timed(answering: Strategies, name: Strategy, moments: list[Moment]) -> Took:
    if name is Strategy.FILLER:
        moments = [_at(one, **TO_FREE_SHIPPING) for one in moments]
    for moment in moments[:20]:
        answering.propose(name, moment, N, fallback=False)  # compiled, and in memory
    took, answered = np.empty(QUESTIONS), 0
    for number, moment in enumerate(islice(cycle(moments), QUESTIONS)):
        began = time.perf_counter()
        offer = answering.propose(name, moment, N, fallback=False)
        took[number] = time.perf_counter() - began
        answered += offer is not None
    return Took(np.percentile(took, (50, 90, 99)).tolist(), answered / QUESTIONS)


def _at(moment: Moment, **more: float) -> Moment:
    """The same with another context."""
    context = msgspec.structs.replace(moment.context, **more)
    return msgspec.structs.replace(moment, context=context)


def _goods(described: Described, items: list[str], moment: int) -> Goods:
    """The catalog: a tenth is reduced, a fiftieth new."""
    then, now = (datetime.fromtimestamp(at, UTC) for at in (0, moment))
    wares = [
        Ware(
            id=id,
            title=described.texts[number],
            price=int(described.price[number]),
            compare_at=int(described.price[number]) + 100 if number % 10 == 0 else None,
            currency="USD",
            available=True,
            stock=None,
            brand=f"B{described.brand[number]}",
            categories=described.paths[described.category[number]].split(" > "),
            image_url=None,
            url=None,
            attributes={},
            margin=0.3,
            shown=True,
            created_at=now if number % 50 == 0 else then,
        )
        for number, id in enumerate(items)
    ]
    return columns(wares, items, "USD")

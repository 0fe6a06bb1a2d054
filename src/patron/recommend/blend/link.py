"""One link of a chain in which several strategies have a say, at the moment of an answer."""

from collections.abc import Sequence

import msgspec
import numpy as np

from patron.recommend.blend.features import features
from patron.recommend.blend.reciprocal import Fused, Items, falling, fused
from patron.recommend.blend.trees import predicted
from patron.recommend.blend.types import DEPTH, MOST, Decision, Forest
from patron.recommend.rules.types import NONE, Goods, Offer, Ranked, Strategy
from patron.recommend.serving.strategies import Moment, Strategies
from patron.recommend.types import Scored
from patron.recommend.warming import BLEND

Heard = dict[Strategy, Offer]


class Blended(msgspec.Struct, frozen=True, eq=False):
    """The offer of a link, and which strategy spoke loudest for each of its products."""

    link: Sequence[Strategy]
    offer: Offer
    spoke: dict[int, str]

    def tell(self, found: Ranked) -> None:
        """Have each product of an answer give the strategy as its reason that spoke for it."""
        for item, codes in zip(found.items.tolist(), found.reasons, strict=True):
            if codes and codes[0] == self.offer.strategy and item in self.spoke:
                codes[0] = self.spoke[item]


def heard(strategies: Strategies, link: Sequence[Strategy], moment: Moment) -> Heard:
    """What each strategy of a link offers; one that has nothing to say is not in it."""
    found = {}
    for strategy in link:
        offer = strategies.propose(strategy, moment, DEPTH, fallback=False)
        if offer is not None:
            found[strategy] = offer
    return found


def lists_of(said: Heard, link: Sequence[Strategy]) -> list[Items]:
    """A list for each strategy of the link, empty where it has nothing to say."""
    nothing = np.empty(0, np.int32)
    return [said[one].scored.items[:DEPTH] if one in said else nothing for one in link]


def blended(
    strategies: Strategies, decision: Decision, moment: Moment, forest: Forest | None = None
) -> Blended | None:
    """The offer of a link as it was decided; None where nobody has anything to say."""
    said = heard(strategies, decision.link, moment)
    if not said:
        return None
    found = fused(lists_of(said, decision.link), decision.constant, MOST, decision.weights)
    if forest is not None:
        quick = strategies.loops.ready(BLEND)
        found = reranked(strategies.goods, decision.link, moment, said, found, forest, quick)
    return _offer(decision.link, said, found)


def reranked(
    goods: Goods,
    link: Sequence[Strategy],
    moment: Moment,
    said: Heard,
    found: Fused,
    forest: Forest,
    compiled: bool | None = None,
) -> Fused:
    """The first `DEPTH` products in the order in which the trees would have them, of equals as they
    were; the others behind them."""
    first = found.of(slice(0, DEPTH))
    rows = features(goods, moment, link, said, first)
    scores = predicted(forest, rows, compiled=compiled)
    order = np.argsort(-scores, kind="stable")
    return found.of(np.append(order, np.arange(len(first), len(found))))


def _offer(link: Sequence[Strategy], said: Heard, found: Fused) -> Blended:
    because = np.full(len(found), NONE, np.int32)
    for number, strategy in enumerate(link):
        named = said[strategy].because if strategy in said else None
        if named is not None:
            own = found.spoke == number
            because[own] = named[found.place[own]]
    scored = Scored(found.items, falling(len(found)))
    names = [link[number].value for number in found.spoke.tolist()]
    offer = Offer(link[0], scored, because)
    return Blended(link, offer, dict(zip(found.items.tolist(), names, strict=True)))

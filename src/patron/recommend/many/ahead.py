"""Lists that are counted for a block of customers at once, before each of them is answered."""

from collections.abc import Collection, Sequence

import msgspec
import numpy as np

from patron.recommend.again import query as again
from patron.recommend.again.basket import baskets
from patron.recommend.again.model import Index as Again
from patron.recommend.again.purchases import Purchases, of_columns
from patron.recommend.placements.definition import Placement
from patron.recommend.rules.types import Context, Strategy
from patron.recommend.sequence import query as sequence
from patron.recommend.sequence.model import Index as Sequence_
from patron.recommend.serving.answering import OFFERED, Scene
from patron.recommend.serving.opened import Models
from patron.recommend.serving.strategies import Moment, Strategies, deeds
from patron.recommend.types import Scored
from patron.recommend.warming import AGAIN, SEQUENCE, Loops

Ready = dict[tuple[int, str], Scored]


class Counted(msgspec.Struct, frozen=True):
    """See `Strategies.ahead`; of those whose past is empty nothing is said."""

    offers: Ready
    dates: dict[int, dict[int, int]]

    def hand_to(self, strategies: Strategies) -> None:
        """Have them answer with it."""
        strategies.ahead, strategies.dates_ahead = self.offers, self.dates


NOTHING = Counted({}, {})


def asked_of(placement: Placement) -> set[Strategy]:
    """The strategies that a placement may ask."""
    return {*placement.chain, *placement.fallback}


def counted(
    models: Models, scenes: Sequence[Scene], wanted: Collection[Strategy], loops: Loops
) -> Counted:
    """What the wanted strategies offer in these scenes, of those that can be asked for many."""
    found = Counted({}, {})
    if Strategy.FOR_YOU in wanted and models.sequence is not None:
        _for_you(models.sequence, scenes, found.offers, loops)
    if models.again is not None:
        buyers = [scene for scene in scenes if len(scene.seen.bought)]
        lines = _lines(models.again, buyers)
        if buyers and Strategy.NEXT_ORDER in wanted:
            _next_order(models.again, buyers, lines, found.offers, loops)
        if buyers and Strategy.AGAIN in wanted:
            _again(models.again, buyers, lines, found)
    return found


def _for_you(index: Sequence_, scenes: Sequence[Scene], found: Ready, loops: Loops) -> None:
    said = [deeds(_moment(scene)) for scene in scenes]
    starts = np.cumsum([0, *(len(items) for items, _, _ in said)])
    if not starts[-1]:
        return
    items, kinds = (np.concatenate([one[k] for one in said]) for k in (0, 1))
    rows = sequence.for_many(
        index, starts, items, OFFERED, exclude_had=False, kinds=kinds,
        compiled=loops.ready(SEQUENCE),
    )  # fmt: skip
    for scene, row, scores in zip(scenes, *rows, strict=True):
        many = int((row >= 0).sum())
        found[id(scene.seen), Strategy.FOR_YOU] = Scored(row[:many], scores[:many])


def _next_order(
    index: Again, buyers: Sequence[Scene], lines: Purchases, found: Ready, loops: Loops
) -> None:
    rows = baskets(index, lines, OFFERED, compiled=loops.ready(AGAIN))
    # Those of whose purchases none is known to the index have no row.
    for person, row, scores in zip(np.unique(lines.person).tolist(), *rows, strict=True):
        many = int((row >= 0).sum())
        found[id(buyers[person].seen), Strategy.NEXT_ORDER] = Scored(row[:many], scores[:many])


def _again(index: Again, buyers: Sequence[Scene], lines: Purchases, found: Counted) -> None:
    who, due = again.everybody(index, lines, int(buyers[0].now))
    edges = np.searchsorted(who, np.arange(len(buyers) + 1)).tolist()
    score = due.chance.astype(np.float32)
    for person, scene in enumerate(buyers):
        its = slice(edges[person], edges[person + 1])
        best = np.argsort(-score[its], kind="stable")[:OFFERED]
        offer = Scored(due.items[its][best], score[its][best])
        found.offers[id(scene.seen), Strategy.AGAIN] = offer
        dates = zip(due.items[its].tolist(), due.at[its].tolist(), strict=True)
        found.dates[id(scene.seen)] = dict(dates)


def _lines(index: Again, buyers: Sequence[Scene]) -> Purchases:
    """What the index knows of what all of them bought."""
    none = [np.zeros(0, np.int32)]
    person = np.repeat(np.arange(len(buyers)), [len(one.seen.bought) for one in buyers])
    items, baskets_, at = (
        np.concatenate([*(getattr(one.seen, name) for one in buyers), *none])
        for name in ("bought", "baskets", "bought_at")
    )
    known = (items >= 0) & (items < index.items)
    return of_columns(
        person[known].astype(np.int32), items[known].astype(np.int32), at[known].astype(np.int64),
        baskets_[known].astype(np.int32), len(buyers), index.items,
    )  # fmt: skip


def _moment(scene: Scene) -> Moment:
    context = Context(now=scene.now, n=0, cart=scene.cart)
    return Moment(context, scene.seen, scene.visit, scene.ages)

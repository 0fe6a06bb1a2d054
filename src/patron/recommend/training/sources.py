"""The sources: how each is counted, what it is asked for, and how its parameters are chosen."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from patron.recommend.again import fit as again
from patron.recommend.again import tuning as again_tuning
from patron.recommend.again.model import Params as AgainParams
from patron.recommend.choosing import Chosen
from patron.recommend.popular import fit as popular
from patron.recommend.popular.types import Groups
from patron.recommend.popular.types import Params as PopularParams
from patron.recommend.rules.types import Goods, Strategy
from patron.recommend.sequence import fit as sequence
from patron.recommend.sequence import tuning as sequence_tuning
from patron.recommend.sequence.model import Params as SequenceParams
from patron.recommend.session import fit as session
from patron.recommend.session import tuning as session_tuning
from patron.recommend.session.index import Params as SessionParams
from patron.recommend.similar import fit as similar
from patron.recommend.similar import tuning as similar_tuning
from patron.recommend.similar.types import Described
from patron.recommend.similar.types import Params as SimilarParams
from patron.recommend.together import fit as together
from patron.recommend.together import tuning as together_tuning
from patron.recommend.together.types import Params as TogetherParams
from patron.recommend.training.asking import About
from patron.recommend.types import Interactions


class Wares(msgspec.Struct, frozen=True, eq=False):
    """What the catalog says of the products that the history numbers. What their titles have in
    common is kept in the file `kept` until one of them changes."""

    goods: Goods
    titles: Sequence[str]
    kept: Path | None = None

    def described(self) -> Described:
        """As the likeness of products is counted from it."""
        goods = self.goods
        return Described(
            texts=self.titles,
            category=goods.category.codes,
            paths=goods.category.words,
            brand=goods.brand.codes,
            price=goods.price,
            parent=goods.parent,
            kept=self.kept,
        )


class Judged(msgspec.Struct, frozen=True):
    """A strategy is judged by how well it answers questions `about` something; `name` stands in the
    report."""

    name: str
    strategy: Strategy
    about: About


class Source(msgspec.Struct, frozen=True, eq=False):
    """`fit` counts it from a history and the catalog; it is judged by how well `strategy` answers
    questions `about` something, and what else it answers by questions of its own. `search` finds
    its parameters in some seconds, `usual` are those of a shop that has too little past. One that
    needs `events` is not counted where there are none."""

    name: str
    strategy: Strategy
    about: About
    usual: msgspec.Struct
    fit: Callable[[Interactions, Any, Wares], msgspec.Struct]
    search: Callable[[Interactions, float, Wares], Chosen[Any]]
    events: bool = True
    besides: Sequence[Judged] = ()

    @property
    def answers(self) -> list[Judged]:
        """All that it answers."""
        return [Judged(self.name, self.strategy, self.about), *self.besides]


SOURCES: Sequence[Source] = (
    Source(
        "session",
        Strategy.SESSION,
        About.VISIT,
        SessionParams(),
        lambda history, params, _: session.fit(history, params),
        lambda history, seconds, _: session_tuning.chosen(history, seconds),
    ),
    Source(
        "sequence",
        Strategy.FOR_YOU,
        About.PERSON,
        SequenceParams(),
        lambda history, params, _: sequence.fit(history, params),
        lambda history, seconds, _: sequence_tuning.chosen(history, seconds),
    ),
    Source(
        "companions",
        Strategy.TOGETHER,
        About.PRODUCT,
        TogetherParams(),
        lambda history, params, _: together.fit(history, params),
        lambda history, seconds, _: together_tuning.chosen(history, seconds),
    ),
    Source(
        "similar",
        Strategy.SIMILAR,
        About.VISIT,
        SimilarParams(),
        lambda history, params, wares: similar.fit(history, params, wares.described()),
        lambda history, seconds, wares: similar_tuning.chosen(history, seconds, wares.described()),
        events=False,
    ),
    Source(
        "again",
        Strategy.AGAIN,
        About.AGAIN,
        AgainParams(),
        lambda history, params, wares: again.fit(
            history, params, categories=wares.goods.category.codes
        ),
        lambda history, seconds, _: again_tuning.chosen(history, seconds),
        besides=(Judged("next_order", Strategy.NEXT_ORDER, About.ORDER),),
    ),
)
"""In the order in which time is spent on them."""


def fit_popular(
    history: Interactions, params: PopularParams, now: int, homes: Groups | None = None
) -> msgspec.Struct:
    """Popularity at `now`, of everybody: what all others must beat; and in each country."""
    return popular.fit(history, params, now, homes)


def last_second(history: Interactions) -> int:
    """When the last deed was done."""
    return int(history.at.max()) if len(history) else 0

"""How well lists answer questions about the days held back."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend.measure import Measured, measure
from patron.recommend.rules.types import Goods, Strategy
from patron.recommend.serving.opened import Models
from patron.recommend.serving.strategies import Items, Strategies
from patron.recommend.training.asking import Posed

K = 10
MORE = 100
"""Products that are asked for: some of them are not offered again."""


def listed(
    strategies: Strategies, chain: Sequence[str], questions: Sequence[Posed], k: int = K
) -> NDArray[np.int32]:
    """Of each question the first `k` products of the chain, -1 where there are fewer."""
    rows = np.full((len(questions), k), -1, np.int32)
    for row, question in zip(rows, questions, strict=True):
        found: list[int] = []
        for strategy in chain:
            offer = strategies.propose(strategy, question.moment, MORE, fallback=False)
            if offer is not None:
                _extend(found, offer.scored.items, question.avoid, k)
            if len(found) >= k:
                break
        row[: len(found)] = found[:k]
    return rows


def _extend(found: list[int], items: Items, avoid: Items, k: int) -> None:
    there = set(found)
    fresh = items if not len(avoid) else items[~np.isin(items, avoid)]
    found += [item for item in fresh[: k + len(there)].tolist() if item not in there]


def judged(
    models: Models, goods: Goods, chain: Sequence[str], questions: Sequence[Posed]
) -> Measured:
    """The figures of a chain of strategies on these questions."""
    then = as_it_was(goods, models)
    rows = listed(Strategies(models, then), chain, questions)
    return measure(rows, [question.wanted for question in questions], counted(models, goods))


def counted(models: Models, goods: Goods) -> NDArray[np.int64]:
    """How popular each product is, in whole numbers."""
    counts = np.rint(models.popularity * 1_000).astype(np.int64)
    return counts if len(counts) else np.zeros(max(len(goods), 1), np.int64)


def bar(models: Models, goods: Goods, questions: Sequence[Posed]) -> Measured:
    """The same of plain popularity."""
    return judged(models, goods, [Strategy.BEST_SELLERS], questions)


def as_it_was(goods: Goods, models: Models) -> Goods:
    """The catalog as if everything had been there: what has run out since was offered then."""
    everything = np.ones(len(goods), np.bool_)
    return msgspec.structs.replace(
        goods, shown=everything, in_stock=everything, popularity=models.popularity
    )

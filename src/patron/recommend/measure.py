"""How good ranked lists are, as the literature counts it: all products compete, none is sampled.

A list is a row of `ranked`, best first, filled up with -1. Formulas: Järvelin and Kekäläinen 2002
(NDCG, doi:10.1145/582415.582418), Voorhees 1999 (reciprocal rank), Castells et al. 2015 (novelty).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Measured(msgspec.Struct, frozen=True):
    """Averages over all questions; shares between 0 and 1."""

    questions: int
    hit_rate: float  # lists that hold at least one of the wanted
    recall: float  # share of the wanted that is in the list
    mrr: float  # 1 / place of the first wanted, 0 if none is in the list
    ndcg: float
    coverage: float  # share of all products that is in at least one list
    novelty: float  # mean -log2 of a listed product's share of all interactions
    popularity_bias: float  # share of the listed places that the 1 % most popular products take


def ranks(ranked: "NDArray[np.int32]", wanted: "NDArray[np.int32]") -> "NDArray[np.int32]":
    """At which place, from 0, the one wanted product of each question stands; -1 where it is not.

    `ranked` is questions × k, `wanted` has one number a question.
    """
    found = ranked == wanted[:, None]
    return np.where(found.any(axis=1), found.argmax(axis=1), -1).astype(np.int32)


def measure(
    ranked: "NDArray[np.int32]",
    wanted: Sequence["NDArray[np.int32]"],
    popularity: "NDArray[np.int64]",
) -> Measured:
    """All figures at k = the lists' length. `wanted[q]` are the different products that question q
    should have found; `popularity` counts the interactions of each product in training."""
    questions = len(ranked)
    if questions == 0:
        return Measured(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    hits = recall = reciprocal = 0.0
    for row, sought in zip(ranked, wanted, strict=True):
        found = np.isin(row, sought) & (row >= 0)
        if found.any():
            hits += 1
            recall += found.sum() / len(sought)
            reciprocal += 1.0 / (int(found.argmax()) + 1)
    listed = ranked[ranked >= 0]
    share = (popularity + 1) / (popularity.sum() + len(popularity))
    best = np.argsort(-popularity, kind="stable")[: max(1, len(popularity) // 100)]
    return Measured(
        questions,
        hits / questions,
        recall / questions,
        reciprocal / questions,
        float(gains(ranked, wanted).mean()),
        len(np.unique(listed)) / len(popularity),
        float(-np.log2(share[listed]).mean()) if len(listed) else 0.0,
        float(np.isin(listed, best).mean()) if len(listed) else 0.0,
    )


def gains(
    ranked: "NDArray[np.int32]", wanted: Sequence["NDArray[np.int32]"]
) -> "NDArray[np.float64]":
    """NDCG of each question."""
    k = ranked.shape[1]
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(discount)
    found = np.zeros(len(wanted))
    for question, (row, sought) in enumerate(zip(ranked, wanted, strict=True)):
        hit = np.isin(row, sought) & (row >= 0)
        if hit.any():
            found[question] = discount[hit].sum() / ideal[min(len(sought), k) - 1]
    return found

"""Whether a source beats popularity on the days that were held back. One that does not is not used.

Each question is asked of both; the gain is the mean difference of their NDCG, question by question,
and its standard error says how sure that is (a paired comparison: Smucker, Allan and Carterette
2007, doi:10.1145/1321440.1321528).
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend.types import Interactions

FEW = 30
"""Questions below which chance decides."""


class Asked(msgspec.Struct, frozen=True):
    """Questions of the held-back days: question q knows `given[q]` and should find any of
    `wanted[q]`, all of them different."""

    given: list[NDArray[np.int32]]
    wanted: list[NDArray[np.int32]]

    def __len__(self) -> int:
        return len(self.wanted)


class Outcome(StrEnum):
    """What the held-back days say of a source."""

    BEATS = "beats"  # popularity, so it is used
    FALLS_SHORT = "falls_short"  # popularity is as good or better, so it is not used
    TOO_FEW = "too_few"  # questions to tell; it is used as it comes


class Verdict(msgspec.Struct, frozen=True):
    """NDCG of a source and of popularity on the same questions; `error` is the standard error of
    their difference."""

    outcome: Outcome
    questions: int
    score: float
    bar: float
    error: float

    @property
    def is_used(self) -> bool:
        return self.outcome is not Outcome.FALLS_SHORT

    def words(self) -> str:
        """One sentence for the page that shows it."""
        if self.outcome is Outcome.TOO_FEW:
            return (
                f"Too little happened on the days held back to tell ({self.questions} questions,"
                f" {FEW} are needed); it is used as it comes."
            )
        figures = f"{self.score:.4f} against {self.bar:.4f} in {self.questions} questions"
        if self.outcome is Outcome.BEATS:
            return f"Finds more of what people went on to choose than popularity does: {figures}."
        return f"Not used: popularity finds as much or more of what people chose: {figures}."


def verdict(
    ranked: NDArray[np.int32], rival: NDArray[np.int32], wanted: Sequence[NDArray[np.int32]]
) -> Verdict:
    """Compare a source's lists with those of popularity: questions × k, best first, filled up with
    -1. Raises ValueError where the numbers of questions differ."""
    if not len(ranked) == len(rival) == len(wanted):
        raise ValueError(
            f"{len(ranked)} lists, {len(rival)} of popularity and {len(wanted)} answers;"
            " give one of each for every question"
        )
    own, bar = gains(ranked, wanted), gains(rival, wanted)
    count = len(wanted)
    if count < FEW:
        outcome, error = Outcome.TOO_FEW, 0.0
    else:
        outcome = Outcome.BEATS if own.mean() > bar.mean() else Outcome.FALLS_SHORT
        error = float((own - bar).std(ddof=1) / np.sqrt(count))
    means = [float(values.mean()) if count else 0.0 for values in (own, bar)]
    return Verdict(outcome, count, means[0], means[1], error)


def gains(ranked: NDArray[np.int32], wanted: Sequence[NDArray[np.int32]]) -> NDArray[np.float64]:
    """NDCG of each question, as `measure` averages it."""
    k = ranked.shape[1] if len(ranked) else 0
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(discount)
    found = np.zeros(len(wanted))
    for question, (row, sought) in enumerate(zip(ranked, wanted, strict=True)):
        hit = np.isin(row, sought) & (row >= 0)
        if hit.any():
            found[question] = discount[hit].sum() / ideal[min(len(sought), k) - 1]
    return found


def popular_lists(
    popular: NDArray[np.int32], given: Sequence[NDArray[np.int32]], k: int
) -> NDArray[np.int32]:
    """What popularity answers: the first `k` of `popular` that a question does not know already.

    `popular` should be longer than k by as many as a question knows, or lists stay short.
    """
    lists = np.full((len(given), k), -1, np.int32)
    for question, known in enumerate(given):
        best = popular[: k + len(known)]
        best = best[~np.isin(best, known)][:k]
        lists[question, : len(best)] = best
    return lists


def evenly(count: int, most: int) -> NDArray[np.int64]:
    """Places of at most `most` of `count` questions, evenly over all."""
    return np.arange(0, count, max(1, -(-count // most)))


def newest(history: Interactions, rows: int) -> Interactions:
    """At most about `rows` rows, the newest: what a search counts again and again is bounded."""
    if len(history) <= rows:
        return history
    return history.where(history.at > np.partition(history.at, -rows)[-rows])

"""Lists out of scores."""

import numpy as np
from numpy.typing import NDArray

from patron.recommend.types import Scored


def best(scores: NDArray[np.float64], n: int) -> Scored:
    """The `n` best with a score above 0, of equals the lower number first."""
    items = np.flatnonzero(scores > 0)
    values = scores[items]
    if len(items) > n:
        least = np.partition(values, len(values) - n)[len(values) - n]
        items, values = items[values >= least], values[values >= least]
    order = np.argsort(-values, kind="stable")[:n]
    return Scored(items[order].astype(np.int32), values[order].astype(np.float32))


def falling(count: int) -> NDArray[np.float32]:
    """Scores for a list that is in order already."""
    return np.linspace(1.0, 0.5, count, dtype=np.float32) if count else np.empty(0, np.float32)

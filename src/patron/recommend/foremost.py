"""The best of what a compiled loop has met."""

from typing import Any

import numpy as np

from patron.recommend.compiling import compiled


@compiled
def foremost(score: Any, met: Any, n: int) -> Any:
    """Of the products `met` the `n` with the highest `score` (of all products), best first; of
    equals the lower number comes first."""
    found = np.sort(met)
    values = score[found]
    if len(found) > n:
        least = np.partition(values, len(values) - n)[len(values) - n]
        enough = values >= least
        found, values = found[enough], values[enough]
    return found[np.argsort(-values, kind="mergesort")[:n]]

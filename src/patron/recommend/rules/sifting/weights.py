"""What relevance is multiplied by besides boosts."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from patron.recommend.rules.ruleset import Rules
from patron.recommend.rules.scene import Floats, Scene

_LEAST = 0.01


def weighing(scene: Scene, rules: Rules) -> Iterator[Floats]:
    """What margin and popularity weigh of each product, where they weigh anything."""
    for what, weight in (
        ("margin", rules.margin_weight),
        ("popularity", rules.popularity_weight),
    ):
        if weight:
            share = np.minimum(np.maximum(scene.number(what), 0), 1)
            unknown = np.isnan(share)
            if unknown.any():
                # Who does not say is taken for the usual, or silence would be punished.
                known = np.sort(share[~unknown])
                share[unknown] = known[len(known) // 2] if len(known) else 0.0
            yield np.maximum(1 + weight * share, _LEAST)


def faded(rules: Rules, times: NDArray[np.int32] | NDArray[np.int64]) -> Floats:
    """What is left of relevance after so many times in vain."""
    found: Floats = np.maximum(np.power(rules.ignored_factor, times, dtype=np.float64), _LEAST)
    return found

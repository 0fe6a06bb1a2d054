"""The walk through trees, compiled."""

from typing import Any

import numpy as np

from patron.recommend.compiling import compiled


@compiled
def summed(
    root: Any, feature: Any, threshold: Any, left: Any, right: Any, value: Any, rows: Any
) -> Any:
    """The sum of what each tree says, for each row."""
    found = np.zeros(len(rows))
    for row in range(len(rows)):
        total = 0.0
        for tree in range(len(root)):
            node = root[tree]
            while node >= 0:
                at_most = rows[row, feature[node]] <= threshold[node]
                node = left[node] if at_most else right[node]
            total += value[-1 - node]
        found[row] = total
    return found

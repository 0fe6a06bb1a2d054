"""What a forest says of each row: flat trees walked in compiled code, or all at once in numpy."""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patron.recommend.blend.types import Forest
from patron.recommend.compiling import possible

Floats = NDArray[np.float64]


def predicted(forest: Forest, rows: Floats, *, compiled: bool | None = None) -> Floats:
    """The sum over all trees for each row, added tree after tree, so that both ways give the same
    number to the last digit."""
    if not len(forest.root):
        return np.zeros(len(rows))
    parts = (
        forest.root, forest.feature, forest.threshold, forest.left, forest.right, forest.value
    )  # fmt: skip
    if _is_possible() if compiled is None else compiled:
        found: Floats = _kernel()(*parts, np.ascontiguousarray(rows))
        return found
    return _plain(forest, rows)


def warm() -> None:
    """Have the loop compiled, or read from its cache, before somebody waits for it."""
    one, real = np.zeros(1, np.int32), np.zeros(1)
    predicted(Forest(one - 1, one, real, one, one, real), np.zeros((1, 1)))


def _plain(forest: Forest, rows: Floats) -> Floats:
    node = np.tile(forest.root, (len(rows), 1))
    which = np.broadcast_to(np.arange(len(rows))[:, None], node.shape)
    going = node >= 0
    while going.any():
        here, row = node[going], which[going]
        goes_left = rows[row, forest.feature[here]] <= forest.threshold[here]
        node[going] = np.where(goes_left, forest.left[here], forest.right[here])
        going = node >= 0
    leaves = forest.value[-1 - node]
    found = np.zeros(len(rows))
    for tree in range(leaves.shape[1]):
        found += leaves[:, tree]
    return found


@cache
def _is_possible() -> bool:
    return possible()


@cache
def _kernel() -> Callable[..., Any]:
    kernel: Callable[..., Any] = import_module("patron.recommend.blend.compiled").summed
    return kernel

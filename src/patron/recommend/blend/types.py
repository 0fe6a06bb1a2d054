"""What a training decided about blending, as it stands on the shelf."""

from enum import StrEnum
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend.placements.definition import Placement
from patron.recommend.rules.types import Strategy

DEPTH = 100
"""So many products of each strategy are blended."""
MOST = 200
"""So many products a blend offers."""


class Way(StrEnum):
    """How the lists of strategies become one: by the places in them alone, or weighed by trees
    that learned what was cared for."""

    RANKS = "ranks"
    TREES = "trees"


class Decision(msgspec.Struct, frozen=True):
    """The strategies of `link` are blended in a placement; it was better than its `chain` (with the
    fallback) when it could `blend` these. Without `weights` all count the same. Its trees go
    from `first` to before `last`."""

    placement: str
    chain: list[Strategy]
    blend: list[Strategy]
    link: list[Strategy]
    way: Way
    constant: float
    weights: list[float] = []
    first: int = 0
    last: int = 0

    def is_about(self, placement: Placement) -> bool:
        """Whether the placement is still as it was judged."""
        chain = [*placement.chain, *placement.fallback]
        return chain == self.chain and placement.blend == self.blend


class Forest(msgspec.Struct, frozen=True, eq=False):
    """Regression trees in flat columns. Node n asks whether column `feature[n]` is at most
    `threshold[n]` and goes on to `left[n]`, else to `right[n]`; a number x below 0 is leaf -1 - x
    of `value`. `root` is the first node of each tree."""

    root: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: NDArray[np.float64]


class Blends(msgspec.Struct, frozen=True, eq=False, dict=True):
    """All decisions of one training, and the trees of those that have some."""

    decisions: list[Any]
    root: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: NDArray[np.float64]

    @cached_property
    def known(self) -> dict[str, Decision]:
        """Decisions by the placement's key."""
        read = msgspec.convert(self.decisions, list[Decision])
        return {one.placement: one for one in read}

    def of(self, placement: Placement) -> Decision | None:
        """What was decided about a placement; None of one that was not judged, or edited since."""
        found = self.known.get(placement.key)
        return found if found is not None and found.is_about(placement) else None

    @cached_property
    def forests(self) -> dict[str, Forest]:
        """The trees of each placement that has some, by its key; read into memory."""
        whole = Forest(
            np.array(self.root), np.array(self.feature), np.array(self.threshold),
            np.array(self.left), np.array(self.right), np.array(self.value),
        )  # fmt: skip
        return {
            one.placement: msgspec.structs.replace(whole, root=whole.root[one.first : one.last])
            for one in self.known.values()
            if one.way is Way.TREES
        }

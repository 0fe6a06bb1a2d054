"""What rules say of a product whatever the moment: worked out when it is first offered, and kept
until the catalog changes it.

Three bytes a product and placement, ten where the placement has boosts, of which the machine takes
only those pages that are written to.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend.rules.language import Boost, Filter
from patron.recommend.rules.ruleset import Rules
from patron.recommend.rules.scene import Scene
from patron.recommend.rules.sifting.shapes import BURIED, KNOWN, SPARED, Columns
from patron.recommend.rules.types import Context, Goods

_LASTING = Context(now=0.0, n=0)


class Kept:
    """For the products of one goods and one set of rules."""

    def __init__(self, goods: Goods, rules: Rules) -> None:
        self.goods, self.rules = goods, rules
        self.columns = Columns(
            goods.shown,
            goods.in_stock,
            goods.price,
            goods.parent,
            goods.brand.kinds,
            goods.category.kinds,
            goods.first_seen,
        )
        self.split = split = Split.of(rules)
        self.bits: NDArray[np.uint16] = np.zeros(len(goods), np.uint16)
        size = len(goods) if split.boosts else 0
        self.factors: NDArray[np.float64] = np.empty(size, np.float64)
        self._read = goods.touched.end

    def refresh(self) -> None:
        """Forget what changed since the last time."""
        touched = self.goods.touched
        if touched.end == self._read:
            return
        rows = touched.since(self._read)
        self.bits[... if rows is None else rows] = 0
        self._read = touched.end

    def learn(self, items: NDArray[np.int32]) -> None:
        """Work out what is not known yet of these products; numbers of none are passed over."""
        there = items[(items >= 0) & (items < len(self.bits))]
        new = there[self.bits[there] == 0]
        scene, split = Scene(self.goods, _LASTING, new), self.split
        bits = np.full(len(new), KNOWN, np.uint16)
        for number, rule in reversed(split.filters):
            fails = ~rule.mask(scene)
            bits[fails] = KNOWN | (number + 1)
        for rule in split.buried:
            bits[rule.mask(scene)] |= BURIED
        if split.unless is not None:
            bits[split.unless.mask(scene)] |= SPARED
        if split.boosts:
            factor = np.ones(len(new))
            for boost in split.boosts:
                factor = factor * boost.factors(scene)
            self.factors[new] = factor
        self.bits[new] = bits


class Split(msgspec.Struct, frozen=True):
    """The rules that hold whatever the moment, and besides them those that have to be asked each
    time. Boosts are multiplied in their order, so those behind one of a moment are of it, too."""

    filters: list[tuple[int, Filter]]
    buried: list[Filter]
    boosts: list[Boost]
    unless: Filter | None
    filters_now: list[tuple[int, Filter]]
    buried_now: list[Filter]
    boosts_now: list[Boost]
    unless_now: Filter | None

    @classmethod
    def of(cls, rules: Rules) -> "Split":
        first = next((n for n, one in enumerate(rules.boosts) if not one.lasts), len(rules.boosts))
        unless = rules.exclude_bought_unless
        return cls(
            [(n, one) for n, one in enumerate(rules.filters) if one.lasts],
            [one for one in rules.buried if one.lasts],
            list(rules.boosts[:first]),
            unless if unless is not None and unless.lasts else None,
            [(n, one) for n, one in enumerate(rules.filters) if not one.lasts],
            [one for one in rules.buried if not one.lasts],
            list(rules.boosts[first:]),
            unless if unless is not None and not unless.lasts else None,
        )


def kept_for(goods: Goods, rules: Rules) -> Kept:
    """What is kept, as it is now."""
    found: Kept | None = rules.kept.get("kept")
    if found is None or found.goods is not goods:
        found = rules.kept["kept"] = Kept(goods, rules)
    found.refresh()
    return found

"""What the products already placed leave room for."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from patron.recommend.rules.ruleset import Rules
from patron.recommend.rules.scene import Scene, first_codes
from patron.recommend.rules.types import NONE, Objection, Words


class Taken:
    """Asked row by row while an answer is put together; what it refuses is counted in `refused`,
    each row once."""

    def __init__(self, scene: Scene, rules: Rules) -> None:
        goods = scene.goods
        self.refused: Counter[str] = Counter()
        self._refused_rows: set[int] = set()
        self._apart = [
            (
                f"{Objection.APART}[{n}]",
                pair.one.mask(scene).tolist(),
                pair.other.mask(scene).tolist(),
            )
            for n, pair in enumerate(rules.apart)
        ]
        self._placed: list[int] = []
        self._caps = [
            (name, columns.tolist(), most)
            for name, columns, most in (
                (Objection.PARENT, goods.parent[scene.rows], int(rules.one_per_parent)),
                (Objection.BRAND, _kinds(scene, goods.brand), rules.most_per_brand),
                (
                    Objection.CATEGORY,
                    _kinds(scene, goods.category),
                    rules.most_per_category,
                ),
            )
            if most > 0
        ]
        self._counts: list[Counter[int]] = [Counter() for _ in self._caps]

    def allows(self, row: int) -> bool:
        """Takes the row when nothing placed before speaks against it."""
        objection = self._objection(row)
        if objection is not None:
            if row not in self._refused_rows:
                self._refused_rows.add(row)
                self.refused[objection] += 1
            return False
        self._placed.append(row)
        for (_, codes, _), counts in zip(self._caps, self._counts, strict=True):
            counts[codes[row]] += 1
        return True

    def _objection(self, row: int) -> str | None:
        for name, one, other in self._apart:
            for before in self._placed if one[row] or other[row] else ():
                if (one[row] and other[before]) or (other[row] and one[before]):
                    return name
        for (name, codes, most), counts in zip(self._caps, self._counts, strict=True):
            if codes[row] != NONE and counts[codes[row]] >= most:
                return name
        return None


def _kinds(scene: Scene, words: Words) -> NDArray[np.int32]:
    found: NDArray[np.int32] = words.alike[first_codes(words, scene.rows)]
    return found

"""The blending compiled. It adds in the order in which numpy does: both give the same numbers."""

from typing import Any

import numpy as np

from patron.recommend.compiling import compiled
from patron.recommend.foremost import ranked

CATEGORY, BRAND, PARENT = 0, 1, 2
PRICE, TRUST = 0, 1
"""Columns of two tables: what is asked of a product lies side by side in memory."""


@compiled
def blended(
    rows: tuple[int, int], seen: Any, words: Any, shelves: Any, of: Any, knobs: Any, kept: int
) -> Any:
    """Of the products from `rows[0]` to `rows[1]` the `kept` best each: how many they are, and in
    rows of `kept` the other, the score, the likeness by visits and the support."""
    (cold, _), (goods, numbers), count = knobs, of[0], len(of[0][0])
    found = np.zeros(rows[1] - rows[0], np.int64)
    other = np.empty((len(found), kept), np.int32)
    score = np.empty((len(found), kept), np.float32)
    alike = np.empty((len(found), kept), np.float32)
    support = np.empty((len(found), kept), np.int32)
    place = np.full(count, -1, np.int64)  # where it stands among those met
    likeness, both = np.zeros(count, np.float64), np.zeros(count, np.int32)
    met, value = np.empty(count + 1, np.int32), np.empty(count, np.float64)
    weights = np.zeros(of[1][3], np.float64)
    for one in range(rows[0], rows[1]):
        here = one - rows[0]
        many = _met(one, seen, words, shelves, place, likeness, both, met)
        _spread(of[1], one, weights, True)
        best = 0.0
        for k in range(many):
            best = max(best, likeness[k])
        left = 0
        for k in range(many):
            that = met[k]
            place[that] = -1
            level = likeness[k] / (best if best > 0 else 1.0)
            believed = numbers[one, TRUST] * numbers[that, TRUST]
            content = _content(of, knobs[1], one, that, weights)
            total = believed * level + (1 - believed) * cold * content
            alone = goods[one, PARENT] < 0 or goods[one, PARENT] != goods[that, PARENT]
            if total > 0 and that != one and alone:
                # What it is like and how often stays where it is found by its number.
                met[left], value[left] = that, total
                likeness[left], both[left], place[that] = likeness[k], both[k], left
                left += 1
        few = ranked(value[:left], met[:left], kept)
        found[here] = few
        for k in range(few):
            that = met[k]
            other[here, k], score[here, k] = that, value[k]
            alike[here, k], support[here, k] = likeness[place[that]], both[place[that]]
        for k in range(left):
            place[met[k]] = -1
        _spread(of[1], one, weights, False)
    return found, other, score, alike, support


@compiled
def _met(
    one: int, seen: Any, words: Any, shelves: Any, place: Any, likeness: Any, both: Any, met: Any
) -> int:
    """Fills in whatever a product is compared with, each once; how many they are."""
    many = 0
    start, others, alike, support = seen
    for k in range(start[one], start[one + 1]):
        that = others[k]
        place[that], met[many] = many, that
        likeness[many], both[many] = alike[k], support[k]
        many += 1
    start, others = words
    for k in range(start[one], start[one + 1]):
        many = _more(others[k], place, likeness, both, met, many)
    for order, standing, beside in shelves:
        here = standing[one]
        if here >= 0:
            for k in range(max(0, here - beside), min(len(order), here + beside + 1)):
                if k != here:
                    many = _more(order[k], place, likeness, both, met, many)
    return many


@compiled
def _more(that: int, place: Any, likeness: Any, both: Any, met: Any, many: int) -> int:
    if place[that] >= 0:
        return many
    place[that], met[many] = many, that
    likeness[many], both[many] = 0.0, 0
    return many + 1


@compiled
def _spread(words: Any, one: int, weights: Any, there: bool) -> None:
    """Puts the words of a product into a column of all words, or takes them out."""
    start, word, weight, _ = words
    for k in range(start[one], start[one + 1]):
        weights[word[k]] = weight[k] if there else 0.0


@compiled
def _content(of: Any, shares: Any, one: int, other: int, weights: Any) -> float:
    """See `content.likeness`; `weights` are the words of `one`."""
    (goods, numbers), (start, word, weight, _), (steps, depth) = of
    total, known = 0.0, 0.0
    if start[one + 1] > start[one]:
        alike = 0.0
        for k in range(start[other], start[other + 1]):
            alike += weights[word[k]] * weight[k]
        total += shares[0] * alike
        known += shares[0]
    if goods[one, CATEGORY] >= 0:
        mine, its, shared = goods[one, CATEGORY], goods[other, CATEGORY], 0.0
        for k in range(steps.shape[1]):
            if steps[mine, k] >= 0 and steps[mine, k] == steps[its, k]:
                shared += 1.0
        total += shares[1] * (shared / max(depth[mine], depth[its], 1))
        known += shares[1]
    if goods[one, BRAND] >= 0:
        total += shares[2] * (1.0 if goods[one, BRAND] == goods[other, BRAND] else 0.0)
        known += shares[2]
    price, its_price = numbers[one, PRICE], numbers[other, PRICE]
    if price > 0:
        if its_price > 0:
            near = min(price, its_price) / max(price, its_price)
            total += shares[3] * (near * near)
        known += shares[3]
    return total / (known if known > 0 else 1.0)

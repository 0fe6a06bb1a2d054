"""What somebody's next basket holds: her own habits, and those of people who buy alike."""

from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from patron.recommend.again.model import Index
from patron.recommend.again.purchases import Purchases, vectors
from patron.recommend.compiling import possible

if TYPE_CHECKING:
    from numpy.typing import NDArray

Rows = tuple["NDArray[np.int32]", "NDArray[np.float32]"]


def baskets(index: Index, lines: Purchases, n: int, *, compiled: bool | None = None) -> Rows:
    """For each person who bought something, in rising order, the `n` products that her next basket
    holds most likely and their scores, filled up with -1 and 0. Lines know the index' products."""
    people = vectors(lines, index.fade, index.length)
    alike = people.value * index.rarity[people.item]
    row = np.repeat(np.arange(len(people.person)), np.diff(people.start))
    square = np.bincount(row, weights=alike * alike, minlength=len(people.person))
    alike = alike / np.sqrt(np.maximum(square, 1e-30))[row]
    if possible() if compiled is None else compiled:
        kernels = import_module("patron.recommend.again.compiled")
        pool = (
            index.popularity, index.top, index.start, index.item, index.value,
            index.by_start, index.by_row, index.by_value,
        )  # fmt: skip
        rows: Rows = kernels.baskets(
            tuple(np.asarray(column) for column in pool),
            (people.start, people.item, people.value, alike),
            (index.own, index.neighbours, index.popular),
            n,
        )
        return rows
    found = np.full((len(people.person), n), -1, np.int32)
    scores = np.zeros((len(people.person), n), np.float32)
    for q in range(len(people.person)):
        its = slice(int(people.start[q]), int(people.start[q + 1]))
        items, total = _one(index, people.item[its], people.value[its], alike[its], n)
        found[q, : len(items)], scores[q, : len(items)] = items, total
    return found, scores


def _one(
    index: Index,
    item: "NDArray[np.int32]",
    value: "NDArray[np.float64]",
    alike: "NDArray[np.float64]",
    n: int,
) -> Rows:
    rows, near = _nearest(index, item, alike)
    share = near * (1.0 - index.own) / max(float(np.cumsum(near)[-1]) if len(near) else 0.0, 1e-30)
    runs = [slice(int(index.start[r]), int(index.start[r + 1])) for r in rows.tolist()]
    found = [index.item[run] for run in runs] + [item, index.top]
    said = [s * index.value[run].astype(np.float64) for s, run in zip(share, runs, strict=True)]
    said += [index.own * value, np.zeros(len(index.top))]
    those, slot = np.unique(np.concatenate(found), return_inverse=True)
    total = np.bincount(slot, weights=np.concatenate(said), minlength=len(those))
    popular = index.popular * index.popularity[those].astype(np.float64)
    score = (total + popular).astype(np.float32)
    those, score = those[score > 0], score[score > 0]
    best = np.argsort(-score, kind="stable")[:n]
    return those[best].astype(np.int32), score[best]


def _nearest(
    index: Index, item: "NDArray[np.int32]", alike: "NDArray[np.float64]"
) -> "tuple[NDArray[np.int64], NDArray[np.float64]]":
    """Rows of the pool that buy most alike, and their cosine."""
    runs = [slice(int(index.by_start[i]), int(index.by_start[i + 1])) for i in item.tolist()]
    rows = np.concatenate([index.by_row[run] for run in runs] or [np.zeros(0, np.int32)])
    said = [w * index.by_value[run].astype(np.float64) for w, run in zip(alike, runs, strict=True)]
    near = np.bincount(rows, weights=np.concatenate(said or [np.zeros(0)]), minlength=0)
    near = near.astype(np.float32)
    met = np.unique(rows)
    best = met[np.argsort(-near[met], kind="stable")[: index.neighbours]]
    return best, near[best].astype(np.float64)

"""What goes with a product, or with a whole cart."""

import numpy as np
from numpy.typing import NDArray

from patron.recommend.together.types import Found, Index


def companions(index: Index, items: NDArray[np.int32], n: int, *, least_lift: float = 1.0) -> Found:
    """Up to `n` products bought together with these, best first, without these themselves.

    Each product asked with speaks for its companions with their score; what several speak for adds
    up. Only pairs of at least `least_lift` speak; numbers that the index does not know are passed
    over.
    """
    return _answer(index, items, n, index.score, least_lift, level=False)


def by_lift(index: Index, items: NDArray[np.int32], n: int, *, least_lift: float) -> Found:
    """The same by the lift one can be sure of, whatever weighing the shop's last days chose: what
    is shown as "so many times as often as by chance" is ranked by that."""
    return _answer(index, items, n, index.sure, least_lift, level=False, logarithm=True)


def cart(index: Index, items: NDArray[np.int32], n: int, *, least_lift: float = 1.0) -> Found:
    """The same for a cart: each product in it has one voice, however many companions it has."""
    return _answer(index, items, n, index.score, least_lift, level=True)


def complements(
    index: Index, items: NDArray[np.int32], n: int, *, least_lift: float = 1.0
) -> Found:
    """What completes these products: companions, those that replace one another pushed down."""
    return _answer(index, items, n, index.complement, least_lift, level=True)


def rate(index: Index, item: int, others: NDArray[np.int32]) -> NDArray[np.float64]:
    """How well each of `others` completes a product, the more the better: as counted where the two
    were bought together often enough to be kept, else as well as it completes anything. What nobody
    bought completes nothing."""
    known = 0 <= item < len(index)
    run = slice(int(index.start[item]), int(index.start[item + 1])) if known else slice(0, 0)
    orders = float(index.faded[item]) if known else 0.0
    found = np.zeros(len(others))
    inside = (others >= 0) & (others < len(index))
    chance = index.joins[others[inside]].astype(np.float64)
    found[inside] = np.where(
        chance > 0,
        index.prior / (orders + index.prior) * np.maximum(chance, 1e-12) ** index.staples,
        0.0,
    )
    by_number = np.argsort(index.item[run], kind="stable")
    companions = np.asarray(index.item[run])[by_number]
    if len(companions):
        place = np.minimum(np.searchsorted(companions, others), len(companions) - 1)
        there = companions[place] == others
        found[there] = np.asarray(index.complement[run])[by_number][place[there]]
    return found


def _answer(
    index: Index,
    items: NDArray[np.int32],
    n: int,
    column: NDArray[np.float32],
    least_lift: float,
    *,
    level: bool,
    logarithm: bool = False,
) -> Found:
    asked = np.unique(items)
    asked = asked[(asked >= 0) & (asked < len(index))]
    # Whole slices: reading a memory map number by number costs ten times as much.
    runs = [slice(int(index.start[i]), int(index.start[i + 1])) for i in asked.tolist()]
    if not runs:
        return _nothing()
    item, lift, support = (
        np.concatenate([values[run] for run in runs])
        for values in (index.item, index.lift, index.support)
    )
    voices = [np.asarray(column[run], np.float64) for run in runs]
    if logarithm:
        voices = [np.log(np.maximum(voice, 1.0)) for voice in voices]
    voices = [np.maximum(voice, 0.0) for voice in voices]
    if level:
        voices = [voice / (np.sqrt(voice @ voice) or 1.0) for voice in voices]
    score = np.concatenate(voices)
    because = np.repeat(asked, [run.stop - run.start for run in runs])
    speaks = (score > 0) & (lift >= least_lift) & ~np.isin(item, asked)
    item, lift, support = item[speaks], lift[speaks], support[speaks]
    score, because = score[speaks], because[speaks]
    found, slot = np.unique(item, return_inverse=True)
    total = np.bincount(slot, weights=score, minlength=len(found))
    loudest = np.lexsort((-score, slot))
    loudest = loudest[np.flatnonzero(np.diff(slot[loudest], prepend=-1))]
    best = np.argsort(-total, kind="stable")[:n]
    pair = loudest[best]
    return Found(
        found[best].astype(np.int32), total[best].astype(np.float32), lift[pair], support[pair],
        because[pair].astype(np.int32),
    )  # fmt: skip


def _nothing() -> Found:
    return Found(
        np.zeros(0, np.int32), np.zeros(0, np.float32), np.zeros(0, np.float32),
        np.zeros(0, np.int32), np.zeros(0, np.int32),
    )  # fmt: skip

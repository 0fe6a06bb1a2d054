"""The kernels in numpy: what `compiled` does, to the last bit, a few times slower.

Sums are taken by `bincount`, one after the other in the order of the rows, because that is the
order in which a compiled loop takes them.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Lists = tuple["NDArray[np.int64]", "NDArray[np.int32]", "NDArray[np.float32]"]

PAIRS_AT_ONCE = 4_000_000


class Steps(NamedTuple):
    """Past visits and the lists that lead to them, as in `Index`; `weight` is one a visit."""

    start: "NDArray[np.int64]"
    items: "NDArray[np.int32]"
    weight: "NDArray[np.float32]"
    item_start: "NDArray[np.int64]"
    item_sessions: "NDArray[np.int32]"


def transitions(steps: Steps, reach: "NDArray[np.float64]", most: int) -> Lists:
    """For each product the `most` products that follow it, in the order met, with their shares.

    A pair that is k steps apart counts `reach[k - 1]` times its visit's weight; only visits that a
    product's list leads to count for it. Shares are of all that follows, kept or not.
    """
    products = len(steps.item_start) - 1
    parts = []
    low = 0
    load = np.concatenate([[0], np.cumsum(np.bincount(steps.items, minlength=products))])
    while low < products:
        most_load = load[low] + PAIRS_AT_ONCE // len(reach)
        high = max(low + 1, int(np.searchsorted(load, most_load, side="right")) - 1)
        parts.append(_transitions(steps, reach, most, low, high))
        low = high
    counts = [part[0] for part in parts]
    start = np.concatenate([[0], *counts]).astype(np.int64).cumsum()
    following = np.concatenate([part[1] for part in parts]) if parts else np.zeros(0)
    share = np.concatenate([part[2] for part in parts]) if parts else np.zeros(0)
    return start, following.astype(np.int32), share.astype(np.float32)


def _transitions(
    steps: Steps, reach: "NDArray[np.float64]", most: int, low: int, high: int
) -> "tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]":
    """What follows the products from `low` to `high`: lengths of the lists, products, shares."""
    at = np.flatnonzero((steps.items >= low) & (steps.items < high))
    visit = np.searchsorted(steps.start, at, side="right") - 1
    filled = steps.item_start[low:high] < steps.item_start[low + 1 : high + 1]
    oldest = np.full(high - low, len(steps.weight), np.int64)
    oldest[filled] = steps.item_sessions[steps.item_start[low:high][filled]]
    kept = visit >= oldest[steps.items[at] - low]
    at, visit = at[kept], visit[kept]
    then = at[:, None] + np.arange(1, len(reach) + 1)
    inside = then < steps.start[visit + 1][:, None]
    weight = (steps.weight[visit].astype(np.float64)[:, None] * reach)[inside]
    first = np.repeat(steps.items[at] - low, inside.sum(axis=1)).astype(np.int64)
    second = steps.items[then[inside]]
    total = _sums(first, weight, high - low)
    pair, met, number = np.unique(first * (2**32) + second, return_index=True, return_inverse=True)
    weight = _sums(number, weight, len(pair))
    first, second = pair >> 32, pair & (2**32 - 1)
    place = np.arange(len(pair)) - np.searchsorted(first, first)
    order = np.lexsort((met, -weight, first))[place < most]
    order = order[np.lexsort((met[order], first[order]))]
    first, second, weight = first[order], second[order], weight[order]
    share = (weight / np.maximum(total[first], 1e-300)).astype(np.float32)
    return np.bincount(first, minlength=high - low), second.astype(np.int32), share


class Source(NamedTuple):
    """The arrays of an `Index`."""

    session_start: "NDArray[np.int64]"
    session_items: "NDArray[np.int32]"
    item_start: "NDArray[np.int64]"
    item_sessions: "NDArray[np.int32]"
    item_weight: "NDArray[np.float32]"
    rarity: "NDArray[np.float32]"
    next_start: "NDArray[np.int64]"
    next_items: "NDArray[np.int32]"
    next_share: "NDArray[np.float32]"


class Question(NamedTuple):
    """The different products of a visit, the newest first, and how much each has to say."""

    items: "NDArray[np.int32]"
    weight: "NDArray[np.float64]"  # in finding similar visits
    recall: "NDArray[np.float64]"  # in asking for transitions
    back: "NDArray[np.float64]"  # in being returned to


class Knobs(NamedTuple):
    """How an answer is put together."""

    neighbours: int
    after: "NDArray[np.float64]"  # weight of a product by its distance from the shared one
    before: "NDArray[np.float64]"
    mix: float
    returns: float
    repeat: float
    rarest: float  # what a product counts that no visit of the index has


class Fresh(NamedTuple):
    """Visits that the index does not have: asked product k leads to those that are
    `sessions[start[k]:start[k + 1]]`, numbered from the index's last on; visit s of them weighs
    `weight[s]` and is the first `length[s]` products of row s. Those of one step have no say, and
    `own` has none: it is the visit that asks."""

    start: "NDArray[np.int64]"
    sessions: "NDArray[np.int32]"
    weight: "NDArray[np.float32]"
    steps: "NDArray[np.int32]"
    length: "NDArray[np.int64]"
    own: int = -1


def told(
    source: Source, fresh: Fresh, question: Question, knobs: Knobs, n: int
) -> "tuple[NDArray[np.int32], NDArray[np.float32]]":
    """The `n` best of an answer, of equals the lower number first; what nothing speaks for is left
    out."""
    found, scores = answer(source, fresh, question, knobs)
    rounded = scores.astype(np.float32)
    if len(found) > n:
        keep = rounded >= np.partition(rounded, len(found) - n)[len(found) - n]
        found, rounded = found[keep], rounded[keep]
    order = np.lexsort((found, -rounded))[:n]
    order = order[rounded[order] > 0]
    return found[order], rounded[order]


def answer(
    source: Source, fresh: Fresh, question: Question, knobs: Knobs
) -> "tuple[NDArray[np.int32], NDArray[np.float64]]":
    """Products and what speaks for them, in the order in which they were met.

    A product that is asked about may have a number beyond the index's if fresh visits have it.
    """
    near, near_score = _of_neighbours(source, fresh, question, knobs)
    then, then_score = _of_transitions(source, question)
    items = np.concatenate([near, then])
    others = 1.0 - knobs.mix - knobs.returns
    scores = np.concatenate([_shares(near_score, others), _shares(then_score, knobs.mix)])
    scores[np.isin(items, question.items)] *= knobs.repeat
    items = np.concatenate([items, question.items])
    scores = np.concatenate([scores, _shares(question.back, knobs.returns)])
    met, number = _in_order_met(items)
    return items[met], _sums(number, scores, len(met))


def _sums(
    number: "NDArray[np.int64]", values: "NDArray[np.float64]", count: int
) -> "NDArray[np.float64]":
    """The sum of the values of each number, taken one after the other."""
    return np.bincount(number, values, minlength=count).astype(np.float64, copy=False)


def _shares(scores: "NDArray[np.float64]", of: float) -> "NDArray[np.float64]":
    """Scores that add up to `of`."""
    total = float(np.cumsum(scores)[-1]) if len(scores) else 0.0
    return scores * (of / total if total > 0 else 0.0)


def _in_order_met(
    keys: "NDArray[np.int32]",
) -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
    """Where each different key stands first, in that order, and for each key its place there."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return first[order], place[inverse]


def _of_neighbours(
    source: Source, fresh: Fresh, question: Question, knobs: Knobs
) -> "tuple[NDArray[np.int32], NDArray[np.float64]]":
    asked, ids, similar = _neighbours(source, fresh, question, knobs.neighbours)
    known = len(source.session_start) - 1
    old = ids < known
    begin = np.where(old, source.session_start[np.where(old, ids, 0)], 0)
    length = np.empty(len(ids), np.int64)
    length[old] = source.session_start[ids[old] + 1] - begin[old]
    length[~old] = fresh.length[ids[~old] - known]
    own = np.repeat(np.arange(len(ids)), length)
    at = np.arange(len(own)) - (np.cumsum(length) - length)[own]
    items = np.empty(len(own), np.int32)
    mapped = old[own]
    items[mapped] = source.session_items[begin[own[mapped]] + at[mapped]]
    items[~mapped] = fresh.steps[ids[own[~mapped]] - known, at[~mapped]]
    anchor = np.zeros(len(ids), np.int64)
    shared = items == question.items[asked][own]
    np.maximum.at(anchor, own[shared], at[shared])
    distance = at - anchor[own]
    weight = np.where(distance >= 0, knobs.after[distance], knobs.before[-distance])
    met, number = _in_order_met(items)
    scores = _sums(number, similar[own] * weight, len(met))
    found = items[met]
    rarity = np.full(len(found), knobs.rarest)
    rare = found < len(source.rarity)
    rarity[rare] = source.rarity[found[rare]]
    return found, scores * rarity


def _neighbours(
    source: Source, fresh: Fresh, question: Question, most: int
) -> "tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]":
    """The `most` visits most similar, the newer of equals; which asked product found each first."""
    known = len(source.session_start) - 1
    sessions, weights, asked = [], [], []
    for k, item in enumerate(question.items.tolist()):
        span = _span(source.item_start, item)
        new = fresh.sessions[fresh.start[k] : fresh.start[k + 1]]
        new = new[(new != fresh.own) & (fresh.length[new - known] > 1)]
        sessions += [source.item_sessions[span], new]
        weights += [source.item_weight[span], fresh.weight[new - known]]
        asked.append(np.full(span.stop - span.start + len(new), k))
    met, number = _in_order_met(np.concatenate(sessions))
    by = np.concatenate(asked)
    similar = _sums(number, question.weight[by], len(met))
    similar *= np.concatenate(weights)[met].astype(np.float64)
    ids, by = np.concatenate(sessions)[met], by[met]
    if len(ids) > most:
        bound = np.partition(similar, len(ids) - most)[len(ids) - most]
        keep = similar > bound
        equal = np.flatnonzero(similar == bound)
        newest = np.argsort(-ids[equal], kind="stable")[: most - int(keep.sum())]
        keep[equal[newest]] = True
        ids, similar, by = ids[keep], similar[keep], by[keep]
    return by, ids, similar


def _span(start: "NDArray[np.int64]", item: int) -> slice:
    """Where the list of a product stands; of one that the index does not know, nowhere."""
    return slice(int(start[item]), int(start[item + 1])) if item + 1 < len(start) else slice(0, 0)


def _of_transitions(
    source: Source, question: Question
) -> "tuple[NDArray[np.int32], NDArray[np.float64]]":
    spans = [_span(source.next_start, item) for item in question.items.tolist()]
    items = np.concatenate([source.next_items[span] for span in spans])
    share = np.concatenate([source.next_share[span] for span in spans]).astype(np.float64)
    asked = np.repeat(np.arange(len(spans)), [span.stop - span.start for span in spans])
    return items, share * question.recall[asked]

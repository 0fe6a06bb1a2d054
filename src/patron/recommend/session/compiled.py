"""The kernels as loops for the compiler: `plain` says what they do, and they give the same to the
last bit. Hash tables are as large as what is met, not as large as the index."""

import numpy as np
from numpy.typing import NDArray

from patron.recommend.compiling import compiled
from patron.recommend.session.index import LONGEST
from patron.recommend.session.plain import Knobs, Lists, Question, Source, Steps

Found = tuple["NDArray[np.int32]", "NDArray[np.float64]"]


@compiled
def _table(entries: int) -> "NDArray[np.int32]":
    """An empty hash table that stays at most half full."""
    size = 16
    while size < 2 * entries:
        size *= 2
    return np.full(size, -1, np.int32)


@compiled
def _slot(table: "NDArray[np.int32]", met: "NDArray[np.int32]", key: int) -> int:
    """Where `key` stands in a table of places in `met`, or the empty slot where it belongs."""
    mask = len(table) - 1
    slot = ((key * 0x9E3779B1) >> 9) & mask
    while table[slot] >= 0 and met[table[slot]] != key:
        slot = (slot + 1) & mask
    return slot


@compiled
def _bound(scores: "NDArray[np.float64]", most: int) -> float:
    """The `most`-th largest; below all if there are not more."""
    if len(scores) <= most:
        return -1.0
    bound: float = np.partition(scores, len(scores) - most)[len(scores) - most]
    return bound


def transitions(steps: Steps, reach: "NDArray[np.float64]", most: int) -> Lists:
    """See `plain.transitions`."""
    count, following, share = _transitions(steps, reach, most)
    return np.concatenate([[0], np.cumsum(count, dtype=np.int64)]), following, share


@compiled
def _transitions(steps: Steps, reach: "NDArray[np.float64]", most: int) -> Lists:
    products = len(steps.item_start) - 1
    lengths = np.diff(steps.item_start)
    longest = min(products, lengths.max() * LONGEST) if products else 0
    room = np.minimum(lengths * LONGEST, most).sum()
    table = _table(longest)
    slots = np.empty(longest, np.int64)
    met = np.empty(longest, np.int32)
    sums = np.empty(longest, np.float64)
    kept = np.zeros(products, np.int64)
    following = np.empty(room, np.int32)
    share = np.empty(room, np.float32)
    filled = 0
    for item in range(products):
        count = 0
        total = 0.0
        for k in range(steps.item_start[item], steps.item_start[item + 1]):
            session = steps.item_sessions[k]
            weight = float(steps.weight[session])
            end = steps.start[session + 1]
            for at in range(steps.start[session], end):
                if steps.items[at] != item:
                    continue
                for lag in range(min(len(reach), end - at - 1)):
                    other = steps.items[at + lag + 1]
                    slot = _slot(table, met, other)
                    if table[slot] < 0:
                        table[slot] = count
                        slots[count] = slot
                        met[count] = other
                        sums[count] = 0.0
                        count += 1
                    sums[table[slot]] += weight * reach[lag]
                    total += weight * reach[lag]
        for place in range(count):  # emptying what was filled costs less than a new table
            table[slots[place]] = -1
        bound = _bound(sums[:count], most)
        equal = most - (sums[:count] > bound).sum()
        for place in np.argsort(met[:count]):
            if sums[place] < bound or (sums[place] == bound and equal == 0):
                continue
            equal -= sums[place] == bound
            following[filled] = met[place]
            share[filled] = sums[place] / max(total, 1e-300)
            filled += 1
            kept[item] += 1
    return kept, following[:filled], share[:filled]


@compiled
def answer(source: Source, question: Question, knobs: Knobs) -> Found:
    """See `plain.answer`."""
    asked, ids, similar = _neighbours(source, question, knobs.neighbours)
    room = len(question.items)
    for session in ids:
        room += source.session_start[session + 1] - source.session_start[session]
    for item in question.items:
        room += source.next_start[item + 1] - source.next_start[item]
    table = _table(room)
    met = np.empty(room, np.int32)
    scores = np.zeros(room, np.float64)
    then = np.zeros(room, np.float64)
    returned = np.zeros(room, np.float64)
    count = 0
    for k in range(len(ids)):
        begin, end = source.session_start[ids[k]], source.session_start[ids[k] + 1]
        anchor = end - 1
        while source.session_items[anchor] != question.items[asked[k]]:
            anchor -= 1
        for at in range(begin, end):
            item = source.session_items[at]
            slot = _slot(table, met, item)
            if table[slot] < 0:
                table[slot] = count
                met[count] = item
                count += 1
            if at < anchor:
                scores[table[slot]] += similar[k] * knobs.before[anchor - at]
            else:
                scores[table[slot]] += similar[k] * knobs.after[at - anchor]
    near = 0.0
    for place in range(count):
        scores[place] *= source.rarity[met[place]]
        near += scores[place]
    follows = 0.0
    for k in range(len(question.items)):
        item = question.items[k]
        for at in range(source.next_start[item], source.next_start[item + 1]):
            other = source.next_items[at]
            slot = _slot(table, met, other)
            if table[slot] < 0:
                table[slot] = count
                met[count] = other
                count += 1
            then[table[slot]] += source.next_share[at] * question.recall[k]
            follows += source.next_share[at] * question.recall[k]
    near = (1.0 - knobs.mix - knobs.returns) / near if near > 0 else 0.0
    follows = knobs.mix / follows if follows > 0 else 0.0
    for place in range(count):
        scores[place] *= near
        then[place] *= follows
    back = 0.0
    for k in range(len(question.items)):
        back += question.back[k]
    back = knobs.returns / back if back > 0 else 0.0
    for k in range(len(question.items)):
        slot = _slot(table, met, question.items[k])
        if table[slot] < 0:
            table[slot] = count
            met[count] = question.items[k]
            count += 1
        place = table[slot]
        scores[place] *= knobs.repeat
        then[place] = then[place] * knobs.repeat
        returned[place] = question.back[k] * back
    for place in range(count):
        scores[place] = scores[place] + then[place] + returned[place]
    return met[:count], scores[:count]


@compiled
def _neighbours(
    source: Source, question: Question, most: int
) -> "tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]":
    room = 0
    for item in question.items:
        room += source.item_start[item + 1] - source.item_start[item]
    table = _table(room)
    ids = np.empty(room, np.int32)
    asked = np.empty(room, np.int32)
    weight = np.empty(room, np.float32)
    similar = np.zeros(room, np.float64)
    count = 0
    for k in range(len(question.items)):
        item = question.items[k]
        for at in range(source.item_start[item], source.item_start[item + 1]):
            session = source.item_sessions[at]
            slot = _slot(table, ids, session)
            if table[slot] < 0:
                table[slot] = count
                ids[count] = session
                asked[count] = k
                weight[count] = source.item_weight[at]
                count += 1
            similar[table[slot]] += question.weight[k]
    for place in range(count):
        similar[place] *= weight[place]
    if count <= most:
        return asked[:count], ids[:count], similar[:count]
    bound = _bound(similar[:count], most)
    equal = ids[:count][similar[:count] == bound]
    above = (similar[:count] > bound).sum()
    oldest = -np.partition(-equal, most - above - 1)[most - above - 1]
    kept = 0
    for place in range(count):
        if similar[place] > bound or (similar[place] == bound and ids[place] >= oldest):
            asked[kept] = asked[place]
            ids[kept] = ids[place]
            similar[kept] = similar[place]
            kept += 1
    return asked[:kept], ids[:kept], similar[:kept]

"""The kernels as loops for the compiler: `plain` says what they do, and they give the same to the
last bit. Hash tables are as large as what is met, not as large as the index."""

import numpy as np
from numpy.typing import NDArray

from patron.recommend.compiling import compiled
from patron.recommend.session.index import LONGEST
from patron.recommend.session.plain import Fresh, Knobs, Lists, Question, Source, Steps

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
    """The `most`-th largest, below all if there are not more. Quickselect (Hoare 1961), written out
    because numpy's takes the compiler five seconds."""
    if len(scores) <= most:
        return -1.0
    left = scores.copy()
    low, high = 0, len(left) - 1
    while low < high:
        pivot = left[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while left[i] > pivot:
                i += 1
            while left[j] < pivot:
                j -= 1
            if i <= j:
                left[i], left[j] = left[j], left[i]
                i += 1
                j -= 1
        if most - 1 <= j:
            high = j
        elif most - 1 >= i:
            low = i
        else:
            break
    bound: float = left[most - 1]
    return bound


def transitions(steps: Steps, reach: "NDArray[np.float64]", most: int) -> Lists:
    """See `plain.transitions`."""
    lengths = np.diff(steps.item_start)
    longest = int(min(len(lengths), lengths.max(initial=0) * LONGEST))
    room = int(np.minimum(lengths * LONGEST, most).sum())
    count, following, share = _transitions(steps, reach, most, longest, room)
    return np.concatenate([[0], np.cumsum(count, dtype=np.int64)]), following, share


@compiled
def _transitions(
    steps: Steps, reach: "NDArray[np.float64]", most: int, longest: int, room: int
) -> Lists:
    products = len(steps.item_start) - 1
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
        equal = most
        for place in range(count):
            equal -= sums[place] > bound
        for place in range(count):
            if sums[place] < bound or (sums[place] == bound and equal == 0):
                continue
            equal -= sums[place] == bound
            following[filled] = met[place]
            share[filled] = sums[place] / max(total, 1e-300)
            filled += 1
            kept[item] += 1
    return kept, following[:filled], share[:filled]


@compiled
def _entries(start: "NDArray[np.int64]", item: int) -> "tuple[int, int]":
    """Where the list of a product stands; of one that the index does not know, nowhere."""
    if item + 1 >= len(start):
        return 0, 0
    return start[item], start[item + 1]


@compiled
def _place(table: "NDArray[np.int32]", met: "NDArray[np.int32]", key: int, count: int) -> int:
    """Where `key` stands in `met`; `count`, if it is put there now."""
    slot = _slot(table, met, key)
    if table[slot] < 0:
        table[slot] = count
        met[count] = key
    place: int = table[slot]
    return place


@compiled
def answer(source: Source, fresh: Fresh, question: Question, knobs: Knobs) -> Found:
    """See `plain.answer`."""
    asked, ids, similar = _neighbours(source, fresh, question, knobs.neighbours)
    known = len(source.session_start) - 1
    room = len(question.items)
    for session in ids:
        if session < known:
            room += source.session_start[session + 1] - source.session_start[session]
        else:
            room += fresh.length[session - known]
    for item in question.items:
        begin, end = _entries(source.next_start, item)
        room += end - begin
    table = _table(room)
    met = np.empty(room, np.int32)
    near = np.zeros(room, np.float64)
    count = 0
    for k in range(len(ids)):
        if ids[k] < known:
            begin, end = source.session_start[ids[k]], source.session_start[ids[k] + 1]
            steps = source.session_items[begin:end]
        else:
            steps = fresh.steps[ids[k] - known, : fresh.length[ids[k] - known]]
        anchor = len(steps) - 1
        while anchor > 0 and steps[anchor] != question.items[asked[k]]:
            anchor -= 1
        for at in range(len(steps)):
            place = _place(table, met, steps[at], count)
            count += place == count
            far = knobs.before[anchor - at] if at < anchor else knobs.after[at - anchor]
            near[place] += similar[k] * far
    for place in range(count):
        if met[place] < len(source.rarity):
            near[place] *= source.rarity[met[place]]
        else:
            near[place] *= knobs.rarest
    return _mixed(source, question, knobs, (table, met, near), count)


@compiled
def _mixed(
    source: Source,
    question: Question,
    knobs: Knobs,
    tables: "tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]",
    count: int,
) -> Found:
    """What the neighbours say of `count` products, with what follows and what is returned to."""
    table, met, near = tables
    all_near = 0.0
    for place in range(count):
        all_near += near[place]
    then = np.zeros(len(met), np.float64)
    all_then = 0.0
    all_back = 0.0
    for k in range(len(question.items)):
        begin, end = _entries(source.next_start, question.items[k])
        for at in range(begin, end):
            place = _place(table, met, source.next_items[at], count)
            count += place == count
            then[place] += source.next_share[at] * question.recall[k]
            all_then += source.next_share[at] * question.recall[k]
        all_back += question.back[k]
    of_near = (1.0 - knobs.mix - knobs.returns) / all_near if all_near > 0 else 0.0
    of_then = knobs.mix / all_then if all_then > 0 else 0.0
    of_back = knobs.returns / all_back if all_back > 0 else 0.0
    for place in range(count):
        near[place] *= of_near
        then[place] *= of_then
    back = np.zeros(len(met), np.float64)
    for k in range(len(question.items)):
        place = _place(table, met, question.items[k], count)
        count += place == count
        near[place] *= knobs.repeat
        then[place] *= knobs.repeat
        back[place] = question.back[k] * of_back
    for place in range(count):
        near[place] = near[place] + then[place] + back[place]
    return met[:count], near[:count]


@compiled
def _neighbours(
    source: Source, fresh: Fresh, question: Question, most: int
) -> "tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]":
    known = len(source.session_start) - 1
    room = len(fresh.sessions)
    for item in question.items:
        begin, end = _entries(source.item_start, item)
        room += end - begin
    table = _table(room)
    ids = np.empty(room, np.int32)
    asked = np.empty(room, np.int32)
    weight = np.empty(room, np.float32)
    similar = np.zeros(room, np.float64)
    count = 0
    for k in range(len(question.items)):
        begin, end = _entries(source.item_start, question.items[k])
        for at in range(begin, end):
            place = _place(table, ids, source.item_sessions[at], count)
            if place == count:
                asked[count] = k
                weight[count] = source.item_weight[at]
                count += 1
            similar[place] += question.weight[k]
        for at in range(fresh.start[k], fresh.start[k + 1]):
            place = _place(table, ids, fresh.sessions[at], count)
            if place == count:
                asked[count] = k
                weight[count] = fresh.weight[fresh.sessions[at] - known]
                count += 1
            similar[place] += question.weight[k]
    for place in range(count):
        similar[place] *= weight[place]
    if count <= most:
        return asked[:count], ids[:count], similar[:count]
    bound = _bound(similar[:count], most)
    equal = np.empty(count, np.float64)
    ties = 0
    above = 0
    for place in range(count):
        above += similar[place] > bound
        if similar[place] == bound:
            equal[ties] = ids[place]
            ties += 1
    oldest = _bound(equal[:ties], most - above)
    kept = 0
    for place in range(count):
        if similar[place] > bound or (similar[place] == bound and ids[place] >= oldest):
            asked[kept] = asked[place]
            ids[kept] = ids[place]
            similar[kept] = similar[place]
            kept += 1
    return asked[:kept], ids[:kept], similar[:kept]

"""A question answered, as loops for the compiler: `plain.answer` says what they do, and they give
the same to the last bit.

A visit is asked for some thousand things that lie far apart, and for each of them the processor
would wait for memory. So places are looked up first, all of them, then the products that stand
there, and only then is anything added up. A hash table keeps key and place in one number, to be
found by one look.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from patron.recommend.compiling import compiled
from patron.recommend.foremost import bound, ranked
from patron.recommend.session.plain import Fresh, Knobs, Question, Source

Found = tuple["NDArray[np.int32]", "NDArray[np.float64]"]
_MIX, _SHIFT, _ONE, _LOW = np.uint64(0x9E3779B1), np.uint64(9), np.uint64(1), np.uint64(0xFFFFFFFF)
"""Unsigned, for what may be negative is looked at from the end, which costs a comparison."""
_SMALL = 4096


@compiled
def _slot(table: "NDArray[np.int64]", key: Any) -> Any:
    """Where `key` stands in the table, or the empty slot where it belongs."""
    mask = np.uint64(len(table) - 1)
    slot = ((np.uint64(key) * _MIX) >> _SHIFT) & mask
    while True:
        there = table[slot]
        if there < 0 or (there >> 32) == key:
            return slot
        slot = (slot + _ONE) & mask


@compiled
def _roomy(
    table: "NDArray[np.int64]", met: "NDArray[np.int32]", count: int, more: Any
) -> "NDArray[np.int64]":
    """The table, or a larger one, that stays at most half full with so many more."""
    size = len(table)
    while 2 * (count + more) > size:
        size *= 2
    if size == len(table):
        return table
    wider = np.full(size, -1, np.int64)
    for place in range(count):
        key = np.int64(met[place])
        wider[_slot(wider, key)] = key << 32 | place
    return wider


@compiled
def _entries(start: "NDArray[np.int64]", item: int) -> "tuple[int, int]":
    """Where the list of a product stands; of one that the index does not know, nowhere."""
    if item + 1 >= len(start):
        return 0, 0
    return start[item], start[item + 1]


@compiled
def told(
    source: Source, fresh: Fresh, question: Question, knobs: Knobs, n: int
) -> "tuple[NDArray[np.int32], NDArray[np.float32]]":
    """See `plain.told`."""
    met, near = answer(source, fresh, question, knobs)
    rounded = near.astype(np.float32)
    kept = ranked(rounded, met, n)
    while kept > 0 and not rounded[kept - 1] > 0:
        kept -= 1
    return met[:kept].copy(), rounded[:kept].copy()


@compiled
def answer(source: Source, fresh: Fresh, question: Question, knobs: Knobs) -> Found:
    """See `plain.answer`."""
    asked, ids, similar = _neighbours(source, fresh, question, knobs.neighbours)
    known = len(source.session_start) - 1
    steps = fresh.steps.reshape(-1)
    begins, ends, room = _places(source, fresh, ids)
    for item in question.items:
        begin, end = _entries(source.next_start, item)
        room += end - begin + 1
    table = np.full(_SMALL, -1, np.int64)
    met = np.empty(room, np.int32)
    near = np.zeros(room, np.float64)
    lists = (source.session_items, steps, known, question.items)
    visits = (asked, ids, similar, begins, ends)
    k, count = 0, 0
    while k < len(ids):
        table = _roomy(table, met, count, np.int64(ends[k] - begins[k]))
        k, count = _heard(table, (met, near), (k, count), visits, lists, knobs)
    for place in range(count):
        if met[place] < len(source.rarity):
            near[place] *= source.rarity[met[place]]
        else:
            near[place] *= knobs.rarest
    return _mixed(source, question, knobs, (table, met, near), count)


@compiled
def _places(
    source: Source, fresh: Fresh, ids: "NDArray[np.int32]"
) -> "tuple[NDArray[np.uint64], NDArray[np.uint64], int]":
    """Where the products of each visit begin and end, and how many they are."""
    known = len(source.session_start) - 1
    longest = fresh.steps.shape[1]
    begins = np.empty(len(ids), np.uint64)
    ends = np.empty(len(ids), np.uint64)
    many = 0
    for k in range(len(ids)):
        if ids[k] < known:
            begin = source.session_start[ids[k]]
            end = source.session_start[ids[k] + 1]
        else:
            begin = (ids[k] - known) * longest
            end = begin + fresh.length[ids[k] - known]
        begins[k], ends[k] = begin, end
        many += end - begin
    least = 0
    # Fetches them, all at once. No product has a number below 0, but the compiler cannot know that,
    # so it does not leave out what changes nothing.
    for k in range(len(ids)):
        if ids[k] < known:
            least = min(least, source.session_items[begins[k]])
            least = min(least, source.session_items[ends[k] - _ONE])
        else:
            least = min(least, fresh.steps[ids[k] - known, 0])
    return begins, ends, many + (least < 0)


@compiled
def _heard(
    table: "NDArray[np.int64]",
    found: "tuple[NDArray[np.int32], NDArray[np.float64]]",
    begun: "tuple[int, int]",
    visits: Any,
    lists: Any,
    knobs: Knobs,
) -> "tuple[int, int]":
    """Adds what visits say from the `k`-th on, as long as there is room in the table; which is next
    and how many products have been met then.

    A function of its own, and columns taken out of tuples before the loop: else each visit would
    have references counted, which costs as much as its sums.
    """
    met, near = found
    k, count = begun
    asked, ids, similar, begins, ends = visits
    session_items, steps, known, items = lists
    weights = (knobs.before, knobs.after)
    size = len(table)
    while k < len(ids):
        if 2 * (count + np.int64(ends[k] - begins[k])) > size:
            break
        of = (items[asked[k]], similar[k])
        span = (begins[k], ends[k])
        # The same twice, for a slice or a choice of arrays costs more than the sums themselves.
        if ids[k] < known:
            count = _add(table, met, near, count, session_items, span, of, weights)
        else:
            count = _add(table, met, near, count, steps, span, of, weights)
        k += 1
    return k, count


@compiled
def _add(
    table: "NDArray[np.int64]",
    met: "NDArray[np.int32]",
    near: "NDArray[np.float64]",
    count: int,
    steps: "NDArray[np.int32]",
    span: "tuple[int, int]",
    of: "tuple[int, float]",
    weights: "tuple[NDArray[np.float64], NDArray[np.float64]]",
) -> int:
    """Adds what a visit says, which shares product and similarity `of`, by the distance from that
    product; how many products have been met then."""
    begin, end = span
    item, similar = of
    before, after = weights
    anchor = end - _ONE
    while anchor > begin and steps[anchor] != item:
        anchor -= _ONE
    for at in range(begin, end):
        far = before[anchor - at] if at < anchor else after[at - anchor]
        key = np.int64(steps[at])
        slot = _slot(table, key)
        there = table[slot]
        if there < 0:
            table[slot] = key << 32 | count
            met[np.uint64(count)] = key
            near[np.uint64(count)] = similar * far
            count += 1
        else:
            near[np.uint64(there) & _LOW] += similar * far
    return count


@compiled
def _place(table: "NDArray[np.int64]", met: "NDArray[np.int32]", key: int, count: int) -> int:
    """Where `key` stands in `met`; `count`, if it is put there now."""
    slot = _slot(table, key)
    if table[slot] < 0:
        table[slot] = np.int64(key) << 32 | count
        met[count] = key
    place: int = table[slot] & 0xFFFFFFFF
    return place


@compiled
def _follow(
    table: "NDArray[np.int64]",
    met: "NDArray[np.int32]",
    then: "NDArray[np.float64]",
    items: "NDArray[np.int32]",
    share: "NDArray[np.float32]",
    span: "tuple[int, int]",
    count: int,
    sums: "tuple[float, float]",
) -> "tuple[int, float]":
    """Adds what follows a product; how many products have been met then, and the sum of all."""
    recall, total = sums
    begin, end = span
    for at in range(begin, end):
        place = _place(table, met, items[at], count)
        count += place == count
        then[place] += share[at] * recall
        total += share[at] * recall
    return count, total


@compiled
def _mixed(
    source: Source,
    question: Question,
    knobs: Knobs,
    tables: "tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]",
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
        table = _roomy(table, met, count, end - begin)
        count, all_then = _follow(
            table, met, then, source.next_items, source.next_share, (begin, end), count,
            (question.recall[k], all_then),
        )  # fmt: skip
        all_back += question.back[k]
    of_near = (1.0 - knobs.mix - knobs.returns) / all_near if all_near > 0 else 0.0
    of_then = knobs.mix / all_then if all_then > 0 else 0.0
    of_back = knobs.returns / all_back if all_back > 0 else 0.0
    for place in range(count):
        near[place] *= of_near
        then[place] *= of_then
    back = np.zeros(len(met), np.float64)
    table = _roomy(table, met, count, len(question.items))
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
    size = _SMALL
    while size < 2 * room:
        size *= 2
    table = np.full(size, -1, np.int64)
    ids = np.empty(room, np.int32)
    asked = np.empty(room, np.int32)
    weight = np.empty(room, np.float32)
    similar = np.empty(room, np.float64)
    count = 0
    for k in range(len(question.items)):
        of = question.weight[k]
        begin, end = _entries(source.item_start, question.items[k])
        first, last = fresh.start[k], fresh.start[k + 1]
        for at in range(begin, end):
            key = np.int64(source.item_sessions[at])
            slot = _slot(table, key)
            there = table[slot]
            if there < 0:
                table[slot] = key << 32 | count
                ids[count] = key
                asked[count] = k
                weight[count] = source.item_weight[at]
                similar[count] = of
                count += 1
            else:
                similar[np.uint64(there) & _LOW] += of
        for at in range(first, last):
            key = np.int64(fresh.sessions[at])
            if key == fresh.own or fresh.length[key - known] < 2:
                continue
            slot = _slot(table, key)
            there = table[slot]
            if there < 0:
                table[slot] = key << 32 | count
                ids[count] = key
                asked[count] = k
                weight[count] = fresh.weight[key - known]
                similar[count] = of
                count += 1
            else:
                similar[np.uint64(there) & _LOW] += of
    for place in range(count):
        similar[place] *= weight[place]
    return _most_similar(asked[:count], ids[:count], similar[:count], most)


@compiled
def _most_similar(
    asked: "NDArray[np.int32]", ids: "NDArray[np.int32]", similar: "NDArray[np.float64]", most: int
) -> "tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]":
    """The `most` of them, in the order met; of equals the newer."""
    count = len(ids)
    if count <= most:
        return asked, ids, similar
    least = bound(similar, most)
    equal = np.empty(count, np.float64)
    ties = 0
    above = 0
    for place in range(count):
        above += similar[place] > least
        if similar[place] == least:
            equal[ties] = ids[place]
            ties += 1
    oldest = bound(equal[:ties], most - above)
    kept = 0
    for place in range(count):
        if similar[place] > least or (similar[place] == least and ids[place] >= oldest):
            asked[kept] = asked[place]
            ids[kept] = ids[place]
            similar[kept] = similar[place]
            kept += 1
    return asked[:kept], ids[:kept], similar[:kept]

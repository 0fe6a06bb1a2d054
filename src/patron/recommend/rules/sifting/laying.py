"""The places of an answer filled one after the other, as loops for the compiler."""

from typing import Any

import numpy as np

from patron.recommend.compiling import compiled
from patron.recommend.foremost import ranked
from patron.recommend.rules.sifting.pooling import chance
from patron.recommend.rules.sifting.shapes import (
    BRAND,
    CATEGORY,
    EXPLORED,
    PARENT,
    Laid,
    Moment,
    Said,
    Table,
)

_PLACED, _REFUSED = 1, 2
_OTHER = np.uint64(0x5851F42D4C957F2D)


@compiled
def put(table: Table, laid: Laid, row: Any, place: Any, touch: int) -> bool:
    """Lays the row at the place when nothing that lies there speaks against it."""
    if laid.state[row] == _PLACED:
        return False
    objection = _against(table, laid.places, row)
    if objection >= 0:
        if laid.state[row] != _REFUSED:
            laid.state[row] = _REFUSED
            laid.dropped[objection] += 1
        return False
    laid.places[place] = row
    laid.state[row] = _PLACED
    laid.touch[row] = touch
    return True


@compiled
def _against(table: Table, places: Any, row: Any) -> int:
    """The number of what speaks against the row beside what is placed, -1: nothing."""
    objection = _apart(table.ones, table.others, places, row)
    if objection < 0:
        columns = table.columns
        objection = _crowded(
            table.items, columns.parent, columns.brand, columns.category, table.caps, places, row
        )
        if objection >= 0:
            objection += len(table.ones)
    return int(table.apart + objection) if objection >= 0 else -1


@compiled
def _apart(ones: Any, others: Any, places: Any, row: Any) -> int:
    """The pair that keeps the row from what is placed, -1: none."""
    for pair in range(len(ones)):
        one, other = ones[pair, row], others[pair, row]
        if one or other:
            for k in range(len(places)):
                there = places[k]
                if there >= 0 and ((one and others[pair, there]) or (other and ones[pair, there])):
                    return int(pair)
    return -1


@compiled
def _crowded(
    items: Any, parent: Any, brand: Any, category: Any, caps: Any, places: Any, row: Any
) -> int:
    """The cap that keeps the row from what is placed, -1: none."""
    if _is_full(items, parent, caps[0], places, row):
        return int(PARENT)
    if _is_full(items, brand, caps[1], places, row):
        return int(BRAND)
    if _is_full(items, category, caps[2], places, row):
        return int(CATEGORY)
    return -1


@compiled
def _is_full(items: Any, codes: Any, most: int, places: Any, row: Any) -> bool:
    """Whether so many of the row's kind lie there already."""
    if most <= 0:
        return False
    code = codes[items[row]]
    many = 0
    for k in range(len(places)):
        if places[k] >= 0:
            many += codes[items[places[k]]] == code
    return code != -1 and many >= most


@compiled
def mark_tried(laid: Laid, tried: Any, said: Said, moment: Moment) -> None:
    """Marks the places where new products are tried, see `rank._tried`."""
    size = len(laid.places)
    many = int(size * min(said.explore_share, 1.0) + chance(moment.seed, -1))
    drawn = np.empty(size, np.float64)
    free = np.empty(size, np.int64)
    count = 0
    for place in range(size):
        if laid.places[place] < 0 and (place > 0 or size == 1):
            drawn[count] = -chance(moment.seed ^ _OTHER, place)
            free[count] = place
            count += 1
    kept = ranked(drawn[:count], free[:count], many)
    for k in range(kept):
        tried[free[k]] = True


@compiled
def explore(table: Table, laid: Laid, fresh: Any, tried: Any) -> None:
    """Lays the rows `fresh` where new products are tried."""
    k = 0
    for place in range(len(tried)):
        is_laid = not tried[place]
        while not is_laid and k < len(fresh):
            is_laid = put(table, laid, fresh[k], place, EXPLORED)
            k += 1


@compiled
def fill(table: Table, laid: Laid, buried: Any, offer: Any, scores: Any, but: Any) -> None:
    """Lays the best where places are free `but` for some: the buried after all others, then by the
    chain. What has no offer is not laid."""
    heap = np.empty(len(offer), np.int64)
    size = 0
    for row in range(len(heap)):
        if offer[row] >= 0:
            heap[size] = row
            size += 1
    key = (buried, offer, scores, table.items)
    for top in range(size // 2 - 1, -1, -1):
        _sink(heap, top, size, key)
    # Columns are taken out of tuples before the loop: else each row would have references counted,
    # which costs more than it does.
    places, state, dropped = laid.places, laid.state, laid.dropped
    items, caps, apart = table.items, table.caps, table.apart
    ones, others = table.ones, table.others
    parent, brand, category = table.columns.parent, table.columns.brand, table.columns.category
    place = 0
    while True:
        while place < len(places) and (places[place] >= 0 or but[place]):
            place += 1
        if place == len(places) or size == 0:
            return
        row = heap[0]
        if state[row] == 0:  # what was refused once is refused again: others only come to it
            objection = _apart(ones, others, places, row)
            if objection < 0:
                objection = _crowded(items, parent, brand, category, caps, places, row)
                if objection >= 0:
                    objection += len(ones)
            if objection >= 0:
                state[row] = _REFUSED
                dropped[apart + objection] += 1
            else:
                state[row] = _PLACED
                places[place] = row
        size -= 1
        heap[0] = heap[size]
        _sink(heap, 0, size, key)


@compiled
def _sink(heap: Any, top: int, size: int, key: Any) -> None:
    """Puts what is on top below everything that comes before it."""
    while True:
        first = top
        for below in (2 * top + 1, 2 * top + 2):
            if below < size and _before(heap[below], heap[first], key):
                first = below
        if first == top:
            return
        heap[top], heap[first] = heap[first], heap[top]
        top = first


@compiled
def _before(one: Any, other: Any, key: Any) -> bool:
    buried, offer, scores, items = key
    if buried[one] != buried[other]:
        return bool(buried[other])
    if offer[one] != offer[other]:
        return bool(offer[one] < offer[other])
    if scores[one] != scores[other]:
        return bool(scores[one] > scores[other])
    return bool(items[one] < items[other])

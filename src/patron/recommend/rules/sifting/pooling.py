"""What may stand in one answer, gathered by loops for the compiler: `pool.gathered` says what they
do, and they give the same to the last bit."""

from typing import Any

import numpy as np

from patron.recommend.compiling import compiled
from patron.recommend.foremost import ranked
from patron.recommend.rules.sifting.shapes import (
    DAY,
    FRESH_ONLY,
    MOST_FRESH,
    PINNED_ONLY,
    Columns,
    Moment,
    Offered,
    Pooled,
    Said,
)

_MIX, _SHIFT = np.uint64(0x9E3779B1), np.uint64(9)
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31, _11, _ONE = (np.uint64(n) for n in (30, 27, 31, 11, 1))


@compiled
def chance(seed: Any, number: Any) -> float:
    """See `pool.chance`."""
    mixed = np.uint64(np.int64(number) + 2) * _STEP
    mixed ^= seed
    mixed ^= mixed >> _30
    mixed *= _FIRST
    mixed ^= mixed >> _27
    mixed *= _SECOND
    mixed ^= mixed >> _31
    return float(mixed >> _11) * 2.0**-53


@compiled
def _slot(table: Any, items: Any, item: Any) -> Any:
    """Where in the table the row of `item` stands, or the empty slot where it belongs."""
    mask = np.uint64(len(table) - 1)
    slot = ((np.uint64(item) * _MIX) >> _SHIFT) & mask
    while table[slot] >= 0 and items[table[slot]] != item:
        slot = (slot + _ONE) & mask
    return slot


@compiled
def row_of(pool: Any, item: Any) -> int:
    """The row of `item`, -1 where it is not in the pool."""
    row: int = pool.table[_slot(pool.table, pool.items, item)]
    return row


@compiled
def pooled(offered: Offered, columns: Columns, said: Said, moment: Moment, bits: Any) -> Pooled:
    """See `pool.gathered`."""
    goods, offers = len(columns.price), len(offered.starts) - 1
    fresh = _fresh(offered.fresh, columns, said, moment)
    many, pins = len(offered.items), len(offered.pins)
    room = many + pins + len(fresh)
    size = 16
    while size < 2 * room:
        size *= 2
    table = np.full(size, -1, np.int32)
    items = np.empty(room, np.int32)
    relevance = np.zeros(room, np.float64)
    offer = np.empty(room, np.int32)
    source = np.full(room, -1, np.int32)
    count, unknown, repeated = 0, 0, 0
    strange = False
    share = np.empty(many, np.float64)
    for k in range(offers):
        _shares(offered.scores, share, offered.starts[k], offered.starts[k + 1])
    k = 0
    for at in range(room):
        if at < many:
            item = offered.items[at]
            while at >= offered.starts[k + 1]:
                k += 1
        elif at < many + pins:
            item = offered.pins[at - many]
        else:
            item = fresh[at - many - pins]
        if item < 0 or item >= goods:
            unknown += at < many
            continue
        slot = _slot(table, items, item)
        if table[slot] >= 0:
            repeated += at < many
            continue
        table[slot] = count
        items[count] = item
        strange = strange or bits[item] == 0
        if at < many:
            offer[count], source[count], relevance[count] = k, at, share[at]
        else:
            offer[count] = PINNED_ONLY if at < many + pins else FRESH_ONLY
        count += 1
    return Pooled(
        items[:count], relevance[:count], offer[:count], source[:count], table, unknown, repeated,
        strange, fresh,
    )  # fmt: skip


@compiled
def _shares(scores: Any, share: Any, begin: int, end: int) -> None:
    """See `pool.relevance_of`."""
    least, best = np.inf, -np.inf
    for at in range(begin, end):
        score = scores[at] if np.isfinite(scores[at]) else 0.0
        share[at] = score
        least, best = min(least, score), max(best, score)
    if least < 0:
        for at in range(begin, end):
            share[at] -= least
        best -= least
    for at in range(begin, end):
        share[at] = share[at] / best if best > 0 else 1.0


@compiled
def _fresh(fresh: Any, columns: Columns, said: Said, moment: Moment) -> Any:
    """See `pool._fresh`."""
    since = moment.now - said.explore_days * DAY
    known = np.empty(len(fresh), np.int32)
    drawn = np.empty(len(fresh), np.float64)
    place = np.empty(len(fresh), np.int64)
    count = 0
    for item in fresh:
        if 0 <= item < len(columns.price):
            seen = columns.first_seen[item]
            if seen >= 0 and seen >= since:
                known[count] = item
                drawn[count] = -chance(moment.seed, item)
                place[count] = count
                count += 1
    kept = ranked(drawn[:count], place[:count], MOST_FRESH)
    return known[place[:kept]]

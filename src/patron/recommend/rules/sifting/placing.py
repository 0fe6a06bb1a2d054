"""An answer put together as loops for the compiler: `rank.plainly` says what they do, and they give
the same to the last bit.

For two hundred products numpy costs more by the call than by the product; here each is looked at
once.
"""

from typing import Any

import numpy as np

from patron.recommend.compiling import compiled
from patron.recommend.rules.sifting.laying import explore, fill, mark_tried, put
from patron.recommend.rules.sifting.pooling import chance, pooled, row_of
from patron.recommend.rules.sifting.shapes import (
    BOUGHT,
    BURIED,
    CURRENT,
    DAY,
    EXCLUDED,
    FILTER_BITS,
    FILTERS,
    FRESH_ONLY,
    IGNORED,
    IN_CART,
    MOST_PLACES,
    NOT_SHOWN,
    OUT_OF_STOCK,
    PINNED,
    PRICE,
    RELEVANCE,
    SPARED,
    TAIL,
    VIEWED,
    Columns,
    Judged,
    Laid,
    Moment,
    Offered,
    Pooled,
    Said,
    Table,
)


@compiled
def answered(offered: Offered, columns: Columns, said: Said, moment: Moment, judged: Judged) -> Any:
    """`pooled` and `placed` in one call, where no rule is of the moment: what `placed` tells, of
    each product its offer and its place in it, and of the pool how many were unknown, how many
    repeated, and whether of some nothing is kept yet."""
    pool = pooled(offered, columns, said, moment, judged.bits)
    found = placed(pool, columns, said, moment, offered, judged)
    return found, (pool.unknown, pool.repeated, pool.strange)


@compiled
def placed(
    pool: Pooled, columns: Columns, said: Said, moment: Moment, offered: Offered, judged: Judged
) -> Any:
    """Of the answer the products, their offers and places in these, how each was touched, its score
    and whether a boost has lifted it; and how many each objection kept out, by its number.

    Written out in loops: each expression over arrays takes the compiler half a second.
    """
    size = len(pool.items)
    dropped = np.zeros(FILTERS + said.filters + said.apart + TAIL, np.int64)
    objection = _objections(pool, columns, said, moment, offered, judged)
    offer = np.full(size, -1, np.int32)
    fresh = np.empty(size, np.int64)
    alive, news = np.zeros(size, np.bool_), 0
    for row in range(size):
        if objection[row] == len(dropped):
            alive[row] = True
            offer[row] = pool.offer[row]
        elif pool.offer[row] != FRESH_ONLY:
            dropped[objection[row]] += 1
    for item in pool.young:
        row = row_of(pool, item)
        if alive[row]:
            fresh[news] = row
            news += 1
    scores, lifted = _scores(pool, said, moment, judged)
    places = np.full(max(0, min(moment.n, MOST_PLACES)), -1, np.int64)
    laid = Laid(places, np.zeros(size, np.uint8), np.zeros(size, np.uint8), dropped)
    table = Table(
        pool.items,
        columns,
        said.caps,
        judged.ones,
        judged.others,
        FILTERS + said.filters,
    )
    for k in range(len(offered.pins)):
        row = row_of(pool, offered.pins[k])
        place = max(offered.pin_places[k], 1) - 1
        while place < len(places) and places[place] >= 0:
            place += 1
        if row >= 0 and alive[row] and place < len(places):
            put(table, laid, row, place, PINNED)
    buried = _buried(pool, judged)
    tried = np.zeros(len(places), np.bool_)
    if len(pool.young):
        mark_tried(laid, tried, said, moment)
        fill(table, laid, buried, offer, scores, tried)
        explore(table, laid, fresh[:news], tried)
        tried[:] = False
    fill(table, laid, buried, offer, scores, tried)
    return _picked(pool, laid, scores, lifted)


@compiled
def _picked(pool: Pooled, laid: Laid, scores: Any, lifted: Any) -> Any:
    """The rows that are placed, in columns."""
    size = 0
    for row in laid.places:
        size += row >= 0
    items = np.empty(size, np.int32)
    offer = np.empty(size, np.int32)
    source = np.empty(size, np.int32)
    touch = np.empty(size, np.uint8)
    score = np.empty(size, np.float32)
    boosted = np.empty(size, np.bool_)
    k = 0
    for row in laid.places:
        if row >= 0:
            items[k], offer[k], source[k] = pool.items[row], pool.offer[row], pool.source[row]
            touch[k], score[k], boosted[k] = laid.touch[row], scores[row], lifted[row]
            k += 1
    return items, offer, source, touch, score, boosted, laid.dropped


@compiled
def _objections(
    pool: Any, columns: Columns, said: Said, moment: Moment, offered: Offered, judged: Judged
) -> Any:
    """By row the first that applies; see `objections.objections`."""
    shown, in_stock, price, parent = columns[0], columns[1], columns[2], columns[3]
    items, offer, bits = pool.items, pool.offer, judged.bits
    tail = FILTERS + said.filters + said.apart
    found = np.full(len(items), tail + TAIL, np.int64)
    current = moment.product if said.exclude_current and moment.product < len(parent) else -1
    kin = _parent(parent, said.siblings, current)
    cart = moment.cart
    carted = np.empty(len(cart), np.int32)
    for k in range(len(cart)):
        carted[k] = _parent(parent, said.siblings, cart[k])
    for row in range(len(items)):
        item = items[row]
        family = parent[item]
        if not shown[item]:
            found[row] = NOT_SHOWN
        elif said.in_stock and not in_stock[item]:
            found[row] = OUT_OF_STOCK
        elif item == current or (family >= 0 and family == kin):
            found[row] = CURRENT
        elif len(cart) and _is_among(item, family, cart, carted):
            found[row] = IN_CART
        elif said.has_price and (
            price[item] < 0 or price[item] < said.price_from or price[item] > said.price_to
        ):
            found[row] = PRICE
        else:
            first = int(bits[item]) & FILTER_BITS
            if len(judged.filtered) and judged.filtered[row]:
                now = int(judged.filtered[row])
                first = min(first, now) if first else now
            if first:
                found[row] = FILTERS + first - 1
            elif len(judged.apart) and judged.apart[row]:
                found[row] = FILTERS + said.filters + judged.apart[row] - 1
            elif (
                said.min_relevance > 0
                and offer[row] >= 0
                and offered.judged[offer[row]]
                and pool.relevance[row] < said.min_relevance
            ):
                found[row] = tail + RELEVANCE
    _past(pool, said, moment, judged, found)
    return found


@compiled
def _past(pool: Any, said: Said, moment: Moment, judged: Judged, found: Any) -> None:
    """What the page names, and what she did or was shown before."""
    _named(pool, moment.excluded, found, EXCLUDED)
    if said.exclude_viewed:
        _named(pool, moment.viewed, found, VIEWED)
    if said.bought_days > 0:
        since = moment.now - said.bought_days * DAY
        for k in range(len(moment.bought)):
            row = row_of(pool, moment.bought[k])
            if (
                row >= 0
                and moment.bought_at[k] >= since
                and not _spared(judged, row, pool.items[row])
            ):
                found[row] = min(found[row], BOUGHT)
    if said.hidden_after:
        for k in range(len(moment.ignored)):
            row = row_of(pool, moment.ignored[k])
            if row >= 0 and moment.ignored_times[k] >= said.hidden_after:
                found[row] = min(found[row], IGNORED)


@compiled
def _spared(judged: Judged, row: Any, item: Any) -> bool:
    """Whether it is offered though it was bought."""
    if len(judged.unless):
        return bool(judged.unless[row])
    return (int(judged.bits[item]) & SPARED) != 0


@compiled
def _named(pool: Any, items: Any, found: Any, objection: int) -> None:
    for item in items:
        row = row_of(pool, item)
        if row >= 0:
            found[row] = min(found[row], objection)


@compiled
def _parent(parent: Any, siblings: bool, item: Any) -> Any:
    """By what variants of `item` are known, -2: by nothing."""
    if not siblings or item < 0 or item >= len(parent) or parent[item] < 0:
        return np.int32(-2)
    return parent[item]


@compiled
def _is_among(item: Any, family: Any, cart: Any, carted: Any) -> bool:
    found = False
    for k in range(len(cart)):
        found = found or item == cart[k] or (family >= 0 and family == carted[k])
    return found


@compiled
def _buried(pool: Any, judged: Judged) -> Any:
    found = np.zeros(len(pool.items), np.bool_)
    for row in range(len(found)):
        now = len(judged.buried) > 0 and judged.buried[row]
        found[row] = now or (int(judged.bits[pool.items[row]]) & BURIED) != 0
    return found


@compiled
def _scores(pool: Any, said: Said, moment: Moment, judged: Judged) -> Any:
    """Relevance times everything that weighs, and what a boost has lifted."""
    found = np.empty(len(pool.items), np.float64)
    lifted = np.zeros(len(found), np.bool_)
    for row in range(len(found)):
        factor = judged.factors[pool.items[row]] if len(judged.factors) else 1.0
        if len(judged.factor):
            factor = judged.factor[row]
        lifted[row] = factor > 1
        found[row] = pool.relevance[row] * factor
    for k in range(len(judged.weights)):
        for row in range(len(found)):
            found[row] *= judged.weights[k, row]
    if said.ignored_factor:
        done = np.zeros(len(found), np.bool_)
        for k in range(len(moment.ignored)):
            row = row_of(pool, moment.ignored[k])
            if row >= 0 and not done[row]:
                found[row] *= moment.fading[k]
                done[row] = True
    if said.rotation > 0:
        for row in range(len(found)):
            found[row] *= 1 - said.rotation * chance(moment.seed, pool.items[row])
    return found, lifted
